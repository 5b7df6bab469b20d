"""The histories of a few typical customers: their purchase days, and what the model believed as time passed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl

from fiel.core import Core
from fiel.features.purchase_days import purchase_days
from fiel.program import Program
from fiel.reports.purchase_models import PurchaseModels, UsedModel

TYPICAL = ("champions", "loyal", "new", "cannot_lose", "at_risk", "lost")
"""Segments of which one customer is shown, in this order; without RFM the quartiles of frequency stand in."""

STEPS = 120
"""Dates at the most along each line, beside those around the purchase days."""


Chance = Literal["alive_prob", "purchase_prob"]


@dataclass(frozen=True)
class Histories:
    """`customers`: customer_id, segment, frequency, days_since_last, alive_prob, purchase_prob (as in the snapshot).

    `days`: customer_id, day (purchase days that stand at as_of, with their net value). `lines`: customer_id, day,
    alive_prob, purchase_prob (as of that day, with the parameters of as_of); empty without a model. `purchase_prob` is
    P(at least one purchase within `horizon_days`). `shown` is the one of the two to draw: p(alive), unless it is the
    same for everybody and so tells nothing.
    """

    customers: pl.DataFrame
    days: pl.DataFrame
    lines: pl.DataFrame
    shown: Chance = "alive_prob"
    horizon_days: int = 0

    @property
    def chance(self) -> str:
        """What the lines show, in words."""
        return "p(alive)" if self.shown == "alive_prob" else f"P(purchase within {self.horizon_days} days)"


def histories(
    core: Core, snapshot: pl.DataFrame, models: PurchaseModels, program: Program, as_of: date
) -> Histories | None:
    """One typical customer of each of `TYPICAL`; None where nobody bought.

    Typical is who lies closest to the middle of the segment in frequency and days since the last purchase, each
    measured in its own spread; the first id of equals.
    """
    horizon = models.horizon_days
    chosen = _chosen(snapshot, program, horizon)
    if chosen.is_empty():
        return None
    days = (
        purchase_days(core, as_of)
        .join(chosen.lazy().select("customer_id"), on="customer_id", how="semi")
        .sort("customer_id", "day")
        .collect()
    )
    return Histories(
        customers=chosen,
        days=days,
        lines=pl.DataFrame() if models.used is None else chances_over_time(days, models.used, as_of, horizon),
        shown="purchase_prob" if models.is_flat else "alive_prob",
        horizon_days=horizon,
    )


def _chosen(snapshot: pl.DataFrame, program: Program, horizon_days: int) -> pl.DataFrame:
    known = snapshot.filter(pl.col("purchase_frequency").is_not_null())
    is_rfm = "rfm_segment" in snapshot.columns
    everyone = known.select(
        "customer_id",
        segment=pl.col("rfm_segment") if is_rfm else pl.lit("everyone"),
        frequency="purchase_frequency",
        days_since_last=pl.col("purchase_age_days") - pl.col("purchase_recency_days"),
        alive_prob="purchase_alive_prob",
        purchase_prob=f"purchase_prob_d{horizon_days}",
    )

    def away(column: str) -> pl.Expr:
        value = pl.col(column)
        return ((value - value.median()).abs() / (1 + value.std().fill_null(0))).over("segment")

    order = pl.Enum(TYPICAL if is_rfm else ("everyone",))
    return (
        everyone.filter(pl.col("segment").is_in(order.categories.to_list()))
        .with_columns(away=(away("frequency") + away("days_since_last")).round(9))
        .sort(pl.col("segment").cast(order), "away", "customer_id")
        .group_by("segment", maintain_order=True)
        .first()
        .select("customer_id", "segment", "frequency", "days_since_last", "alive_prob", "purchase_prob")
    )


def chances_over_time(days: pl.DataFrame, used: UsedModel, as_of: date, horizon_days: int) -> pl.DataFrame:
    """What the model believed of each customer of `days` on dates from the first purchase to `as_of`.

    Columns: customer_id, day, alive_prob, purchase_prob (at least one purchase within `horizon_days` of the day).
    On a date the model is told the purchase days before it, and nothing later; its parameters are those of today, and
    purchases that were taken back by today are left out all along. Dates are even steps, the purchase days themselves
    (just before the purchase counts) and the days after them.
    """
    first = days.group_by("customer_id").agg(first_day=pl.col("day").min())
    start: date = first["first_day"].min()  # type: ignore[assignment]
    step = max(1, (as_of - start).days // STEPS)
    even = first.select(
        "customer_id", day=pl.date_ranges(pl.col("first_day") + timedelta(days=1), pl.lit(as_of), f"{step}d")
    ).explode("day")
    around = pl.concat(
        [
            days.select("customer_id", "day"),
            days.select("customer_id", pl.col("day") + timedelta(days=1)),
            first.select("customer_id", day=pl.lit(as_of)),
        ]
    )
    purchases = days.sort("customer_id", "day").select(
        "customer_id", last_day="day", frequency=pl.int_range(pl.len()).over("customer_id")
    )
    seen = (
        pl.concat([even, around])
        .unique()
        .join(first, on="customer_id")
        .filter(pl.col("day") > pl.col("first_day"), pl.col("day") <= as_of)
        .sort("day")
        .join_asof(
            purchases.sort("last_day"),
            left_on="day",
            right_on="last_day",
            by="customer_id",
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .sort("customer_id", "day")
    )
    frequency = seen["frequency"].to_numpy().astype(np.float64)
    recency = (seen["last_day"] - seen["first_day"]).dt.total_days().to_numpy()
    age = (seen["day"] - seen["first_day"]).dt.total_days().to_numpy()
    return seen.select(
        "customer_id",
        "day",
        alive_prob=pl.Series(used.alive(frequency, recency, age), dtype=pl.Float64),
        purchase_prob=pl.Series(used.purchase(horizon_days, frequency, recency, age), dtype=pl.Float64),
    )
