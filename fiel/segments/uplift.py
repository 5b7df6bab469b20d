"""What the treatment did, as far as the data can tell: by group, by decile of predicted uplift, and in plain words.

Nobody is seen both treated and not, so uplift is only ever the difference between two groups of customers. It is the
treatment's doing where the groups are alike but for the treatment; whether they are, as far as the features show, is
part of what is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import polars as pl
from scipy.stats import norm

from fiel.errors import SegmentError
from fiel.features.arithmetic import ratio
from fiel.models.bootstrap import Interval, auc_interval
from fiel.segments.qini import Qini, qini_curve

OBSERVED: dict[str, Any] = {
    "by": pl.String(),
    "group": pl.String(),
    "position": pl.Int64(),
    **dict.fromkeys(("customers", "treated", "control"), pl.Int64()),
    **dict.fromkeys(("rate_treated", "rate_control", "uplift", "low", "high", "predicted_uplift"), pl.Float64()),
}
CURVE: dict[str, Any] = {"point": pl.Int64(), **dict.fromkeys(("share", "gain", "low", "high", "random"), pl.Float64())}
DECILES = 10
ALIKE = 0.55
"""AUC of guessing the treatment from the features up to which the two arms count as alike."""


def uplift_decile(uplift: pl.Expr) -> pl.Expr:
    """Decile (Int64) among all of the frame's, 1 the highest uplift; equal values are in the same one."""
    above = uplift.rank("min", descending=True).cast(pl.Int64) - 1
    return above * DECILES // pl.len().cast(pl.Int64) + 1


def observed_uplift(scored: pl.DataFrame, by: str, confidence: float = 0.95) -> pl.DataFrame:
    """One row for each value of the column `by`, sorted: how often the outcome came with and without the treatment.

    Columns: `by`, customers, treated, control, rate_treated, rate_control, uplift (control - treated), low, high, and
    predicted_uplift (the mean of the column uplift) where `scored` has one. `scored`: label, is_treated, `by`. The
    interval is Newcombe's (1998, method 10), of Wilson's for each arm; without customers in an arm it is empty.
    """
    if not 0 < confidence < 1:
        raise SegmentError(f"confidence is {confidence}: it has to be between 0 and 1")
    z = float(norm.ppf((1 + confidence) / 2))
    treated = pl.col("is_treated")
    counted = (
        scored.filter(pl.col("label").is_not_null(), treated.is_not_null())
        .group_by(by)
        .agg(
            customers=pl.len().cast(pl.Int64),
            treated=treated.sum().cast(pl.Int64),
            control=(~treated).sum().cast(pl.Int64),
            _treated=pl.col("label").filter(treated).sum().cast(pl.Int64),
            _control=pl.col("label").filter(~treated).sum().cast(pl.Int64),
            **({"predicted_uplift": pl.col("uplift").sort().mean()} if "uplift" in scored.columns else {}),
        )
        .sort(by)
    )
    rates = counted.with_columns(
        ratio(pl.col(f"_{arm}"), pl.when(pl.col(arm) > 0).then(arm)).alias(f"rate_{arm}")
        for arm in ("treated", "control")
    ).with_columns(*_wilson("treated", z), *_wilson("control", z))
    control, other = pl.col("rate_control"), pl.col("rate_treated")
    below = ((control - pl.col("_low_control")) ** 2 + (pl.col("_high_treated") - other) ** 2).sqrt()
    above = ((pl.col("_high_control") - control) ** 2 + (other - pl.col("_low_treated")) ** 2).sqrt()
    found = rates.with_columns(uplift=control - other, low=control - other - below, high=control - other + above)
    names = [by, "customers", "treated", "control", "rate_treated", "rate_control", "uplift", "low", "high"]
    return found.select(*names, *(["predicted_uplift"] if "uplift" in scored.columns else []))


def arms_alike(
    treatment: pl.DataFrame, *, draws: int = 500, confidence: float = 0.95, seed: int = 0
) -> Interval | None:
    """AUC of the guess who was treated, with its interval; .5 where the features tell nothing. None with one arm.

    `treatment` comes from `cross_fitted_treatment`: customer_id, is_treated, prob.
    """
    return auc_interval(
        treatment.get_column("is_treated").cast(pl.Float64).to_numpy(),
        treatment.get_column("prob").to_numpy(),
        treatment.get_column("customer_id").to_numpy(),
        draws=draws,
        confidence=confidence,
        seed=seed,
    )


@dataclass(frozen=True)
class UpliftFindings:
    """What the treatment did.

    `observed` (by, group, position and the columns of `observed_uplift`) and `curve` (the Qini curve with `point`) are
    empty where nothing can be compared; `statement` says in sentences what can and cannot be said.
    """

    observed: pl.DataFrame
    curve: pl.DataFrame
    qini: Qini | None
    statement: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Figures and sentences, for a card."""
        qini = None
        if self.qini is not None:
            qini = {
                "coefficient": astuple(self.qini.coefficient),
                "gain": astuple(self.qini.gain),
                "customers": self.qini.customers,
                "draws": self.qini.draws,
                "confidence": self.qini.confidence,
            }
        return {"qini": qini, "statement": list(self.statement)}


def uplift_findings(
    customers: pl.DataFrame,
    labels: pl.DataFrame,
    alike: Interval | None,
    note: str,
    segments: Sequence[str],
    *,
    confidence: float,
    draws: int,
    seed: int,
) -> UpliftFindings:
    """Observed uplift of all customers, by segment (in the order of `segments`) and by decile, and the Qini curve.

    customers: customer_id, segment, uplift, uplift_decile (out_engagement; uplift out of sample, empty without models,
    and then `note` says why); labels: customer_id, label, is_treated. Customers without outcome or treatment do not
    count.
    """
    known = labels.filter(pl.col("label").is_not_null(), pl.col("is_treated").is_not_null())
    scored = customers.join(known, on="customer_id").sort("customer_id")
    arms = scored["is_treated"].n_unique()
    if arms < 2:
        told = f"Nothing can be said about a treatment: {scored.height:,} customers are known to be treated or not, "
        return UpliftFindings(
            pl.DataFrame(schema=OBSERVED), pl.DataFrame(schema=CURVE), None, (told + "all of them the same.",)
        )
    places = {name: place for place, name in enumerate(segments)}
    frames = []
    for by, group in (("all", pl.lit("all")), ("segment", pl.col("segment")), ("decile", pl.col("uplift_decile"))):
        rows = scored.with_columns(group=group.cast(pl.String)).filter(pl.col("group").is_not_null())
        place = (
            pl.col("group").replace_strict(places, default=len(places), return_dtype=pl.Int64)
            if by == "segment"
            else pl.col("group").cast(pl.Int64, strict=False).fill_null(0)
        )
        found = observed_uplift(rows, "group", confidence).with_columns(by=pl.lit(by), position=place)
        frames.append(found.select(list(OBSERVED)).cast(pl.Schema(OBSERVED)).sort("position"))
    observed = pl.concat(frames)
    ranked = scored.filter(pl.col("uplift").is_not_null())
    if ranked["is_treated"].n_unique() < 2:
        told = f"Customers are not ranked by uplift: {note or 'there is no model of it'}."
        return UpliftFindings(observed, pl.DataFrame(schema=CURVE), None, (told, *_LIMITS))
    qini = qini_curve(
        ranked["label"].to_numpy(),
        ranked["is_treated"].cast(pl.Float64).to_numpy(),
        ranked["uplift"].to_numpy(),
        draws=draws,
        confidence=confidence,
        seed=seed,
    )
    curve = qini.curve.with_columns(point=pl.int_range(pl.len(), dtype=pl.Int64)).select(list(CURVE))
    return UpliftFindings(observed, curve, qini, tuple(uplift_statement(qini, alike)))


def uplift_statement(qini: Qini, alike: Interval | None) -> list[str]:
    """What the uplift can and cannot say, in sentences: effect, ranking, likeness of the arms, limits."""
    return [_effect(qini), _ranking(qini), _likeness(alike), *_LIMITS]


_LIMITS = (
    "No customer was seen both treated and not, so no customer's own uplift is known: predicted uplift is an "
    "expectation for customers like this one.",
    "The file has no dates: nothing here says how long the effect lasts, or that the next campaign does the same.",
)


def _effect(qini: Qini) -> str:
    gain = qini.gain
    interval = f"{100 * qini.confidence:g} % interval {_points(gain.low)} to {_points(gain.high)}"
    told = f"{_points(gain.estimate)} percentage points ({interval})"
    if gain.low > 0:
        return f"The treated left less often than the others, by {told}."
    if gain.high < 0:
        return f"The treated left more often than the others: the difference is {told}."
    return f"Whether the treated left less often than the others cannot be told: the difference is {told}."


def _ranking(qini: Qini) -> str:
    area = qini.coefficient
    told = f"Qini coefficient {area.estimate:.5f}, interval {area.low:.5f} to {area.high:.5f}"
    if qini.ranks:
        return f"Treating those with the highest predicted uplift first beats treating at random ({told})."
    if area.high < 0:
        return f"The ranking by predicted uplift is worse than none ({told}): do not use it."
    return (
        f"That the ranking by predicted uplift is any better than treating at random cannot be told ({told}): do not "
        "choose customers by it."
    )


def _likeness(alike: Interval | None) -> str:
    if alike is None:
        return "There is one arm only, so nothing can be compared."
    told = f"AUC {alike.estimate:.3f}, interval {alike.low:.3f} to {alike.high:.3f}; .5 is a coin"
    if alike.low > ALIKE:
        return (
            f"The features tell who was treated ({told}): the operator chose, the two groups are not alike, and the "
            "difference between them is not the treatment's effect alone."
        )
    if alike.low > 0.5:
        return (
            f"The features tell a little of who was treated ({told}): the two groups are nearly alike, and a small "
            "part of the difference between them may be theirs and not the treatment's."
        )
    return (
        f"The features do not tell who was treated ({told}), as if it had been drawn. That the groups also agree in "
        "what the features do not show is assumed, not known."
    )


def _points(share: float) -> str:
    return f"{100 * share:.2f}"


def _wilson(arm: str, z: float) -> list[pl.Expr]:
    """Ends of Wilson's interval of the arm's rate."""
    rate, number = pl.col(f"rate_{arm}"), pl.col(arm).cast(pl.Float64)
    middle = rate + z**2 / (2 * number)
    width = z * (rate * (1 - rate) / number + z**2 / (4 * number**2)).sqrt()
    scale = 1 + z**2 / number
    return [((middle - width) / scale).alias(f"_low_{arm}"), ((middle + width) / scale).alias(f"_high_{arm}")]
