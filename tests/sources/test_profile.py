"""The data profile says what was there, as it was there: against plain counting in Python, and for odd columns."""

from __future__ import annotations

import json
import statistics
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.program import Program
from fiel.sources import profile
from fiel.sources.ingest import land, read_and_normalise, resolve
from fiel.sources.profile import PROFILE, profile_table
from fiel.sources.reading import RawTable, read_csv
from tests.sources.conftest import NOW, Place


def table(rows: pl.DataFrame, name: str = "sales.csv") -> RawTable:
    return RawTable(name, rows.with_row_index("_row", offset=1).with_columns(pl.col("_row").cast(pl.Int64)))


def one(values: Any, private: bool = False, **more: Any) -> dict[str, Any]:
    """The profile of a single column."""
    column = values if isinstance(values, pl.Series) else pl.Series(values, **more)
    made = profile_table(table(column.alias("x").to_frame()), ["x"] if private else [])
    return made.row(0, named=True)


def bars(described: dict[str, Any]) -> list[list[Any]]:
    return json.loads(described["histogram"])  # type: ignore[no-any-return]


def test_there_is_a_row_for_each_column_in_its_order_and_as_declared() -> None:
    made = profile_table(table(pl.DataFrame({"b": ["x", "y"], "a": [1.5, None]})))
    assert made.schema == PROFILE
    assert made.select("table_name", "column", "position", "rows").rows() == [
        ("sales.csv", "b", 1, 2), ("sales.csv", "a", 2, 2)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["6", "-3", "+2.5", "1e3"], "number"),
        (["2,50", "0,99"], "number"),
        (["2024-01-31", "2024-02-01"], "date"),
        (["2024-01-31 08:26:00", "2024-02-01T09:00:00"], "date"),
        (["12/1/2010 8:26", "12/31/2010 8:26"], "date"),
        (["19970101", "19980630"], "date"),
        (["0", "1", "1"], "flag"),
        (["yes", "No"], "flag"),
        (["007", "008"], "text"),
        (["85123A", "22423", "POST"], "text"),
        (["12/1/2010 8:26", "12/2/2010 8:26"], "text"),  # which number is the day cannot be told
        (["01/13/2010 08:26", "13/01/2010 08:26"], "text"),  # it contradicts itself
        ([True, False], "flag"),
        ([0, 1, 1], "flag"),
        ([7, 8], "number"),
        ([date(2024, 1, 1)], "date"),
        ([datetime(2024, 1, 1, 8)], "date"),
        ([[1, 2], [3]], "text"),
    ],
)
def test_the_kind_of_a_column_is_what_its_values_are(values: list[Any], kind: str) -> None:
    assert one(values)["kind"] == kind


def test_a_few_odd_values_do_not_change_the_kind_and_are_counted() -> None:
    described = one([*(str(number) for number in range(2, 99)), "six", "n/a", " "])
    assert (described["kind"], described["not_of_kind"], described["missing"]) == ("number", 2, 1)
    assert (described["lowest"], described["highest"]) == ("2", "98")


def test_where_one_value_in_ten_is_odd_the_column_is_text() -> None:
    assert one([*map(str, range(2, 11)), "six"])["kind"] == "text"


def test_missing_values_are_nulls_blank_texts_and_nan() -> None:
    assert one(["a", "", "  ", None, "a"])["missing"] == 3
    assert one([1.5, float("nan"), None])["missing"] == 2


def test_infinite_numbers_are_not_of_the_kind() -> None:
    described = one([1.0, 2.0, float("inf"), float("-inf")])
    assert (described["not_of_kind"], described["lowest"], described["highest"]) == (2, "1", "2")


def test_rows_are_repeated_where_every_column_is() -> None:
    rows = pl.DataFrame({"a": ["x", "x", "x", "y", None, None], "b": [1, 1, 2, 1, 3, 3]})
    assert profile_table(table(rows))["duplicate_rows"].unique().to_list() == [2]


def test_quartiles_are_values_that_are_there() -> None:
    described = one([1, 2, 4, 8, 16])
    assert [described[name] for name in ("lowest", "quartile_1", "median", "quartile_3", "highest")] == [
        "1", "2", "4", "8", "16"
    ]  # fmt: skip


def test_outliers_lie_three_interquartile_ranges_outside_the_middle_half() -> None:
    middle = [0, 10] * 50  # quartiles 0 and 10: the fences are -30 and 40
    assert one([*middle, 40, -30])["outliers"] == 0
    assert one([*middle, 41, -31, 5_000])["outliers"] == 3
    assert bars(one([*middle, 41, -31, 5_000]))[-1][1:] == [5_000, 2]


def test_without_a_spread_in_the_middle_half_outliers_are_not_told() -> None:
    assert one([5] * 10 + [9_999])["outliers"] is None


def test_texts_tell_their_shortest_and_longest_and_no_quartiles() -> None:
    described = one(["pear", "fig", "fig", "banana", "pear"])
    assert (described["lowest"], described["highest"], described["median"]) == ("fig", "banana", None)
    assert described["histogram"] is None


def test_frequent_values_come_most_first_and_at_most_ten() -> None:
    described = one([f"t{number:02}" for number in range(12) for _ in range(20 - number)])
    assert json.loads(described["frequent"]) == [[f"t{number:02}", 20 - number] for number in range(10)]


@pytest.mark.parametrize(
    "values",
    [
        [f"C{number}" for number in range(100)],
        [f"person{number % 40}@example.org" for number in range(100)],
    ],
)
def test_texts_that_may_name_people_are_counted_but_not_shown(values: list[str]) -> None:
    described = one(values)
    assert described["distinct"] == len(set(values))
    assert [described[name] for name in ("lowest", "highest", "frequent")] == [None, None, None]


def test_private_columns_show_no_value_at_all() -> None:
    described = one([17850.0, 17850.0, None, 13047.0], private=True)
    assert (described["kind"], described["missing"], described["distinct"]) == ("number", 1, 2)
    shown = ("lowest", "quartile_1", "median", "quartile_3", "highest", "outliers", "histogram", "frequent")
    assert {described[name] for name in shown} == {None}


def test_dates_keep_their_own_clock_and_show_a_time_only_where_there_is_one() -> None:
    assert one(["2024-01-31 08:26:00", "2024-02-01 09:00:00"])["lowest"] == "2024-01-31 08:26:00"
    assert one(["2024-01-31", "2024-02-01"])["highest"] == "2024-02-01"
    zoned = pl.Series([datetime(2024, 7, 1, 12), datetime(2024, 7, 2, 12)]).dt.replace_time_zone("Europe/London")
    assert one(zoned)["lowest"] == "2024-07-01 12:00:00"


def test_rows_by_month_have_a_bar_for_the_months_without_any() -> None:
    described = one(["2024-01-31", "2024-01-02", "2024-04-01"])
    assert bars(described) == [
        ["2024-01-01", "2024-02-01", 2], ["2024-02-01", "2024-03-01", 0], ["2024-03-01", "2024-04-01", 0],
        ["2024-04-01", "2024-05-01", 1],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("last", "first_bar"),
    [
        ("2024-01-20", ["2024-01-01", "2024-01-02"]),
        ("2028-12-31", ["2024-01-01", "2024-02-01"]),
        ("2030-01-01", ["2024-01-01", "2024-04-01"]),
        ("2060-01-01", ["2024-01-01", "2025-01-01"]),
        ("9999-12-31", ["2000-01-01", "3000-01-01"]),
    ],
)
def test_the_bars_of_dates_are_as_fine_as_sixty_of_them_allow(last: str, first_bar: list[str]) -> None:
    found = bars(one(["2024-01-01", last]))
    if last == "9999-12-31":
        assert len(found) <= 60
        assert sum(bar[2] for bar in found) == 2
    else:
        assert found[0] == [*first_bar, 1]
        assert len(found) <= 62


def test_dates_at_the_ends_of_the_calendar_are_read() -> None:
    found = bars(one(["0001-01-01", "9999-12-31", "2024-01-01"]))
    assert len(found) <= 60
    assert sum(bar[2] for bar in found) == 3


@pytest.mark.parametrize(
    "values", [[], [None, None], ["", ""]], ids=["no rows", "nulls", "blanks"]
)  # fmt: skip
def test_a_column_without_values_has_a_profile(values: list[Any]) -> None:
    described = one(values, dtype=pl.String)
    assert (described["kind"], described["distinct"], described["missing"]) == ("text", 0, len(values))


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([[1], None, [1]]),
        pl.Series([{"a": 1}, None]),
        pl.Series([timedelta(days=1), None]),
        pl.Series([b"x", b"\xff", None]),
        pl.Series(["a", "b", "a"], dtype=pl.Categorical),
        pl.Series(["a", None], dtype=pl.Enum(["a"])),
        pl.Series(["1.5", None]).cast(pl.Decimal(10, 2)),
        pl.Series([None, None], dtype=pl.Null),
        pl.Series([2**62, -(2**62), 0]),
        pl.Series([1e308, -1e308, 0.0]),
        pl.Series([255, 0], dtype=pl.UInt8),
    ],
    ids=lambda column: str(column.dtype),
)
def test_columns_of_any_type_have_a_profile(column: pl.Series) -> None:
    described = one(column)
    assert described["missing"] == column.null_count()
    assert described["distinct"] == column.drop_nulls().n_unique()


numbers = st.lists(
    st.one_of(st.integers(-50, 50), st.floats(-1e9, 1e9, allow_nan=False)).map(float), min_size=1, max_size=80
)


@given(numbers)
@settings(max_examples=120, deadline=None)
def test_numbers_are_described_as_counted_one_by_one(values: list[float]) -> None:
    described = one(values)
    if described["kind"] == "flag":
        assert set(values) <= {0.0, 1.0}
        return
    assert float(described["lowest"]) == pytest.approx(min(values))
    assert float(described["highest"]) == pytest.approx(max(values))
    assert float(described["median"]) in {float(f"{value:.12g}") for value in values}
    below = sum(value <= float(described["median"]) + abs(float(described["median"])) * 1e-11 for value in values)
    assert below >= len(values) / 2
    if len(values) % 2:
        assert float(described["median"]) == pytest.approx(statistics.median(values))
    found = bars(described)
    assert sum(bar[2] for bar in found) == len(values)
    assert all(low < high or len(found) == 1 for low, high, _ in found)
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert found[0][0] <= min(values) + abs(min(values)) * 1e-11
    assert found[-1][1] >= max(values) - abs(max(values)) * 1e-11
    assert len(found) <= 23


@given(st.lists(st.integers(-300, 300), min_size=1, max_size=60))
@settings(max_examples=80, deadline=None)
def test_bars_of_whole_numbers_hold_what_lies_from_their_lower_edge_to_below_the_upper_one(values: list[int]) -> None:
    described = one(values)
    if described["kind"] == "flag" or len(bars(described)) == 1:
        return
    found = bars(described)
    for place, (low, high, rows) in enumerate(found):
        is_last = place == len(found) - 1
        assert rows == sum(low <= value < high or (is_last and value == high) for value in values)


def test_the_same_table_as_text_and_typed_has_the_same_profile(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    typed = pl.DataFrame(
        {
            "quantity": rng.integers(-20, 400, 3_000),
            "price": rng.lognormal(1, 1, 3_000).round(2),
            "time": [
                datetime(2024, 1, 1, 8) + timedelta(minutes=int(minute)) for minute in rng.integers(0, 9e5, 3_000)
            ],
            "country": rng.choice(["EIRE", "Spain", "France"], 3_000),
        }
    )
    typed.write_csv(tmp_path / "sales.csv", datetime_format="%Y-%m-%d %H:%M:%S")
    as_text = profile_table(read_csv(tmp_path / "sales.csv"))
    assert as_text.drop("frequent").equals(profile_table(table(typed)).drop("frequent"))


def test_above_the_limit_distinct_values_are_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [f"v{number}" for number in range(50_000)]
    assert one(values)["distinct"] == 50_000
    monkeypatch.setattr(profile, "EXACT_ROWS", 1_000)
    assert one(values)["distinct"] == pytest.approx(50_000, rel=0.05)


# --------------------------------------------------------------------------------------------------- with every format


def landed(place: Place, program: Program, folder: Path) -> pl.DataFrame:
    version = resolve(program, str(folder), place.settings)
    return read_and_normalise(program, version, land(version, place.lake), None, NOW).tables["core_profile"]


def test_an_ingest_of_teomewhy_profiles_its_tables_and_shows_no_person(place: Place) -> None:
    place.land(place.write())
    made = place.landing.tables["core_profile"]
    assert {"clientes", "transacoes", "transacao_produto", "produtos"} <= set(made["table_name"])
    people = made.filter(pl.col("column").is_in(["idCliente", "IdCliente"]))
    assert people.height == 2
    assert people.select(pl.col("lowest", "highest", "frequent").is_null().all()).row(0) == (True, True, True)
    heads = made.filter(pl.col("table_name") == "transacoes")
    assert heads["rows"].unique().to_list() == [place.landing.counts["read_transacoes"]]


def test_an_ingest_of_an_event_table_profiles_it_as_it_came(place: Place) -> None:
    folder = place.folder / "table"
    folder.mkdir()
    rows = ["buyer,when,paid,note", "ann,2024-01-01,3,a", "ann,2024-01-02,x,b", ",2024-01-03,4,a", "bob,2024-01-04,5,"]
    (folder / "sales.csv").write_text("\n".join(rows) + "\n")
    columns = {"customer": "buyer", "time": "when", "value": "paid"}
    program = Program.model_validate(
        {
            "name": "tiny", "title": "Tiny", "day_time_zone": "UTC",
            "source": {"format": "event_table", "files": ["sales.csv"], "columns": columns,
                       "tolerated_reject_share": 0.9},
        }
    )  # fmt: skip
    made = {row["column"]: row for row in landed(place, program, folder).iter_rows(named=True)}
    assert list(made) == ["buyer", "when", "paid", "note"]
    assert made["buyer"]["missing"] == 1
    assert made["buyer"]["frequent"] is None
    assert made["when"]["kind"] == "date"
    assert made["note"]["rows"] == 4


@pytest.mark.real_data
def test_the_real_purchase_log_is_profiled_as_it_is(real_data: Path) -> None:
    rows = pl.read_parquet(real_data / "online_retail/online_retail.parquet")
    made = profile_table(table(rows, "online_retail.parquet"), ["CustomerID"])
    by_column = {row["column"]: row for row in made.iter_rows(named=True)}
    assert made["rows"].unique().to_list() == [541_909]
    assert made["duplicate_rows"].unique().to_list() == [5_268]
    assert by_column["CustomerID"]["missing"] == 135_080
    assert by_column["CustomerID"]["distinct"] == 4_372
    assert by_column["InvoiceNo"]["not_of_kind"] == 9_291  # 9,288 cancelled rows and three corrections of bad debts
    assert (by_column["Quantity"]["lowest"], by_column["Quantity"]["highest"]) == ("-80995", "80995")
    assert [by_column["UnitPrice"][name] for name in ("quartile_1", "median", "quartile_3")] == ["1.25", "2.08", "4.13"]
    assert by_column["InvoiceDate"]["highest"] == "2011-12-09 12:50:00"
    assert [bar[2] for bar in bars(by_column["InvoiceDate"])][:2] == [42_481, 35_147]
