"""The purchase models of each as_of, fitted on what was known before it: `feat_purchase_fits`, and models made of it.

The features are computed with the parameters of this table and nothing else, so whoever reads a row can make the same
model and the same numbers again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from fiel.core import Core
from fiel.estimators import BGNBD, MBGNBD, GammaGamma, PooledBGNBD
from fiel.estimators.btyd import PurchaseModel
from fiel.estimators.patterns import unique_patterns
from fiel.features.purchase_days import purchase_summary
from fiel.program import Program
from fiel.tables import TABLES

DAYS: dict[str, int] = {"days": 1, "weeks": 7}
"""Days in one unit of a model's time."""

MODELS: dict[str, type[PurchaseModel]] = {model.name: model for model in (BGNBD, MBGNBD, PooledBGNBD)}
"""The purchase models by name, the preferred first where two have the same AIC."""

VALUE_MODEL = "gamma_gamma"
POOLED = PooledBGNBD.name

_PARAMETERS = {
    BGNBD.name: ("r", "alpha", "a", "b"),
    MBGNBD.name: ("r", "alpha", "a", "b"),
    POOLED: ("r", "alpha", "p"),
    VALUE_MODEL: ("p", "q", "v"),
}


@dataclass(frozen=True)
class UsedModels:
    """The models whose numbers are the features of one as_of; None where there is none."""

    purchases: PurchaseModel | None
    value: GammaGamma | None


def purchase_fits(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Parameters of all purchase models, `feat_purchase_fits`: one row for each as_of, model and parameter, sorted.

    Each as_of is fitted alone, on the purchase days that stand at it. Times are in `purchases.time_unit`; `v` of
    gamma_gamma is in the program's unit of value (pounds, not pence), so that it can be compared with published fits.
    With fewer customers with a repeat purchase than `purchases.min_repeaters` a model has rows without estimates.

    Used for features is the model that `purchases.model` names; with `auto`, of those whose drop-out part the data
    identify, the one with the lowest AIC, else the pooled one. A search that did not converge is never used.
    """
    rows = [row for as_of in sorted(set(as_of_dates)) for row in _rows_of(core, as_of, program)]
    table = TABLES["feat_purchase_fits"]
    return pl.DataFrame(rows, schema=table.declared, orient="row").sort(table.key).lazy()


def used_models(fits: pl.DataFrame) -> UsedModels:
    """The models that the rows of one as_of mark as used, ready to predict."""
    used = fits.filter("is_used")
    by_name: dict[str, dict[str, float]] = {}
    for name, parameter, estimate in used.select("model", "parameter", "estimate").iter_rows():
        by_name.setdefault(name, {})[parameter] = estimate
    value = by_name.pop(VALUE_MODEL, None)
    units = used["time_unit"].unique().to_list()
    models = [MODELS[name].from_parameters(parameters, units[0]) for name, parameters in by_name.items()]
    return UsedModels(models[0] if models else None, None if value is None else GammaGamma.from_parameters(value))


@dataclass(frozen=True)
class _Outcome:
    """What became of one model's fit."""

    name: str
    fitted: PurchaseModel | GammaGamma | None
    customers: int
    repeaters: int
    note: str

    @property
    def is_identified(self) -> bool:
        return self.fitted is not None and self.fitted.is_identified_

    @property
    def is_usable(self) -> bool:
        return self.fitted is not None and self.fitted.converged_


def _rows_of(core: Core, as_of: date, program: Program) -> list[dict[str, Any]]:
    order = ["frequency", "recency_days", "age_days", "mean_value"]
    histories = purchase_summary(core, as_of).select(order).sort(order).collect(engine="streaming")
    purchases, value = _fit_purchases(histories, program), _fit_value(histories, program)
    used = _used(purchases, program)
    rows = []
    for outcome in (*purchases, value):
        is_used = outcome.is_usable if outcome is value else outcome is used
        note = outcome.note if is_used or not outcome.is_usable else _why_not_used(outcome, used, program)
        rows += list(_rows(outcome, as_of, program, is_used, note))
    return rows


def _fit_purchases(histories: pl.DataFrame, program: Program) -> list[_Outcome]:
    customers = histories.height
    repeaters = int((histories["frequency"] > 0).sum())
    if repeaters < program.purchases.min_repeaters:
        note = _too_few(repeaters, "customers with a repeat purchase", program)
        return [_Outcome(name, None, customers, repeaters, note) for name in MODELS]
    x, t_x, age = (histories[name].to_numpy().astype(np.float64) for name in histories.columns[:3])
    patterns = unique_patterns(x, t_x, age, None).scaled(DAYS[program.purchases.time_unit])
    fitted = [model(program.purchases.time_unit).fit_patterns(patterns) for model in MODELS.values()]
    return [_Outcome(model.name, model, customers, repeaters, model.identification_note_) for model in fitted]


def _fit_value(histories: pl.DataFrame, program: Program) -> _Outcome:
    repeaters = histories.filter(pl.col("frequency") > 0, pl.col("mean_value") > 0)
    number = repeaters.height
    if number < program.purchases.min_repeaters:
        note = _too_few(number, "customers with repeat purchases worth more than 0", program)
        return _Outcome(VALUE_MODEL, None, number, number, note)
    fitted = GammaGamma().fit(
        repeaters["frequency"].to_numpy(), repeaters["mean_value"].to_numpy() / program.value.scale
    )
    return _Outcome(VALUE_MODEL, fitted, number, number, fitted.identification_note_)


def _too_few(number: int, whom: str, program: Program) -> str:
    return f"not fitted: {number} {whom}, purchases.min_repeaters is {program.purchases.min_repeaters}"


def _used(outcomes: Sequence[_Outcome], program: Program) -> _Outcome | None:
    wanted = program.purchases.model
    usable = {outcome.name: outcome for outcome in outcomes if outcome.is_usable}
    if wanted != "auto":
        return usable.get(wanted)
    identified = [outcome for name, outcome in usable.items() if name != POOLED and outcome.is_identified]
    return min(identified, key=_aic) if identified else usable.get(POOLED)


def _aic(outcome: _Outcome) -> float:
    return math.inf if outcome.fitted is None else outcome.fitted.aic_


def _why_not_used(outcome: _Outcome, used: _Outcome | None, program: Program) -> str:
    """The note of a fitted model whose numbers are not the features."""
    if outcome.note or used is None:
        return outcome.note
    if program.purchases.model != "auto":
        return f"not used: purchases.model asks for {program.purchases.model}"
    if outcome.name == POOLED:
        return f"not used: the drop-out part of {used.name} is identified"
    return f"not used: {used.name} has the lower AIC"


def _rows(outcome: _Outcome, as_of: date, program: Program, is_used: bool, note: str) -> Iterable[dict[str, Any]]:
    fitted = outcome.fitted
    for parameter in _PARAMETERS[outcome.name]:
        yield {
            "as_of": as_of,
            "model": outcome.name,
            "parameter": parameter,
            "estimate": None if fitted is None else fitted.parameters_[parameter],
            "standard_error": None if fitted is None else _finite(fitted.standard_errors_[parameter]),
            "time_unit": program.purchases.time_unit,
            "customers": outcome.customers,
            "repeaters": outcome.repeaters,
            "log_likelihood": None if fitted is None else fitted.log_likelihood_,
            "aic": None if fitted is None else fitted.aic_,
            "is_identified": outcome.is_identified,
            "is_used": is_used,
            "note": note,
        }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
