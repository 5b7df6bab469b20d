"""The frame that rankings and look-ups read: a row for each customer of the snapshot, with group, risk and value.

Where a program has several groupings the one that its operators speak in is the `segment`: named RFM segments of
purchases, value segments of engagement, value clusters of points, grades of an undated bank; accounts have none.
"""

from __future__ import annotations

import polars as pl

from fiel.models.parts import OOT, CustomerParts
from fiel.program import Program
from fiel.serving.customers import Known


def ranking(known: Known, parts: CustomerParts | None = None) -> pl.DataFrame:
    """The scores with segment, risk, alive_prob, value (see `value_of`) and is_cross_fitted, sorted by customer.

    `parts`: which customers the model learned from, where those were asked of models of other folds
    (`fiel.models.cross_fitted`); None where every probability is the model's own.
    """
    snapshot = known.snapshot.select("customer_id", **_of_snapshot(known)).collect()
    found = known.scores.sort("customer_id").join(snapshot, on="customer_id", how="left", maintain_order="left")
    if known.engagement is not None:
        of_engagement = known.engagement.select("customer_id", _segment="segment", risk="risk_group", _value="value")
        found = (
            found.join(of_engagement, on="customer_id", how="left", maintain_order="left")
            .with_columns(segment=pl.col("_segment"), value=pl.col("_value"))
            .drop("_segment", "_value")
        )
    else:
        found = found.with_columns(risk=pl.lit(None, pl.String))
    if known.engagement is None and known.program.economics is not None and "rfm_segment" not in _columns(known):
        found = found.with_columns(segment=pl.format("grade {}", "grade"))
    return found.with_columns(is_cross_fitted=_cross_fitted(found, parts))


def is_made_of(engagement: pl.DataFrame, scores: pl.DataFrame) -> bool:
    """Whether out_engagement was made of these scores, not of those of an earlier champion at the same as_of.

    Value, segment and risk follow from the probability, so beside other probabilities they would say something else.
    """
    both = engagement.select("customer_id", "prob").join(
        scores.select("customer_id", now="prob"), on="customer_id", how="full", coalesce=True
    )
    return bool(both.select(pl.col("prob").eq_missing(pl.col("now")).all()).item())


def value_of(program: Program, columns: tuple[str, ...]) -> pl.Expr:
    """A customer's value in the program's smallest unit, from the columns of the snapshot.

    What is expected to be spent within the target's days, where there are purchase models; else what was earned in the
    frequency window; else an account's balance; null where the program has none of these.
    """
    wanted = (
        f"value_expected_d{program.target.horizon_days}" if program.has_stages else "",
        f"value_earned_d{program.features.frequency_window}",
        "balance" if program.is_quarterly else "",
    )
    name = next((name for name in wanted if name in columns), None)
    return pl.lit(None, pl.Float64) if name is None else pl.col(name).cast(pl.Float64)


def _columns(known: Known) -> tuple[str, ...]:
    return tuple(known.snapshot.collect_schema())


def _of_snapshot(known: Known) -> dict[str, pl.Expr]:
    columns, nothing = _columns(known), pl.lit(None, pl.String)
    clusters = pl.col("value_cluster") if known.program.has_stages else nothing
    return {
        "segment": pl.col("rfm_segment") if "rfm_segment" in columns else clusters,
        "alive_prob": pl.col("purchase_alive_prob") if "purchase_alive_prob" in columns else pl.lit(None, pl.Float64),
        "value": value_of(known.program, columns),
    }


def _cross_fitted(found: pl.DataFrame, parts: CustomerParts | None) -> pl.Series:
    """Whether the published probability is that of a model which had not seen the customer, not the champion's."""
    if parts is None:
        return pl.Series([False]).new_from_index(0, found.height)
    learned = parts.of(found["customer_id"]) != OOT
    return learned & found["prob"].is_not_null()
