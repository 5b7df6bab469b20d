"""Foreign files as frames of text."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from fiel.sources import reading
from fiel.sources.reading import EXTRA, ROW, read_csv, read_sqlite


def test_quoted_newlines_separators_and_quotes_are_one_value(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a;b\n1;"first line\nsecond; ""line"""\n2;x\n', encoding="utf-8")
    assert read_csv(path).rows.select("a", "b").rows() == [("1", 'first line\nsecond; "line"'), ("2", "x")]


def test_a_short_row_lacks_its_last_values_and_a_long_one_keeps_what_is_too_much(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b;c\n1;2\n1;2;3;4;5\n", encoding="utf-8")
    rows = read_csv(path).rows
    assert rows.select("a", "b", "c", EXTRA).rows() == [("1", "2", None, None), ("1", "2", "3", "4")]


def test_blank_lines_are_no_rows_but_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b\n1;2\n\n3;4\n\n", encoding="utf-8")
    assert read_csv(path).rows.get_column(ROW).to_list() == [1, 3]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found_from_the_header(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'"a, b; c"{separator}second\n1{separator}2\n', encoding="utf-8")
    assert read_csv(path).columns == ["a, b; c", "second"]


def database(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (number INTEGER, share REAL, word TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, n / 4, f"w{n}") for n in range(10)])
        connection.execute("UPDATE t SET word = CAST(x'4A6F73E9' AS TEXT) WHERE number = 7")  # Jose in latin1
        connection.execute("UPDATE t SET word = NULL WHERE number = 8")
    return path


@pytest.mark.parametrize("chunk", [3, 100])
def test_sqlite_is_read_as_text_chunk_by_chunk_and_a_broken_text_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(reading, "CHUNK", chunk)
    rows = read_sqlite(database(tmp_path / "a.db"), "t").rows
    assert rows.get_column("number").to_list() == [str(n) for n in range(10)]
    assert rows.get_column("share").to_list()[:3] == ["0.0", "0.25", "0.5"]
    assert rows.get_column("word").to_list()[6:] == ["w6", "Jos�", None, "w9"]
    assert rows.get_column(ROW).to_list() == list(range(1, 11))
