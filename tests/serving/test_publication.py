"""A publication: cut at as_of to the last byte, complete, and plain JSON in both languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from fiel.serving.publication import Ledger, publication
from fiel.store import PromotionRow, Store
from fiel.store.publishing import Publication
from tests.reports.conftest import AS_OF, make_customer_days
from tests.serving.conftest import LATER, Club, make_club

PROMOTED = PromotionRow(
    program="made_up", at=datetime(2025, 3, 1, 7, tzinfo=UTC), by="run", action="first", from_version=None,
    to_version="3", digest="d1ge57", fingerprint="f", reason="Version 3, the stage rule, is the first champion",
)  # fmt: skip
LEDGER = Ledger(promotions={"fiel": (PROMOTED,)}, kinds={"fiel": "stage_rule"})


def published(club: Club) -> Publication:
    return publication(club.known, club.data, LEDGER, None)


def content(given: Publication) -> dict[str, str]:
    """All bytes of a publication, by what they are."""
    return {
        "scores": given.scores.write_ndjson(),
        "documents": pl.concat(list(given.documents)).write_ndjson(),
        "features": json.dumps(given.feature_names),
        "facts": f"{given.as_of} {given.known_through} {given.model_version}",
        **{name: json.dumps(part, sort_keys=True) for name, part in given.parts.items()},
    }


@pytest.fixture(scope="module")
def made(club: Club) -> Publication:
    return published(club)


def test_rewriting_everything_from_as_of_on_moves_no_byte(club: Club, made: Publication) -> None:
    past = club.days.filter(pl.col("day") < AS_OF)
    others = make_customer_days(400, LATER, seed=99).filter(pl.col("day") >= AS_OF)
    elsewhere = published(make_club(pl.concat([past, others])))
    gone = published(make_club(past))
    assert content(made) == content(elsewhere)
    assert content(made) == content(gone)


def test_what_happened_the_day_before_as_of_does_move_it(club: Club, made: Publication) -> None:
    last = club.days.filter(pl.col("day") == AS_OF - timedelta(days=1))
    more = last.with_columns(pl.col("transactions", "value_net") + 1)
    other = published(make_club(pl.concat([club.days.join(last, on=["customer_id", "day"], how="anti"), more])))
    assert content(made)["documents"] != content(other)["documents"]


def test_the_same_content_is_published_once(made: Publication, club: Club, tmp_path: Any) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    try:
        assert store.publish(made).changed
        assert not store.publish(published(club)).changed
    finally:
        store.close()


def test_key_figures_are_those_of_the_report(made: Publication, club: Club) -> None:
    found = {item["key"]: item for item in made.parts["overview"]["key_figures"]}
    report = {row["figure"]: row for row in club.data.key_figures.iter_rows(named=True)}
    assert found["monthly_active"]["value"] == report["active in 28 days"]["now"]
    assert found["monthly_active"]["before"] == report["active in 28 days"]["before"]
    assert found["stickiness"]["kind"] == "share"
    assert club.data.expected_losses is not None
    assert found["expected_losses"]["value"] == club.data.expected_losses.expected
    groups = {item["group"]: item["customers"] for item in made.parts["overview"]["groups"]}
    assert groups == dict(club.known.scores.group_by("stage").len().iter_rows()) | {
        name: 0 for name, count in groups.items() if not count
    }


def test_figures_come_in_the_order_of_their_groups_with_a_table_and_a_description(made: Publication) -> None:
    figures = made.parts["figures"]
    groups = list(dict.fromkeys(item["group"] for item in figures))
    assert groups == ["stages", "activity", "value", "model", "money"]
    assert {"mix", "transitions", "active", "retention", "value", "reliability", "plan-reasons"} <= {
        item["name"] for item in figures
    }
    for item in figures:
        assert all(item["description"].values())
        assert len(item["table"]["en"]["columns"]) == len(item["table"]["en"]["rows"][0])


def test_the_champion_says_when_and_why_it_was_promoted(made: Publication) -> None:
    (target,) = made.parts["champion"]["targets"]
    assert (target["version"], target["kind"], target["digest"]) == ("3", "stage_rule", "d1ge57")
    assert target["promoted_at"] == "2025-03-01T07:00:00+00:00"
    assert target["reason"]["en"].startswith("Version 3")
    assert {row["metric"] for row in target["metrics"]} >= {"auc", "log_loss"}
    assert "reliability" in made.parts["champion"]["figures"]


def test_the_plan_is_told_with_its_reasons_limits_and_winners(made: Publication, club: Club) -> None:
    plan, view = made.parts["rewards"]["plan"], club.data.plan
    assert view is not None
    assert sum(row["customers"] for row in plan["counts"]) == plan["customers"]
    assert {row["decision"] for row in plan["counts"]} == {"grant", "held_out", "excluded"}
    assert plan["rewards_points"] <= plan["budget_points"] == 2_000
    assert [row["customer_id"] for row in plan["winners"]] == view.winners["customer_id"].to_list()
    assert made.parts["rewards"]["invented"] is True


def test_every_text_of_a_part_is_there_in_both_languages(made: Publication) -> None:
    texts = [text for part in made.parts.values() for text in _texts(part)]
    assert len(texts) > 100
    for text in texts:
        assert set(text) == {"en", "pt"}
        assert type(text["en"]) is type(text["pt"])


def _texts(part: Any) -> Iterator[dict[str, Any]]:
    """Every mapping that holds something by language."""
    if isinstance(part, dict):
        if "en" in part or "pt" in part:
            yield part
        else:
            for value in part.values():
                yield from _texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from _texts(value)
