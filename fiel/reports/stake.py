"""Value at stake: who holds it, what the plan covers, and on whom stage, p(alive) and classifier do not agree.

Value at stake is (1 - score) x the expected value within the horizon of a customer who is still there, in the
program's smallest unit (out_scores).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from fiel.features.rfm_segments import SEGMENTS
from fiel.program import STAGES
from fiel.segments.disagreement import VOICES, alive_statement, disagreement_summary

LISTED = 25
"""Rows of a list of customers."""

CURVE_POINTS = 100
"""Points of the concentration curve."""


_WHOLE = pl.col("value_at_stake").round()
"""In whole smallest units, as the plan counts it: such floats add up to the same sum in any order."""


@dataclass(frozen=True)
class Stake:
    """Who holds the value at stake.

    `by_segment` and `by_stage`: group, customers, value_at_stake, share, mean_prob (best to worst). `curve`:
    customer_share, value_share (the customers with the most first). `top`: customers with the most. `covered`:
    decision, customers, value_at_stake, share (of the total); empty without a plan.
    """

    customers: int
    total: float
    by_segment: pl.DataFrame
    by_stage: pl.DataFrame
    curve: pl.DataFrame
    top: pl.DataFrame
    covered: pl.DataFrame

    def held_by(self, share: float) -> float:
        """Share of the value at stake that the first `share` of the customers hold."""
        first = self.curve.filter(pl.col("customer_share") >= share - 1e-9).head(1)
        return float(first["value_share"].item()) if first.height else 1.0


@dataclass(frozen=True)
class Disagreement:
    """Customers on whom stage, p(alive) and classifier do not agree whether they stay.

    `patterns` is `disagreement_summary`. `top`: rows of out_disagreements, the most value at stake first. `asked` are
    the scored customers, `caution` what to know about p(alive) before it is read as an opinion.
    """

    patterns: pl.DataFrame
    top: pl.DataFrame
    customers: int
    asked: int
    value_at_stake: float
    caution: str = ""

    @property
    def voices(self) -> tuple[str, ...]:
        """Those of `VOICES` that have an opinion: without p(alive) where it is silent about everybody."""
        heard = [name for name in VOICES if name != "is_staying_by_alive" or self.patterns[name].is_not_null().any()]
        return tuple(heard)


def stake(scores: pl.DataFrame, snapshot: pl.DataFrame, plan: pl.DataFrame | None) -> Stake:
    """Who holds the value at stake of `scores`; segments come from `snapshot` where it has them."""
    held = scores.filter(pl.col("value_at_stake").is_not_null()).select(
        "customer_id", "stage", "prob", _WHOLE, "reason_1"
    )
    more = [name for name in ("rfm_segment", "days_since_last", "purchase_alive_prob") if name in snapshot.columns]
    held = held.join(snapshot.select("customer_id", *more), on="customer_id", how="left", maintain_order="left")
    ordered = held.sort(["value_at_stake", "customer_id"], descending=[True, False])
    total = float(held["value_at_stake"].sum())
    return Stake(
        customers=held.height,
        total=total,
        by_segment=_by(held, "rfm_segment", SEGMENTS, total) if "rfm_segment" in more else pl.DataFrame(),
        by_stage=_by(held, "stage", STAGES, total),
        curve=_curve(ordered["value_at_stake"], total),
        top=ordered.head(LISTED).with_row_index("place", offset=1),
        covered=_covered(plan, total),
    )


def _by(held: pl.DataFrame, column: str, order: tuple[str, ...], total: float) -> pl.DataFrame:
    return (
        held.group_by(group=column)
        .agg(
            customers=pl.len().cast(pl.Int64),
            value_at_stake=pl.col("value_at_stake").sum(),
            mean_prob=pl.col("prob").mean(),
        )
        .with_columns(share=pl.col("value_at_stake") / (total or 1.0))
        .sort(pl.col("group").cast(pl.Enum(order)))
    )


def _curve(ordered: pl.Series, total: float) -> pl.DataFrame:
    """Share of the value at stake held by the first customers, at `CURVE_POINTS` even steps and at the origin."""
    size = len(ordered)
    cumulated = ordered.cum_sum()
    counts = sorted({0, *(round(size * step / CURVE_POINTS) for step in range(1, CURVE_POINTS + 1))})
    return pl.DataFrame(
        {
            "customers": counts,
            "customer_share": [count / max(size, 1) for count in counts],
            "value_share": [float(cumulated[count - 1]) / (total or 1.0) if count else 0.0 for count in counts],
        },
        schema={"customers": pl.Int64, "customer_share": pl.Float64, "value_share": pl.Float64},
    )


def _covered(plan: pl.DataFrame | None, total: float) -> pl.DataFrame:
    schema = {"decision": pl.String, "customers": pl.Int64, "value_at_stake": pl.Float64, "share": pl.Float64}
    if plan is None or plan["value_at_stake"].is_null().all():
        return pl.DataFrame(schema=schema)
    order = pl.Enum(["grant", "held_out", "excluded"])
    return (
        plan.filter(pl.col("value_at_stake").is_not_null())
        .group_by("decision")
        .agg(customers=pl.len().cast(pl.Int64), value_at_stake=_WHOLE.sum())
        .with_columns(share=pl.col("value_at_stake") / (total or 1.0))
        .sort(pl.col("decision").cast(order))
        .select(list(schema))
    )


def disagreement(found: pl.DataFrame, scores: pl.DataFrame, snapshot: pl.DataFrame) -> Disagreement:
    """Patterns of out_disagreements rows `found`, with the customers and the money at stake in each."""
    found = found.with_columns(_WHOLE)
    alive = (
        snapshot["purchase_alive_prob"]
        if "purchase_alive_prob" in snapshot.columns
        else pl.Series([], dtype=pl.Float64)
    )
    return Disagreement(
        patterns=disagreement_summary(found),
        top=found.sort(["value_at_stake", "customer_id"], descending=[True, False], nulls_last=True).head(LISTED),
        customers=found.height,
        asked=scores.filter(pl.col("prob").is_not_null()).height,
        value_at_stake=float(found["value_at_stake"].sum()),
        caution=alive_statement(alive),
    )
