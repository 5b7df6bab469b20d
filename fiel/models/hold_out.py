"""Hold-out validation of the purchase models: fitted on what was known at one date, judged by what came after it.

The field's way (Fader, Hardie & Lee 2005, Marketing Science 24(2), 275-284, their comparison with the Pareto/NBD): the
history is cut in two, the models are fitted on the calibration period, and the repeat purchases of its customers in the
hold-out period are compared with the expected ones: by calibration frequency, week by week, and in sums. Nothing that
was known only at or after the cut enters a fit or an expectation.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from fiel.core import Core
from fiel.estimators.btyd import PurchaseModel
from fiel.features.arithmetic import days_between
from fiel.features.purchase_days import purchase_days, purchase_summary
from fiel.features.purchase_fits import DAYS, MODELS
from fiel.models.metrics import auc
from fiel.program import Program
from fiel.tables import TABLES

Array = npt.NDArray[np.float64]

OPEN_BUCKET = 7
"""Calibration frequencies from this on are one bucket, `7+`."""
WEEK = timedelta(days=7)

MEASURES: dict[str, str] = {
    "purchases": "repeat purchase days of the hold-out, actual and expected",
    "bias_share": "expected over actual purchases, minus 1",
    "mae": "mean absolute error of a customer's purchases",
    "rmse": "root mean squared error of a customer's purchases",
    "correlation": "correlation of actual and expected purchases over customers",
    "track_mape": "mean absolute error share of the cumulative tracking line over the weeks of the hold-out",
    "auc_purchase": "AUC of P(at least one purchase in the hold-out)",
    "auc_alive": "AUC of p(alive) for a purchase in the hold-out",
    "log_likelihood": "log likelihood of the calibration, of times in the model's unit",
    "aic": "Akaike's information criterion of the calibration",
    "identified": "1 where the data identify the drop-out part, else 0",
}
"""Rows of kind `total`: bucket to meaning. Undefined ones are empty (no purchase at all, a constant expectation)."""
PARAMETER = "parameter_"
"""Further rows of kind `total`, one for each parameter fitted on the calibration period, such as `parameter_alpha`."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class HoldOutResult:
    """A validation: rows of out_hold_out, the fitted models by name, and why there is none (empty where there is)."""

    as_of: date
    calibrated_until: date
    frame: pl.DataFrame
    fits: dict[str, PurchaseModel]
    reason: str = ""


def hold_out(core: Core, as_of: date, program: Program) -> pl.DataFrame:
    """Rows of out_hold_out at `as_of`: the frame of `validate`."""
    return validate(core, as_of, program).frame


def validate(core: Core, as_of: date, program: Program) -> HoldOutResult:
    """The purchase models of the program, fitted before `as_of` - validation_days and compared with what came after.

    The calibration customers are those with a purchase day that stands at the cut. Expected purchases follow from their
    histories as known at the cut; actual ones are the purchase days of the hold-out that stand at `as_of`. Rows by
    `kind`: `frequency`, the mean purchases of a customer by calibration frequency (conditional on the history);
    `period`, repeat purchase days of all calibration customers, week by week from their first purchases on, expected as
    of new customers (the field's tracking plot; weeks are counted from the cut, so the first and the last may be
    shorter); `total`, the MEASURES and the fitted parameters. No rows, a reason and a line in the log where the
    calibration period is shorter than the hold-out or fewer than `purchases.min_repeaters` customers came back in it.
    TimeError for an as_of that the data do not know.
    """
    core.check_as_of(as_of)
    cut = as_of - timedelta(days=program.purchases.validation_days)
    customers = _calibration(core, cut)
    reason = _too_little(core, customers, cut, program)
    if reason:
        _LOG.warning("no hold-out validation of the purchase models at %s: %s", as_of, reason)
        return HoldOutResult(as_of, cut, _table([], as_of, cut), {}, reason)
    split = _split(core, customers, cut, as_of, program)
    fits, parts = {}, []
    for kind in MODELS.values():
        model = kind(program.purchases.time_unit).fit(*split.history)
        fits[model.name] = model
        expected = model.expected_purchases(split.horizon, *split.history)
        weeks = _weeks(model, split)
        parts += [
            _named(_by_frequency(expected, split), model, "frequency"),
            _named(weeks, model, "period"),
            _named(_totals(model, expected, weeks, split), model, "total"),
        ]
    return HoldOutResult(as_of, cut, _table(parts, as_of, cut), fits)


@dataclass(frozen=True)
class _Split:
    """One history cut in two: the calibration customers, and what they bought after the cut.

    `history` holds frequency, recency and T and `horizon` the hold-out's length, in the model's unit of `unit` days;
    `actual` the purchase days of each customer in the hold-out; `repeat_days` those of all (`day`, `number`).
    """

    customers: pl.DataFrame
    history: tuple[Array, Array, Array]
    actual: Array
    repeat_days: pl.DataFrame
    cut: date
    as_of: date
    unit: float

    @property
    def horizon(self) -> float:
        return (self.as_of - self.cut).days / self.unit


def _split(core: Core, customers: pl.DataFrame, cut: date, as_of: date, program: Program) -> _Split:
    unit = float(DAYS[program.purchases.time_unit])
    frequency, recency, age = (
        customers.get_column(name).to_numpy().astype(np.float64) for name in ("frequency", "recency_days", "age_days")
    )
    bought = (
        purchase_days(core, as_of)
        .filter(pl.col("day") >= cut)
        .join(customers.lazy().select("customer_id"), on="customer_id", how="semi")
        .select("customer_id", "day")
        .collect()
    )
    return _Split(
        customers,
        (frequency, recency / unit, age / unit),
        _of_each(customers, bought),
        _repeat_days(core, customers, cut, bought),
        cut,
        as_of,
        unit,
    )


def _calibration(core: Core, cut: date) -> pl.DataFrame:
    """The calibration customers as known at the cut, sorted: purchase_summary and the first purchase day."""
    first = pl.lit(cut).to_physical() - pl.col("age_days").cast(pl.Int32)
    return purchase_summary(core, cut).with_columns(first_day=first.cast(pl.Date)).sort("customer_id").collect()


def _too_little(core: Core, customers: pl.DataFrame, cut: date, program: Program) -> str:
    """Why the history does not carry a validation; empty where it does."""
    rules = program.purchases
    calibration_days = (cut - core.first_day).days
    repeaters = customers.filter(pl.col("frequency") > 0).height
    if calibration_days < rules.validation_days:
        return (
            f"there are {max(calibration_days, 0)} days of history before the hold-out of {rules.validation_days}, "
            "and the calibration needs as many as the hold-out (purchases.validation_days)"
        )
    if repeaters < rules.min_repeaters:
        return (
            f"{repeaters} customers with a repeat purchase before {cut}, {rules.min_repeaters} are needed "
            "(purchases.min_repeaters)"
        )
    return ""


def _of_each(customers: pl.DataFrame, bought: pl.DataFrame) -> Array:
    """Purchase days of each customer in the hold-out, in the customers' order."""
    counts = bought.group_by("customer_id").len("days")
    found = customers.select("customer_id").join(counts, on="customer_id", how="left", maintain_order="left")
    return found.get_column("days").fill_null(0).to_numpy().astype(np.float64)


def _repeat_days(core: Core, customers: pl.DataFrame, cut: date, bought: pl.DataFrame) -> pl.DataFrame:
    """Repeat purchase days of the calibration customers by day: before the cut as known then, after it `bought`."""
    before = (
        purchase_days(core, cut)
        .join(customers.lazy().select("customer_id", "first_day"), on="customer_id")
        .filter(pl.col("day") > pl.col("first_day"))
        .select("day")
    )
    return pl.concat([before.collect(), bought.select("day")]).group_by("day").len("number").sort("day")


def _by_frequency(expected: Array, split: _Split) -> pl.DataFrame:
    """Mean actual and expected purchases of a customer by calibration frequency; frequencies of nobody are left out."""
    place = np.minimum(split.customers.get_column("frequency").to_numpy(), OPEN_BUCKET)
    count = np.bincount(place, minlength=OPEN_BUCKET + 1)
    found = np.flatnonzero(count)
    sums = (np.bincount(place, weights=values, minlength=OPEN_BUCKET + 1) for values in (split.actual, expected))
    means = [total[found] / count[found] for total in sums]
    names = [f"{frequency}+" if frequency == OPEN_BUCKET else str(frequency) for frequency in found]
    return pl.DataFrame(
        {"bucket": names, "position": found, "customers": count[found], "actual": means[0], "expected": means[1]}
    )


def _weeks(model: PurchaseModel, split: _Split) -> pl.DataFrame:
    """Actual and expected repeat purchases of each week and so far.

    Expected so far at a date: the sum over customers of E[X(days since the first purchase)] of a new customer, taken
    once for each number of days.
    """
    customers, cut, as_of = split.customers, split.cut, split.as_of
    first_day = customers.get_column("first_day").min()
    assert isinstance(first_day, date)
    starts = [cut - WEEK * back for back in range(-(-(cut - first_day).days // 7), 0, -1)]
    starts += [cut + WEEK * on for on in range(-(-(as_of - cut).days // 7))]
    origin = starts[0]
    edges = np.array([*((start - origin).days for start in starts), (as_of - origin).days])
    joined = _per_day(customers.select(day="first_day", number=pl.lit(1)), origin, edges[-1])
    purchases = _per_day(split.repeat_days, origin, edges[-1])
    of_new = model.expected_purchases_new(np.arange(edges[-1] + 1) / split.unit)
    since_first = edges[:, None] - np.arange(edges[-1])
    expected = np.where(since_first > 0, of_new[np.maximum(since_first, 0)], 0.0) @ joined.astype(np.float64)
    actual = np.concatenate([[0], np.cumsum(purchases)])[edges].astype(np.float64)
    return pl.DataFrame(
        {
            "bucket": [start.isoformat() for start in starts],
            "position": np.arange(len(starts)),
            "customers": np.concatenate([[0], np.cumsum(joined)])[edges][1:],
            "actual": np.diff(actual),
            "expected": np.diff(expected),
            "actual_so_far": actual[1:],
            "expected_so_far": expected[1:],
        }
    )


def _per_day(rows: pl.DataFrame, origin: date, days: int) -> npt.NDArray[np.int64]:
    """Sum of `number` of each of the `days` days from `origin` on."""
    offset = rows.select(days_between(pl.lit(origin), pl.col("day"))).to_series().to_numpy()
    summed = np.bincount(offset, weights=rows.get_column("number").to_numpy(), minlength=days)
    return summed.round().astype(np.int64)


def _totals(model: PurchaseModel, expected: Array, weeks: pl.DataFrame, split: _Split) -> pl.DataFrame:
    """The MEASURES and the parameters; `actual` is filled for `purchases` only."""
    actual = split.actual
    total, bought = float(actual.sum()), actual > 0
    varies = len(actual) > 1 and np.ptp(actual) > 0 and np.ptp(expected) > 0
    both = 0 < int(bought.sum()) < len(bought)
    tracked = weeks.filter(pl.col("bucket") >= split.cut.isoformat(), pl.col("actual_so_far") > 0)
    off = (tracked["expected_so_far"] - tracked["actual_so_far"]).abs().to_numpy()
    values: dict[str, float | None] = {
        "purchases": float(expected.sum()),
        "bias_share": float(expected.sum()) / total - 1 if total else None,
        "mae": float(np.abs(expected - actual).mean()),
        "rmse": float(np.sqrt(((expected - actual) ** 2).mean())),
        "correlation": float(np.corrcoef(actual, expected)[0, 1]) if varies else None,
        "track_mape": float((off / tracked["actual_so_far"].to_numpy()).mean()) if len(off) else None,
        "auc_purchase": auc(bought, model.purchase_prob(split.horizon, *split.history)) if both else None,
        "auc_alive": auc(bought, model.alive_prob(*split.history)) if both else None,
        "log_likelihood": model.log_likelihood_,
        "aic": model.aic_,
        "identified": float(model.is_identified_),
    }
    values |= {f"{PARAMETER}{name}": value for name, value in model.parameters_.items()}
    return pl.DataFrame(
        {
            "bucket": list(values),
            "position": range(len(values)),
            "customers": [split.customers.height] * len(values),
            "actual": [total if name == "purchases" else None for name in values],
            "expected": list(values.values()),
        },
        schema_overrides={"actual": pl.Float64, "expected": pl.Float64},
    )


def _named(rows: pl.DataFrame, model: PurchaseModel, kind: str) -> pl.DataFrame:
    return rows.with_columns(model=pl.lit(model.name), kind=pl.lit(kind))


def _table(parts: list[pl.DataFrame], as_of: date, cut: date) -> pl.DataFrame:
    """The parts as rows of out_hold_out, in their order."""
    declared = TABLES["out_hold_out"].declared
    if not parts:
        return pl.DataFrame(schema=declared)
    rows = pl.concat(parts, how="diagonal").with_columns(as_of=pl.lit(as_of), calibrated_until=pl.lit(cut))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in declared.items())
