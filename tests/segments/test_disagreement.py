"""Disagreement: who is listed, in which pattern, with how much money, and when p(alive) says nothing."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any

import polars as pl
import pytest

from fiel.program import STAGES
from fiel.segments.disagreement import ACTIVE_STAGES, alive_statement, disagreement_summary, disagreements
from fiel.tables import TABLES

from ..features.shops import RETAIL

AS_OF = date(2011, 9, 10)
Row = tuple[str, str, float | None, float | None, float | None]
"""Customer, stage, p(alive), probability, value at stake."""


def tables(*rows: Row, alive_of_others: float | None = 0.2468) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Snapshot and scores of these customers; the snapshot also holds one outside the population."""
    types: dict[str, Any] = {"customer_id": pl.String, "stage": pl.String}
    frame = pl.DataFrame(
        list(rows),
        schema=types | dict.fromkeys(["purchase_alive_prob", "prob", "value_at_stake"], pl.Float64),
        orient="row",
    ).with_columns(as_of=pl.lit(AS_OF))
    others = pl.DataFrame({"customer_id": ["other"], "as_of": [AS_OF], "purchase_alive_prob": [alive_of_others]})
    snapshot = pl.concat([frame.select(others.columns), others], how="vertical_relaxed")
    return snapshot, frame.drop("purchase_alive_prob")


def listed(*rows: Row) -> list[str]:
    return disagreements(*tables(*rows), RETAIL)["customer_id"].to_list()


@pytest.mark.parametrize("opinions", product([True, False], [True, False, None], [True, False]), ids=str)
def test_listed_are_those_on_whom_the_known_opinions_differ(opinions: tuple[bool, bool | None, bool]) -> None:
    stage, alive, model = opinions
    row = ("ana", "fiel" if stage else "zumbi", {True: 0.9, False: 0.1, None: None}[alive], 0.8 if model else 0.2, 5.0)
    differ = len({opinion for opinion in opinions if opinion is not None}) > 1
    assert listed(row) == (["ana"] if differ else [])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_stays_when_the_last_visit_is_recent(stage: str) -> None:
    found = disagreements(*tables(("ana", stage, 0.0, 1.0, None)), RETAIL)
    assert found["is_staying_by_stage"].to_list() == [stage in ACTIVE_STAGES]
    assert (stage in ACTIVE_STAGES) == (stage not in ("turista", "desencantado", "zumbi"))


def test_one_half_stays() -> None:
    found = disagreements(*tables(("ana", "zumbi", 0.5, 0.5, None), ("bia", "fiel", 0.499, 0.499, None)), RETAIL)
    assert found.select("is_staying_by_alive", "is_staying_by_model").rows() == [(True, True), (False, False)]


def test_the_most_money_comes_first_and_none_last() -> None:
    rows = [(name, "fiel", 0.9, 0.1, money) for name, money in (("a", 2.0), ("b", None), ("d", 7.0), ("c", 7.0))]
    assert listed(*rows) == ["c", "d", "a", "b"]


def test_customers_without_a_probability_are_not_asked() -> None:
    assert listed(("ana", "fiel", 0.1, None, None)) == []


def test_without_the_purchase_group_stage_and_classifier_speak() -> None:
    snapshot, scores = tables(("ana", "fiel", None, 0.1, None), ("bia", "fiel", None, 0.9, None))
    plain = RETAIL.model_copy(update={"features": RETAIL.features.model_copy(update={"groups": ("activity",)})})
    found = disagreements(snapshot.drop("purchase_alive_prob"), scores, plain)
    assert found.select("customer_id", "alive_prob", "is_staying_by_alive").rows() == [("ana", None, None)]


def test_a_p_alive_that_is_the_same_for_all_is_no_opinion() -> None:
    rows: list[Row] = [("ana", "zumbi", 1.0, 0.1, 9.0), ("bia", "fiel", 1.0, 0.1, 5.0)]
    found = disagreements(*tables(*rows, alive_of_others=1.0), RETAIL)
    assert found.select("customer_id", "alive_prob", "is_staying_by_alive").rows() == [("bia", 1.0, None)]
    assert listed(*rows) == ["ana", "bia"]


def test_the_table_is_as_declared_also_without_rows() -> None:
    table = TABLES["out_disagreements"]
    for rows in ([("ana", "fiel", 0.9, 0.1, 3.0)], []):
        found = disagreements(*tables(*rows), RETAIL)
        table.check(found.schema)
        table.schema.validate(found)


def test_the_summary_counts_customers_and_money_by_pattern() -> None:
    found = disagreements(
        *tables(
            ("a", "fiel", 0.9, 0.1, 40.0),
            ("b", "fiel", 0.7, 0.3, 20.0),
            ("c", "zumbi", None, 0.6, None),
            ("d", "turista", 0.1, 0.7, 100.0),
        ),
        RETAIL,
    )
    summary = disagreement_summary(found)
    assert summary.select("pattern", "customers", "share", "value_at_stake", "mean_prob").rows() == [
        ("stage leaves · alive leaves · model stays", 1, 0.25, 100.0, 0.7),
        ("stage stays · alive stays · model leaves", 2, 0.5, 60.0, 0.2),
        ("stage leaves · alive silent · model stays", 1, 0.25, None, 0.6),
    ]


def test_the_summary_of_no_disagreement_is_empty() -> None:
    assert disagreement_summary(disagreements(*tables(), RETAIL)).is_empty()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, 1.0, None], "p(alive) is 1.000 for all 2 customers: the purchase model finds no drop-out"),
        ([0.4, 0.4], "p(alive) is 0.400 for all 2 customers: so p(alive) says nothing"),
        ([0.61, 0.99], "p(alive) is 0.610 or more for all 2 customers"),
        ([0.9], "p(alive) is 0.900 or more for all 1 customer:"),
        ([0.1, 0.3], "p(alive) is 0.300 or less for all 2 customers"),
        ([None], "No purchase model could be fitted"),
        ([], "No purchase model could be fitted"),
    ],
)
def test_a_p_alive_that_says_nothing_is_called_that(values: list[float | None], said: str) -> None:
    assert alive_statement(pl.Series(values, dtype=pl.Float64)).startswith(said)


def test_a_p_alive_that_tells_customers_apart_needs_no_statement() -> None:
    assert alive_statement(pl.Series([0.3, 0.9])) == ""
