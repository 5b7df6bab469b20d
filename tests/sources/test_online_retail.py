"""Both layouts of Online Retail from every kind of file give the same events."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fiel.errors import ProgramError, RejectShareError, SourceAccessError, SourceError
from fiel.settings import Settings
from fiel.sources.ingest import resolve
from tests.sources.conftest import Place, teomewhy_program
from tests.sources.fake_kaggle import FakeKaggle
from tests.sources.retail_files import (
    BAG,
    COLUMNS,
    COLUMNS_2,
    FRANCE,
    LAMP,
    MUG,
    ROWS,
    UK,
    Row,
    at,
    frame,
    program,
    write_csv,
    write_parquet,
    write_xlsx,
)
from tests.sources.test_kaggle import FAST


def events(place: Place) -> list[tuple[Any, ...]]:
    columns = ("event_id", "customer_id", "occurred_at", "value", "origin", "is_operator")
    return place.read("core_events").select(columns).rows()


EXPECTED = [
    ("536365", "17850", at(1), 1700, UK, False),
    ("536366", "13047", at(2), 255, FRANCE, False),
    ("536380", "17850", at(15), 12750, UK, False),
    ("536381", "13047", at(16), 1275, FRANCE, False),
    ("C536379", "17850", at(14), -510, UK, True),
]

FILES: dict[str, Callable[[Path], Path]] = {
    "Parquet": write_parquet,
    "Parquet of texts": lambda folder: _texts(folder),
    "CSV, month first": write_csv,
    "CSV, day first": lambda folder: write_csv(folder, dates="%d.%m.%Y %H:%M"),
    "CSV, two-digit years": lambda folder: write_csv(folder, dates="%-m/%-d/%y %-H:%M"),
    "CSV, halves of the day": lambda folder: write_csv(folder, dates="%m-%d-%Y %I:%M:%S %p"),
    "CSV, ISO": lambda folder: write_csv(folder, dates="%Y-%m-%d %H:%M:%S"),
    "CSV, year first with slashes": lambda folder: write_csv(folder, dates="%Y/%-m/%-d %H:%M"),
    "CSV, with an offset": lambda folder: write_csv(folder, dates="%Y-%m-%dT%H:%M:%S+00:00"),
    "CSV in Windows-1252": lambda folder: write_csv(folder, encoding="cp1252"),
    "CSV with semicolons": lambda folder: write_csv(folder, separator=";"),
    "CSV of the second layout": lambda folder: write_csv(folder, columns=COLUMNS_2),
    "CSV with names in other cases": lambda folder: write_csv(folder, columns=[f" {n.upper()} " for n in COLUMNS_2]),
    "XLSX": lambda folder: write_xlsx(folder, {"Online Retail": ROWS}, columns=COLUMNS),
    "XLSX of two sheets": lambda folder: write_xlsx(folder, {"2009": ROWS[:3], "2010": ROWS[3:], "Sheet3": []}),
    "XLSX with bare day numbers": lambda folder: write_xlsx(folder, {"2009": ROWS}, date_format=None),
    "XLSX with dates as text": lambda folder: write_xlsx(folder, {"2009": [_american(row) for row in ROWS]}),
    "a file each": lambda folder: write_csv(write_parquet(folder, ROWS[:2]), ROWS[2:], "b.CSV"),
}


def _american(row: Row) -> list[Any]:
    return [value.strftime("%-m/%-d/%Y %-H:%M") if isinstance(value, datetime) else value for value in row]


def _texts(folder: Path) -> Path:
    folder.mkdir()
    frame(ROWS).with_columns(pl.all().cast(pl.String)).write_parquet(folder / "retail.parquet")
    return folder


@pytest.mark.parametrize("write", FILES.values(), ids=list(FILES))
def test_every_kind_of_file_gives_the_same_events(write: Callable[[Path], Path], place: Place) -> None:
    place.land(write(place.folder / "source"), program())
    assert events(place) == EXPECTED
    lines = place.read("core_event_lines").select("event_id", "line_id", "product_id", "product_name", "quantity")
    assert lines.rows()[:2] == [("536365", "1", *MUG, 6), ("536365", "2", *BAG, 2)]


@pytest.mark.parametrize("write", FILES.values(), ids=list(FILES))
def test_every_kind_of_file_gives_the_same_returns(write: Callable[[Path], Path], place: Place) -> None:
    place.land(write(place.folder / "source"), program())
    assert place.read("core_returns").drop("line_id").rows() == [
        ("C536379", "17850", date(2010, 12, 14), "536365", date(2010, 12, 1), "71053", 2, 510)
    ]


def test_times_are_local_times_of_the_source(place: Place) -> None:
    summer: Row = ("1", *MUG, 1, datetime(2011, 7, 1, 0, 30), 1.0, 1.0, UK)
    place.land(write_parquet(place.folder / "source", [*ROWS, summer]), program())
    event = place.read("core_events").filter(pl.col("event_id") == "1")
    assert event.select("occurred_at", "day").row(0) == (datetime(2011, 6, 30, 23, 30), date(2011, 7, 1))


def test_an_id_that_is_a_float_here_and_a_text_there_is_one_customer(place: Place) -> None:
    write_parquet(place.folder / "source", ROWS[:3])
    write_csv(place.folder / "source", ROWS[3:])
    place.land(place.folder / "source", program())
    assert place.read("core_customers").get_column("customer_id").to_list() == ["13047", "17850"]


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "NULL", "<NA>", "n/a"])
def test_a_word_for_nothing_is_no_customer_and_no_invoice(word: str, place: Place) -> None:
    """What a missing id becomes when a table went through a program that wrote it as text beside `17850.0`."""
    source = write_csv(place.folder / "source", [*ROWS, ("536390", *LAMP, 1, at(16), 12.75, None, UK)])
    path = source / "retail.csv"
    without = path.read_text().replace(",12.75,,", f",12.75,{word},")
    path.write_text(f"{without}{word},22423,LAMP,1,12/16/2010 10:26,12.75,17850.0,UK\n")
    place.land(source, program())
    assert events(place) == EXPECTED
    aside = place.read("core_intake").filter(pl.col("rule") == "missing_customer")
    assert aside.select("rows", "value").row(0) == (1, 1275)
    assert place.landing.rejected_by_rule == {"retail.csv: invoice_missing": 1}


def test_other_files_in_the_folder_do_not_matter(place: Place) -> None:
    source = write_parquet(place.folder / "source")
    (source / "README.txt").write_text("Chen, D. (2015)")
    place.land(source, program())
    assert events(place) == EXPECTED


def test_source_files_chooses_among_the_files(place: Place) -> None:
    source = write_parquet(place.folder / "source")
    write_csv(source, [("9", *MUG, 1, at(13), 1.0, 1.0, UK)], "other.csv")
    place.land(source, program(files=["*.parquet"]))
    assert events(place) == EXPECTED


def test_another_encoding_is_told(place: Place) -> None:
    place.land(write_csv(place.folder / "source", encoding="cp1252"), program())
    assert "retail.csv is not UTF-8: read as cp1252" in place.landing.warnings


def test_a_sum_of_pence_is_exact(place: Place) -> None:
    odd: list[Row] = [("1", *MUG, 3, at(1), 0.335, 1.0, UK), ("1", *BAG, 1, at(1), 0.005, 1.0, UK), *ROWS]
    place.land(write_parquet(place.folder / "source", odd), program())
    assert dict(place.read("core_events").select("event_id", "value").iter_rows())["1"] == 100 + 0  # 100.5 and 0.5


def test_an_invoice_that_customers_share_is_an_event_for_each(place: Place) -> None:
    shared: list[Row] = [("1", *MUG, 1, at(13), 1.0, 7.0, UK), ("1", *BAG, 1, at(13), 2.0, 8.0, UK)]
    place.land(write_parquet(place.folder / "source", shared), program())
    assert [(event, customer, value) for event, customer, _, value, *_ in events(place)] == [
        ("1/7", "7", 100),
        ("1/8", "8", 200),
    ]


def test_rows_of_an_invoice_on_a_later_day_are_known_on_that_day(place: Place) -> None:
    late: list[Row] = [("1", *MUG, 2, at(1), 1.0, 7.0, UK), ("1", *BAG, 1, at(13), 2.0, 7.0, UK)]
    taken: list[Row] = [("C2", *BAG, -1, at(14), 2.0, 7.0, UK)]
    place.land(write_parquet(place.folder / "source", [*late, *taken]), program())
    assert [(event, when.date(), value) for event, _, when, value, *_ in events(place)] == [
        ("1", at(1).date(), 200),
        (f"1/{at(13).date()}", at(13).date(), 200),
        ("C2", at(14).date(), -200),
    ]
    assert place.read("core_returns")["purchase_event_id"].to_list() == [f"1/{at(13).date()}"]


def test_a_product_is_named_as_it_was_first(place: Place) -> None:
    renamed: list[Row] = [("1", "71053", "CUP", 1, at(20), 1.0, 7.0, UK), *ROWS]
    place.land(write_parquet(place.folder / "source", renamed), program())
    assert dict(place.read("core_products").select("product_id", "product_name").iter_rows())["71053"] == MUG[1]


def test_cancellation_days_are_no_active_days(place: Place) -> None:
    place.land(write_parquet(place.folder / "source"), program())
    days = place.read("core_customer_days").filter(pl.col("customer_id") == "17850")
    assert days.get_column("day").to_list() == [date(2010, 12, 1), date(2010, 12, 15)]
    assert days.get_column("value_earned").to_list() == [1700, 12750]  # whole, whatever was cancelled later


def test_cancellations_alone_are_nothing_to_work_with(place: Place) -> None:
    alone = write_parquet(place.folder / "source", [("C1", *MUG, -1, at(day), 1.0, 7.0, UK) for day in (1, 2)])
    with pytest.raises(SourceError, match="none of 2 events is a customer's own: all are cancellations"):
        place.land(alone, program())


def test_the_data_begin_with_the_first_purchase_not_with_a_cancellation_of_an_older_one(place: Place) -> None:
    older: list[Row] = [("C1", *LAMP, -1, at(1), 1.0, 9.0, UK), ("2", *MUG, 1, at(13), 1.0, 7.0, UK)]
    place.land(write_parquet(place.folder / "source", older), program())
    assert place.landing.first_day == at(13).date()


def test_the_order_of_files_does_not_matter(place: Place) -> None:
    write_parquet(place.folder / "one", ROWS[:4], "a.parquet")
    write_parquet(place.folder / "one", ROWS[2:], "b.parquet")
    write_parquet(place.folder / "two", ROWS[2:], "a.parquet")
    write_parquet(place.folder / "two", ROWS[:4], "b.parquet")
    place.land(place.folder / "one", program())
    first = events(place)
    place.land(place.folder / "two", program())
    assert events(place) == first == EXPECTED


# --------------------------------------------------------------------------------------------------- what is refused


def _dated(*dates: str) -> Callable[[Path], Path]:
    """A CSV with these dates, one invoice each."""

    def write(folder: Path) -> Path:
        folder.mkdir()
        rows = [f"{n},71053,MUG,1,{text},2.55,17850,UK" for n, text in enumerate(dates, 1)]
        (folder / "retail.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
        return folder

    return write


def _bytes(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        folder.mkdir()
        (folder / name).write_bytes(content)
        return folder

    return write


HEADER = ",".join(COLUMNS).encode()
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "another layout": (
        _bytes("sales.csv", b"client,when,price\n7,2026-01-05,1\n"),
        r"^sales\.csv is not laid out as Online Retail.*column InvoiceNo or Invoice, StockCode.* is missing; it has: "
        r"client, when, price\. Needed are InvoiceNo or Invoice, .*event_table$",
    ),
    "one column short": (
        _bytes("sales.csv", HEADER.replace(b",Country", b"") + b"\n1,2,3,4,5,6,7\n"),
        "column Country is missing",
    ),
    "two columns for one thing": (
        _bytes("sales.csv", HEADER + b",Price\n1,2,3,4,5,6,7,8,9\n"),
        "columns UnitPrice and Price mean the same: drop one",
    ),
    "another separator": (_bytes("sales.csv", HEADER.replace(b",", b"|") + b"\n1|2\n"), "one single column"),
    "a sheet of another layout": (
        lambda folder: write_xlsx(write_csv(folder), {"Notes": [["read me"]]}, "notes.xlsx", ["Note"]),
        r"^notes\.xlsx/Notes is not laid out as Online Retail.* it has: Note\.",
    ),
    "no workbook": (_bytes("sales.xlsx", b"PK\x03\x04 not really"), r"sales\.xlsx is not a readable Excel workbook"),
    "an empty workbook": (lambda folder: write_xlsx(folder, {"a": [], "b": []}), r"retail\.xlsx is empty"),
    "an empty file": (_bytes("sales.csv", b""), r"sales\.csv is empty"),
    "no file": (_bytes("notes.txt", b"x"), r"no file of Online Retail is there.*there are: notes\.txt"),
    "an archive": (_bytes("archive.zip", b"PK"), r"there are: archive\.zip; unpack the archive first"),
    "only a header": (_bytes("sales.csv", HEADER + b"\n"), "no event is left"),
    "day and month that cannot be told": (
        _dated("1/2/2010 8:26", "3/4/2010 9:00"),
        r"retail\.csv: column InvoiceDate has dates like '1/2/2010 8:26' \(row 1\), and none .*source\.time_format",
    ),
    "day and month that contradict each other": (
        _dated("1/2/2010", "13/12/2010", "1/13/2010"),
        r"contradicts itself: '13/12/2010' \(row 2\) begins with the day, '1/13/2010' \(row 3\) with the month",
    ),
    "dates of two kinds": (
        _dated("2010-12-01 08:26:00", "12/13/2010 8:26"),
        r"mixes dates like '2010-12-01 08:26:00' \(row 1\) and like '12/13/2010 8:26' \(row 2\)",
    ),
    "cells of which some are dates and some are texts": (
        lambda folder: write_xlsx(folder, {"2009": [*ROWS, _american(("9", *ROWS[-1][1:]))]}),
        r"retail\.xlsx/2009: column InvoiceDate mixes dates",
    ),
}


@pytest.mark.parametrize(("write", "says"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_read_without_guessing_is_refused(
    write: Callable[[Path], Path], says: str, place: Place
) -> None:
    with pytest.raises(SourceError) as error:
        place.land(write(place.folder / "source"), program())
    assert re.search(says, str(error.value), re.DOTALL), error.value


def test_a_time_format_settles_the_order_of_day_and_month(place: Place) -> None:
    source = _dated("1/2/2010 8:26", "3/4/2010 9:00")(place.folder / "source")
    place.land(source, program(time_format="%d/%m/%Y %H:%M"))
    assert place.read("core_events").get_column("day").to_list() == [date(2010, 2, 1), date(2010, 4, 3)]


def test_with_a_time_format_dates_of_another_kind_are_rejected(place: Place) -> None:
    source = _dated("1/2/2010 8:26", "2010-04-03 09:00:00", "3/4/2010 9:00")(place.folder / "source")
    place.land(source, program(time_format="%d/%m/%Y %H:%M"))
    assert place.landing.rejected_by_rule == {"retail.csv: time_unparseable": 1}


def test_no_day_is_ever_taken_for_a_month(place: Place) -> None:
    """Each date of a year, month first: no other row can be read in both ways and in the wrong one."""
    days = pl.date_range(date(2010, 1, 1), date(2010, 12, 31), eager=True)
    source = _dated(*(f"{day.month}/{day.day}/{day.year} 12:00" for day in days))(place.folder / "source")
    place.land(source, program())
    assert place.read("core_events").sort("occurred_at").get_column("day").to_list() == days.to_list()


# -------------------------------------------------------------------------------------------------- what is set aside


def _with(column: str, value: str) -> Callable[[Path], Path]:
    """A CSV whose last row has this value in a column."""

    def write(folder: Path) -> Path:
        write_csv(folder, [*ROWS, ("C9", *LAMP, -1, at(17), 12.75, 17850.0, UK)])
        lines = (folder / "retail.csv").read_text().splitlines()
        fields = lines[-1].split(",")
        fields[COLUMNS.index(column)] = value
        (folder / "retail.csv").write_text("\n".join([*lines[:-1], ",".join(fields)]) + "\n")
        return folder

    return write


REJECTED = {
    "a quantity in words": ("Quantity", "six", "quantity_unparseable"),
    "half a piece": ("Quantity", "-1.5", "quantity_unparseable"),
    "no quantity": ("Quantity", "", "quantity_missing"),
    "a price in words": ("UnitPrice", "£2.55", "price_unparseable"),
    "no price": ("UnitPrice", "", "price_missing"),
    "no date": ("InvoiceDate", "", "time_missing"),
    "a date that is none": ("InvoiceDate", "12/32/2010", "time_unparseable"),
    "a date in words": ("InvoiceDate", "yesterday", "time_unparseable"),
    "a date to come": ("InvoiceDate", "12/31/2030 8:00", "time_in_future"),
    "no invoice": ("InvoiceNo", "", "invoice_missing"),
    "no stock code": ("StockCode", " ", "stock_code_missing"),
    "a cancellation that gives": ("Quantity", "6", "cancellation_quantity_positive"),
    "more than sums can hold": ("UnitPrice", "999999999999", "amount_too_large"),
    "a field too many": ("Country", "UK,?", "too_many_fields"),
}


@pytest.mark.parametrize(("column", "value", "rule"), REJECTED.values(), ids=list(REJECTED))
def test_a_row_that_cannot_be_read_is_rejected_with_its_rule(column: str, value: str, rule: str, place: Place) -> None:
    quantity = "-1000" if rule == "amount_too_large" else "-1"
    source = _with(column, value)(place.folder / "source")
    if rule == "amount_too_large":
        path = source / "retail.csv"
        path.write_text(path.read_text().replace("LAMP,-1,", f"LAMP,{quantity},"))
    place.land(source, program())
    rejected = place.read("core_rejected").select("table_name", "row", "rule").rows()
    assert rejected == [("retail.csv", 7, rule)]
    assert events(place) == EXPECTED


def test_many_texts_for_quantities_stop_the_ingest(place: Place) -> None:
    source = write_csv(place.folder / "source")
    (source / "retail.csv").write_text((source / "retail.csv").read_text().replace(",6,", ",six,"))
    with pytest.raises(RejectShareError, match=r"quantity_unparseable in retail\.csv \(1 rows\).*\"quantity\":\"six\""):
        place.land(source, program(tolerated_reject_share=0.01))


# ------------------------------------------------------------------------------------------------------------- Kaggle

OWN, OTHER = "mashlyn/online-retail-ii-uci", "someone/online-retail"


def shop_on_kaggle() -> Any:
    return program(kaggle=[{"name": "online-retail", "handle": OWN}])


def test_a_kaggle_data_set_of_one_csv_is_read(fake_kaggle: FakeKaggle, place: Place) -> None:
    fake_kaggle.publish(OWN, write_csv(place.folder / "files", columns=COLUMNS_2, name="online_retail_II.csv"))
    summary = place.ingest(None, shop_on_kaggle(), patience=FAST)
    assert summary.source_version == "online-retail=1"
    assert place.lake.read("core_events").height == len(EXPECTED)


def test_the_data_set_can_be_named_on_the_command_line(fake_kaggle: FakeKaggle, place: Place) -> None:
    fake_kaggle.publish(OWN, write_csv(place.folder / "files"))
    fake_kaggle.publish(OTHER, write_csv(place.folder / "more", ROWS[:2] + ROWS[4:]))
    place.ingest(None, shop_on_kaggle(), patience=FAST)
    summary = place.ingest(f"kaggle:{OTHER}", shop_on_kaggle(), patience=FAST)
    assert summary.source_version == "someone-online-retail=1"  # not `online-retail=1`, which is another content
    assert place.lake.read("core_events").height == 3


def test_the_programs_own_data_set_keeps_its_name(fake_kaggle: FakeKaggle, place: Place) -> None:
    fake_kaggle.publish(OWN, write_csv(place.folder / "files"))
    assert place.ingest(f"kaggle:{OWN}", shop_on_kaggle(), patience=FAST).source_version == "online-retail=1"


def test_one_data_set_cannot_stand_for_two(place: Place) -> None:
    with pytest.raises(ProgramError, match=r"made of several \(loyalty-system, education-platform\)"):
        resolve(teomewhy_program(courses=True), f"kaggle:{OTHER}", place.settings)


def test_kaggle_is_not_under_the_allowed_folder(place: Place) -> None:
    with pytest.raises(SourceAccessError, match="FIEL_SOURCE_ROOT"):
        resolve(shop_on_kaggle(), f"kaggle:{OTHER}", Settings(source_root=str(place.folder)))


def test_another_data_set_under_the_same_name_is_refused(fake_kaggle: FakeKaggle, place: Place) -> None:
    fake_kaggle.publish(OWN, write_csv(place.folder / "files"))
    fake_kaggle.publish(OTHER, write_csv(place.folder / "more", ROWS[:2]))
    place.ingest(None, shop_on_kaggle(), patience=FAST)
    renamed = program(kaggle=[{"name": "online-retail", "handle": OTHER}])
    with pytest.raises(SourceError, match=rf"now kaggle:{OTHER}, but the lake keeps versions of kaggle:{OWN}"):
        place.ingest(None, renamed, patience=FAST)
