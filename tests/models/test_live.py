"""Reasons of one customer now are those of the batch, with the codes behind the words."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from fiel.models.classifier import shap_values
from fiel.models.live import explain
from fiel.models.loaded import LoadedModel
from fiel.models.phrases import topic_of
from fiel.models.reasons import reasons, topics_of
from fiel.models.row_model import RowModel
from tests.models import frames
from tests.models import served_worlds as worlds

PROGRAM = frames.program()
SNAPSHOT = worlds.rows().head(60)


def texts(told: pl.DataFrame) -> list[list[str]]:
    return [[text for text in row if text is not None] for row in told.rows()]


@pytest.mark.parametrize("build", worlds.BUILDS)
@pytest.mark.parametrize("language", ["en", "pt"])
def test_the_words_are_those_of_the_batch(build: str, language: str) -> None:
    model = RowModel.of(worlds.served(build))
    rows = SNAPSHOT.select(model.inputs).rows()
    expected = texts(reasons(SNAPSHOT, worlds.loaded(build), PROGRAM, language))
    assert [[reason.text for reason in found] for found in explain(model, rows, PROGRAM, language)] == expected
    assert [reason.text for reason in explain(model, rows[:1], PROGRAM, language)[0]] == expected[0]


@pytest.mark.parametrize("build", ["categories", "ensemble", "autoencoder"])
def test_the_codes_are_the_strongest_topics_and_what_they_add(build: str) -> None:
    model, loaded = RowModel.of(worlds.served(build)), worlds.loaded(build)
    values = shap_values(loaded.model, SNAPSHOT)
    for row, found in enumerate(explain(model, SNAPSHOT.select(model.inputs).rows(), PROGRAM)):
        sums = {topic: values[row, places].sum() for topic, places in topics_of(loaded.features).items()}
        strongest = sorted(map(abs, sums.values()), reverse=True)[: len(found)]
        assert [abs(reason.contribution) for reason in found] == pytest.approx(strongest, abs=1e-12)
        for reason in found:
            assert reason.contribution == pytest.approx(sums[reason.topic], abs=1e-12)
            assert topic_of(reason.feature) == reason.topic
            embedded = reason.feature not in SNAPSHOT.columns
            assert reason.value == (None if embedded else SNAPSHOT[reason.feature][row])


def test_the_stage_rules_reason_is_the_stage() -> None:
    (found,) = explain(RowModel.of(worlds.served("stage rule")), [["fiel"]], PROGRAM)
    rule = worlds.loaded("stage rule").model
    assert [(reason.topic, reason.feature, reason.value) for reason in found] == [("stage", "stage", "fiel")]
    odds = np.log(rule.probs["fiel"] / (1 - rule.probs["fiel"])) - np.log(rule.base_prob / (1 - rule.base_prob))
    assert found[0].contribution == pytest.approx(odds)


def test_nobody_has_no_reasons() -> None:
    assert explain(RowModel.of(worlds.served("categories")), [], PROGRAM) == []


def test_a_model_that_says_the_same_of_everyone_has_no_reason() -> None:
    loaded = RowModel.of(worlds.served("one number")).loaded  # one of the test's own, to change
    flat = loaded.model
    flat.set_leaf_values(np.zeros_like(flat.get_leaf_values()))
    model = RowModel(LoadedModel("9", "catboost", "", flat, loaded.features))
    assert explain(model, [[3]], PROGRAM) == [[]]
