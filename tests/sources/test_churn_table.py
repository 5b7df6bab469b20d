"""The churn file and the links: what is read, what is set aside, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from fiel.errors import SourceError
from fiel.simulate.telecom import simulate
from fiel.sources.churn_table import ChurnTable, read_churn_table, read_links
from fiel.sources.rules import Sieve
from fiel.tables import TABLES, known_at

HEADER = "PC1,PC2,FACTOR1,y,t"


def read(folder: Path, *rows: str, header: str = HEADER) -> tuple[ChurnTable, Sieve]:
    path = folder / "churn.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    sieve = Sieve("v1")
    return read_churn_table(path, sieve, numbers=2, factors=1), sieve


def links(folder: Path, *rows: str) -> tuple[list[tuple[int, str]], Sieve]:
    path = folder / "links.csv"
    path.write_text("\n".join(["customer_id,session", *rows]) + "\n", encoding="utf-8")
    sieve = Sieve("v1")
    return read_links(path, sieve, pl.Series(["1", "2", "3"])).sort("session").rows(), sieve


def test_a_row_becomes_attributes_and_labels_under_its_row_number(tmp_path) -> None:
    found, _ = read(tmp_path, "1.5,-2e-3,V1,0,1", "0,3,V2,1,0")
    assert found.attributes.rows() == [("1", 1.5, -0.002, "V1"), ("2", 0.0, 3.0, "V2")]
    assert found.attributes.columns == ["customer_id", "x_pc1", "x_pc2", "c_factor1"]
    assert found.labels.rows() == [("1", 0, True), ("2", 1, False)]
    TABLES["core_attributes"].check(found.attributes.schema)
    TABLES["core_labels"].check(found.labels.schema)


def test_neither_the_order_of_columns_nor_their_case_matters(tmp_path) -> None:
    found, _ = read(tmp_path, "1,V1,2,0,1", header="T,factor1,pc2,Y,PC1")
    assert found.attributes.rows() == [("1", 1.0, 2.0, "V1")]
    assert found.labels.rows() == [("1", 0, True)]


def test_an_empty_cell_is_unknown(tmp_path) -> None:
    found, sieve = read(tmp_path, ",1,,,", "1,1,V1,0,1")
    assert found.attributes.row(0) == ("1", None, 1.0, None)
    assert found.labels.row(0) == ("1", None, None)
    assert sieve.rejected_rows().is_empty()


def test_who_was_treated_is_never_a_feature() -> None:
    assert known_at("core_labels", "is_treated") == "never"
    assert known_at("core_labels", "label") == "never"


@pytest.mark.parametrize(
    ("row", "rule", "wrong"),
    [
        ("abc,1,V1,0,1", "number_unparseable", "PC1=abc"),
        ("1,nan,V1,0,1", "number_unparseable", "PC2=nan"),
        ("x,inf,V1,3,1", "number_unparseable", "PC1=x, PC2=inf, y=3"),
        ("1,1,V1,2,1", "label_unknown", "y=2"),
        ("1,1,V1,yes,1", "label_unknown", "y=yes"),
        ("1,1,V1,0,-1", "treatment_unknown", "t=-1"),
        ("1,1,V1,0,1,9", "too_many_fields", "9"),
    ],
)
def test_a_row_that_cannot_be_read_is_set_aside_and_leaves_a_hole(tmp_path, row, rule, wrong) -> None:
    found, sieve = read(tmp_path, "1,1,V1,0,1", row, "3,3,V3,1,0")
    assert found.attributes.get_column("customer_id").to_list() == ["1", "3"]
    assert found.labels.get_column("customer_id").to_list() == ["1", "3"]
    told = sieve.rejected_rows().row(0, named=True)
    assert (told["table_name"], told["row"], told["rule"]) == ("churn.csv", 2, rule)
    assert json.loads(told["content"]) == {"wrong": wrong}


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("PC1,FACTOR1,y,t", r"churn\.csv: 1 of 5 columns are missing: PC2"),
        ("PC1,PC2,FACTOR1,y", "1 of 5 columns are missing: t"),
        ("a,b,c,d,e", r"5 of 5 columns are missing: PC1, PC2, FACTOR1, y, t"),
        ("PC1,PC1,FACTOR1,y,t", "column PC1 stands twice in the header"),
    ],
)
def test_a_header_that_is_not_the_churn_files_is_refused(tmp_path, header, told) -> None:
    with pytest.raises(SourceError, match=told):
        read(tmp_path, "1,1,V1,0,1", header=header)


def test_a_column_that_nobody_asked_for_is_left_out_with_a_warning(tmp_path) -> None:
    found, sieve = read(tmp_path, "1,1,V1,0,1,Ana", header=HEADER + ",name")
    assert "name" not in str(found.attributes.columns)
    assert sieve.warnings == ["1 columns of churn.csv are not part of the churn file and left out: name"]


def test_a_file_without_a_good_row_is_refused(tmp_path) -> None:
    with pytest.raises(SourceError, match="no row is left of 1"):
        read(tmp_path, "abc,1,V1,0,1")


def test_the_simulated_file_is_read_whole(tmp_path) -> None:
    made = simulate(tmp_path, customers=300, sessions=0)
    found = read_churn_table(tmp_path / "churn.csv", Sieve("v1"))
    raw = pl.read_csv(tmp_path / "churn.csv")
    assert found.attributes.shape == (300, 1 + 160 + 18)
    assert found.attributes.get_column("x_pc160").to_list() == raw.get_column("PC160").cast(pl.Float64).to_list()
    assert found.attributes.get_column("c_factor18").to_list() == raw.get_column("FACTOR18").to_list()
    assert found.labels.get_column("label").sum() == made.churners
    assert found.labels.get_column("is_treated").sum() == made.treated


# ------------------------------------------------------------------------------------------ links


def test_a_link_says_whose_session_it_is(tmp_path) -> None:
    found, sieve = links(tmp_path, "2,10", "1,12", "2,11", "2.0,13")
    assert found == [(10, "2"), (11, "2"), (12, "1"), (13, "2")]
    assert sieve.rejected_rows().is_empty()


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("9,10", "customer_unknown"),
        (",10", "customer_missing"),
        ("1,", "session_missing"),
        ("1,x", "session_unreadable"),
        ("1,-4", "session_unreadable"),
        ("1,2,3", "too_many_fields"),
    ],
)
def test_a_link_that_cannot_be_is_set_aside(tmp_path, row, rule) -> None:
    found, sieve = links(tmp_path, "1,10", row)
    assert found == [(10, "1")]
    assert sieve.rejected_rows().select("row", "rule").rows() == [(2, rule)]


def test_a_session_of_two_customers_keeps_one_and_the_other_is_set_aside(tmp_path) -> None:
    found, sieve = links(tmp_path, "2,10", "1,10", "1,10")
    assert found == [(10, "1")]
    assert sieve.rejected_rows().select("row", "rule").rows() == [(1, "duplicate_key")]
    assert sieve.counts["repeated_rows"] == 1
