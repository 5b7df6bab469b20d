from __future__ import annotations

from datetime import date

import dataframely as dy
import polars as pl
import pytest

from fiel.errors import SchemaError
from fiel.tables import CORE_TABLES, TABLES, Table, known_at

STORABLE = (pl.String, pl.Boolean, pl.Int64, pl.Float64, pl.Date, pl.Datetime)
"""What Delta keeps as it is; the lake holds nothing else."""


def schema_of(table: str, **more: pl.DataType) -> pl.Schema:
    return pl.Schema(TABLES[table].declared | more)


# ------------------------------------------------------------------------------------------ every table


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_declares_types_that_delta_keeps(table) -> None:
    for name, dtype in table.declared.items():
        assert dtype.base_type() in STORABLE, name
        assert not isinstance(dtype, pl.Datetime) or (dtype.time_unit, dtype.time_zone) == ("us", None), name


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_names_its_columns_by_the_house_rules(table) -> None:
    for name, dtype in table.declared.items():
        assert name.isidentifier(), name
        assert name == name.lower(), name
        assert (dtype == pl.Boolean) == name.startswith(("is_", "has_", "in_")), name
        assert (dtype.base_type() is pl.Datetime) == name.endswith("_at"), name


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_partitioned_by_as_of_has_it_in_its_key(table) -> None:
    assert table.layer in ("core", "feat", "out")
    if table.by_as_of:
        assert "as_of" in table.key


@pytest.mark.parametrize("name", [name for name in TABLES if name.startswith("core_")])
def test_every_core_column_says_when_it_was_known(name) -> None:
    for column in TABLES[name].declared:
        assert known_at(name, column) in ("event_time", "published", "first_version", "derived", "never")


def test_what_shows_today_is_never_a_feature() -> None:
    for column in ("balance_points", "source_created_at", "status", "merged_into", "last_version"):
        assert known_at("core_customers", column) == "never"


def test_one_ingest_writes_every_core_table_but_the_versions() -> None:
    assert set(CORE_TABLES) == {name for name in TABLES if name.startswith("core_")} - {"core_versions"}


# ------------------------------------------------------------------------------------------ undeclared columns


def test_an_undeclared_column_has_no_known_at_rule() -> None:
    with pytest.raises(SchemaError, match=r"core_events\.mood declares no known-at rule"):
        known_at("core_events", "mood")


def test_a_column_declared_without_a_rule_is_refused(monkeypatch) -> None:
    class Silent(dy.Schema):
        key = dy.String(primary_key=True)

    monkeypatch.setitem(TABLES, "core_silent", Table("core_silent", Silent))
    with pytest.raises(SchemaError, match="say when its values were known"):
        known_at("core_silent", "key")


# ------------------------------------------------------------------------------------------ the writer's check

WRONG = {
    "float into an integer": (
        "core_events",
        {"value": pl.Float64()},
        "column value is Float64, declared Int64",
    ),
    "small integer": ("core_events", {"value": pl.Int32()}, "column value is Int32"),
    "categorical": ("core_events", {"origin": pl.Categorical()}, "column origin is Categorical"),
    "aware instant": ("core_events", {"occurred_at": pl.Datetime("us", "UTC")}, "column occurred_at is Datetime"),
    "coarser instant": ("core_events", {"occurred_at": pl.Datetime("ms")}, "column occurred_at is Datetime"),
    "undeclared column": ("core_events", {"mood": pl.String()}, "column mood is not declared"),
    "undeclared feature": ("feat_activity", {"karma_d7": pl.Int64()}, "column karma_d7 is not declared"),
    "generated column in another type": (
        "feat_activity",
        {"active_days_d7": pl.UInt32()},
        "column active_days_d7 is UInt32, declared Int64",
    ),
}


@pytest.mark.parametrize(("table", "columns", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_schema_that_is_not_the_declared_one_is_refused(table, columns, message) -> None:
    with pytest.raises(SchemaError, match="table " + table) as refused:
        TABLES[table].check(schema_of(table, **columns))
    assert message in str(refused.value)


def test_every_wrong_column_is_named_at_once() -> None:
    schema = schema_of("core_links", user_id=pl.Int64(), mood=pl.String())
    del schema["known_from"]
    with pytest.raises(SchemaError) as refused:
        TABLES["core_links"].check(schema)
    for name in ("user_id", "known_from", "mood"):
        assert name in str(refused.value)


GENERATED = ("active_days_life", "hours_d7", "value_net_d365", "product_share_chat_message", "category_share_rpg")


@pytest.mark.parametrize("name", GENERATED)
def test_generated_columns_are_taken_by_their_pattern(name) -> None:
    dtype = pl.Int64() if name.startswith(("active_days", "value_net")) else pl.Float64()
    TABLES["feat_activity"].check(schema_of("feat_activity", **{name: dtype}))
    TABLES["feat_snapshot"].check(schema_of("feat_snapshot", **{name: dtype}))


@pytest.mark.parametrize("name", ["active_days_7", "active_days_dx", "active_days_", "product_share_É", "xhours_d7"])
def test_a_name_that_only_looks_like_a_pattern_is_not_taken(name) -> None:
    with pytest.raises(SchemaError, match="is not declared"):
        TABLES["feat_activity"].check(schema_of("feat_activity", **{name: pl.Int64()}))


def test_stage_columns_take_exactly_the_stages() -> None:
    frame = pl.DataFrame(
        {
            "customer_id": ["a", "b"],
            "first_as_of": [date(2025, 1, 1)] * 2,
            "last_as_of": [None, None],
            "stage": ["fiel", "loyal"],
        },
        schema=TABLES["feat_life_cycle_spans"].declared,
    )
    valid, failures = TABLES["feat_life_cycle_spans"].schema.filter(frame)
    assert valid.get_column("stage").to_list() == ["fiel"]
    assert list(failures.counts()) == ["stage|regex"]
