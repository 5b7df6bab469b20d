"""Every feature of accounts against an independent computation in plain SQL, and what it may not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import polars as pl
import pytest

from fiel.core import Core
from fiel.features import context, quarters
from fiel.features.accounts import account_age_days, last_quarter_end, open_accounts, quarter_end_before
from fiel.features.derived import derived
from fiel.features.groups import Group
from fiel.features.leakage import verify_leakage
from fiel.features.snapshot import build_snapshots, categorical_features, model_features
from fiel.program import Program
from fiel.tables import TABLES, known_at
from tests.features.funds import frames, fund_program, random_fund
from tests.features.independent import KEY, independent_accounts
from tests.features.test_independent import differences

DATES = [date(2011, 1, 1), date(2013, 4, 1), date(2013, 8, 15), date(2015, 1, 1)]
"""Beginnings of quarters, a day within one, and the day after the last one."""
LAST = {DATES[0]: date(2010, 12, 31), DATES[1]: date(2013, 3, 31), DATES[2]: date(2013, 6, 30),
        DATES[3]: date(2014, 12, 31)}  # fmt: skip
LATE = {"accounts": 50, "usd_rate": 20, "key_rate": 0, "life_expectancy": 212}
LAST_WHEN_LATE = {DATES[0]: date(2010, 9, 30), DATES[1]: date(2012, 12, 31), DATES[2]: date(2013, 3, 31),
                  DATES[3]: date(2014, 9, 30)}  # fmt: skip


def with_holes(core: Core) -> Core:
    """The core with amounts, clients, genders and postcodes missing here and there, and quarters without a row."""
    tables = frames(core)
    draw = pl.struct("customer_id", "day").hash(7) % 10
    tables["accounts"] = tables["accounts"].filter((draw != 0) | pl.col("customer_id").is_first_distinct())
    tables["accounts"] = tables["accounts"].with_columns(
        client_id=pl.when(draw == 1).then(None).otherwise("client_id"),
        gender=pl.when(draw == 2).then(None).otherwise("gender"),
        postal_code=pl.when(draw == 3).then(pl.lit("999999")).otherwise("postal_code"),
        contributed=pl.when(draw == 4).then(None).otherwise("contributed"),
    )
    amounts = ("contributed", "contribution_min", "contribution_max")
    tables["operations"] = tables["operations"].with_columns(
        *(pl.when(draw <= 4).then(None).otherwise(name).alias(name) for name in amounts),
        last_contribution_on=pl.when(draw == 5).then(None).otherwise("last_contribution_on"),
    )
    return Core.of(tables, core.known_through)


def product(core: Core, program: Program, table: str) -> pl.DataFrame:
    built = [found[table] for _, found in build_snapshots(core, DATES, program)]
    return pl.concat(built).sort(KEY)


@pytest.mark.parametrize(("lags", "last"), [({"life_expectancy": 212}, LAST), (LATE, LAST_WHEN_LATE)])
def test_every_feature_equals_the_independent_computation(lags: dict[str, int], last: dict[date, date]) -> None:
    program = fund_program(lags=lags)
    core = with_holes(random_fund(program))
    theirs = independent_accounts(frames(core), last)
    for table, expected in zip(("feat_quarters", "feat_context"), theirs, strict=True):
        ours = product(core, program, table)
        assert set(ours.columns) == set(expected.columns)
        assert ours.height > 400
        assert differences(ours, expected) == []
        empty = [name for name in ours.columns if ours[name].null_count() == ours.height]
        assert empty == [], "the comparison says nothing of a column that is always empty"


def test_rows_of_an_account_end_with_its_closing() -> None:
    program = fund_program()
    core = random_fund(program)
    closings = core["closings"].collect()
    for as_of in DATES:
        found = open_accounts(derived(core, "account_states", program), as_of).collect()
        gone = closings.filter(pl.col("day") < as_of)["customer_id"]
        seen = core["accounts"].filter(pl.col("day") < as_of).collect()["customer_id"].unique()
        assert set(found["customer_id"]) == set(seen) - set(gone)
        assert found["customer_id"].is_unique().all()


def test_an_as_of_alone_gives_the_rows_that_it_gives_among_others() -> None:
    program = fund_program()
    core = random_fund(program)
    among = {day: tables["feat_snapshot"] for day, tables in build_snapshots(core, DATES, program)}
    for as_of in DATES:
        ((_, alone),) = build_snapshots(core, [as_of], program)
        assert alone["feat_snapshot"].equals(among[as_of])


def test_nothing_of_the_future_moves_a_feature() -> None:
    for lags in ({"life_expectancy": 212}, LATE):
        program = fund_program(lags=lags)
        report = verify_leakage(random_fund(program), [date(2012, 7, 1), date(2013, 2, 10)], program)
        assert report.holds, str(report)
        found = {group.group: group for group in report.groups}
        assert found["quarters"].values > 2_000
        assert found["context"].values > 500
        assert found["snapshot"].features > 50


# ------------------------------------------------------------------------------------------- planted leaks are caught


def _newest_rows(core: Core, as_of: date, column: str) -> pl.LazyFrame:
    known = core["accounts"].filter(pl.col("known_from") < as_of).sort("day")
    return known.group_by("customer_id").agg(x=pl.col(column).last())


def whole_year_total(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return _newest_rows(core, as_of, "contributions_of_year")


def selection(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return _newest_rows(core, as_of, "selection_number")


def last_contribution_ever(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return _newest_rows(core, as_of, "last_contribution_recency_days")


def rows_of_later_quarters(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    return core["accounts"].group_by("customer_id").agg(x=pl.len().cast(pl.Int64))


def closings_to_come(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    everyone = core["accounts"].filter(pl.col("known_from") < as_of).select("customer_id").unique()
    closed = core["closings"].select("customer_id", x=pl.lit(1))
    return everyone.join(closed, on="customer_id", how="left")


def quarter_before_its_publication(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    known = core["operations"].filter(pl.col("day") < as_of)
    return known.group_by("customer_id").agg(x=pl.col("contributions").sum())


def life_expectancy_before_its_publication(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    own = core["context"].filter(pl.col("fact") == "life_expectancy", pl.col("period_end") < as_of)
    newest = own.sort("period_end").group_by("subject").agg(x=pl.col("value").last())
    return _newest_rows(core, as_of, "gender").join(
        newest.select(pl.col("subject").cast(pl.Int64).alias("x"), value="x"), on="x", how="left"
    ).select("customer_id", x="value")  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        whole_year_total,
        selection,
        last_contribution_ever,
        rows_of_later_quarters,
        closings_to_come,
        quarter_before_its_publication,
        life_expectancy_before_its_publication,
    ],
)
def test_a_planted_leak_is_caught(rows: Callable[[Core, date, Program], pl.LazyFrame]) -> None:
    program = fund_program(lags=LATE)

    def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
        return pl.concat([rows(core, day, program).with_columns(as_of=pl.lit(day)) for day in as_of_dates])

    planted = {"planted": Group("planted", "feat_quarters", build)}
    report = verify_leakage(random_fund(program), [date(2013, 4, 10)], program, planted)
    assert not report.groups[0].holds


# ------------------------------------------------------------------------------------------------------------ the trap


def test_totals_of_the_whole_year_are_declared_as_never_a_feature() -> None:
    program = fund_program()
    core = random_fund(program)
    ((_, tables),) = build_snapshots(core, [DATES[1]], program)
    used = model_features(program, tables["feat_snapshot"].columns)
    totals = [name for name in TABLES["core_accounts"].declared if name.endswith("_of_year")]
    assert len(totals) == 4
    assert all(known_at("core_accounts", name) == "never" for name in totals)
    assert not set(totals) & set(used)


def test_the_trap_tells_closings_that_the_rebuilt_year_to_date_does_not() -> None:
    """At the end of the first quarter the total of the whole year shows who will stop paying: the account closed."""
    program = fund_program()
    core = random_fund(program, accounts=4_000, seed=5)
    rows = core["accounts"].filter(pl.col("day").dt.quarter() == 1).collect()
    closed = core["closings"].select("customer_id", closed="day").collect()
    at_risk = (
        rows.join(closed, on="customer_id", how="left")
        .filter(pl.col("closed").is_null() | (pl.col("closed") > pl.col("day")), pl.col("contributions") > 0)
        .with_columns(
            closes=(pl.col("closed") <= pl.col("day").dt.offset_by("3mo").dt.month_end()).fill_null(value=False),
            to_come=pl.col("contributions_of_year") - pl.col("contributions"),
        )
    )
    assert at_risk["closes"].sum() > 20

    goes_on = pl.col("to_come") >= 2 * pl.col("contributions")
    stays, closes = at_risk.group_by("closes").agg(goes_on.mean().alias("x")).sort("closes")["x"].to_list()
    assert stays - closes > 0.3, "the total of the whole year knows who still pays in later quarters"
    ((_, tables),) = build_snapshots(core, [date(2013, 4, 1)], program)
    found = tables["feat_quarters"]
    assert found.filter(pl.col("contributions_ytd") > pl.col("contributions_q4")).is_empty()
    first = rows.filter(pl.col("day") == date(2013, 3, 31)).select("customer_id", "contributions")
    same = found.join(first, on="customer_id")
    assert same["contributions_ytd"].equals(same["contributions"], check_names=False)


# --------------------------------------------------------------------------------------------------------- small rules


@pytest.mark.parametrize(
    ("as_of", "lag", "end"),
    [
        (date(2013, 4, 1), 0, date(2013, 3, 31)),
        (date(2013, 6, 30), 0, date(2013, 3, 31)),
        (date(2013, 4, 1), 1, date(2012, 12, 31)),
        (date(2013, 5, 10), 40, date(2012, 12, 31)),
        (date(2013, 5, 11), 40, date(2013, 3, 31)),
    ],
)
def test_the_last_quarter_is_the_newest_one_published_before_as_of(as_of: date, lag: int, end: date) -> None:
    assert last_quarter_end(as_of, fund_program(lags={"accounts": lag})) == end


def test_quarters_are_calendar_quarters_back_over_the_year() -> None:
    assert [quarter_end_before(date(2013, 3, 31), back) for back in range(3)] == [
        date(2013, 3, 31), date(2012, 12, 31), date(2012, 9, 30),
    ]  # fmt: skip


def test_the_age_of_an_account_counts_from_the_quarter_of_its_opening() -> None:
    rows = pl.DataFrame({"as_of": [date(2013, 4, 1), date(2013, 5, 20)], "quarters_since_opening": [0, 3]})
    assert rows.select(account_age_days()).to_series().to_list() == [90, (date(2013, 5, 20) - date(2012, 4, 1)).days]


def test_categories_are_told_from_numbers() -> None:
    program = fund_program()
    ((_, tables),) = build_snapshots(random_fund(program), [DATES[1]], program)
    snapshot = tables["feat_snapshot"]
    used = model_features(program, snapshot.columns)
    texts = {name for name in used if snapshot.schema[name] == pl.String}
    assert set(categorical_features(program, used)) == texts


def test_a_fund_without_outside_facts_has_empty_context() -> None:
    program = fund_program()
    tables = frames(random_fund(program))
    bare = Core.of({**tables, "context": tables["context"].clear(), "places": tables["places"].clear()},
                   date(2014, 12, 31))  # fmt: skip
    found = context.build(bare, [DATES[1]], program).collect()
    assert found.height > 50
    assert found.drop(KEY).null_count().row(0) == (found.height,) * (found.width - 2)
    assert quarters.build(bare, [DATES[1]], program).collect().height == found.height
