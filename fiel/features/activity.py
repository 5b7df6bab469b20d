"""Activity features: what a customer did over life and over windows, from customer-days (DOMAIN.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.features.arithmetic import ratio
from fiel.features.derived import derived
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
    life = _life_sums(core["customer_days"], as_of, program)
    sums = life.join(_window_sums(core["customer_days"], as_of, windows), on="customer_id", how="left")
    if program.features.tracked_products or program.features.tracked_categories:
        sums = sums.join(_line_sums(derived(core, "line_days", program), as_of), on="customer_id", how="left")
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


def _life_sums(customer_days: pl.LazyFrame, as_of: date, program: Program) -> pl.LazyFrame:
    """Sums over all days before `as_of`, one row for each customer with one."""
    day = pl.col("day")
    window_start = as_of - timedelta(days=program.features.frequency_window)
    return (
        customer_days.filter(day < as_of)
        .with_columns(earlier_day=pl.when(day < window_start).then(day))
        .group_by("customer_id")
        .agg(
            **_sums("life"),
            transactions_morning_life=pl.col("transactions_morning").sum(),
            transactions_afternoon_life=pl.col("transactions_afternoon").sum(),
            transactions_night_life=pl.col("transactions_night").sum(),
            first_day=day.min(),
            last_day=day.max(),
            day_before_window=pl.col("earlier_day").max(),
        )
    )


def _sums(window: str) -> dict[str, pl.Expr]:
    return {
        f"active_days_{window}": pl.len().cast(pl.Int64),
        f"transactions_{window}": pl.col("transactions").sum(),
        f"value_net_{window}": pl.col("value_net").sum(),
        f"value_earned_{window}": pl.col("value_earned").sum(),
        f"seconds_{window}": pl.col("active_seconds").sum(),
    }


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


def _line_sums(line_days: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    """Lines over all days before `as_of`, one row for each customer with one; columns as in line_days."""
    return line_days.filter(pl.col("day") < as_of).drop("day").group_by("customer_id").agg(pl.all().sum())


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
    columns = [f"transactions_{part}" for part in ("morning", "afternoon", "night")]
    counts = {f"{column}_life": pl.col(f"{column}_life") for column in columns}
    total = pl.col("transactions_life")
    return counts | {f"{column}_share": ratio(pl.col(f"{column}_life"), total) for column in columns}


def _gaps(frequency_window: int) -> dict[str, pl.Expr]:
    """Share of active days and mean gaps. Gaps between consecutive days add up, so no row needs its neighbour.

    The gaps whose later day is in the window reach from the last day before the window (the first day of life where
    there is none) to the last day; there is one for each day in the window, less one where nothing came before.
    """
    days = pl.col(f"active_days_d{frequency_window}")
    before = pl.col("day_before_window")
    gaps_in_window = days - before.is_null()
    reach_in_window = (pl.col("last_day") - pl.coalesce(before, "first_day")).dt.total_days()
    gaps_of_life = pl.col("active_days_life") - 1
    reach_of_life = (pl.col("last_day") - pl.col("first_day")).dt.total_days()
    return {
        f"active_days_share_d{frequency_window}": ratio(days, pl.lit(frequency_window)),
        "mean_gap_days_life": pl.when(gaps_of_life > 0).then(ratio(reach_of_life, gaps_of_life)),
        f"mean_gap_days_d{frequency_window}": pl.when(gaps_in_window > 0).then(ratio(reach_in_window, gaps_in_window)),
    }


def _line_shares(program: Program) -> dict[str, pl.Expr]:
    names = [
        *(("product", key) for key in program.features.tracked_products),
        *(("category", key) for key in program.features.tracked_categories),
    ]
    if not names:
        return {}
    lines = pl.col("lines") + pl.col("transactions_life") - pl.col("lined_events")
    return {f"{kind}_share_{key}": ratio(pl.col(f"{kind}_{key}"), lines) for kind, key in names}
