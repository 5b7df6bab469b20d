"""A fund's files: what is read, what is set aside, what is refused, closings counted once; and the real files."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fiel.errors import SourceError
from fiel.features.snapshot import build_snapshots
from fiel.program import Program
from fiel.sources.pension import CORE, read, wanted_files
from fiel.sources.pension_columns import ACCOUNT_COLUMNS
from fiel.sources.rules import Sieve
from fiel.tables import TABLES, known_at
from tests.features.funds import fund_program, landed

NOW = datetime(2023, 4, 10)
ACCOUNTS, OPERATIONS = "account_quarters.csv", "transactions.csv"
FACTS = ("usd_rate", "key_rate", "life_expectancy", "postcodes")
REAL_FILES = {
    "accounts": {
        "file": "SavingsAccountsData.csv",
        "header": ["row", "npo_account_id", "year", "quarter", "oprtn_sum_per_qrtr", "oprtn_sum_per_year"],
    },
    "operations": {"file": "operations.csv", "header": ["row", "npo_account_id", "npo_oprtn_grp", "year", "quarter"]},
    "schemes": None,
    "clients": {"file": "accaunts.csv", "header": ["row", "client_id", "npo_account_id"]},
    "people": {"file": "users.csv", "header": ["row", "client_id", "gender", "age"]},
    "usd_rate": {"file": "cursUSD.csv"},
    "key_rate": {"file": "final_central_bank.csv"},
    "life_expectancy": {"file": "life_expectancy.csv"},
    "postcodes": {"file": "coordinates.csv"},
}
"""The demo rows have no headers; what their columns are follows from the files (and is held by a test below)."""


def program_of(files: dict[str, Any] | None = None, **pension: Any) -> Program:
    few = {"accounts": {"file": ACCOUNTS}, "operations": {"file": OPERATIONS, "separator": ";"}, "schemes": None}
    return fund_program(files={**few, **dict.fromkeys(FACTS), **(files or {})}, **pension)


class Fund:
    """A folder with files, read into the tables of the source."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sieve, self.program = folder, Sieve("v1"), program_of()
        self.write(ACCOUNTS, "npo_account_id,client_id,quarter", "a,c1,2017Q4")
        self.write(OPERATIONS, "npo_account_id;quarter;npo_oprtn_grp;npo_sum", "a;2017Q4;1;10,50")

    def write(self, name: str, *lines: str) -> Fund:
        (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self

    def read(self) -> dict[str, pl.DataFrame]:
        return read(self.program, {"files": self.folder}, self.sieve, NOW)

    def accounts(self, *columns: str) -> list[tuple[Any, ...]]:
        return self.read()["core_accounts"].select("customer_id", "day", *columns).rows()

    @property
    def aside(self) -> list[tuple[str, int]]:
        """Rows that were set aside: rule and row of the file."""
        return self.sieve.rejected_rows().select("rule", "row").sort("row", "rule").rows()


@pytest.fixture
def fund(tmp_path: Path) -> Fund:
    return Fund(tmp_path)


def test_values_are_read_as_russians_write_them(fund: Fund) -> None:
    fund.write(
        ACCOUNTS,
        "npo_account_id,client_id,quarter,year,balance,pmnts_nmbr_per_qrtr,gender,phone_number,frst_pmnt_date,pmnts_type",
        'a,c1,2017Q4,2017,"1234,56",3,1,да,31.12.2016,2.0',
        "b,c2,2018q1,2018.0,1234.5,3.0,-1,нет,2016-12-31 00:00:00,1",
    )
    columns = ("balance", "contributions", "gender", "has_phone", "first_contribution_on", "payment_type")
    assert fund.accounts(*columns) == [
        ("a", date(2017, 12, 31), 123456, 3, 1, True, date(2016, 12, 31), "2"),
        ("b", date(2018, 3, 31), 123450, 3, -1, False, date(2016, 12, 31), "1"),
    ]
    assert fund.aside == []


@pytest.mark.parametrize(
    ("header", "row", "rule"),
    [
        ("quarter", "2017Q5", "quarter_unparseable"),
        ("quarter", "2017-Q4", "quarter_unparseable"),
        ("quarter", "", "quarter_missing"),
        ("quarter", "2023Q2", "quarter_not_over"),
        ("quarter,year", "2017Q4,2016", "year_contradicts_quarter"),
        ("quarter,balance", "2017Q4,a lot", "balance_unparseable"),
        ("quarter,balance", "2017Q4,inf", "balance_unparseable"),
        ("quarter,age", "2017Q4,140", "age_out_of_range"),
        ("quarter,age", "2017Q4,33.5", "age_unparseable"),
        ("quarter,gender", "2017Q4,2", "gender_unparseable"),
        ("quarter,phone_number", "2017Q4,maybe", "phone_number_unparseable"),
        ("quarter,pmnts_nmbr_per_qrtr", "2017Q4,-1", "pmnts_nmbr_per_qrtr_negative"),
        ("quarter,frst_pmnt_date", "2017Q4,31.02.2017", "frst_pmnt_date_unparseable"),
    ],
)
def test_a_row_with_a_wrong_value_is_set_aside(fund: Fund, header: str, row: str, rule: str) -> None:
    good = "2017Q3" + "," * header.count(",")
    fund.write(ACCOUNTS, f"npo_account_id,{header}", f"a,{good}", f"b,{row}")
    assert [found[0] for found in fund.accounts()] == ["a"]
    assert fund.aside == [(rule, 2)]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (";2017Q4;1;10;2017-12-01", "npo_account_id_missing"),
        ("a;2017Q4;2;10;2017-12-01", "npo_oprtn_grp_unknown"),
        ("a;2017Q4;1;ten;2017-12-01", "npo_sum_unparseable"),
        ("a;2017Q4;1;10;2018-01-01", "npo_oprtn_date_outside_quarter"),
        ("a;2017Q4;1;10;2017-09-30", "npo_oprtn_date_outside_quarter"),
        ("a;2017Q4;1;10;yesterday", "npo_oprtn_date_unparseable"),
    ],
)
def test_an_operation_with_a_wrong_value_is_set_aside(fund: Fund, row: str, rule: str) -> None:
    header = "npo_account_id;quarter;npo_oprtn_grp;npo_sum;npo_oprtn_date"
    fund.write(OPERATIONS, header, "a;2017Q3;1;10;2017-09-30", row)
    assert fund.read()["core_operations"].height == 1
    assert fund.aside == [(rule, 2)]


def test_operations_are_added_up_by_account_quarter_and_group(fund: Fund) -> None:
    fund.write(
        OPERATIONS,
        "npo_account_id;quarter;npo_oprtn_grp;npo_sum;npo_oprtn_date",
        "a;2017Q4;1;10,50;2017-10-05",
        "a;2017Q4;1;20,00;2017-12-05",
        "a;2017Q4;0;3,25;2017-12-31",
        "a;2018Q1;0;1,00;2018-01-15",
    )
    columns = [
        "contributions",
        "contributed",
        "contribution_min",
        "contribution_max",
        "last_contribution_on",
        "incomes",
    ]
    found = fund.read()
    assert found["core_operations"].sort("day").select(*columns, "income").rows() == [
        (2, 3050, 1050, 2000, date(2017, 12, 5), 1, 325),
        (0, None, None, None, None, 1, 100),
    ]
    events = found["events"].sort("occurred_at", "origin").select("event_id", "value", "origin").rows()
    assert events == [
        ("a/2017Q4/contribution", 3050, "contribution"),
        ("a/2017Q4/income", 325, "income"),
        ("a/2018Q1/income", 100, "income"),
    ]


@pytest.mark.parametrize(
    ("rows", "closed", "kept"),
    [
        (["a,c1,2017Q3,0", "a,c1,2017Q4,1"], date(2017, 12, 31), 2),
        (["a,c1,2017Q3,0", "a,c1,2017Q4,0", "a,c2,2017Q4,0"], date(2017, 12, 31), 2),
        (["a,c1,2017Q4,1", "a,c2,2017Q4,1"], date(2017, 12, 31), 1),
        (["a,c1,2017Q3,1", "a,c1,2017Q4,1", "a,c1,2018Q1,0"], date(2017, 9, 30), 1),
        (["a,c1,2017Q3,0", "a,c1,2017Q3,0"], None, 1),
    ],
)
def test_an_account_closes_once_and_has_no_rows_after_it(
    fund: Fund, rows: list[str], closed: date | None, kept: int
) -> None:
    fund.write(ACCOUNTS, "npo_account_id,client_id,quarter,churn", *rows)
    found = fund.read()
    assert found["core_closings"]["day"].to_list() == ([closed] if closed else [])
    assert found["core_accounts"].height == kept
    assert fund.aside == [], "a closing's second client and what comes later are counted, they are no rejects"


@pytest.mark.parametrize("order", [["c1", "c9"], ["c9", "c1"]])
def test_of_two_clients_the_one_who_held_the_account_before_stays(fund: Fund, order: list[str]) -> None:
    fund.write(ACCOUNTS, "npo_account_id,client_id,quarter", "a,c9,2017Q3", *(f"a,{client},2017Q4" for client in order))
    assert fund.accounts("client_id")[1] == ("a", date(2017, 12, 31), "c9")


def test_rows_that_contradict_each_other_are_set_aside_but_for_one(fund: Fund) -> None:
    fund.write(ACCOUNTS, "npo_account_id,client_id,quarter,balance", "a,c1,2017Q4,5", "a,c1,2017Q4,7")
    assert fund.accounts("balance") == [("a", date(2017, 12, 31), 500)]
    assert len(fund.aside) == 1


def test_a_first_contribution_that_is_still_to_come_was_not_known_in_the_quarter(fund: Fund) -> None:
    fund.write(ACCOUNTS, "npo_account_id,quarter,frst_pmnt_date", "a,2017Q3,2017-10-01", "a,2017Q4,2017-10-01")
    assert fund.accounts("first_contribution_on") == [
        ("a", date(2017, 9, 30), None), ("a", date(2017, 12, 31), date(2017, 10, 1)),
    ]  # fmt: skip


def test_a_state_is_known_from_its_quarters_end_and_the_publication_lag(fund: Fund) -> None:
    fund.program = program_of(lags={"accounts": 45})
    found = fund.read()
    for table in ("core_accounts", "core_operations"):
        assert found[table]["known_from"].to_list() == [date(2018, 2, 14)]


def test_clients_people_and_schemes_may_stand_in_files_of_their_own(fund: Fund) -> None:
    fund.program = program_of(
        {"clients": {"file": "clients.csv"}, "people": {"file": "people.csv"}, "schemes": {"file": "schemes.csv"}}
    )
    fund.write(ACCOUNTS, "npo_account_id,quarter", "a,2017Q4", "b,2017Q4")
    fund.write("clients.csv", "client_id,npo_account_id", "c1,a")
    fund.write("people.csv", "client_id,gender,age", "c1,-1,44")
    fund.write("schemes.csv", "npo_accnt_id;accnt_pnsn_schm", "a;3.0")
    assert fund.accounts("client_id", "gender", "age", "scheme") == [
        ("a", date(2017, 12, 31), "c1", -1, 44, "3"),
        ("b", date(2017, 12, 31), None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("name", "lines", "told"),
    [
        (ACCOUNTS, ["client_id,quarter", "c1,2017Q4"], "column npo_account_id is missing"),
        (ACCOUNTS, ["npo_account_id,quarter,mood", "a,2017Q4,fine"], "column mood is not declared"),
        (OPERATIONS, ["npo_account_id;quarter", "a;2017Q4"], "column npo_oprtn_grp is missing"),
        (ACCOUNTS, ["npo_account_id,quarter,quarter", "a,2017Q4,2017Q4"], "quarter stands twice"),
        (ACCOUNTS, ["npo_account_id,quarter", "a,2017Q9"], "no account-quarter is left"),
    ],
)
def test_files_that_cannot_be_right_are_refused(fund: Fund, name: str, lines: list[str], told: str) -> None:
    fund.write(name, *lines)
    with pytest.raises(SourceError, match=told) as error:
        fund.read()
    assert name in str(error.value)


def test_a_missing_file_is_named_with_its_field(fund: Fund) -> None:
    names = [ACCOUNTS]
    with pytest.raises(SourceError, match=r"transactions.csv.*pension.files.operations"):
        wanted_files(fund.program)(names)
    with pytest.raises(SourceError, match=r"all match .*name one in pension.files.accounts"):
        wanted_files(program_of({"accounts": {"file": "a*.csv"}}))(["a1.csv", "a2.csv", OPERATIONS])
    assert wanted_files(fund.program)([ACCOUNTS, OPERATIONS, "notes.txt"]) == [ACCOUNTS, OPERATIONS]


def test_every_column_says_when_it_is_known_and_what_knows_the_end_is_never_a_feature() -> None:
    names = {column.name: column for column in ACCOUNT_COLUMNS}
    for name in ("pmnts_nmbr_per_year", "oprtn_sum_per_year", "slctn_nmbr", "lst_pmnt_rcnc_d"):
        ours = names[name].ours
        assert ours is not None
        assert known_at("core_accounts", ours) == "never"
    for name in ("lst_pmnt", "lst_pmnt_date_per_qrtr", "pmnts_sum", "evry_qrtr_pmnt", "npo_accnts_nmbr"):
        assert names[name].ours is None
        assert names[name].why
    for table in CORE:
        for column in TABLES[table].declared:
            known_at(table, column)


# ------------------------------------------------------------------------------------------------------- outside facts


def facts(fund: Fund) -> list[tuple[Any, ...]]:
    rows = fund.read()["core_context"].select("fact", "subject", "period_end", "known_from", "value")
    return [row[1:] if row[0] == "life_expectancy" else row[2:] for row in rows.iter_rows()]


def test_rates_are_read_with_commas_and_old_money_becomes_new(fund: Fund) -> None:
    fund.program = program_of(
        {"usd_rate": {"file": "usd.csv"}}, redenominations=[{"quarter": "1998Q1", "factor": 1000}], lags={"usd_rate": 3}
    )
    fund.write("usd.csv", ",cursUSD,quarter", "0,5960.0,1997Q4", '1,"6,106",1998Q1')
    assert facts(fund) == [
        (date(1997, 12, 31), date(1998, 1, 3), 5.96),
        (date(1998, 3, 31), date(1998, 4, 3), 6.106),
    ]


def test_life_expectancy_is_published_in_the_summer_of_the_next_year(fund: Fund) -> None:
    fund.program = program_of({"life_expectancy": {"file": "life.csv"}}, lags={"life_expectancy": 212})
    fund.write("life.csv", ",live,gender,year", "0,67.51,1,2017", "1,77.6,-1,2017")
    assert facts(fund) == [
        ("-1", date(2017, 12, 31), date(2018, 7, 31), 77.6),
        ("1", date(2017, 12, 31), date(2018, 7, 31), 67.51),
    ]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("0,-3,2017Q4", "cursUSD_not_positive"),
        ("0,,2017Q4", "cursUSD_missing"),
        ("0,much,2017Q4", "cursUSD_unparseable"),
        ("0,57.6,4th", "quarter_unparseable"),
    ],
)
def test_a_wrong_rate_is_set_aside(fund: Fund, row: str, rule: str) -> None:
    fund.program = program_of({"usd_rate": {"file": "usd.csv"}})
    fund.write("usd.csv", ",cursUSD,quarter", "1,60,2018Q1", row)
    assert len(facts(fund)) == 1
    assert fund.aside == [(rule, 2)]


def test_postcodes_that_say_nothing_are_left_out(fund: Fund) -> None:
    fund.program = program_of({"postcodes": {"file": "places.csv"}})
    fund.write(
        "places.csv",
        "postal_code,state_name,county_name,latitude,longitude",
        "446254.0,Samara,,52.98,49.42",
        "101000,,,,",
        "101001,,,95.0,30.0",
    )
    found = fund.read()["core_places"]
    assert found.select("postal_code", "latitude", "longitude", "district", "place_region").rows() == [
        ("446254", 52.98, 49.42, None, "Samara")
    ]
    assert fund.aside == [("latitude_out_of_range", 3)]
    assert sum(fund.sieve.aside.values()) == 1


# ------------------------------------------------------------------------------------------------------ the real files


@pytest.mark.real_data
def test_the_real_demo_rows_and_outside_facts_go_through_the_same_code(real_data: Path) -> None:
    program = fund_program(files=REAL_FILES, observed_until=None)
    sieve = Sieve("v1")
    found = read(program, {"files": real_data / "pension"}, sieve, datetime(2026, 1, 1))
    assert sieve.rejected_rows().is_empty()
    assert sieve.read == {
        "SavingsAccountsData.csv": 299, "accaunts.csv": 18, "users.csv": 15, "operations.csv": 1276,
        "cursUSD.csv": 120, "final_central_bank.csv": 120, "life_expectancy.csv": 62, "coordinates.csv": 13714,
    }  # fmt: skip
    assert found["core_accounts"].height == 299
    assert found["core_accounts"]["age"].null_count() < 299
    context = found["core_context"]
    usd = context.filter(pl.col("fact") == "usd_rate").sort("period_end")
    assert usd.height == 120
    assert usd["value"].is_between(1, 90).all(), "a thousand old roubles became one"
    key = context.filter(pl.col("fact") == "key_rate")
    assert key.filter(pl.col("period_end") == date(2017, 12, 31))["value"].to_list() == [7.75]
    assert found["core_places"].height + sieve.aside["coordinates.csv", "postcodes_without_place"] == 13_714


@pytest.mark.real_data
def test_the_real_demo_rows_have_the_whole_year_trap(real_data: Path) -> None:
    found = read(fund_program(files=REAL_FILES), {"files": real_data / "pension"}, Sieve("v1"), NOW)
    rows = found["core_accounts"].with_columns(year=pl.col("day").dt.year())
    years = rows.group_by("customer_id", "year").agg(
        pl.len(),
        pl.col("operated_of_year").n_unique(),
        gap=pl.col("operated").sum() - pl.col("operated_of_year").first(),
    )
    assert years["operated_of_year"].to_list() == [1] * 100, "one total stands on every quarter of a year"
    whole = years.filter(pl.col("len") == 4)
    assert whole.height == 42
    assert whole["gap"].abs().to_numpy().max() <= 2, "and it is the sum of all four, to the kopeck of rounding"


@pytest.mark.real_data
def test_real_postcodes_and_rates_become_features_of_accounts(real_data: Path, tmp_path: Path) -> None:
    for name in ("cursUSD.csv", "final_central_bank.csv", "life_expectancy.csv", "coordinates.csv"):
        (tmp_path / name).symlink_to(real_data / "pension" / name)
    (tmp_path / ACCOUNTS).write_text(
        "npo_account_id,client_id,quarter,gender,age,postal_code\na,c1,2017Q4,1,40,446254\n", encoding="utf-8"
    )
    (tmp_path / OPERATIONS).write_text(
        "npo_account_id;quarter;npo_oprtn_grp;npo_sum\na;2017Q4;1;10\n", encoding="utf-8"
    )
    program = fund_program(files={"schemes": None})
    ((_, tables),) = build_snapshots(landed(tmp_path, program), [date(2018, 1, 1)], program)
    found = tables["feat_context"].row(0, named=True)
    assert (found["latitude"], found["longitude"]) == (52.98, 49.42)
    assert found["life_expectancy"] == 66.5, "of 2016: that of 2017 was published in the summer of 2018"
    assert found["years_left"] == 26.5
    assert found["key_rate_change_q4"] == pytest.approx(7.75 - 10)
    assert found["usd_change_q4"] == pytest.approx(57.6002 / 60.6569 - 1, abs=0.02)
