"""What the report says of a fund's accounts: counted by hand on a small fund, and calm where there is nothing."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from fiel.core import Core
from fiel.program.pension import quarter_end
from fiel.reports.accounts import accounts_coverage, accounts_view, quarters_of
from fiel.reports.cards import SourceCard
from fiel.reports.charts import About
from fiel.reports.charts.accounts import closing_rates
from fiel.reports.data import ReportData, collect
from fiel.reports.page import render_report
from fiel.tables import TABLES
from tests.features.funds import fund_program

AS_OF = date(2022, 1, 1)
PROGRAM = fund_program(observed_until="2021Q3")
LIVES = {
    "a": ("2021Q1", None),
    "b": ("2021Q1", "2021Q3"),
    "c": ("2021Q2", "2021Q3"),
    "d": ("2021Q2", None),
    "e": ("2021Q4", None),
    "f": ("2021Q1", "2022Q1"),
}
"""Accounts: the quarter of the first row, and that of the closing."""


def _days(first: str, last: str | None) -> list[date]:
    every = [quarter_end(f"{year}Q{number}") for year in (2021, 2022) for number in (1, 2, 3, 4)]
    return [day for day in every if quarter_end(first) <= day <= quarter_end(last or "2022Q4")]


def core() -> Core:
    accounts = [(name, day) for name, (first, last) in LIVES.items() for day in _days(first, last)]
    closings = [(name, quarter_end(last)) for name, (_, last) in LIVES.items() if last]
    paid = [*accounts, ("stranger", quarter_end("2021Q2"))]
    tables = {
        "accounts": _rows("core_accounts", accounts),
        "closings": _rows("core_closings", closings),
        "operations": _rows("core_operations", paid, contributions=1, contributed=1_000, incomes=1, income=50),
        "customer_days": _rows("core_customer_days", accounts),
    }
    return Core.of(tables, date(2022, 12, 31))


def _rows(table: str, keys: list[tuple[str, date]], **values: int) -> pl.DataFrame:
    declared = TABLES[table].declared
    frame = pl.DataFrame(keys, schema={"customer_id": pl.String, "day": pl.Date}, orient="row")
    frame = frame.with_columns(known_from=pl.col("day")).with_columns(
        pl.lit(n).alias(name) for name, n in values.items()
    )
    lacking = [name for name in declared if name not in frame.columns]
    return frame.with_columns(pl.lit(None).alias(name) for name in lacking).select(
        pl.col(name).cast(dtype) for name, dtype in declared.items()
    )


def snapshot() -> pl.DataFrame:
    names = ["a", "d", "e", "f"]
    return pl.DataFrame({"customer_id": names, "as_of": [AS_OF] * 4, "balance": [100, 200, 300, None],
                         "quarters_since_opening": [3, 2, 0, 3], "in_population": [True] * 4})  # fmt: skip


def scores(probs: list[float]) -> pl.DataFrame:
    declared = TABLES["out_scores"].declared
    frame = pl.DataFrame({"customer_id": ["a", "d", "e", "f"], "as_of": [AS_OF] * 4, "prob": probs})
    frame = frame.with_columns(reason_1=pl.lit("it is far away"), stage=pl.lit("none"))
    lacking = [pl.lit(None, dtype).alias(name) for name, dtype in declared.items() if name not in frame.columns]
    return frame.with_columns(lacking).select(list(declared))


def probs(values: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": ["a", "d", "e", "f"], "as_of": [AS_OF] * 4, "target": "closing_year",
                         "prob": values, "model_version": "1"})  # fmt: skip


def report(**tables: pl.DataFrame) -> ReportData:
    card = SourceCard("v1", date(2022, 12, 31), date(2021, 1, 1), {}, pl.DataFrame(), (), {}, "code")
    return collect(core(), pl.LazyFrame(), snapshot(), program=PROGRAM, as_of=AS_OF, source=card, **tables)  # type: ignore[arg-type]


def test_accounts_are_counted_by_quarter_as_far_as_they_are_known() -> None:
    found = quarters_of(core(), PROGRAM, AS_OF)
    columns = ["day", "opened", "closed", "at_risk", "open", "closing_rate", "is_observed"]
    assert found.select(columns).rows() == [
        (date(2021, 3, 31), 3, 0, 0, 3, None, True),
        (date(2021, 6, 30), 2, 0, 3, 5, 0.0, True),
        (date(2021, 9, 30), 0, 2, 5, 3, 0.4, True),
        (date(2021, 12, 31), 1, 0, 3, 4, 0.0, False),
    ]
    assert found["contributors"].to_list() == [3, 6, 5, 4], "operations of an account without a row count as paid in"
    assert found["contributed"].to_list() == [3_000, 6_000, 5_000, 4_000]


def test_what_is_published_later_is_not_counted() -> None:
    late = fund_program(lags={"accounts": 40}, observed_until="2021Q3")
    tables = {name: frame.collect() for name, frame in core().tables.items()}
    for name in ("accounts", "closings", "operations"):
        tables[name] = tables[name].with_columns(known_from=pl.col("day") + timedelta(days=40))
    found = quarters_of(Core.of(tables, date(2022, 12, 31)), late, AS_OF)
    assert found["day"].max() == date(2021, 9, 30)


def test_a_quarter_in_which_nothing_happened_stands_there_too() -> None:
    tables = {name: frame.collect() for name, frame in core().tables.items()}
    tables["operations"] = tables["operations"].filter(pl.col("day") != date(2021, 9, 30))
    tables["accounts"] = tables["accounts"].filter(pl.col("day") != date(2021, 9, 30))
    tables["closings"] = tables["closings"].clear()
    found = quarters_of(Core.of(tables, date(2022, 12, 31)), PROGRAM, AS_OF)
    assert found.filter(pl.col("day") == date(2021, 9, 30)).select("opened", "closed", "open").rows() == [(0, 0, 5)]


def test_levels_stand_beside_the_risk_against_everyones() -> None:
    view = accounts_view(core(), snapshot(), scores([0.9, 0.01, 0.04, 0.05]), probs([0.5] * 4), PROGRAM, AS_OF, 50)
    first, further = view.risks
    assert (first.target, first.horizon, further.target, further.horizon) == (
        "closing", "3 months", "closing_year", "12 months",
    )  # fmt: skip
    assert first.base == pytest.approx(0.25)
    counted = first.levels.filter(pl.col("accounts") > 0).rows()
    assert counted == [("high", "calm", 3), ("low", "raised", 1)]
    assert first.levels["accounts"].sum() == 4
    assert view.ranking.select("customer_id", "balance").rows() == [("a", 100), ("f", None), ("e", 300), ("d", 200)]
    assert view.ranking["times_base"][0] == pytest.approx(3.6)


def test_everybody_is_counted_once() -> None:
    found = accounts_coverage(core(), snapshot(), scores([0.1] * 4), AS_OF)
    assert dict(found.select("group", "customers").iter_rows()) == {
        "accounts with a row": 6, "closed": 2, "open": 4, "scored": 4, "operations only": 1,
    }  # fmt: skip


def test_the_page_warns_where_a_level_holds_nearly_everyone() -> None:
    crowded = render_report(report(scores=scores([0.01, 0.02, 0.03, 0.04]), probs=probs([0.1] * 4)))
    assert "the fixed levels tell nobody apart" in crowded
    assert "100 % of the accounts are in one level of loyalty" in crowded.replace("\u00a0", " ")
    spread = render_report(report(scores=scores([0.9, 0.5, 0.03, 0.04]), probs=probs([0.1, 0.5, 0.9, 0.9])))
    assert "tell nobody apart" not in spread


def test_the_chart_of_closings_names_what_is_expected_and_what_is_recorded_in_part() -> None:
    rows = quarters_of(core(), PROGRAM, AS_OF)
    spec = closing_rates(rows, About(AS_OF, 4), 0.0166).to_dict()
    named = [layer["encoding"].get("text", {}).get("value") for layer in spec["layer"]]
    assert {"recorded in part", "expected: 1.7 %"} <= set(named)
    complete = closing_rates(rows.with_columns(is_observed=True), About(AS_OF, 4), None).to_dict()
    assert not [layer for layer in complete["layer"] if "text" in layer["encoding"]]


def test_levels_are_told_for_each_horizon_in_words() -> None:
    page = render_report(report(scores=scores([0.1] * 4), probs=probs([0.2] * 4)))
    for title in ("Levels of loyalty: closing within 3 months", "Levels of loyalty: closing within 12 months"):
        assert title in page
    assert "at the end of 2021-12-31" in page


def test_the_page_says_what_is_missing() -> None:
    page = render_report(report())
    assert "There are no scores for this date." in page
    assert "fiel run score --program pension --as-of 2022-01-01" in page
    assert "This program grants nothing" in page
    assert "none: nothing is granted" in page
