from datetime import date

import polars as pl

from fiel.reports import format as fmt
from fiel.reports.tables import column, markdown_table, number, table


def test_names_and_types_decide_how_values_are_shown() -> None:
    frame = pl.DataFrame(
        {
            "stage": ["fiel", None],
            "as_of": [date(2025, 9, 1), None],
            "customers": [1204, None],
            "gain_prob": [0.1234, None],
            "log_loss": [0.41234, None],
            "is_open": [True, None],
        }
    )
    assert table(frame).rows == (
        ("fiel", "2025-09-01", "1,204", "12.3 %", "0.412", "True"),
        ("–", "–", "–", "–", "–", "–"),
    )
    assert [item.kind for item in table(frame).columns] == ["stage", "text", "number", "number", "number", "text"]


def test_chosen_columns_have_their_headings_and_formats() -> None:
    made = table(pl.DataFrame({"a": [0.5], "b": ["x"]}), [column("b", "word"), number("a", "share", fmt.percent)])
    assert [item.title for item in made.columns] == ["word", "share"]
    assert made.rows == (("x", "50 %"),)


def test_a_longer_table_says_how_many_rows_are_left_out() -> None:
    made = table(pl.DataFrame({"a": range(1_500)}), note="All are in the lake.")
    assert len(made.rows) == 1_000
    assert made.note == "The first 1,000 of 1,500 rows. All are in the lake."


def test_markdown_aligns_numbers_and_escapes_what_would_break_the_table() -> None:
    text = markdown_table(pl.DataFrame({"name": ["a|b\nc"], "rows": [12_345]}))
    assert text.splitlines() == ["| name | rows |", "| --- | ---: |", "| a\\|b c | 12,345 |"]


def test_markdown_of_many_rows_is_short_and_says_so() -> None:
    text = markdown_table(pl.DataFrame({"rows": range(60)}), at_most=2)
    assert text.endswith("The first 2 of 60 rows.")
    assert text.count("\n") == 5


def test_markdown_of_no_rows_says_so() -> None:
    assert markdown_table(pl.DataFrame({"rows": []})) == "No rows."
