"""Publishing through the chain: what the service reads is what the lake, the ledger and the registry hold."""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from fiel.errors import CycleConflictError, LakeError
from fiel.features.spans import cut_spans
from fiel.models.promotion import rollback
from tasks.context import opened
from tests.flows.conftest import AS_OF, World
from tests.flows.published import shown


@pytest.fixture
def own_world(in_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy of the shared world that a test may change."""
    for name in ("lake", "lake.state"):
        shutil.copytree(in_world.root / name, tmp_path / name)
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    return in_world


def test_every_customer_is_shown_with_the_scores_of_the_lake(in_world: World) -> None:
    with opened("teomewhy") as context, shown("teomewhy") as found:
        scores = context.lake.read("out_scores", AS_OF)
        newest = found.reader.newest_set("teomewhy")
        assert newest is not None
        assert (newest.as_of, newest.customers) == (AS_OF, scores.height)
        for row in scores.sample(20, seed=1).iter_rows(named=True):
            here = found.scores(row["customer_id"])
            assert {name: here[name] for name in ("stage", "prob", "loss_prob", "model_digest", "reason_1")} == {
                name: row[name] for name in ("stage", "prob", "loss_prob", "model_digest", "reason_1")
            }


def test_the_live_model_finds_its_features_and_its_file(in_world: World) -> None:
    with opened("teomewhy") as context, shown("teomewhy") as found:
        champion = context.registry.champion()
        promoted = context.store.promotions("teomewhy")[-1]
        served = found.reader.served_model(promoted.digest)
        assert served is not None
        assert hashlib.sha256(served.content).hexdigest() == promoted.digest
        assert tuple(served.facts["inputs"]) == champion.inputs
        snapshot = context.lake.read("feat_snapshot", AS_OF)
        one = snapshot.filter("in_population").row(0, named=True)
        features = found.features(one["customer_id"])
        assert {name: features[name] for name in champion.inputs} == {name: one[name] for name in champion.inputs}


def test_a_document_ends_at_as_of(in_world: World) -> None:
    with opened("teomewhy") as context, shown("teomewhy") as found:
        spans = cut_spans(context.lake.scan("feat_life_cycle_spans"), AS_OF).collect()
        who = str(spans.group_by("customer_id").len().sort("len", "customer_id")["customer_id"][-1])
        rows = spans.filter(pl.col("customer_id") == who).sort("first_as_of")
        document = found.document(who)
        assert document["spans"] == [
            [stage, first.isoformat(), last.isoformat()]
            for stage, first, last in rows.select("stage", "first_as_of", "last_as_of").iter_rows()
        ]
        assert document["last_date"] <= (AS_OF - timedelta(days=1)).isoformat()


def test_the_rewards_are_those_of_the_cycle(in_world: World) -> None:
    with shown("teomewhy") as found:
        part, plan = found.part("rewards"), in_world.first["plan"]["plan"]
        assert part["applied"]["as_of"] == AS_OF.isoformat()
        assert part["plan"]["granted"] == plan["granted"]
        assert part["export"]["files"]
        assert found.part("champion")["targets"][0]["version"] == in_world.first["promotion"]["champion"]


def test_what_a_run_that_died_did_not_publish_is_said_and_made_good(
    own_world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.console import show_status
    from flows.publish import publish

    with opened("teomewhy") as context:
        before = context.store.score_set("teomewhy", AS_OF)
        tables = ("customer_documents", "program_parts", "scores", "score_sets", "served_models")
        with context.store.database.write("teomewhy") as connection:
            for table in tables:
                connection.execute(sa.text(f"DELETE FROM {table}"))
    show_status("teomewhy")
    assert "are not published, the service shows nothing: run `fiel run publish" in capsys.readouterr().out
    assert publish(program="teomewhy")["changed"] is True
    with opened("teomewhy") as context:
        after = context.store.score_set("teomewhy")
    assert before is not None
    assert after is not None
    assert after.content_digest == before.content_digest
    show_status("teomewhy")
    assert "not published" not in capsys.readouterr().out


def test_after_a_rollback_the_chain_pays_nothing_again_and_still_publishes(
    own_world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.console import show_status
    from flows.loyalty import loyalty

    with opened("teomewhy") as context:
        rollback(context.registry, context.store, by="me", at=datetime.now(UTC), reason="a test")
        entries = context.store.entries("teomewhy")
        champion = context.registry.champion().version
    show_status("teomewhy")
    assert f"are not the champion's, which is version {champion}: run `fiel run score" in capsys.readouterr().out
    with pytest.raises(CycleConflictError, match="already applied"):
        loyalty(program="teomewhy", as_of=AS_OF.isoformat(), source=str(own_world.source))
    with opened("teomewhy") as context:
        assert context.store.entries("teomewhy").equals(entries)
        published = context.store.score_set("teomewhy")
        assert published is not None
        assert published.model_version == champion
    show_status("teomewhy")
    assert "not the champion's" not in capsys.readouterr().out


def test_a_date_without_scores_says_what_to_run(in_world: World) -> None:
    from flows.publish import publish

    with pytest.raises(LakeError, match="fiel run score --program teomewhy --as-of 2024-09-01"):
        publish(program="teomewhy", as_of="2024-09-01")
