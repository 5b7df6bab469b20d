"""One customer has the score of the batch, to the last bit, whatever the values and whoever else is asked for."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiel.errors import FeatureError, RegistryError, SchemaError
from fiel.models.row_model import FEW_ROWS, RowModel
from tests.models import served_worlds as worlds

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NUMBERS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(-1e12, 1e12, allow_nan=False),
    st.sampled_from([0.0, -0.0, 0.1, 1 / 3, float(np.float32(0.1)), 1e-300]),
)
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["fiel", "turista", "curioso", "desencantado", "none", "r7", "r39", "", "açaí"]),
    st.text(max_size=6).filter(lambda text: "\x00" not in text and text.isprintable()),
)


def row_model(build: str) -> RowModel:
    return RowModel.of(worlds.served(build))


def rows_of(model: RowModel) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    row = st.tuples(*(TEXTS if name in model.categorical else NUMBERS for name in model.inputs))
    return st.lists(row, min_size=1, max_size=3 * FEW_ROWS)


def batch(model: RowModel, rows: list[tuple[Any, ...]]) -> list[float]:
    """What the batch gives: a frame of numbers and text, through `LoadedModel`."""
    frame = pl.DataFrame(
        {
            name: pl.Series(values, dtype=pl.String)
            if name in model.categorical
            else pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
            for name, values in zip(model.inputs, zip(*rows, strict=True), strict=True)
        }
    )
    return model.loaded.predict(frame).tolist()


@pytest.mark.parametrize("build", worlds.BUILDS)
def test_alone_among_others_and_in_the_batch_a_row_has_the_same_bits(build: str) -> None:
    model = row_model(build)

    @QUICK
    @given(rows_of(model))
    def holds(rows: list[tuple[Any, ...]]) -> None:
        expected = batch(model, rows)
        assert model.predict(rows) == expected
        assert [model.predict([row])[0] for row in rows] == expected

    holds()


@pytest.mark.parametrize("build", worlds.BUILDS)
def test_the_columns_of_a_snapshot_give_the_bits_of_the_snapshot(build: str) -> None:
    model, snapshot = row_model(build), worlds.rows().head(400)
    expected = worlds.loaded(build).predict(snapshot).tolist()
    stored = [json.loads(json.dumps(row)) for row in snapshot.select(model.inputs).rows()]
    assert model.predict(stored) == expected
    assert [model.predict([row])[0] for row in stored[:50]] == expected[:50]
    pieces = [model.predict(stored[start : start + 7]) for start in range(0, 400, 7)]
    assert [prob for piece in pieces for prob in piece] == expected


@pytest.mark.parametrize("build", worlds.BUILDS)
def test_contributions_and_a_base_sum_to_the_log_odds(build: str) -> None:
    model = row_model(build)
    rows = worlds.rows().head(30).select(model.inputs).rows()
    base = np.array(model.log_odds(rows)) - model.contributions(rows).sum(axis=1)
    assert base == pytest.approx(np.full(len(rows), base[0]), abs=1e-12)
    odds = np.array(model.log_odds(rows))
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(model.predict(rows), abs=1e-15)


@pytest.mark.parametrize("build", worlds.BUILDS)
def test_nothing_is_known_of_a_customer_and_there_is_a_score(build: str) -> None:
    model = row_model(build)
    (prob,) = model.predict([[None] * len(model.inputs)])
    assert 0 < prob < 1
    assert model.predict([]) == []


def test_the_frame_of_rows_has_the_types_of_a_snapshot() -> None:
    model, snapshot = row_model("categories"), worlds.rows().head(20).select(row_model("categories").inputs)
    frame = model.frame(snapshot.rows())
    assert frame.equals(snapshot)
    assert frame.schema == snapshot.schema


@pytest.mark.parametrize("build", ["many categories", "autoencoder"])
def test_threads_may_share_a_model(build: str) -> None:
    model = row_model(build)
    rows = worlds.rows().head(60).select(model.inputs).rows()
    probs, added = model.predict(rows), model.contributions(rows)

    def is_right(turn: int) -> bool:
        place = turn * 7 % 60
        if turn % 5 == 0:
            return bool((model.contributions([rows[place]])[0] == added[place]).all())
        return model.predict([rows[place]])[0] == probs[place] and model.predict(rows[:20]) == probs[:20]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(is_right, range(200)))


class TestWhatComesAndGoes:
    def test_a_course_that_is_not_published_counts_as_empty(self) -> None:
        model = row_model("a course")
        published = [name for name in reversed(model.inputs) if name != worlds.COURSE]
        snapshot = worlds.rows().head(30)
        rows = [model.reader(published)(values) for values in snapshot.select(published).rows()]
        assert model.predict(rows) == worlds.loaded("a course").predict(snapshot.drop(worlds.COURSE)).tolist()

    def test_published_columns_are_read_in_any_order_and_more_of_them_do_no_harm(self) -> None:
        model, snapshot = row_model("categories"), worlds.rows().head(30)
        reader = model.reader(snapshot.columns)
        assert model.predict([reader(row) for row in snapshot.rows()]) == model.loaded.predict(snapshot).tolist()

    def test_any_other_missing_column_is_named(self) -> None:
        with pytest.raises(SchemaError, match=r"age_days.*fiel run publish"):
            row_model("categories").reader(["stage"])


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("field", "value", "why"),
        [
            ("active_days_d28", "11", "a number"),
            ("active_days_d28", [11], "a list"),
            ("stage", 1, "give text"),
            ("stage", True, "a boolean"),
            ("active_days_d28", 10**400, "too large"),
            ("stage", "fiel\ud800", "half a character"),
        ],
    )
    @pytest.mark.parametrize("beside", [0, FEW_ROWS])
    def test_a_value_of_another_type_is_named(self, field: str, value: Any, why: str, beside: int) -> None:
        model = row_model("categories")
        good = [None] * len(model.inputs)
        row = [value if name == field else None for name in model.inputs]
        with pytest.raises(FeatureError, match=why) as refused:
            model.predict([good] * beside + [row])
        assert refused.value.field == field

    @pytest.mark.parametrize("beside", [0, FEW_ROWS])
    def test_an_infinite_number_is_named_where_the_model_cannot_have_it(self, beside: int) -> None:
        model = row_model("autoencoder")
        row = [float("inf") if name == "active_days_d28" else None for name in model.inputs]
        with pytest.raises(FeatureError, match="active_days_d28 is too large") as refused:
            model.predict([[None] * len(row)] * beside + [row])
        assert refused.value.field == "active_days_d28"

    def test_a_feature_that_the_model_does_not_know_is_named(self) -> None:
        with pytest.raises(FeatureError, match="active_dys is no feature") as refused:
            row_model("categories").row_of({"active_dys": 3})
        assert refused.value.field == "active_dys"

    def test_features_that_are_not_given_are_empty_and_told(self) -> None:
        model = row_model("numbers only")
        row, missing = model.row_of({"active_days_d28": 11})
        assert row == [11 if name == "active_days_d28" else None for name in model.inputs]
        assert missing == [name for name in model.inputs if name != "active_days_d28"]

    def test_a_row_of_another_length_is_refused(self) -> None:
        with pytest.raises(SchemaError, match="3 values"):
            row_model("categories").predict([[1, 2, 3]])


class TestTheFile:
    def test_changed_bytes_are_never_read(self) -> None:
        served = worlds.served("categories")
        changed = served.content[:-1] + bytes([served.content[-1] ^ 1])
        with pytest.raises(RegistryError, match="digest"):
            RowModel.of(dataclasses.replace(served, content=changed))

    @pytest.mark.parametrize("kind", ["catboost", "stage_rule", "pickle"])
    def test_bytes_that_are_no_model_are_refused(self, kind: str) -> None:
        content = b"\x80\x04\x95cos\nsystem\n"
        digest = hashlib.sha256(content).hexdigest()
        served = dataclasses.replace(worlds.served("categories"), content=content, digest=digest, kind=kind)
        with pytest.raises(RegistryError, match=r"cannot be read|not known"):
            RowModel.of(served)

    def test_what_is_known_of_the_model_comes_with_it(self) -> None:
        model = row_model("ensemble")
        assert (model.kind, model.version) == ("catboost", "2")
        assert model.loaded.recipe == json.loads(json.dumps(worlds.loaded("ensemble").recipe))
