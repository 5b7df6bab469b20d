"""The reasons of a score that is made now, for one customer or a few: in words, and with the codes behind the words.

They are those of the batch (fiel.models.reasons): the same contributions, topics and sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from fiel.models.phrases import sentences, topic_of
from fiel.models.reasons import REASONS, SMALLEST, reasons, strongest, topics_of
from fiel.models.row_model import Row, RowModel
from fiel.models.stage_rule import StageRule
from fiel.program import Program


@dataclass(frozen=True)
class Reason:
    """Why a score is what it is: a topic and what it adds to the log odds, told by its strongest feature.

    `value` is the feature's value, None where it is empty or made by the model's own embedding. `text` is a sentence.
    """

    topic: str
    feature: str
    value: Any
    contribution: float
    text: str


def explain(model: RowModel, rows: Sequence[Row], program: Program, language: str = "en") -> list[list[Reason]]:
    """Up to three reasons for each row, the strongest first; none where nothing speaks for or against it.

    FeatureError names an input whose value cannot be.
    """
    if not rows:
        return []
    values = model.contributions(rows)
    if isinstance(model.loaded.model, StageRule):
        told = reasons(model.frame(rows), model.loaded, program, language)[REASONS[0]].to_list()
        return [
            [Reason("stage", "stage", row[0], float(added), text)]
            for row, added, text in zip(rows, values[:, 0], told, strict=True)
        ]
    speakers, strengths = strongest(values, topics_of(model.features))
    picked = [
        (row, speakers[row, rank], strengths[row, rank])
        for row in range(len(rows))
        for rank in range(speakers.shape[1])
        if abs(strengths[row, rank]) > SMALLEST
    ]
    found: list[list[Reason]] = [[] for _ in rows]
    for (row, _, _), reason in zip(picked, told_by(model, rows, picked, program, language), strict=True):
        found[row].append(reason)
    return found


def told_by(
    model: RowModel, rows: Sequence[Row], picked: Sequence[tuple[int, Any, Any]], program: Program, language: str
) -> list[Reason]:
    """One reason for each of `picked`, in order: a row's number, a feature's place, and what its topic adds."""
    place_of = {name: place for place, name in enumerate(model.inputs)}
    texts: list[str] = [""] * len(picked)
    for place in sorted({int(place) for _, place, _ in picked}):
        name = model.features[place]
        at = [number for number, (_, other, _) in enumerate(picked) if other == place]
        spoken = [rows[picked[number][0]] for number in at]
        told = sentences(
            name,
            model.column(name, spoken) if name in place_of else pl.Series(name, [0.0] * len(spoken)),
            pl.Series([bool(picked[number][2] > 0) for number in at]),
            program,
            language,
        )
        for number, text in zip(at, told.to_list(), strict=True):
            texts[number] = text
    found = []
    for (row, place, added), text in zip(picked, texts, strict=True):
        name = model.features[int(place)]
        value = rows[row][place_of[name]] if name in place_of else None
        found.append(Reason(topic_of(name), name, value, float(added), text))
    return found
