from __future__ import annotations

import pytest

from fiel.reports.dictionary import KNOWN_AT, PAGE, data_dictionary, write_data_dictionary
from fiel.tables import TABLES


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == data_dictionary(), "run `make docs` and commit the page"


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_table_and_column_is_on_the_page_with_its_meaning(table) -> None:
    page = data_dictionary()
    section = page.split(f"### {table.name}\n")[1].split("\n### ")[0]
    for name, column in table.schema.columns().items():
        row = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
        assert column.description
        assert column.description.replace("|", "\\|") in row
        assert row.split(" | ")[3] in KNOWN_AT


def test_every_table_says_what_a_row_is() -> None:
    assert all((table.schema.__doc__ or "").strip() for table in TABLES.values())


def test_no_cell_breaks_its_row() -> None:
    rows = [line for line in data_dictionary().splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}


def test_writing_it_twice_gives_the_same_file(tmp_path) -> None:
    first = write_data_dictionary(tmp_path / "a.md").read_bytes()
    assert write_data_dictionary(tmp_path / "b.md").read_bytes() == first
