"""The wide table of the competition: what is read, what is set aside, what is refused; and the real file."""

from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from fiel.errors import SourceError
from fiel.program import Program, read_program
from fiel.settings import HOME
from fiel.sources.rules import Sieve
from fiel.sources.santander import read, wanted_files
from fiel.tables import TABLES, known_at

HEADER = "ID,var3,var15,TARGET"
NOW = datetime(2026, 3, 1)


@pytest.fixture(scope="module")
def program() -> Program:
    return read_program(HOME / "deployments" / "programs" / "santander.yaml")


class Bank:
    """A folder with train.csv (and test.csv), read into its two parsed tables."""

    def __init__(self, folder: Path, program: Program) -> None:
        self.folder, self.program, self.sieve = folder, program, Sieve("v1")

    def write(self, *rows: str, header: str = HEADER, name: str = "train.csv") -> Bank:
        (self.folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return self

    def read(self) -> dict[str, pl.DataFrame]:
        found = read(self.program, {"competition": self.folder}, self.sieve, NOW)
        return {name: frame.sort("customer_id") for name, frame in found.items()}

    @property
    def aside(self) -> list[tuple[str, str, int]]:
        """Rows that were set aside: table, rule, row of the file."""
        return self.sieve.rejected_rows().select("table_name", "rule", "row").sort("row").rows()


@pytest.fixture
def bank(tmp_path: Path, program: Program) -> Bank:
    return Bank(tmp_path, program)


def test_a_row_becomes_attributes_and_a_label_under_its_id(bank: Bank) -> None:
    found = bank.write("1,2,23,0", "7,-999999,34.5,1").read()
    assert found["attributes"].rows() == [("1", 2.0, 23.0), ("7", -999999.0, 34.5)]
    assert found["attributes"].columns == ["customer_id", "x_var3", "x_var15"]
    assert found["labels"].rows() == [("1", 0, None), ("7", 1, None)]
    for name in ("attributes", "labels"):
        TABLES[f"core_{name}"].check(found[name].cast(pl.Schema(TABLES[f"core_{name}"].declared), strict=False).schema)
    assert bank.aside == []


def test_customers_of_the_test_file_have_attributes_and_no_known_outcome(bank: Bank) -> None:
    found = bank.write("1,2,23,0").write("2,3,30", header="ID,var3,var15", name="test.csv").read()
    assert found["attributes"].rows() == [("1", 2.0, 23.0), ("2", 3.0, 30.0)]
    assert found["labels"]["label"].to_list() == [0, None]


def test_the_outcome_is_never_a_feature() -> None:
    assert known_at("core_labels", "label") == "never"


def test_columns_of_the_test_file_may_stand_in_another_order(bank: Bank) -> None:
    found = bank.write("1,2,23,0").write("30,2,3", header="var15,ID,var3", name="test.csv").read()
    assert found["attributes"].filter(pl.col("customer_id") == "2").row(0) == ("2", 3.0, 30.0)


def test_either_file_may_be_zipped(bank: Bank) -> None:
    bank.write("1,2,23,0")
    with zipfile.ZipFile(bank.folder / "train.csv.zip", "w") as archive:
        archive.write(bank.folder / "train.csv", "train.csv")
    (bank.folder / "train.csv").unlink()
    assert bank.read()["attributes"].rows() == [("1", 2.0, 23.0)]


def test_an_empty_cell_is_a_missing_number(bank: Bank) -> None:
    found = bank.write("1,,23,0", "2, ,30,1").read()
    assert found["attributes"]["x_var3"].to_list() == [None, None]
    assert bank.aside == []


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (",2,23,0", "id_missing"),
        ("one,2,23,0", "id_unreadable"),
        ("1.5,2,23,0", "id_unreadable"),
        ("-4,2,23,0", "id_negative"),
        ("4,two,23,0", "value_unreadable"),
        ("4,inf,23,0", "value_unreadable"),
        ("4,NaN,23,0", "value_unreadable"),
        ("4,2,23,", "target_missing"),
        ("4,2,23,2", "target_unreadable"),
        ("4,2,23,yes", "target_unreadable"),
        ("4,2,23,0,5", "too_many_fields"),
    ],
)
def test_a_row_that_cannot_be_read_is_set_aside_and_the_rest_kept(bank: Bank, row: str, rule: str) -> None:
    found = bank.write("1,2,23,0", row, "3,2,23,1").read()
    assert found["attributes"]["customer_id"].to_list() == ["1", "3"]
    assert [(table, name) for table, name, _ in bank.aside] == [("train.csv", rule)]


def test_a_cell_that_is_no_number_is_kept_with_its_row(bank: Bank) -> None:
    bank.write("1,2,23,0", "2,two,x,0").read()
    assert "var3=two; var15=x" in bank.sieve.rejected_rows()["content"][0]


def test_a_row_that_stands_twice_counts_once_and_a_contradiction_is_set_aside(bank: Bank) -> None:
    found = bank.write("1,2,23,0", "1,2,23,0", "2,5,30,1", "2,4,30,1").read()
    assert found["attributes"].rows() == [("1", 2.0, 23.0), ("2", 4.0, 30.0)]
    assert [rule for _, rule, _ in bank.aside] == ["duplicate_key"]


def test_a_customer_of_both_files_keeps_the_row_with_the_outcome(bank: Bank) -> None:
    found = bank.write("1,2,23,1").write("1,3,40", "2,3,30", header="ID,var3,var15", name="test.csv").read()
    assert found["attributes"].rows() == [("1", 2.0, 23.0), ("2", 3.0, 30.0)]
    assert found["labels"]["label"].to_list() == [1, None]
    assert [(table, rule) for table, rule, _ in bank.aside] == [("test.csv", "id_in_train_too")]


def test_the_same_id_in_two_spellings_is_one_customer(bank: Bank) -> None:
    found = bank.write("007,2,23,1", "7.0,2,23,1").read()
    assert found["attributes"]["customer_id"].to_list() == ["7"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("ID,var3,var15", "1 columns are missing: TARGET"),
        ("id,var3,var15,TARGET", "1 columns are missing: ID"),
        ("ID|var3|var15|TARGET", "is the separator a comma"),
        ("ID,TARGET", "no column beside ID and TARGET"),
        ("ID,var-3,var 3,TARGET", "columns var-3, var 3 would have one name"),
    ],
)
def test_a_header_that_is_not_the_competition_s_is_refused(bank: Bank, header: str, said: str) -> None:
    rows = [",".join("1" for _ in header.split(","))]
    with pytest.raises(SourceError, match=r"train\.csv") as refused:
        bank.write(*rows, header=header).read()
    assert said in str(refused.value)


def test_a_test_file_that_lacks_a_column_of_the_train_file_is_refused(bank: Bank) -> None:
    with pytest.raises(SourceError, match=r"test.csv: 1 columns are missing: var15"):
        bank.write("1,2,23,0").write("2,3", header="ID,var3", name="test.csv").read()


def test_only_the_competition_s_two_tables_are_taken() -> None:
    assert wanted_files(["a/train.csv", "a/test.csv.zip", "sample_submission.csv"]) == ["a/test.csv.zip", "a/train.csv"]
    with pytest.raises(SourceError, match=r"there is no train.csv .* there are: test.csv"):
        wanted_files(["test.csv"])
    with pytest.raises(SourceError, match="2 files of train rows"):
        wanted_files(["train.csv", "old/train.csv.gz"])


@pytest.mark.real_data
def test_the_real_file_is_read_whole(real_data: Path, program: Program) -> None:
    bank = Bank(real_data / "santander", program)
    found = bank.read()
    assert found["attributes"].shape == (57_015, 370)
    assert found["labels"]["label"].value_counts().sort("label").rows() == [(0, 54_759), (1, 2_256)]
    assert found["attributes"].null_count().sum_horizontal().item() == 0
    assert bank.aside == []
