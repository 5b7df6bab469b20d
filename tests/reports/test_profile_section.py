"""The page of the data as they came: what it shows, that it adds up, that it names nobody, and that its charts draw."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import vl_convert

from fiel.lake import Lake
from fiel.program import Program
from fiel.reports import theme
from fiel.reports.charts.profile import money_by_rule, rows_by_rule, rows_over_time
from fiel.reports.profile import (
    COLUMNS,
    columns_of_table,
    coverage,
    frequent_values,
    profile_markdown,
    reconciliation,
    sparkline,
    steps,
    table_names,
)
from fiel.reports.sections.base import Empty, Figure, Section, Shown, Tiles, Words
from fiel.reports.sections.profile import profile_section
from fiel.settings import Settings
from fiel.simulate.retail import simulate
from fiel.sources.ingest import land, read_and_normalise, resolve
from fiel.sources.profile import profile_table
from fiel.sources.reading import RawTable
from fiel.tables import TABLES
from tests.reports.conftest import make_program, make_shop

INTAKE = pl.DataFrame(
    [
        ("a.csv", 1, "read", None, "everything that was there", True, 100, 5_000),
        ("a.csv", 2, "set_aside", "missing_customer", "rows without a customer", True, 20, 900),
        ("a.csv", 3, "set_aside", "zero_price", "rows with unit price 0", False, 0, 0),
        ("a.csv", 4, "changed", "cancellation_matched", "cancelled lines", True, 3, -50),
        ("a.csv", 5, "kept", None, "rows that became events and lines", True, 80, 4_100),
        ("b.csv", 1, "read", None, "everything that was there", True, 10, -300),
        ("b.csv", 2, "rejected", "time_missing", "rows without a time", True, 1, -400),
        ("b.csv", 3, "kept", None, "rows that became events and lines", True, 9, 100),
    ],
    schema=TABLES["core_intake"].declared,
    orient="row",
)
NO_MONEY = INTAKE.with_columns(pl.lit(None, pl.Int64).alias("value"))


def made_profile() -> pl.DataFrame:
    sales = pl.DataFrame(
        {
            "buyer": ["ann", "ann", "bob", None],
            "country": ["Spain", "Spain", "Peru", "Peru"],
            "price": [1.5, 2.5, 1234.25, 2.5],
            "pieces": [-1200, 1, 1, 3],
            "postal_code": [101000, 101000, 236507, 101000],
            "year": [2015, 2016, 2016, 2023],
            "when": [datetime(2024, 1, 31, 8, 5), datetime(2024, 2, 1), datetime(2024, 5, 2), datetime(2024, 5, 3)],
        }
    )
    places = pl.DataFrame({"place": ["x", "y", "x", "y", "x"], "note": ["a", "a", "b", "b", "a"]})

    def table(name: str, rows: pl.DataFrame) -> RawTable:
        return RawTable(name, rows.with_row_index("_row"))

    return pl.concat([profile_table(table("sales", sales), ["buyer"]), profile_table(table("places", places))])


def words(section: Section) -> str:
    """Everything that the section says in words and tables."""
    parts: list[str] = []
    for block in section.blocks:
        match block:
            case Words() | Empty():
                parts.append(block.text)
            case Tiles():
                parts += [f"{tile.label} {tile.value} {tile.note}" for tile in block.tiles]
            case Shown():
                parts += [block.title, block.subtitle, *(cell for row in block.table.rows for cell in row)]
            case Figure():
                parts += [block.title, block.subtitle, block.description, block.json]
    return "\n".join(parts)


def figures(section: Section) -> list[str]:
    return [block.name for block in section.blocks if isinstance(block, Figure)]


# --------------------------------------------------------------------------------------------------------------- frames


def test_the_steps_sum_up_the_tables_in_order() -> None:
    assert steps(INTAKE).select("step", "rule", "rows", "value").rows() == [
        ("read", None, 110, 4_700),
        ("set_aside", "missing_customer", 20, 900),
        ("set_aside", "zero_price", 0, 0),
        ("rejected", "time_missing", 1, -400),
        ("kept", None, 89, 4_200),
        ("changed", "cancellation_matched", 3, -50),
    ]


def test_rules_are_on_or_off_and_the_sums_are_no_rules() -> None:
    assert dict(steps(INTAKE).select(pl.col("rule").fill_null("-"), "is_on").iter_rows()) == {
        "-": None, "missing_customer": True, "zero_price": False, "time_missing": True, "cancellation_matched": True
    }  # fmt: skip


def test_what_was_read_is_kept_or_taken_out() -> None:
    found = reconciliation(INTAKE)
    assert (found.read, found.kept, found.out, found.rows_left, found.value_left) == (110, 89, 21, 0, 0)
    assert found.is_whole
    assert reconciliation(NO_MONEY).is_whole
    assert reconciliation(NO_MONEY).value_left is None


@pytest.mark.parametrize("lost", ["rows", "value"])
def test_a_row_or_a_penny_that_is_lost_is_noticed(lost: str) -> None:
    is_kept = (pl.col("step") == "kept") & (pl.col("table_name") == "b.csv")
    wrong = INTAKE.with_columns(pl.when(is_kept).then(pl.col(lost) - 1).otherwise(pl.col(lost)).alias(lost))
    assert not reconciliation(wrong).is_whole
    section = profile_section(made_profile(), wrong, make_shop())
    warnings = [block.text for block in section.blocks if isinstance(block, Words) and block.level == "warning"]
    assert any("do not add up" in text for text in warnings)


def test_tables_come_the_largest_first() -> None:
    assert table_names(made_profile()) == ["places", "sales"]


def test_values_are_shown_as_people_read_them() -> None:
    shown = {row["column"]: row for row in columns_of_table(made_profile(), "sales").to_dicts()}
    assert shown["pieces"]["lowest"] == "−1,200"
    assert shown["price"]["highest"] == "1,234.25"
    assert shown["year"]["middle"] == "2016 (2016 to 2016)", "a year is no amount"
    assert shown["postal_code"]["lowest"] == "101000", "nor is a code"
    assert shown["price"]["middle"] == "2.5 (2.5 to 2.5)"
    assert (shown["when"]["lowest"], shown["when"]["highest"]) == ("2024-01-31", "2024-05-03")
    assert shown["buyer"]["missing_share"] == 0.25
    assert [shown["buyer"][name] for name in ("lowest", "middle", "highest", "shape")] == [None, None, None, ""]
    assert {column.name for column in COLUMNS} <= set(shown["buyer"])


@pytest.mark.parametrize(
    ("bins", "drawn"),
    [([1, 0, 8], "▁\u00a0█"), ([1, 1], "██"), ([1, 10_000], "▁█"), ([0, 0], "\u00a0\u00a0"), ([3, 4, 7, 8], "▃▄▇█")],
)
def test_a_shape_has_a_block_for_each_bin_and_none_where_there_is_no_row(bins: list[int], drawn: str) -> None:
    assert sparkline(json.dumps([[place, place + 1, rows] for place, rows in enumerate(bins)])) == drawn
    assert sparkline(None) == ""


def test_rows_by_month_have_their_months_without_rows() -> None:
    found = coverage(made_profile())
    assert found["table_name"].unique().to_list() == ["sales"]
    assert found.filter(pl.col("rows") == 0)["from"].to_list()[-2:] == [date(2024, 3, 1), date(2024, 4, 1)]
    assert found["rows"].sum() == 4


def test_frequent_values_leave_people_out() -> None:
    found = frequent_values(made_profile())
    assert "buyer" not in set(found["column"])
    assert found.filter(pl.col("column") == "place").select("value", "rows", "share").rows() == [
        ("x", 3, 0.6), ("y", 2, 0.4)
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- section


def test_the_section_answers_what_came_and_where_it_went() -> None:
    section = profile_section(made_profile(), INTAKE, make_shop())
    said = words(section)
    assert (section.name, section.title) == ("profile", "The data, as they came")
    assert "110 rows read = 89 kept + 21 taken out. The same holds for the money." in said
    assert "rows without a customer" in said
    assert "£ 42" in said  # 4,200 pence
    assert "Columns of sales" in said
    assert figures(section) == ["rows-by-rule", "money-by-rule", "rows-over-time-1"]


def test_a_source_without_money_shows_rows_alone() -> None:
    section = profile_section(made_profile(), NO_MONEY, make_program())
    assert figures(section) == ["rows-by-rule", "rows-over-time-1"]
    assert "money" not in words(section)


def test_where_nothing_was_taken_out_no_chart_says_so() -> None:
    whole = NO_MONEY.filter(pl.col("step").is_in(["read", "kept"])).with_columns(pl.lit(5, pl.Int64).alias("rows"))
    section = profile_section(made_profile(), whole, make_program())
    assert "10 rows read = 10 kept + 0 taken out" in words(section)
    assert figures(section) == ["rows-over-time-1"]


def test_months_without_a_row_are_warned_of() -> None:
    section = profile_section(made_profile(), INTAKE, make_shop())
    warnings = [block.text for block in section.blocks if isinstance(block, Words) and block.level == "warning"]
    assert any("no row" in text and "2024-03-01" in text for text in warnings)


def test_the_section_names_no_person() -> None:
    said = words(profile_section(made_profile(), INTAKE, make_shop()))
    assert "ann" not in said.replace("cancelled", "").replace("channel", "")
    assert "bob" not in said


def test_a_version_without_a_profile_says_how_to_get_one() -> None:
    empty = pl.DataFrame(schema=TABLES["core_profile"].declared)
    section = profile_section(empty, INTAKE.clear(), make_shop())
    (block,) = section.blocks
    assert isinstance(block, Empty)
    assert block.command == "fiel run ingest --program made_up_shop"


def test_made_up_data_are_called_so_in_every_chart() -> None:
    section = profile_section(made_profile(), INTAKE, make_shop(simulated=True))
    assert all("(simulated)" in block.subtitle for block in section.blocks if isinstance(block, Figure))


@pytest.mark.parametrize("mode", theme.MODES)
def test_every_chart_draws_and_tells_what_it_shows(mode: theme.Mode) -> None:
    whole = steps(INTAKE)
    for chart in (
        rows_by_rule(whole), money_by_rule(whole, make_shop().value), rows_over_time(coverage(made_profile()))
    ):  # fmt: skip
        spec = theme.themed_spec(chart, mode, width=480)
        assert spec["description"]
        assert vl_convert.vegalite_to_svg(spec).count("<path") > 3


def test_charts_use_colours_that_have_a_dark_twin() -> None:
    drawn = json.dumps(theme.themed_spec(rows_by_rule(steps(INTAKE)), "dark") | {"datasets": None})
    assert theme.TOKENS["accent"].light not in drawn
    assert theme.TOKENS["accent"].dark in drawn


def test_the_markdown_holds_the_sum_the_rules_and_the_columns() -> None:
    text = profile_markdown(made_profile(), INTAKE, make_shop())
    assert "110 rows read = 89 kept + 21 taken out" in text
    assert "| set aside | rows without a customer | on | 20 | 18.2 % | £ 9 |" in text
    assert "## sales" in text
    assert "ann" not in text.replace("cancelled", "")
    assert profile_markdown(made_profile().clear(), INTAKE.clear()) == "No profile: ingest the source once more."


# ---------------------------------------------------------------------------------------------------------- whole chain


def landed(program: Program, folder: Path, tmp_path: Path) -> dict[str, Any]:
    version = resolve(program, str(folder), Settings())
    lake = Lake(str(tmp_path / "lake"), program.name)
    return read_and_normalise(program, version, land(version, lake), None, datetime(2026, 3, 1)).tables


def test_a_simulated_shop_adds_up_on_its_page(tmp_path: Path) -> None:
    made = simulate(tmp_path / "shop", customers=150, layout="csv")
    program = make_shop(
        source={"format": "online_retail", "files": ["*.csv"], "time_zone": "Europe/London"},
        day_time_zone="Europe/London",
    )
    tables = landed(program, tmp_path / "shop", tmp_path)
    found = reconciliation(tables["core_intake"])
    assert found.is_whole
    assert found.read == made.rows
    said = words(profile_section(tables["core_profile"], tables["core_intake"], program))
    assert f"{made.rows:,} rows read" in said
    assert "repeated invoices" in said
