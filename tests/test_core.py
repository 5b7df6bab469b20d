from __future__ import annotations

import json
from datetime import date, timedelta

import polars as pl
import pytest

from fiel.core import Core
from fiel.errors import LakeError, TimeError
from fiel.lake import Lake
from fiel.tables import CORE_TABLES, TABLES

FIRST, THROUGH = date(2025, 1, 10), date(2025, 3, 31)


def customer_days(*days: date) -> pl.DataFrame:
    counts = {name: 1 for name, dtype in TABLES["core_customer_days"].declared.items() if dtype == pl.Int64}
    return pl.DataFrame(
        {"customer_id": [f"c{n}" for n in range(len(days))], "day": list(days)} | counts,
        schema=TABLES["core_customer_days"].declared,
    )


def ingested(lake: Lake, sequence: int, days: pl.DataFrame) -> dict[str, int]:
    """Write every core table and, last, the row that names their versions."""
    tables = {name: pl.DataFrame(schema=TABLES[name].declared) for name in CORE_TABLES} | {"core_customer_days": days}
    written = {name: lake.write(name, frame) for name, frame in tables.items()}
    row = pl.DataFrame(
        {
            "sequence": [sequence],
            "source_version": f"v={sequence}",
            "fingerprint": f"f{sequence}",
            "known_through": THROUGH,
            "first_day": FIRST,
            "table_versions": json.dumps(written),
            "counts": "{}",
            "warnings": "[]",
        },
        schema=TABLES["core_versions"].declared,
    )
    earlier = [lake.read("core_versions")] if lake.exists("core_versions") else []
    lake.write("core_versions", pl.concat([*earlier, row]))
    return written


# ------------------------------------------------------------------------------------------ as_of


@pytest.mark.parametrize("as_of", [FIRST + timedelta(days=1), date(2025, 2, 1), THROUGH + timedelta(days=1)])
def test_an_as_of_inside_what_the_data_know_is_taken(as_of) -> None:
    Core.of({"customer_days": customer_days(FIRST)}, THROUGH).check_as_of(as_of)


REFUSED = {
    "past the last complete day": (THROUGH + timedelta(days=2), "may be at most 2025-04-01"),
    "far in the future": (date(2031, 1, 1), "may be at most 2025-04-01"),
    "the first day": (FIRST, "must be at least 2025-01-11"),
    "before the first event": (date(2020, 1, 1), "must be at least 2025-01-11"),
}


@pytest.mark.parametrize(("as_of", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_an_as_of_outside_what_the_data_know_is_refused(as_of, message) -> None:
    core = Core.of({"customer_days": customer_days(FIRST, date(2025, 2, 1))}, THROUGH, "loyalty-system=12")
    with pytest.raises(TimeError, match=message) as refused:
        core.check_as_of(as_of)
    assert str(as_of) in str(refused.value)


def test_a_core_in_memory_has_every_table_and_the_first_active_day() -> None:
    core = Core.of({"customer_days": customer_days(date(2025, 2, 1), FIRST)}, THROUGH)
    assert core.first_day == FIRST
    for name in CORE_TABLES:
        frame = core[name.removeprefix("core_")]
        assert dict(frame.collect_schema()) == TABLES[name].declared


def test_a_core_without_active_days_knows_no_as_of() -> None:
    core = Core.of({}, THROUGH)
    with pytest.raises(TimeError):
        core.check_as_of(THROUGH)


def test_data_of_one_day_that_may_go_on_know_no_as_of_and_say_so() -> None:
    core = Core.of({"customer_days": customer_days(FIRST)}, FIRST - timedelta(days=1), "files=1")
    for as_of in (FIRST, FIRST + timedelta(days=1)):
        with pytest.raises(TimeError, match="files=1 holds no complete day: all of it is of 2025-01-10"):
            core.check_as_of(as_of)


# ------------------------------------------------------------------------------------------ one consistent reading


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "shop")


def test_nothing_ingested_yet_says_what_to_run(lake) -> None:
    with pytest.raises(LakeError, match="run `fiel run ingest --program shop` first"):
        Core.open(lake)


def test_the_newest_ingest_is_opened(lake) -> None:
    ingested(lake, 1, customer_days(FIRST))
    written = ingested(lake, 2, customer_days(FIRST, date(2025, 2, 1)))
    core = Core.open(lake)
    assert core["customer_days"].collect().height == 2
    assert (core.source_version, core.fingerprint) == ("v=2", "f2")
    assert (core.known_through, core.first_day) == (THROUGH, FIRST)
    assert core.versions == written


def test_an_ingest_that_died_half_way_was_never_seen(lake) -> None:
    ingested(lake, 1, customer_days(FIRST))
    lake.write("core_customer_days", customer_days(FIRST, date(2025, 2, 1)))
    assert Core.open(lake)["customer_days"].collect().height == 1


def test_the_newest_ingest_is_the_one_with_the_highest_sequence_also_past_nine(lake) -> None:
    ingested(lake, 9, customer_days(FIRST))
    ingested(lake, 11, customer_days(FIRST, FIRST))
    ingested(lake, 10, customer_days(FIRST, FIRST, FIRST))
    assert Core.open(lake).source_version == "v=11"
