"""Did it work? The smallest effect that a cycle can show, and the effect that a matured one did show.

Granted customers are compared with those held out who would have been granted: eligible, of the same kind of bucket,
and before the place in the order where the limit was reached. Held-out customers behind that place are no comparison,
because nobody there was granted anything.
"""

from __future__ import annotations

import math

import polars as pl
from scipy.optimize import brentq
from scipy.stats import norm

from fiel.actions.summary import Detectable
from fiel.errors import PlanError

OUT_OF_REACH = ("budget", "cap_cycle", "cap_growth")
LIFT: dict[str, pl.DataType] = {
    "as_of": pl.Date(),
    "kind": pl.String(),
    "granted": pl.Int64(),
    "granted_positives": pl.Int64(),
    "granted_rate": pl.Float64(),
    "held_out": pl.Int64(),
    "held_out_positives": pl.Int64(),
    "held_out_rate": pl.Float64(),
    "lift": pl.Float64(),
    "lift_lower": pl.Float64(),
    "lift_upper": pl.Float64(),
    "unlabelled": pl.Int64(),
}
"""Columns of the realised lift: one row for each cycle and kind (reward, penalty)."""


def comparable(plan_rows: pl.DataFrame) -> pl.DataFrame:
    """Customers whose outcomes may be compared: `as_of`, `customer_id`, `kind`, `arm`, `prob`.

    `plan_rows` has the columns of out_plan, of one cycle or several. `kind` is reward or penalty, `arm` granted or
    held_out.
    """
    is_refused = pl.col("reason_code").is_in(OUT_OF_REACH)
    first_refused = pl.col("rank").filter(is_refused).min().over("as_of")
    is_reward = pl.col("points") > 0
    in_reach = ~is_reward | first_refused.is_null() | (pl.col("rank") < first_refused)
    return (
        plan_rows.with_columns(in_reach=in_reach)
        .filter(pl.col("decision").is_in(["grant", "held_out"]), pl.col("in_reach"))
        .select(
            "as_of",
            "customer_id",
            kind=pl.when(is_reward).then(pl.lit("reward")).otherwise(pl.lit("penalty")),
            arm=pl.when(pl.col("decision") == "grant").then(pl.lit("granted")).otherwise(pl.lit("held_out")),
            prob="prob",
        )
        .sort("as_of", "kind", "arm", "customer_id")
    )


def smallest_effect(
    granted: int, held_out: int, base_rate: float, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """The smallest rise of a share from `base_rate` that two groups of these sizes would show; None if there is none.

    Two-sided test of two proportions with the given power: Fleiss, Levin and Paik, Statistical Methods for Rates and
    Proportions (2003), section 4.2, without continuity correction. Two groups of 388 show a rise from .5 to .6:

    >>> round(smallest_effect(388, 388, 0.5), 3)
    0.1
    """
    if granted < 1 or held_out < 1 or not 0 <= base_rate < 1:
        return None
    z_alpha, z_power = norm.ppf(1 - alpha / 2), norm.ppf(power)
    variance_held_out = base_rate * (1 - base_rate) / held_out

    def excess(effect: float) -> float:
        rate = base_rate + effect
        pooled = (granted * rate + held_out * base_rate) / (granted + held_out)
        under_null = math.sqrt(pooled * (1 - pooled) * (1 / granted + 1 / held_out))
        under_effect = math.sqrt(rate * (1 - rate) / granted + variance_held_out)
        return float(effect - z_alpha * under_null - z_power * under_effect)

    largest = 1 - base_rate
    if excess(largest) < 0:
        return None
    return float(brentq(excess, 1e-12, largest, xtol=1e-9)) if excess(1e-12) < 0 else 0.0


def detectable(plan_rows: pl.DataFrame) -> tuple[Detectable, ...]:
    """The smallest detectable effect of a plan, for rewards and for penalties, as far as there are any.

    The base rate is the mean score of both arms.
    """
    arms = (
        comparable(plan_rows)
        .group_by("kind")
        .agg(
            granted=(pl.col("arm") == "granted").sum().cast(pl.Int64),
            held_out=(pl.col("arm") == "held_out").sum().cast(pl.Int64),
            base_rate=pl.col("prob").sort().mean(),
        )
        .sort("kind", descending=True)
    )
    return tuple(
        Detectable(**row, effect=smallest_effect(row["granted"], row["held_out"], row["base_rate"]))
        for row in arms.iter_rows(named=True)
    )


def newcombe(positives_1: int, n_1: int, positives_2: int, n_2: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the difference of two shares, first minus second.

    Newcombe's hybrid score interval: Statistics in Medicine 17 (1998) 873-890, method 10. His own example, 56 of 70
    against 48 of 80:

    >>> [round(bound, 4) for bound in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    share_1, share_2 = positives_1 / n_1, positives_2 / n_2
    low_1, high_1 = _wilson(positives_1, n_1, confidence)
    low_2, high_2 = _wilson(positives_2, n_2, confidence)
    difference = share_1 - share_2
    return (
        difference - math.sqrt((share_1 - low_1) ** 2 + (high_2 - share_2) ** 2),
        difference + math.sqrt((high_1 - share_1) ** 2 + (share_2 - low_2) ** 2),
    )


def realised_lift(plan_rows: pl.DataFrame, labels: pl.DataFrame, confidence: float = 0.95) -> pl.DataFrame:
    """The lift of matured cycles (LIFT): share of positives among the granted minus among the comparable held-out.

    `plan_rows` has the columns of out_plan, `labels` the columns customer_id, as_of, label. Cycles without labels have
    not matured and have no row; customers of a matured cycle without a label are counted as unlabelled. The interval is
    Newcombe's; `lift` and its bounds are empty where an arm is empty.
    """
    if labels.select(pl.struct("as_of", "customer_id").is_duplicated().any()).item():
        raise PlanError("labels: a customer has two rows for one as_of; lift needs one")
    matured = labels.get_column("as_of").unique()
    outcomes = (
        comparable(plan_rows)
        .filter(pl.col("as_of").is_in(matured.implode()))
        .join(labels.select("as_of", "customer_id", "label"), on=["as_of", "customer_id"], how="left")
    )
    is_known = pl.col("label").is_not_null()
    counts = (
        outcomes.group_by("as_of", "kind")
        .agg(
            *(
                expression.cast(pl.Int64)
                for arm in ("granted", "held_out")
                for expression in (
                    (is_known & (pl.col("arm") == arm)).sum().alias(arm),
                    pl.col("label").cast(pl.Int64).filter(pl.col("arm") == arm).sum().alias(f"{arm}_positives"),
                )
            ),
            unlabelled=(~is_known).sum().cast(pl.Int64),
        )
        .sort("as_of", "kind", descending=[False, True])
    )
    rows = [_lift_row(row, confidence) for row in counts.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=LIFT)


def _lift_row(row: dict[str, int], confidence: float) -> dict[str, int | float | None]:
    counts = (row["granted_positives"], row["granted"], row["held_out_positives"], row["held_out"])
    rates = {f"{arm}_rate": row[f"{arm}_positives"] / row[arm] if row[arm] else None for arm in ("granted", "held_out")}
    if not (row["granted"] and row["held_out"]):
        return {**row, **rates, "lift": None, "lift_lower": None, "lift_upper": None}
    lower, upper = newcombe(*counts, confidence)
    difference = counts[0] / counts[1] - counts[2] / counts[3]
    return {**row, **rates, "lift": difference, "lift_lower": lower, "lift_upper": upper}


def _wilson(positives: int, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share."""
    z = float(norm.ppf(0.5 + confidence / 2))
    centre = positives + z * z / 2
    spread = z * math.sqrt(positives * (n - positives) / n + z * z / 4)
    return (centre - spread) / (n + z * z), (centre + spread) / (n + z * z)
