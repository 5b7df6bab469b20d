"""The whole chain through Prefect: what it returns, what it leaves, and that a second run changes nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from fiel.core import Core
from fiel.store import PromotionRow
from tasks.context import opened
from tests.flows.conftest import AS_OF, World


def _state(world: World) -> dict[str, Any]:
    """Everything that a re-run must leave as it is."""
    with opened("teomewhy") as context:
        folder = Path(context.lake.file_path("exports", AS_OF.isoformat()))
        return {
            "tables": context.lake.versions(),
            "models": [info.version for info in context.registry.versions()],
            "champion": context.registry.champion().version,
            "promotions": context.store.promotions("teomewhy"),
            "entries": context.store.entries("teomewhy").rows(),
            "published": context.store.score_set("teomewhy"),
            "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())},
            "report": Path(context.lake.file_path("reports", f"{AS_OF}.html")).read_bytes(),
        }


def _promotions() -> list[PromotionRow]:
    with opened("teomewhy") as context:
        return context.store.promotions("teomewhy")


def test_the_chain_says_what_it_made(in_world: World) -> None:
    first = in_world.first
    assert first["as_of"] == AS_OF.isoformat()
    assert first["ingest"]["changed"] is True
    assert first["scores"]["customers"] == sum(first["scores"]["stages"].values())
    assert first["promotion"]["reason"]
    assert first["plan"]["plan"]["rewards_points"] <= first["plan"]["plan"]["budget_points"]
    assert first["cycle"]["grants"] == first["plan"]["plan"]["granted"]
    manifest = json.loads(Path(first["cycle"]["manifest"]).read_text(encoding="utf-8"))
    assert manifest["simulated_data"] is True
    assert first["published"] == {"as_of": first["as_of"], "customers": first["scores"]["customers"], "models": 1,
                                  "changed": True}  # fmt: skip
    assert "simulated" in Path(first["report"]["report"]).read_text(encoding="utf-8").lower()


def test_running_it_again_changes_nothing(in_world: World) -> None:
    from flows.loyalty import loyalty

    before = _state(in_world)
    again = loyalty(program="teomewhy", as_of="latest", source=str(in_world.source))
    assert again["ingest"]["changed"] is False
    assert again["train"]["trained"] is False
    assert again["features"]["built"] == []
    assert again["cycle"]["changed"] is False
    assert _state(in_world) == before


def test_each_run_leaves_artifacts(in_world: World) -> None:
    wanted = ("ingest", "stage-mix", "promotion", "scores", "plan", "manifest", "report")
    with get_client(sync_client=True) as client:
        for what in wanted:
            key = f"teomewhy-{what}"
            found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
            assert found, key


def test_every_stage_runs_alone_for_a_past_date(in_world: World) -> None:
    from flows.features import features
    from flows.report import report
    from flows.score import score

    built = features(program="teomewhy", as_of="2025-06-17")
    assert built["as_of"] == "2025-06-17"
    scored = score(program="teomewhy", as_of="2025-06-17")
    assert scored["customers"] > 0
    assert Path(report(program="teomewhy", as_of="2025-06-17")["report"]).is_file()


def test_a_past_cycle_can_be_planned_but_not_paid(in_world: World) -> None:
    from fiel.errors import PlanError
    from flows.reward import reward
    from flows.score import score

    score(program="teomewhy", as_of="2025-06-10")
    planned = reward(program="teomewhy", as_of="2025-06-10", apply=False)
    assert planned["plan"]["not_payable_because"]
    with pytest.raises(PlanError):
        reward(program="teomewhy", as_of="2025-06-10", apply=True)
    assert "manifest" not in reward(program="teomewhy", as_of="2025-06-10", apply=True, only_if_due=True)


def test_only_the_reviewed_plan_is_paid(in_world: World) -> None:
    from fiel.errors import PlanError
    from flows.reward import reward

    digest = in_world.first["plan"]["plan"]["digest"]
    with pytest.raises(PlanError, match=r"not 000000000000 as reviewed: .*nothing was paid"):
        reward(program="teomewhy", as_of=AS_OF.isoformat(), reviewed="0" * 12)
    again = reward(program="teomewhy", as_of=AS_OF.isoformat(), reviewed=digest[:12])
    assert again["changed"] is False


def test_earlier_scores_are_measured_once_their_outcome_is_known(in_world: World) -> None:
    from flows.score import score

    score(program="teomewhy", as_of="2025-05-20")
    from tasks.score import measure_quality

    assert measure_quality.fn("teomewhy")["cohorts"] >= 1
    with opened("teomewhy") as context:
        quality = context.lake.read("out_quality")
        assert quality["customers"].min() > 0
        core = Core.open(context.lake)
        assert (quality["as_of"] <= core.known_through).all()


def test_a_date_that_its_model_had_learned_from_is_no_forecast_and_is_not_measured(in_world: World) -> None:
    from flows.score import score

    with opened("teomewhy") as context:
        learned = context.registry.version(context.registry.champion().version).trained_as_of
    score(program="teomewhy", as_of=learned[-1].isoformat())
    with opened("teomewhy") as context:
        assert learned[-1] in context.lake.partitions("out_scores")
        measured = context.lake.read("out_quality")["as_of"].to_list() if context.lake.exists("out_quality") else []
        assert learned[-1] not in measured


def test_the_report_of_a_date_shows_the_model_that_scored_it_whoever_is_champion_now(
    in_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fiel.store import Store
    from flows.report import report

    page = Path(report(program="teomewhy", as_of=AS_OF.isoformat())["report"])
    before = page.read_bytes()
    known = Store.promotions
    rows = _promotions()
    assert len(rows) >= 2, "the stage rule and the model that replaced it"
    later = replace(rows[0], from_version=rows[-1].to_version, reason="promoted much later")
    monkeypatch.setattr(Store, "promotions", lambda self, program: [*known(self, program), later])
    report(program="teomewhy", as_of=AS_OF.isoformat())
    assert page.read_bytes() == before


def test_nothing_is_learned_or_scored_from_a_snapshot_of_other_core_tables(
    in_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run may ingest between a flow's tasks."""
    import tasks.features
    from fiel.errors import LakeError
    from tasks.features import check_built

    with opened("teomewhy") as context:
        core = Core.open(context.lake)
        check_built(context, core, [AS_OF])
        monkeypatch.setattr(tasks.features, "feature_inputs", lambda core, program: "of another ingest")
        with pytest.raises(LakeError, match=f"feat_snapshot of program teomewhy at {AS_OF} was not made of the core"):
            check_built(context, core, [AS_OF])


def test_a_late_scheduled_run_is_skipped_on_record(in_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without an as_of whose date is older than what is committed ends as Skipped, and writes nothing."""
    import flows.score

    monkeypatch.setattr(flows.score, "resolve_as_of", lambda program, requested: AS_OF.replace(day=1, month=6))
    with opened("teomewhy") as context:
        before = context.lake.versions()
        state = flows.score.score(program="teomewhy", return_state=True)
        assert (state.name, state.type.value) == ("Skipped", "COMPLETED")
        assert str(AS_OF) in (state.message or "")
        assert context.lake.versions() == before
