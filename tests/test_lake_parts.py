"""A table that is written part after part."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import polars as pl
import pytest

from fiel.errors import FielError, LakeError
from fiel.lake import Lake
from fiel.lake_parts import write_parts
from fiel.tables import TABLES


def events(*sessions: int) -> pl.DataFrame:
    return pl.DataFrame(
        [(session, datetime(2025, 1, 1, 5), 7, "clicks", date(2025, 1, 1), 5, 3) for session in sessions],
        schema=TABLES["core_interactions"].declared,
        orient="row",
    )


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "telecom")


def test_the_parts_are_the_table(lake) -> None:
    version = write_parts(lake, "core_interactions", (events(n, n + 1) for n in (1, 3, 5)), {"fiel_run": "r1"})
    assert lake.read("core_interactions").equals(events(1, 2, 3, 4, 5, 6))
    assert version == lake.version("core_interactions")
    assert lake.provenance("core_interactions")["fiel_run"] == "r1"


def test_a_second_write_replaces_the_first_and_the_first_can_still_be_read(lake) -> None:
    first = write_parts(lake, "core_interactions", [events(1, 2)])
    write_parts(lake, "core_interactions", [events(8), events(9)])
    assert lake.read("core_interactions").equals(events(8, 9))
    assert lake.read("core_interactions", version=first).equals(events(1, 2))


def test_a_write_that_dies_leaves_the_earlier_version(lake) -> None:
    version = write_parts(lake, "core_interactions", [events(1)])

    def dying() -> Iterator[pl.DataFrame]:
        yield events(2)
        raise OSError("the disk is gone")

    with pytest.raises(LakeError, match="the earlier version is still there"):
        write_parts(lake, "core_interactions", dying())
    assert (lake.version("core_interactions"), lake.read("core_interactions").height) == (version, 1)


def test_a_frame_with_another_schema_is_refused(lake) -> None:
    with pytest.raises(FielError, match="column hour is missing"):
        write_parts(lake, "core_interactions", [events(1), events(2).drop("hour")])


@pytest.mark.parametrize("table", ["out_scores", "core_attributes"])
def test_tables_that_need_more_care_are_refused(lake, table) -> None:
    with pytest.raises(LakeError, match="write it with"):
        write_parts(lake, table, [])
