"""A simulated fund: in the real files' columns and spellings, with their traps, and closing as the real one did."""

from __future__ import annotations

import filecmp
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiel.errors import SettingsError
from fiel.simulate.draws import Draws
from fiel.simulate.pension import ACCOUNTS_FILE, OPERATIONS_FILE, SCHEMES_FILE, Simulation, simulate
from fiel.simulate.pension_facts import facts
from fiel.simulate.pension_lives import FIRST_CLOSING, NEVER, PEAK, Lives, closing_rate, lives, relative_hazard
from fiel.simulate.pension_rows import COLUMNS, OPERATION_COLUMNS
from fiel.sources.pension_columns import undeclared

LAST = 2023 * 4


@pytest.fixture(scope="module")
def fund(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return simulate(tmp_path_factory.mktemp("fund"), customers=800, seed=11)


@pytest.fixture(scope="module")
def many() -> Lives:
    draws = Draws(5)
    return lives(draws, facts(draws, LAST), 60_000, 1993 * 4 + 1, LAST)


def rows(fund: Simulation) -> pl.DataFrame:
    return pl.read_csv(fund.folder / ACCOUNTS_FILE, infer_schema=False)


def kopecks(name: str) -> pl.Expr:
    return (pl.col(name).str.replace(",", ".").cast(pl.Float64) * 100).round().cast(pl.Int64)


def shares(made: Lives) -> dict[int, float]:
    """Share of the accounts open before each quarter that closed in it."""
    found = {}
    for quarter in range(1995 * 4, LAST + 1):
        at_risk = (made.opened < quarter) & (made.closed >= quarter)
        found[quarter] = float((made.closed[at_risk] == quarter).sum() / max(at_risk.sum(), 1))
    return found


def test_the_files_have_the_real_columns_and_spellings(fund: Simulation) -> None:
    accounts = rows(fund)
    operations = pl.read_csv(fund.folder / OPERATIONS_FILE, separator=";", infer_schema=False)
    schemes = pl.read_csv(fund.folder / SCHEMES_FILE, separator=";", infer_schema=False)
    assert tuple(accounts.columns) == COLUMNS
    assert len(COLUMNS) == 42
    assert undeclared(accounts.columns) == []
    assert tuple(operations.columns) == OPERATION_COLUMNS
    assert schemes.columns == ["npo_accnt_id", "slctn_nmbr", "accnt_pnsn_schm"]
    assert accounts["quarter"].str.contains(r"^(199[3-9]|20[0-2]\d)Q[1-4]$").all()
    assert accounts["balance"].str.contains(r"^\d+,\d\d$").all()
    assert set(accounts["phone_number"]) == {"да", "нет"}
    assert set(operations["npo_oprtn_grp"]) == {"0", "1"}
    assert (accounts.height, operations.height) == (fund.account_quarters, fund.operations)


def test_the_same_seed_writes_the_same_bytes_in_any_chunks(
    fund: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiel.simulate.pension.CHUNK", 137)
    again = simulate(tmp_path, customers=800, seed=11)
    names = [path.name for path in fund.files]
    assert filecmp.cmpfiles(fund.folder, again.folder, names, shallow=False) == (names, [], [])
    other = simulate(tmp_path / "other", customers=800, seed=12)
    assert not filecmp.cmp(fund.folder / ACCOUNTS_FILE, other.folder / ACCOUNTS_FILE, shallow=False)


def test_the_closing_rate_by_quarter_follows_the_real_one(many: Lives) -> None:
    found = shares(many)
    assert all(share == 0 for quarter, share in found.items() if quarter < FIRST_CLOSING)
    later = {quarter: share for quarter, share in found.items() if quarter >= FIRST_CLOSING}
    assert max(later, key=lambda quarter: later[quarter]) == PEAK == 2004 * 4 + 3
    assert later[PEAK] == pytest.approx(0.039, abs=0.001)
    usual = [0.0095 <= share <= 0.0385 for quarter, share in later.items() if quarter != PEAK]
    assert np.mean(usual) > 0.95
    assert 0.015 < np.mean(list(later.values())) < 0.025


def test_as_many_close_as_the_rate_asks_for_at_any_size() -> None:
    draws = Draws(9)
    found = facts(draws, LAST)
    made = lives(draws, found, 3_000, 1993 * 4 + 1, LAST)
    for quarter in range(FIRST_CLOSING, LAST + 1):
        at_risk = int(((made.opened < quarter) & (made.closed >= quarter)).sum())
        closed = int((made.closed == quarter).sum())
        assert abs(closed - closing_rate(draws, found, quarter) * at_risk) <= 1 + 0.02 * at_risk * 0.04


def test_closings_depend_on_what_the_joins_bring(many: Lives) -> None:
    """Within every quarter the postcode's coordinates tell closings from stays, and the whole hazard tells more."""
    found = facts(Draws(5), LAST)
    by_places, by_everything = [], []
    for quarter in range(2012 * 4, LAST):
        at_risk = np.flatnonzero((many.opened < quarter) & (many.closed >= quarter))
        closes = many.closed[at_risk] == quarter
        place = many.place[at_risk]
        by_place = np.sin(found.latitude[place] / 2.6) * 0.9 + np.cos(found.longitude[place] / 14) * 0.6
        by_places.append(by_place[closes].mean() - by_place[~closes].mean())
        hazard = np.log(relative_hazard(found, many, at_risk, quarter))
        by_everything.append(hazard[closes].mean() - hazard[~closes].mean())
    assert min(by_places) > 0.1
    assert np.mean(by_everything) > 1.3 * np.mean(by_places)


def test_totals_of_the_year_stand_on_every_quarter_and_know_the_last_one(fund: Simulation) -> None:
    once = rows(fund).unique(["npo_account_id", "quarter"], maintain_order=True)
    for total, part in (("pmnts_sum_per_year", "pmnts_sum_per_qrtr"), ("incm_per_year", "incm_per_qrtr")):
        years = once.group_by("npo_account_id", "year").agg(
            kopecks(total).n_unique().alias("values"), kopecks(total).first().alias("total"), kopecks(part).sum()
        )
        assert (years["values"] == 1).all()
        assert years["total"].equals(years[part], check_names=False)
        assert (years["total"] > 0).sum() > 500


def test_a_closing_has_two_clients_in_its_last_quarter_and_nothing_after_it(fund: Simulation) -> None:
    accounts = rows(fund).with_columns(index=pl.col("year").cast(int) * 4 + pl.col("quarter").str.tail(1).cast(int) - 1)
    closed = accounts.filter(pl.col("churn") == "1")
    assert closed.height == 2 * fund.closings
    assert fund.closings == int((fund.lives.closed < NEVER).sum())
    clients = closed.group_by("npo_account_id").agg(
        pl.col("client_id").n_unique(), pl.col("index").n_unique().alias("n")
    )
    assert clients.select("client_id", "n").unique().rows() == [(2, 1)]
    last = accounts.group_by("npo_account_id").agg(pl.col("index").max())
    after = last.join(closed.select("npo_account_id", closing="index").unique(), on="npo_account_id")
    assert (after["index"] == after["closing"]).all()


def test_last_payments_and_selection_know_the_accounts_end(fund: Simulation) -> None:
    accounts = rows(fund)
    early = accounts.filter(pl.col("lst_pmnt_rcnc_d").cast(int) > 0)
    assert early.height > 1_000, "the last payment ever lies after the quarter: a column that nothing may use"
    by_end = accounts.group_by("npo_account_id").agg(
        ends=(pl.col("churn") == "1").any(), odd=pl.col("slctn_nmbr").first().cast(int) % 2
    )
    assert by_end.group_by("ends").agg(pl.col("odd").n_unique())["odd"].to_list() == [1, 1]


def test_an_account_has_about_seventeen_rows(fund: Simulation) -> None:
    assert 15 < fund.account_quarters / fund.accounts < 20


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"customers": 0}, "at least 1 account"),
        ({"layout": "parquet"}, "pension is written as csv"),
        ({"start": date(1990, 1, 1)}, "from 1993-04-01 at the earliest"),
        ({"start": date(2020, 1, 1), "end": date(2021, 1, 1)}, "two years or more"),
    ],
)
def test_a_fund_that_cannot_be_is_refused(tmp_path: Path, how: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        simulate(tmp_path, **how)  # type: ignore[arg-type]
