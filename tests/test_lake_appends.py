"""A table that only grows: every row once, whatever was written before."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from fiel.errors import LakeError, SchemaError
from fiel.lake import Lake
from fiel.lake_appends import append_new
from fiel.tables import TABLES


def answers(*requests: str, day: int = 1, prob: float = 0.5) -> pl.DataFrame:
    at = datetime(2025, 11, day, 12)
    row = {"served_date": at.date(), "served_at": at, "position": 0, "customer_id": "c1", "as_of": date(2025, 11, 1)}
    model = {"target": "fiel", "basis": "recomputed", "door": "score", "model_version": "1", "model_digest": "d"}
    rows = [{"request_id": request, "prob": prob, "features": "{}", **row, **model} for request in requests]
    return pl.DataFrame(rows, schema=TABLES["out_served"].declared)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "teomewhy")


def test_rows_are_added_to_those_that_are_there(lake) -> None:
    assert append_new(lake, "out_served", answers("r1", "r2")) == 2
    assert append_new(lake, "out_served", answers("r3", day=2), {"fiel_code": "x"}) == 1
    assert lake.read("out_served").get_column("request_id").to_list() == ["r1", "r2", "r3"]
    assert lake.provenance("out_served")["fiel_code"] == "x"


def test_a_row_that_is_there_already_is_neither_added_nor_changed(lake) -> None:
    append_new(lake, "out_served", answers("r1", prob=0.5))
    version = lake.version("out_served")
    assert append_new(lake, "out_served", answers("r1", prob=0.9)) == 0
    assert lake.version("out_served") == version
    assert append_new(lake, "out_served", answers("r1", "r2", prob=0.9)) == 1
    assert lake.read("out_served").get_column("prob").to_list() == [0.5, 0.9]


def test_of_the_same_row_twice_in_one_frame_one_is_added(lake) -> None:
    assert append_new(lake, "out_served", pl.concat([answers("r1"), answers("r1")])) == 1


def test_the_table_has_a_partition_for_each_day(lake) -> None:
    append_new(lake, "out_served", pl.concat([answers("r1"), answers("r2", day=2)]))
    folders = {address.split("/")[0] for address, _ in lake.data_files("out_served")}
    assert folders == {"served_date=2025-11-01", "served_date=2025-11-02"}


def test_a_frame_with_another_schema_is_refused(lake) -> None:
    with pytest.raises(SchemaError, match="column prob is missing"):
        append_new(lake, "out_served", answers("r1").drop("prob"))


def test_a_table_that_is_replaced_is_not_added_to_and_the_other_way_round(lake) -> None:
    with pytest.raises(LakeError, match="replaced, not added to"):
        append_new(lake, "out_quality", pl.DataFrame(schema=TABLES["out_quality"].declared))
    with pytest.raises(LakeError, match="only grows"):
        lake.write("out_served", answers("r1"))
