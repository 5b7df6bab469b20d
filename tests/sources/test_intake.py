"""Read = set aside by each rule + rejected + kept, in rows and in money, for every table of every format."""

from __future__ import annotations

import tempfile
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fiel.errors import SourceError
from fiel.program import load_program
from fiel.sources.ingest import read_and_normalise
from fiel.sources.landing import Landing
from fiel.sources.version import SourcePart, SourceVersion
from tests.sources import retail_files as shop
from tests.sources.conftest import NOW, Place, teomewhy_program
from tests.sources.retail_files import ROWS, UK, program, write_csv, write_parquet, write_xlsx
from tests.sources.tiny import add, each


def check(intake: pl.DataFrame, money: bool = True) -> None:
    """Every table's steps add up."""
    for table in intake.partition_by("table_name"):
        steps = table.sort("position")
        assert steps.get_column("step")[0] == "read"
        assert steps.get_column("step")[-1] == "kept"
        for column in ("rows", *(["value"] if money else [])):
            amount = dict(steps.group_by("step").agg(pl.col(column).sum()).iter_rows())
            assert amount["read"] == amount["kept"] + amount.get("set_aside", 0) + amount.get("rejected", 0)


def kept(intake: pl.DataFrame) -> tuple[int, int]:
    steps = intake.filter(pl.col("step") == "kept")
    return steps.get_column("rows").sum(), steps.get_column("value").sum()


def of_core(tables: dict[str, pl.DataFrame]) -> tuple[int, int]:
    return tables["core_event_lines"].height, tables["core_events"].get_column("value").sum()


rows = st.lists(
    st.tuples(
        st.sampled_from(["1", "2", "3", "C4", "C5", "A6"]),
        st.sampled_from(["71053", "85123A", "POST", "m", "gift_0001_20"]),
        st.sampled_from(["MUG", None]),
        st.integers(-3, 12),
        st.sampled_from([datetime(2010, 12, day, 9, 30) for day in (1, 13, 14)]),
        st.sampled_from([0.0, 0.335, 2.55, -1.5, 12.75]),
        st.sampled_from([17850.0, 13047.0, None]),
        st.just(UK),
    ),
    min_size=1,
    max_size=30,
)
switches = st.fixed_dictionaries(
    {name: st.booleans() for name in ("repeated_invoices", "exact_duplicates", "non_product_codes", "zero_price")}
    | {name: st.booleans() for name in ("negative_price", "zero_quantity", "negative_without_cancellation")}
    | {"missing_customer": st.booleans(), "cancellations": st.sampled_from(["match", "count", "drop"])}
)


def land(folder: Path, rules: dict[str, Any]) -> Landing:
    parts = (SourcePart("files", "1", str(folder)),)
    raw = folder.parent / "raw" / "files"
    raw.mkdir(parents=True)
    folder.rename(raw / "1")
    made = program(rules, tolerated_reject_share=1.0)
    return read_and_normalise(made, SourceVersion.of(parts), str(raw.parent), None, NOW)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(first=rows, second=rows, rules=switches)
def test_whatever_the_files_hold_it_reconciles(first: list[Any], second: list[Any], rules: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        write_csv(write_parquet(Path(place) / "source", first), second, dates="%Y-%m-%d %H:%M")
        try:
            tables = land(Path(place) / "source", rules).tables
        except SourceError:  # no event is left
            return
    intake = tables["core_intake"]
    check(intake)
    read = dict(intake.filter(pl.col("step") == "read").select("table_name", "rows").iter_rows())
    assert read == {"retail.csv": len(second), "retail.parquet": len(first)}
    assert kept(intake) == of_core(tables)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(first=rows, rules=switches)
def test_the_money_that_was_read_is_that_of_the_file(first: list[Any], rules: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        try:
            tables = land(write_parquet(Path(place) / "source", first), rules).tables
        except SourceError:
            return
    pence = sum(int((Decimal(str(row[5])) * row[3] * 100).to_integral_value(ROUND_HALF_EVEN)) for row in first)
    read = tables["core_intake"].filter(pl.col("step") == "read")
    assert read.get_column("value").to_list() == [pence]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(first=rows, rules=switches)
def test_cancellations_are_worth_what_they_take_back(first: list[Any], rules: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        try:
            tables = land(write_parquet(Path(place) / "source", first), rules).tables
        except SourceError:
            return
    cancelled = tables["core_events"].filter(pl.col("event_id").str.starts_with("C"))
    assert -cancelled.get_column("value").sum() == tables["core_returns"].get_column("value").sum()
    changed = tables["core_intake"].filter(pl.col("step") == "changed")
    assert changed.get_column("value").sum() == cancelled.get_column("value").sum()


def test_rejected_rows_are_in_it_with_the_money_that_can_be_read(place: Place) -> None:
    source = write_csv(place.folder / "source")
    lines = (source / "retail.csv").read_text().splitlines()
    spoilt = [*lines, lines[1].replace(",6,", ",six,"), lines[1].replace("12/1/2010 10:26", "soon")]
    (source / "retail.csv").write_text("\n".join(spoilt) + "\n")
    place.land(source, program())
    intake = place.read("core_intake")
    check(intake)
    rejected = intake.filter(pl.col("step") == "rejected").sort("rule").select("rule", "about", "rows", "value").rows()
    assert rejected == [
        ("quantity_unparseable", "rows whose quantity is no whole number", 1, 0),
        ("time_unparseable", "rows whose time cannot be read, or that the zone's clock skips", 1, 1530),
    ]


def test_every_sheet_has_its_own_steps(place: Place) -> None:
    place.land(write_xlsx(place.folder / "source", {"2009": ROWS[:4], "2010": ROWS[2:]}), program())
    intake = place.read("core_intake")
    check(intake)
    assert intake.get_column("table_name").unique().sort().to_list() == ["retail.xlsx/2009", "retail.xlsx/2010"]
    second = intake.filter(pl.col("table_name") == "retail.xlsx/2010", pl.col("rule") == "repeated_invoices")
    assert second.select("step", "is_on", "rows", "value").row(0) == ("set_aside", True, 2, 255 - 510)


def test_every_rule_is_named_also_where_it_took_nothing(place: Place) -> None:
    place.land(write_parquet(place.folder / "source"), program({"zero_price": False}))
    steps = place.read("core_intake").filter(pl.col("step") == "set_aside").sort("position")
    assert steps.get_column("rule").to_list() == [
        "repeated_invoices",
        "exact_duplicates",
        "missing_customer",
        "non_product_codes",
        "zero_price",
        "negative_price",
        "zero_quantity",
        "negative_without_cancellation",
        "cancellations",
    ]
    assert steps.filter(~pl.col("is_on")).get_column("rule").to_list() == ["zero_price", "cancellations"]


def test_a_cancellation_is_told_by_how_much_of_it_found_a_purchase(place: Place) -> None:
    wholly = ROWS[3]
    partly = ("C8", *shop.LAMP, -20, shop.at(20), 12.75, 17850.0, UK)
    never = ("C9", *shop.BAG, -1, shop.at(20), 1.0, 13047.0, UK)
    place.land(write_parquet(place.folder / "source", [*ROWS, partly, never]), program())
    changed = place.read("core_intake").filter(pl.col("step") == "changed").sort("position")
    assert changed.select("rule", "rows", "value").rows() == [
        ("cancellation_matched", 1, wholly[3] * 255),
        ("cancellation_partly_matched", 1, -25500),
        ("cancellation_unmatched", 1, -100),
    ]


def test_an_event_table_reconciles_in_rows(place: Place) -> None:
    columns = {"customer": "client", "time": "when", "value": "price"}
    made = program(format="event_table", columns=columns, missing_customer="drop")
    (place.folder / "source").mkdir()
    lines = ["client,when,price", "7,2026-01-05,1", ",2026-01-05,1", "8,soon,1", "8,2026-01-06,dear", "9,2026-01-07,2"]
    (place.folder / "source" / "sales.csv").write_text("\n".join(lines) + "\n")
    place.land(place.folder / "source", made)
    intake = place.read("core_intake")
    check(intake, money=False)
    assert intake.sort("position").select("step", "rule", "rows", "value").rows() == [
        ("read", None, 5, None),
        ("set_aside", "dropped_missing_customer", 1, None),
        ("rejected", "time_unparseable", 1, None),
        ("rejected", "value_unparseable", 1, None),
        ("kept", None, 2, None),
    ]


@pytest.mark.parametrize("courses", [False, True])
def test_a_points_system_reconciles_in_rows(courses: bool, place: Place) -> None:
    again = ["t12", "bia", "2026-02-01 12:00:00.000", "1", "twitch"]
    changes = {"transacoes": add(again, ["t99", "", "2026-02-01 12:00:00.000", "1", "twitch"])}
    place.land(place.write(changes=changes, courses=courses), teomewhy_program(courses))
    intake = place.read("core_intake")
    check(intake, money=False)
    kept_rows = dict(intake.filter(pl.col("step") == "kept").select("table_name", "rows").iter_rows())
    assert kept_rows["transacoes"] == place.read("core_events").height
    assert kept_rows["transacao_produto"] == place.read("core_event_lines").height
    gone = intake.filter(pl.col("table_name") == "transacoes", pl.col("rule").is_not_null())
    assert gone.select("step", "rule", "rows").rows() == [
        ("set_aside", "repeated_rows", 1),
        ("rejected", "customer_missing", 1),
    ]
    if courses:
        assert kept_rows["cursos_episodios_completos"] == place.read("core_completions").height


def test_a_spoilt_points_system_reconciles_too(place: Place) -> None:
    spoilt = {"transacoes": each("QtdePontos", lambda points: "dez" if points == "50" else points)}
    place.land(place.write(changes=spoilt), teomewhy_program())
    check(place.read("core_intake"), money=False)


@pytest.mark.real_data
def test_online_retail_reconciles_to_the_penny(real_data: Path, tmp_path: Path) -> None:
    place = Place(tmp_path)
    summary = place.ingest(
        real_data / "online_retail", load_program("retail", place.settings), now=datetime(2026, 1, 1)
    )
    intake = place.lake.read("core_intake")
    check(intake)
    assert {rule: (number, value) for rule, number, value in _real(intake).iter_rows()} == {
        "exact_duplicates": (5_268, 2_174_098),
        "missing_customer": (135_037, 144_748_753),
        "non_product_codes": (1_915, 1_304_249),
        "zero_price": (33, 0),
    }
    assert kept(intake) == (399_656, 826_547_693)
    assert of_core({name: place.lake.read(name) for name in ("core_event_lines", "core_events")}) == kept(intake)
    assert summary.counts["set_aside_missing_customer"] == 135_037
    assert summary.rejected_by_rule == {}


@pytest.mark.real_data
def test_the_real_file_reconciles_with_a_plain_reading_of_it(real_data: Path) -> None:
    """The figures above, by other means: the file's rows one after another, in a query of another engine."""
    import duckdb

    path = real_data / "online_retail" / "online_retail.parquet"
    found = duckdb.connect().execute(
        """
        WITH numbered AS (
            SELECT *, CAST(round(Quantity * UnitPrice * 100) AS BIGINT) AS pence, row_number() OVER (
                PARTITION BY InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country
            ) AS copy FROM read_parquet(?)
        ), judged AS (
            SELECT pence, CASE
                WHEN copy > 1 THEN 'exact_duplicates'
                WHEN CustomerID IS NULL THEN 'missing_customer'
                WHEN NOT regexp_matches(StockCode, '^[0-9]') THEN 'non_product_codes'
                WHEN UnitPrice = 0 THEN 'zero_price'
                ELSE 'kept' END AS rule FROM numbered
        ) SELECT rule, count(*), sum(pence) FROM judged GROUP BY rule
        """,
        [str(path)],
    )
    assert {rule: (number, int(pence)) for rule, number, pence in found.fetchall()} == {
        "exact_duplicates": (5_268, 2_174_098),
        "missing_customer": (135_037, 144_748_753),
        "non_product_codes": (1_915, 1_304_249),
        "zero_price": (33, 0),
        "kept": (399_656, 826_547_693),
    }


def _real(intake: pl.DataFrame) -> pl.DataFrame:
    gone = intake.filter(pl.col("step") == "set_aside", pl.col("rows") > 0)
    return gone.select("rule", "rows", "value")
