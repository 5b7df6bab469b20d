"""Activity features: what a customer did over life and over windows, from customer-days (DOMAIN.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.features.arithmetic import ratio
from fiel.features.derived import derived
from fiel.features.totals import tracks_lines
from fiel.program import Program

_SECONDS_AN_HOUR = 3_600


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Activity features, `feat_activity`: one row for each as_of and customer with an active day before it.

    Sums are integer sums of the program's smallest unit; windows hold the days `as_of - n <= day < as_of`. Shares of
    lines are over life, an event without lines counting as one line. No row order.
    """
    return pl.concat([_at(core, as_of, program) for as_of in as_of_dates])


def _at(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    windows = sorted(program.features.windows)
    life = _life_sums(derived(core, "day_totals", program), as_of)
    recent = _window_sums(core["customer_days"], as_of, windows)
    gaps = _window_gaps(derived(core, "visits", program), as_of, program.features.frequency_window)
    sums = life.join(recent, on="customer_id", how="left").join(gaps, on="customer_id", how="left")
    if tracks_lines(program):
        lines = _life_sums(derived(core, "line_totals", program), as_of)
        sums = sums.join(lines, on="customer_id", how="left")
    filled = sums.with_columns(pl.col(pl.Int64).fill_null(0))
    return filled.select(
        "customer_id",
        pl.lit(as_of).alias("as_of"),
        age_days=(pl.lit(as_of) - pl.col("first_day")).dt.total_days(),
        **_windowed(["life", *(f"d{days}" for days in windows)]),
        **_parts_of_day(),
        **_gaps(program.features.frequency_window),
        **_line_shares(program),
    )


def _life_sums(totals: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """Sums (`_life`) and first and last day over all days before `as_of`, one row for each customer with one."""
    return (
        totals.filter(pl.col("known_from") <= as_of)
        .drop("known_from")
        .group_by("customer_id")
        .agg(pl.col(pl.Int64).sum().name.suffix("_life"), pl.col("^first_day$").min(), pl.col("^last_day$").max())
    )


def _window_gaps(visits: pl.LazyFrame, as_of: date, days: int) -> pl.LazyFrame:
    """Gaps whose later day is in the last `days` days: how many, and how many days they span together.

    Gaps between consecutive active days add up: they reach from the day before the first of them (the first day of
    life has none and begins the first gap itself) to the last day.
    """
    day, previous = pl.col("day"), pl.col("previous_day")
    return (
        visits.filter(day >= as_of - timedelta(days=days), day < as_of)
        .group_by("customer_id")
        .agg(
            gaps=previous.count().cast(pl.Int64),
            gap_days=(day.max() - pl.min_horizontal(day.min(), previous.min())).dt.total_days(),
        )
    )


def _window_sums(customer_days: pl.LazyFrame, as_of: date, windows: Sequence[int]) -> pl.LazyFrame:
    """Sums over the last n days for each window n, one row for each customer active in the longest."""
    day = pl.col("day")
    columns = ("active_days", "transactions", "value_net", "value_earned", "seconds")
    masked = {
        f"{column}_d{days}": pl.when(day >= as_of - timedelta(days=days)).then(pl.col(column)).otherwise(0)
        for days in windows
        for column in columns
    }
    return (
        customer_days.filter(day >= as_of - timedelta(days=max(windows)), day < as_of)
        .select(
            "customer_id",
            "day",
            pl.lit(1, pl.Int64).alias("active_days"),
            "transactions",
            "value_net",
            "value_earned",
            seconds="active_seconds",
        )
        .select("customer_id", **masked)
        .group_by("customer_id")
        .agg(pl.col(list(masked)).sum())
    )


def _windowed(windows: Sequence[str]) -> dict[str, pl.Expr]:
    """The features that exist for life and for each window."""
    found: dict[str, pl.Expr] = {}
    for w in windows:
        days, transactions = pl.col(f"active_days_{w}"), pl.col(f"transactions_{w}")
        found |= {
            f"active_days_{w}": days,
            f"transactions_{w}": transactions,
            f"value_net_{w}": pl.col(f"value_net_{w}"),
            f"value_earned_{w}": pl.col(f"value_earned_{w}"),
            f"value_spent_{w}": pl.col(f"value_earned_{w}") - pl.col(f"value_net_{w}"),
            f"transactions_per_day_{w}": pl.when(days > 0).then(ratio(transactions, days)).otherwise(0.0),
            f"hours_{w}": ratio(pl.col(f"seconds_{w}"), pl.lit(_SECONDS_AN_HOUR)),
        }
    return found


def _parts_of_day() -> dict[str, pl.Expr]:
    total, morning, afternoon = (pl.col(f"transactions{part}_life") for part in ("", "_morning", "_afternoon"))
    counts = {"morning": morning, "afternoon": afternoon, "night": total - morning - afternoon}
    return {
        **{f"transactions_{part}_life": count for part, count in counts.items()},
        **{f"transactions_{part}_share": ratio(count, total) for part, count in counts.items()},
    }


def _gaps(frequency_window: int) -> dict[str, pl.Expr]:
    """Share of active days, and mean gaps over life and window."""
    gaps, gap_days = pl.col("gaps"), pl.col("gap_days")
    gaps_of_life = pl.col("active_days_life") - 1
    gap_days_of_life = (pl.col("last_day") - pl.col("first_day")).dt.total_days()
    active_days = pl.col(f"active_days_d{frequency_window}")
    return {
        f"active_days_share_d{frequency_window}": ratio(active_days, pl.lit(frequency_window)),
        "mean_gap_days_life": pl.when(gaps_of_life > 0).then(ratio(gap_days_of_life, gaps_of_life)),
        f"mean_gap_days_d{frequency_window}": pl.when(gaps > 0).then(ratio(gap_days, gaps)),
    }


def _line_shares(program: Program) -> dict[str, pl.Expr]:
    """Shares of lines over life; an event without lines counts as one line."""
    if not tracks_lines(program):
        return {}
    names = [
        *(("product", key) for key in program.features.tracked_products),
        *(("category", key) for key in program.features.tracked_categories),
    ]
    lines = pl.col("lines_life") + pl.col("transactions_life") - pl.col("lined_events_life")
    return {f"{kind}_share_{key}": ratio(pl.col(f"{kind}_{key}_life"), lines) for kind, key in names}
