"""Any event table through a program file alone."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import textwrap
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fiel.errors import RejectShareError, SourceError
from fiel.program import Program, Source
from fiel.sources.values import decimal, rounded
from tests.sources.conftest import Place

HEADER = "client,when,receipt,price,number,article,title,kind,shop"
ROWS = [
    "7.0,2026-01-05 10:00:00,r1,2.50,2,a,Apple,fruit,north",
    "7.0,2026-01-05 10:01:00,r1,0.10,3,b,Bread,bakery,north",
    "8,2026-01-06 23:30:00,r2,10.00,1,a,Apples,fruit,south",
    "8,2026-01-07 09:00:00,c1,10.00,-1,a,Apple,fruit,south",
    "9,2026-01-08 09:00:00,r3,1.005,1,c,,,",
]
COLUMNS = {
    "customer": "client",
    "time": "when",
    "event": "receipt",
    "value": "price",
    "quantity": "number",
    "product": "article",
    "product_name": "title",
    "category": "kind",
    "origin": "shop",
}


def program(**source: Any) -> Program:
    content = {"format": "event_table", "columns": COLUMNS, "time_zone": "Europe/London", "tolerated_reject_share": 0.5}
    return Program.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "day_time_zone": "Europe/London",
            "source": content | source,
            "value": {"unit": "GBP", "scale": 100},
        }
    )


def simple(**source: Any) -> Program:
    """Only customer, time and value."""
    return program(columns={"customer": "client", "time": "when", "value": "price"}, **source)


def csv_file(place: Place, lines: list[str], name: str = "sales.csv", folder: str = "source") -> Path:
    path = place.folder / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path.parent


def events(place: Place) -> list[tuple[Any, ...]]:
    return place.read("core_events").select("event_id", "customer_id", "occurred_at", "value", "origin").rows()


EXPECTED = [
    ("c1", "8", datetime(2026, 1, 7, 9), -1000, "south"),
    ("r1", "7", datetime(2026, 1, 5, 10), 530, "north"),
    ("r2", "8", datetime(2026, 1, 6, 23, 30), 1000, "south"),
    ("r3", "9", datetime(2026, 1, 8, 9), 100, "unknown"),  # 100.5 pence, half to even
]


def as_parquet(place: Place) -> tuple[Path, Program]:
    source = csv_file(place, [HEADER, *ROWS])
    frame = pl.read_csv(source / "sales.csv", schema_overrides={"client": pl.Float64, "price": pl.Float64})
    frame = frame.with_columns(pl.col("when").str.to_datetime("%Y-%m-%d %H:%M:%S"))
    (source / "sales.csv").unlink()
    frame.write_parquet(source / "sales.parquet")
    return source, program()


def as_zoned_parquet(place: Place) -> tuple[Path, Program]:
    source, _ = as_parquet(place)
    path = source / "sales.parquet"
    stamped = pl.col("when").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo").dt.cast_time_unit("ns")
    pl.read_parquet(path).with_columns(stamped).write_parquet(path)
    return source, program(time_zone="America/New_York")  # the file's own zone goes first


def as_sqlite(place: Place) -> tuple[Path, Program]:
    source = csv_file(place, [HEADER, *ROWS])
    rows = pl.read_csv(source / "sales.csv", infer_schema=False).rows()
    (source / "sales.csv").unlink()
    with sqlite3.connect(source / "shop.db") as database:
        names = ", ".join(f'"{name}"' for name in HEADER.split(","))
        database.execute(f"CREATE TABLE sales ({names})")
        database.execute("CREATE TABLE other (a)")
        database.executemany("INSERT INTO sales VALUES (?,?,?,?,?,?,?,?,?)", rows)
    return source, program(table="sales")


def semicolons(place: Place) -> tuple[Path, Program]:
    return csv_file(place, [line.replace(",", ";") for line in [HEADER, *ROWS]]), program()


def comma_decimals(place: Place) -> tuple[Path, Program]:
    lines = [line.replace(",", ";").replace("10.00", "10,00") for line in [HEADER, *ROWS]]
    lines = [line.replace("2.50", "2,50").replace("0.10", "0,10").replace("1.005", "1,005") for line in lines]
    return csv_file(place, [line.replace("7.0;", "7;") for line in lines]), program(decimal_mark=",")


def pipes(place: Place) -> tuple[Path, Program]:
    return csv_file(place, [line.replace(",", "|") for line in [HEADER, *ROWS]], "sales.txt"), program(separator="|")


def runs_of_blanks(place: Place) -> tuple[Path, Program]:
    lines = [line.replace(" ", "T").replace(",", "   ").replace("c         ", "c  -  -  -") for line in ROWS]
    named = program(separator=" ", header=HEADER.split(","), origins={"-": "unknown"})
    return csv_file(place, [f"  {line}  " for line in lines], "sales.txt"), named


def two_files(place: Place) -> tuple[Path, Program]:
    csv_file(place, [HEADER, *ROWS[:2]], "sales-1.csv")
    csv_file(place, ["not,read"], "notes.csv")
    return csv_file(place, [HEADER, *ROWS[2:]], "sales-2.csv"), program(files=["sales-*.csv"])


def compressed(place: Place) -> tuple[Path, Program]:
    source = csv_file(place, [])
    (source / "sales.csv").unlink()
    (source / "sales.csv.gz").write_bytes(gzip.compress("\n".join([HEADER, *ROWS]).encode()))
    return source, program()


def one_file(place: Place) -> tuple[Path, Program]:
    csv_file(place, ["not,read"], "notes.csv")
    return csv_file(place, [HEADER, *ROWS]) / "sales.csv", program()


def own_time_format(place: Place) -> tuple[Path, Program]:
    lines = [line.replace("2026-01-0", "").replace(" ", "/01/2026 ", 1) for line in ROWS]
    return csv_file(place, [HEADER, *lines]), program(time_format="%d/%m/%Y %H:%M:%S")


def with_bom_and_crlf(place: Place) -> tuple[Path, Program]:
    source = csv_file(place, [])
    (source / "sales.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join([HEADER, *ROWS]).encode())
    return source, program()


@pytest.mark.parametrize(
    "layout",
    [
        as_parquet,
        as_zoned_parquet,
        as_sqlite,
        semicolons,
        comma_decimals,
        pipes,
        runs_of_blanks,
        two_files,
        compressed,
        one_file,
        own_time_format,
        with_bom_and_crlf,
    ],
    ids=lambda layout: layout.__name__,
)
def test_every_layout_gives_the_same_events(layout: Any, place: Place) -> None:
    source, mapped = layout(place)
    landing = place.land(source, mapped)
    assert landing.rejected_by_rule == {}
    assert events(place) == EXPECTED


def test_rows_of_one_event_are_its_lines(place: Place) -> None:
    place.land(csv_file(place, [HEADER, *ROWS]), program())
    lines = place.read("core_event_lines").filter(pl.col("event_id") == "r1")
    assert lines.select("line_id", "product_id", "quantity", "value").rows() == [("1", "a", 2, 250), ("2", "b", 3, 10)]


def test_a_product_has_the_name_of_its_earliest_row(place: Place) -> None:
    place.land(csv_file(place, [HEADER, *ROWS[::-1]]), program())
    names = dict(place.read("core_products").select("product_id", "product_name").iter_rows())
    assert names == {"a": "Apple", "b": "Bread", "c": None}


def test_an_id_that_two_customers_share_is_two_events(place: Place) -> None:
    rows = ["7,2026-01-05,r1,1,1,a,,,", "8,2026-01-05,r1,2,1,a,,,"]
    place.land(csv_file(place, [HEADER, *rows]), program())
    assert [(event, value) for event, _, _, value, _ in events(place)] == [("r1/7", 100), ("r1/8", 200)]


def test_an_id_of_several_days_is_an_event_of_each_and_the_first_keeps_it(place: Place) -> None:
    rows = ["7,2026-01-05,r1,1,1,a,,,", "7,2026-01-09,r1,2,1,a,,,", "8,2026-01-09,r1,4,1,a,,,"]
    place.land(csv_file(place, [HEADER, *rows]), program())
    found = [(event, at.date(), value) for event, _, at, value, _ in events(place)]
    later = date(2026, 1, 9)
    assert found == [("r1", date(2026, 1, 5), 100), ("r1/2026-01-09/7", later, 200), ("r1/2026-01-09/8", later, 400)]


def test_without_an_event_column_each_row_is_an_event_with_a_steady_id(place: Place) -> None:
    rows = ["client,when,price", "7,2026-01-05,1", "7,2026-01-05,2", "8,2026-01-05,3"]
    place.land(csv_file(place, rows), simple())
    first = [event for event, *_ in events(place)]
    assert first == ["7@2026-01-05T00:00:00#1", "7@2026-01-05T00:00:00#2", "8@2026-01-05T00:00:00#1"]
    rows.insert(1, "6,2026-01-04,9")
    place.land(csv_file(place, rows), simple())
    assert [event for event, *_ in events(place)][1:] == first


def test_an_event_table_without_values_has_events_worth_nothing(place: Place) -> None:
    mapped = program(columns={"customer": "client", "time": "when"})
    place.land(csv_file(place, ["client,when", "7,2026-01-05"]), mapped)
    assert [value for *_, value, _ in events(place)] == [0]


def test_a_category_without_a_product_stands_for_it(place: Place) -> None:
    mapped = program(columns={"customer": "client", "time": "when", "category": "kind"})
    place.land(csv_file(place, ["client,when,kind", "7,2026-01-05,fruit"]), mapped)
    assert place.read("core_event_lines").select("product_id", "category").rows() == [("fruit", "fruit")]


def test_rows_without_a_customer_are_rejects_or_set_aside_as_the_program_says(place: Place) -> None:
    source = csv_file(place, ["client,when,price", ",2026-01-05,1", "7,2026-01-05,2"])
    rejecting = place.land(source, simple(missing_customer="reject"))
    dropping = place.land(source, simple(missing_customer="drop", tolerated_reject_share=0))
    assert rejecting.rejected_by_rule == {"sales.csv: customer_missing": 1}
    assert dropping.rejected_by_rule == {}
    assert dropping.counts["dropped_missing_customer"] == 1
    assert dropping.counts["rows_read"] == 2


BAD_ROWS = {
    "7,soon,1": "time_unparseable",
    "7,,1": "time_missing",
    "7,2031-01-01,1": "time_in_future",
    "7,2026-01-05,": "value_missing",
    "7,2026-01-05,one": "value_unparseable",
    "7,2026-01-05,1e15": "value_unparseable",
    "7,2026-01-05,1,2,3": "too_many_fields",
    "7,2025-03-30 01:30:00,1": "time_unparseable",  # London's clock skips it
}


@pytest.mark.parametrize(("line", "rule"), BAD_ROWS.items())
def test_a_bad_row_is_set_aside_and_the_others_stay(place: Place, line: str, rule: str) -> None:
    rows = ["client,when,price", *["7,2026-01-05,1"] * 3, line]
    landing = place.land(csv_file(place, rows), simple())
    rejected = landing.tables["core_rejected"].row(0, named=True)
    assert landing.rejected_by_rule == {f"sales.csv: {rule}": 1}
    assert rejected["row"] == 4
    assert json.loads(rejected["content"])["customer"] == "7"
    assert len(events(place)) == 3


def test_an_hour_that_comes_twice_is_read_as_the_earlier_one(place: Place) -> None:
    place.land(csv_file(place, ["client,when,price", "7,2025-10-26 01:30:00,1"]), simple())
    assert events(place)[0][2] == datetime(2025, 10, 26, 0, 30)


def test_days_are_cut_in_the_programs_zone_whatever_the_source_writes_in(place: Place) -> None:
    mapped = simple(time_zone="America/Sao_Paulo")  # days in London
    place.land(csv_file(place, ["client,when,price", "7,2026-01-05 21:30:00,1"]), mapped)
    assert place.read("core_customer_days").get_column("day").to_list() == [date(2026, 1, 6)]


@given(
    price=st.decimals(-9_999, 9_999, places=4, allow_nan=False, allow_infinity=False),
    number=st.integers(-999, 999),
)
def test_amounts_are_decimal_products_rounded_half_to_even(price: Decimal, number: int) -> None:
    frame = pl.DataFrame({"price": [str(price)], "number": [str(number)]})
    scale = pl.lit(100).cast(pl.Decimal(38, 6))
    found = frame.select(rounded(decimal("price", ".") * decimal("number", ".") * scale)).item()
    assert found == int((price * number * 100).to_integral_value(ROUND_HALF_EVEN))


UNREADABLE: dict[str, tuple[dict[str, str], dict[str, Any], str]] = {
    "no such column": (
        {"a.csv": "client,whem,price\n7,2026-01-05,1"},
        {},
        r"a\.csv: column when \(did you mean whem\?\)",
    ),
    "wrong separator": ({"a.csv": "client|when|price\n7|2026-01-05|1"}, {}, "the separator is probably another"),
    "empty file": ({"a.csv": ""}, {}, r"a\.csv is empty"),
    "only a header": ({"a.csv": "client,when,price\n"}, {}, "no event is left"),
    "no file of the pattern": ({"a.csv": "x"}, {"files": ["b*.csv"]}, r"pattern 'b\*\.csv'; there are: a\.csv"),
    "an unknown kind of file": ({"a.xlsx": "PK"}, {"files": ["*.xlsx"]}, "save the table as CSV"),
    "no readable file": ({"a.xlsx": "PK"}, {}, "Readable are"),
    "a header that does not fit": (
        {"a.csv": "7,2026-01-05,1"},
        {"header": ["client", "when"]},
        "the first row has 3 fields .* source.header names 2",
    ),
    "an open quote": ({"a.csv": 'client,when,price\n7,"2026-01-05,1\n'}, {}, "a quote is opened and never closed"),
    "a column twice": ({"a.csv": "client,client,when\n7,7,8"}, {}, "column client stands twice"),
    "no Parquet": ({"a.parquet": "PAR1 not really"}, {}, "not a readable Parquet file"),
    "no SQLite": (
        {"a.db": "SQLite format 3 not really, but long enough to look"},
        {},
        "not a readable SQLite database",
    ),
}


@pytest.mark.parametrize(("files", "source", "says"), UNREADABLE.values(), ids=list(UNREADABLE))
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(
    place: Place, files: dict[str, str], source: dict[str, Any], says: str
) -> None:
    for name, content in files.items():
        csv_file(place, [], name)
        (place.folder / "source" / name).write_text(content)
    with pytest.raises(SourceError, match=says):
        place.ingest(place.folder / "source", simple(**source))
    assert place.lake.versions() == {}


def test_a_text_that_is_not_utf_8_is_named_by_its_line(place: Place) -> None:
    folder = csv_file(place, [])
    (folder / "sales.csv").write_bytes("client,when,price\n7,2026-01-05,1\nJosé,2026-01-05,1\n".encode("latin1"))
    with pytest.raises(SourceError, match=r"line 3, byte 0xe9.*iconv"):
        place.ingest(folder, simple())


def test_sqlite_with_several_tables_asks_which(place: Place) -> None:
    source, _ = as_sqlite(place)
    with pytest.raises(SourceError, match=r"there are other, sales: set source\.table"):
        place.ingest(source, program())
    with pytest.raises(SourceError, match="table salez is missing; there are other, sales"):
        place.ingest(source, program(table="salez"))


def test_above_the_tolerated_share_nothing_is_written_and_the_message_shows_why(place: Place) -> None:
    good = [f"7,2026-01-0{day},1" for day in range(1, 8)]
    place.ingest(csv_file(place, ["client,when,price", *good]), simple(tolerated_reject_share=0.2))
    before = place.lake.versions()
    bad = csv_file(place, ["client,when,price", *good, *["7,soon,1"] * 3], folder="second")
    with pytest.raises(RejectShareError, match=r"30\.0%; tolerated is 20\.0%.*time_unparseable.*row 8.*soon"):
        place.ingest(bad, simple(tolerated_reject_share=0.2))
    assert place.lake.versions() == before


def test_the_walk_through_in_the_docs_is_true(place: Place) -> None:
    page = (Path(__file__).parents[2] / "docs" / "bring-your-own-data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(yaml)?\n(.*?)```", page, re.DOTALL)
    table = next(text for _, text in blocks if text.startswith("order;"))
    mapped = next(textwrap.dedent("   " + text.lstrip()) for kind, text in blocks if kind == "yaml")
    place.land(csv_file(place, [table]), Program.model_validate(yaml.safe_load(mapped)))
    assert [(event, customer, value, origin) for event, customer, _, value, origin in events(place)] == [
        ("10001", "417", 1830, "web"),
        ("10002", "23", 790, "store"),
    ]
    known = set(Source.model_fields) - {"format", "kaggle", "path"}
    assert {name for name in known if f"`{name}`" not in page} == set()
