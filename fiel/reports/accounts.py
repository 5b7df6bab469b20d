"""What the report of a pension fund shows: its accounts by quarter, their levels, and who is likely to close."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl

from fiel.core import Core
from fiel.program import Program
from fiel.program.pension import quarter_end
from fiel.reports.metrics import Frame
from fiel.reports.undated import without_events
from fiel.segments.levels import LOYALTY_LEVELS, RELATIVE_LEVELS, loyalty_level, relative_level

QUARTERS = 80
"""Quarters on the time axes: twenty years."""


@dataclass(frozen=True)
class TargetRisk:
    """The scores of one target: its name, how far it looks, the probabilities (one for each open account), levels.

    `levels`: level (of loyalty), relative_level, accounts; every pair that could occur, in the order of the levels.
    """

    target: str
    horizon: str
    probs: pl.Series
    levels: pl.DataFrame

    @property
    def base(self) -> float:
        """The mean probability of all scored accounts."""
        return float(self.probs.mean() or 0.0)  # type: ignore[arg-type]


@dataclass(frozen=True)
class AccountsView:
    """Accounts as they are known at as_of.

    `quarters`: day (a quarter's last), opened, closed, at_risk (open at the end of the quarter before), open (at its
    end), closing_rate, contributors, contributions, contributed, income, is_observed (its closings are complete); the
    newest `QUARTERS`. `risks`: the main target first, then the further ones that were scored. `ranking`: accounts, the
    likeliest to close first, with the columns of out_scores, their balance, and `times_base`.
    """

    quarters: pl.DataFrame
    risks: tuple[TargetRisk, ...] = ()
    ranking: pl.DataFrame = field(default_factory=pl.DataFrame)


def accounts_view(
    core: Core, snapshot: pl.DataFrame, scores: pl.DataFrame | None, probs: Frame | None, program: Program, as_of: date,
    at_most: int,
) -> AccountsView:  # fmt: skip
    """The view of `program` at `as_of`; `scores` and `probs` are out_scores and out_probs of that date, if any."""
    quarters = quarters_of(core, program, as_of).tail(QUARTERS)
    if scores is None:
        return AccountsView(quarters)
    risks = [_risk(program, program.target.name, scores["prob"].drop_nulls())]
    if probs is not None:
        further = probs.lazy().filter(pl.col("as_of") == as_of, pl.col("prob").is_not_null()).collect()
        risks += [
            _risk(program.with_target(target.name), target.name, found)
            for target in program.more_targets
            if (found := further.filter(pl.col("target") == target.name)["prob"]).len()
        ]
    ranking = (
        scores.filter(pl.col("prob").is_not_null())
        .sort(["prob", "customer_id"], descending=[True, False])
        .head(at_most)
        .join(snapshot.select("customer_id", "balance", "quarters_since_opening"), on="customer_id", how="left",
              maintain_order="left")
        .with_columns(times_base=pl.col("prob") / max(risks[0].base, 1e-12))
    )  # fmt: skip
    return AccountsView(quarters, tuple(risks), ranking)


def quarters_of(core: Core, program: Program, as_of: date) -> pl.DataFrame:
    """Accounts, closings and operations by calendar quarter, as published before `as_of` (see AccountsView).

    An account is opened in the quarter of its first row, and open until it is closed, whether it has rows or not.
    """
    known = pl.col("known_from") < as_of
    opened = core["accounts"].filter(known).group_by("customer_id").agg(pl.col("day").min())
    closed = core["closings"].filter(known)
    operations = (
        core["operations"]
        .filter(known)
        .group_by("day")
        .agg(
            contributors=(pl.col("contributions") > 0).sum().cast(pl.Int64),
            contributions=pl.col("contributions").sum(),
            contributed=pl.col("contributed").sum(),
            income=pl.col("income").sum(),
        )
    )
    by_day = [frame.group_by("day").agg(pl.len().cast(pl.Int64).alias(name))
              for name, frame in (("opened", opened), ("closed", closed))]  # fmt: skip
    found = by_day[0].join(by_day[1], on="day", how="full", coalesce=True)
    rows = found.join(operations, on="day", how="full", coalesce=True).collect(engine="streaming").sort("day")
    if rows.is_empty():
        return rows
    days = pl.date_range(rows["day"][0].replace(day=1), rows["day"][-1], "3mo", eager=True).dt.month_end()
    observed = program.quarterly.observed_until
    complete = pl.lit(value=True) if observed is None else pl.col("day") <= quarter_end(observed)
    return (
        pl.DataFrame({"day": days})
        .join(rows, on="day", how="left", maintain_order="left")
        .with_columns(pl.exclude("day").fill_null(0))
        .with_columns(open=(pl.col("opened") - pl.col("closed")).cum_sum())
        .with_columns(at_risk=pl.col("open").shift(1, fill_value=0))
        .with_columns(closing_rate=pl.when(pl.col("at_risk") > 0).then(pl.col("closed") / pl.col("at_risk")),
                      is_observed=complete)
    )  # fmt: skip


def _risk(program: Program, name: str, probs: pl.Series) -> TargetRisk:
    base = float(probs.mean() or 0.0)  # type: ignore[arg-type]
    cuts = program.quarterly.levels
    counted = (
        probs.to_frame("prob")
        .select(level=loyalty_level(pl.col("prob"), cuts), relative_level=relative_level(pl.col("prob"), base, cuts))
        .group_by("level", "relative_level")
        .agg(accounts=pl.len().cast(pl.Int64))
    )
    pairs = [(level, relative) for level in reversed(LOYALTY_LEVELS) for relative in RELATIVE_LEVELS]
    levels = pl.DataFrame(pairs, schema=["level", "relative_level"], orient="row").join(
        counted, on=["level", "relative_level"], how="left", maintain_order="left"
    )
    return TargetRisk(name, program.target.horizon_words, probs, levels.with_columns(pl.col("accounts").fill_null(0)))


def accounts_coverage(core: Core, snapshot: pl.DataFrame, scores: pl.DataFrame | None, as_of: date) -> pl.DataFrame:
    """Who is counted: group, customers (accounts), about."""
    known = pl.col("known_from") < as_of
    seen = core["accounts"].filter(known).select("customer_id").unique()
    closed = core["closings"].filter(known).select("customer_id").unique()
    strangers = core["operations"].filter(known).select("customer_id").unique().join(seen, on="customer_id", how="anti")
    seen_count, closed_count, strange = (
        int(frame.select(pl.len()).collect(engine="streaming").item()) for frame in (seen, closed, strangers)
    )
    last = as_of - timedelta(days=1)
    rows: list[tuple[str, int, str]] = [
        ("accounts with a row", seen_count, f"in a quarter that ended by {last}"),
        ("closed", closed_count, "counted once, in the quarter of the closing; nothing later is known of them"),
        ("open", snapshot.height, "asked the question, with or without a row in the last quarter"),
    ]
    if scores is not None:
        rows.append(("scored", int(scores["prob"].is_not_null().sum()), "with a probability to close"))
    if strange:
        rows.append(("operations only", strange, "operations of an account without a row: kept, not modelled"))
    return pl.DataFrame(rows, schema={"group": pl.String, "customers": pl.Int64, "about": pl.String}, orient="row")


def quarterly_fields(
    core: Core, snapshot: pl.DataFrame, scores: pl.DataFrame | None, probs: Frame | None, program: Program, as_of: date,
    kind: type[Any], at_most: int,
) -> dict[str, Any]:  # fmt: skip
    """The fields of `kind` (ReportData) that a program of accounts fills otherwise than one of customers in stages."""
    return {
        **{name: frame for name, frame in without_events(kind).items() if name not in ("ranking", "coverage")},
        "previous_as_of": None,
        "customers": snapshot.height,
        "coverage": accounts_coverage(core, snapshot, scores, as_of),
        "expected_losses": None,
        "expected_gains": None,
        "ranking": pl.DataFrame(),
        "plan": None,
        "accounts": accounts_view(core, snapshot, scores, probs, program, as_of, at_most),
    }
