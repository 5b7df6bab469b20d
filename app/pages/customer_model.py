"""What the live model says on a customer's page: why the score is what it is, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catboost import CatBoostClassifier

from app.api.reasons import published_reasons, reasons_of
from app.champions import Live
from app.pages.voice import Voice
from app.pages.what_if_fields import Field, fields
from app.scored import Scored
from app.service import Service
from fiel.models.row_model import RowModel
from fiel.models.what_if import Difference, compare
from fiel.program import Program

_RANGES: dict[str, dict[str, tuple[float, float]]] = {}
_MOST_RANGES = 32
_ENDS = 1e37
"""Splits beyond it tell nothing but missing values apart."""


def reasons(scored: Scored, live: Live | None, document: Mapping[str, Any], voice: Voice) -> list[str]:
    """Why the score is what it is, strongest first; empty where there is no probability.

    As it was told when the customer was scored, where the same model is in service; else the model is asked now.
    """
    told = (
        published_reasons(scored, voice.language, dict(document))
        or reasons_of(live, voice.program, [scored], voice.language)[0]
    )
    return [str(reason["text"]) for reason in told]


def targets_by_rule(service: Service, program: Program) -> set[str]:
    """The further targets whose champion in service is no model of the customer: the stage rule or the base rate."""
    mine = {target.name for target in program.more_targets}
    return {
        live.program.target.name
        for live in service.champions.all()
        if live.program.name == program.name and live.program.target.name in mine and live.model.kind == "stage_rule"
    }


@dataclass(frozen=True)
class Asked:
    """A "what if" that was asked: the fields as they were written, what is wrong with them, and the answer.

    `values` are the changed features with their value before and after.
    """

    written: Mapping[str, str]
    errors: Mapping[str, str]
    values: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    difference: Difference | None = None


def what_if_fields(scored: Scored, live: Live | None, voice: Voice) -> list[Field]:
    """The fields of the form: none where there is no model to ask or no customer's values."""
    if live is None or scored.values is None or scored.prob is None:
        return []
    model = live.model
    strengths = model.contributions([scored.values])[0]
    return fields(
        dict(zip(model.inputs, scored.values, strict=True)),
        {name: float(strength) for name, strength in zip(model.features, strengths, strict=True)},
        ranges_of(model),
        model.categorical,
        voice.program,
    )


def ask(form: Mapping[str, Any], shown: list[Field], scored: Scored, live: Live, voice: Voice) -> Asked:
    """Read the form, and compare the customer as they are with the customer as the form says."""
    written, errors, changes = {}, {}, {}
    values = dict(zip(live.model.inputs, scored.values or (), strict=True))
    for one in shown:
        text = form.get(form_name(one))
        if text is None:
            continue
        written[one.name] = str(text)[:100]
        try:
            value = one.read(written[one.name])
        except ValueError as error:
            errors[one.name] = voice.say(str(error))
            continue
        if value != one.value:
            changes[one.name] = value
    if errors:
        return Asked(written, errors)
    moved = {name: (values[name], value) for name, value in changes.items()}
    return Asked(written, errors, moved, compare(live.model, values, changes, voice.program, voice.language))


def form_name(asked: Field) -> str:
    """The name of a feature's field in the form."""
    return f"feature.{asked.name}"


def ranges_of(model: RowModel) -> dict[str, tuple[float, float]]:
    """The lowest and highest split of each number that the model reads; worked out once for each model."""
    found = _RANGES.get(model.digest)
    if found is None:
        if len(_RANGES) >= _MOST_RANGES:
            _RANGES.clear()
        found = _RANGES[model.digest] = _borders(model)
    return found


def _borders(model: RowModel) -> dict[str, tuple[float, float]]:
    inside = model.loaded.model
    if not isinstance(inside, CatBoostClassifier):
        return {}
    names = inside.feature_names_
    # CatBoost keeps missing values apart by a split at the end of all 32-bit numbers: no value of anybody's.
    borders = {
        names[index]: [float(split) for split in splits if abs(split) < _ENDS]
        for index, splits in inside.get_borders().items()
    }
    return {name: (min(splits), max(splits)) for name, splits in borders.items() if splits}
