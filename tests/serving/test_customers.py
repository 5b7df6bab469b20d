"""Documents of customers: exact, cut at as_of, with nothing that a customer may not see."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from fiel.actions.messages.writing import MESSAGES
from fiel.errors import SchemaError
from fiel.serving.customers import DAYS_BACK, DAYS_LISTED, Documents, Known
from tests.reports.conftest import AS_OF
from tests.serving.conftest import Club


def documents(known: Known, chunk: int = 1_000) -> dict[str, dict[str, Any]]:
    """Documents by customer."""
    rows = pl.concat(list(Documents(known, chunk)))
    return {customer: json.loads(text) for customer, text in rows.select("customer_id", "document").iter_rows()}


@pytest.fixture(scope="module")
def shown(club: Club) -> dict[str, dict[str, Any]]:
    return documents(club.known)


def test_every_scored_customer_has_a_document_and_features(club: Club) -> None:
    rows = pl.concat(list(Documents(club.known)))
    assert rows["customer_id"].to_list() == club.known.scores["customer_id"].sort().to_list()
    assert rows.null_count().row(0) == (0, 0, 0)


def test_features_are_those_of_the_snapshot_to_the_last_bit(club: Club) -> None:
    made = Documents(club.known)
    snapshot = club.known.snapshot.collect()
    rows = pl.concat(list(made)).join(snapshot, on="customer_id", maintain_order="left")
    for row in rows.iter_rows(named=True):
        values = dict(zip(made.feature_names, json.loads(row["features"]), strict=True))
        expected = {name: row[name] for name in made.feature_names}
        assert values == {
            name: value.isoformat() if isinstance(value, date) else value for name, value in expected.items()
        }


def test_the_chunks_make_no_difference(club: Club) -> None:
    whole, small = (pl.concat(list(Documents(club.known, chunk))) for chunk in (10_000, 7))
    assert whole.equals(small)


def test_stage_history_ends_at_as_of_with_the_stage_of_the_score(club: Club, shown: dict[str, dict[str, Any]]) -> None:
    stages = dict(club.known.scores.select("customer_id", "stage").iter_rows())
    for customer, document in shown.items():
        assert document["spans"][-1][0] == stages[customer]
        assert document["spans"][-1][2] == AS_OF.isoformat()
        ends = [date.fromisoformat(last) + timedelta(days=1) for _, _, last in document["spans"]]
        assert [first for _, first, _ in document["spans"][1:]] == [day.isoformat() for day in ends[:-1]]


def test_active_days_are_the_newest_before_as_of(club: Club, shown: dict[str, dict[str, Any]]) -> None:
    before = club.days.filter(pl.col("day") < AS_OF).sort("customer_id", "day")
    for (customer,), rows in before.group_by("customer_id"):
        document = shown[str(customer)]
        first = (AS_OF - timedelta(days=DAYS_BACK)).isoformat()
        days = [
            [day.isoformat(), count, value]
            for day, count, value in rows.select("day", "transactions", "value_net").iter_rows()
        ]
        assert document.get("days", []) == [day for day in days if day[0] >= first][-DAYS_LISTED:]
        assert (document["first_date"], document["last_date"]) == (days[0][0], days[-1][0])


def test_reasons_are_there_in_both_languages_for_those_who_were_explained(
    club: Club, shown: dict[str, dict[str, Any]]
) -> None:
    explained = set(club.known.scores.filter(pl.col("reason_1").is_not_null())["customer_id"])
    assert {customer for customer, document in shown.items() if "reasons" in document} == explained
    one = shown[min(explained)]["reasons"]
    assert one["en"] == ["active on few days of the last 28"]
    assert len(one["pt"]) == 1


def test_a_message_shows_what_the_customer_may_see_and_its_status(club: Club) -> None:
    who = club.known.scores["customer_id"][0]
    message = dict.fromkeys(MESSAGES) | {
        "customer_id": who, "language": "pt", "tone": "loyal", "status": "template", "text": "Olá! Até já.",
        "products": ["1"], "operator_prob": 0.93, "operator_risk_group": "critical", "operator_segment": "base",
    }  # fmt: skip
    known = club.with_known(messages=pl.DataFrame([message], schema=MESSAGES))
    shown = documents(known)
    assert shown[who]["messages"] == [
        {"as_of": AS_OF.isoformat(), "channel": "file", "language": "pt", "tone": "loyal", "text": "Olá! Até já.",
         "status": "template"}
    ]  # fmt: skip
    assert not any("messages" in document for customer, document in shown.items() if customer != who)


def test_probabilities_of_further_targets_stand_by_their_names(club: Club) -> None:
    who = club.known.scores["customer_id"][0]
    more = club.program.target.model_copy(update={"name": "fiel_56", "horizon_days": 56})
    program = club.program.model_copy(update={"more_targets": (more,)})
    probs = pl.DataFrame({"customer_id": [who], "target": ["fiel_56"], "prob": [0.125]})
    shown = documents(club.with_known(program=program, probs=probs))
    assert shown[who]["probs"] == {"fiel_56": 0.125}


def test_an_infinite_feature_is_refused_by_its_name(club: Club) -> None:
    snapshot = club.known.snapshot.with_columns(hours_life=pl.lit(float("inf")))
    with pytest.raises(SchemaError, match="hours_life"):
        list(Documents(club.with_known(snapshot=snapshot)))


def test_a_column_of_a_later_course_is_no_feature_of_today(club: Club) -> None:
    later = club.known.snapshot.with_columns(course_share_sql_2099=pl.lit(None, pl.Float64))
    assert Documents(club.with_known(snapshot=later)).feature_names == Documents(club.known).feature_names
    begun = club.known.snapshot.with_columns(course_share_sql_2099=pl.lit(0.0))
    assert "course_share_sql_2099" in Documents(club.with_known(snapshot=begun)).feature_names
