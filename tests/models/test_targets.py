"""Several targets of one program: models, ledgers, populations and probabilities of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from fiel.errors import NoChampionError, ProgramError, SchemaError
from fiel.lake import Lake
from fiel.models.artifact import Training
from fiel.models.baselines import in_population
from fiel.models.loaded import LoadedModel
from fiel.models.probs import target_probs
from fiel.models.promotion import rollback
from fiel.models.registry import Registry, VersionInfo
from fiel.models.retraining import procedure_digest
from fiel.models.settlement import Settlement, settle
from fiel.models.stage_rule import StageRule
from fiel.program import Program
from fiel.settings import Settings
from fiel.status import program_status
from fiel.store import Store
from fiel.tables import TABLES
from fiel.vacuum import named_versions
from tests.models import worlds

AT = datetime(2025, 10, 1, 6, tzinfo=UTC)
SOON = {"name": "soon", "kind": "active", "horizon_days": 7, "live_origins": ["twitch"]}


def program(**soon: object) -> Program:
    """The real program with a second target."""
    return Program.model_validate(worlds.program().model_dump() | {"more_targets": [SOON | soon]})


def rule(prob: float, version: str = "1") -> LoadedModel:
    """The stage rule that gives everyone the same probability."""
    return LoadedModel(version, "stage_rule", f"digest-{version}", StageRule({"fiel": prob}, {"fiel": 9}, prob), ())


def snapshot() -> pl.DataFrame:
    stages = ["zumbi", "turista", "fiel", "curioso"]
    return pl.DataFrame(
        {
            "customer_id": ["d", "c", "b", "a"],
            "as_of": [worlds.JULY] * 4,
            "stage": stages,
            "in_population": [False, True, True, False],
        }
    )


# ------------------------------------------------------------------------------------------------- probabilities


def test_each_target_gets_a_row_for_every_customer_of_its_population() -> None:
    found = target_probs(snapshot(), {"soon": rule(0.3, "7")}, program())
    TABLES["out_probs"].check(found.schema)
    assert found.rows() == [
        ("b", worlds.JULY, "soon", 0.3, "7", "digest-7"),
        ("c", worlds.JULY, "soon", 0.3, "7", "digest-7"),
    ]


def test_a_target_that_leaves_out_more_stages_has_fewer_rows() -> None:
    narrow = program(exclude_stages=["zumbi", "turista"])
    assert target_probs(snapshot(), {"soon": rule(0.3)}, narrow)["customer_id"].to_list() == ["b"]
    assert snapshot().filter(in_population(narrow))["customer_id"].to_list() == ["c", "b"]


def test_a_target_without_a_champion_is_left_out() -> None:
    found = target_probs(snapshot(), {}, program())
    TABLES["out_probs"].check(found.schema)
    assert found.is_empty()


def test_probabilities_of_a_target_that_the_program_does_not_have_are_refused() -> None:
    with pytest.raises(ProgramError, match="no target 'sooner': did you mean 'soon'"):
        target_probs(snapshot(), {"sooner": rule(0.3)}, program())


def test_a_snapshot_without_stages_is_refused() -> None:
    with pytest.raises(SchemaError, match="lacks the columns stage"):
        target_probs(snapshot().drop("stage"), {"soon": rule(0.3)}, program())


# -------------------------------------------------------------------------------------------------- registry, ledger


@pytest.fixture
def main(model_settings: Settings, ledger: Store) -> Registry:
    return Registry(model_settings, program(), ledger)


def settled(registry: Registry, ledger: Store, training: Training) -> tuple[VersionInfo, Settlement]:
    rows = pl.concat([worlds.rows(as_of_dates=worlds.TRAINED, seed=2), worlds.rows()])
    info = registry.log_training(training)
    found = settle(
        registry,
        ledger,
        info.version,
        rows.drop("label").with_columns(in_population=pl.lit(True)),
        rows.select("customer_id", "as_of", "label"),
        registry.program,
        by="test",
        at=AT,
    )
    return info, found


def test_targets_have_registered_models_and_ledgers_of_their_own(main: Registry, ledger: Store) -> None:
    soon = main.of_every_target()["soon"]
    assert (main.name, soon.name) == ("fiel-teomewhy", "fiel-teomewhy-soon")
    settled(soon, ledger, worlds.training(fingerprint="a"))
    assert [row.action for row in ledger.promotions("teomewhy.soon")] == ["first", "promote"]
    assert ledger.promotions("teomewhy") == []
    assert soon.champion().version == "1"
    with pytest.raises(NoChampionError):
        main.champion()


def test_the_main_targets_ledger_is_still_keyed_by_the_program_alone(main: Registry, ledger: Store) -> None:
    settled(main, ledger, worlds.training(fingerprint="a"))
    assert {row.program for row in ledger.promotions("teomewhy")} == {"teomewhy"}
    assert main.of_every_target()["fiel"].champion().version == main.champion().version


def test_a_rollback_of_one_target_leaves_the_other_alone(main: Registry, ledger: Store) -> None:
    soon = main.of_every_target()["soon"]
    settled(main, ledger, worlds.training(fingerprint="a"))
    settled(soon, ledger, worlds.training(fingerprint="a"))
    rollback(soon, ledger, by="someone", at=AT, reason="too many complaints")
    assert (main.champion().kind, soon.champion().kind) == ("catboost", "stage_rule")
    assert ledger.promotions("teomewhy.soon")[-1].action == "rollback"


def test_the_runs_of_every_target_are_in_one_experiment_and_say_which_they_are(main: Registry, ledger: Store) -> None:
    soon = main.of_every_target()["soon"]
    ours = main.log_training(worlds.training(fingerprint="a"))
    theirs = soon.log_training(worlds.training(fingerprint="a"))
    client = main._tracking.client
    first, second = client.get_run(ours.run_id), client.get_run(theirs.run_id)
    assert first.info.experiment_id == second.info.experiment_id
    assert (first.info.run_name, second.info.run_name) == ("catboost 2025-10-01", "catboost 2025-10-01 soon")
    assert (ours.tags["target"], theirs.tags["target"]) == ("fiel", "soon")


def test_a_training_of_another_target_is_another_procedure() -> None:
    assert procedure_digest(program()) != procedure_digest(program().with_target("soon"))
    assert procedure_digest(program()) == procedure_digest(worlds.program())


def test_the_stage_rule_of_a_target_knows_its_population_only(main: Registry, ledger: Store) -> None:
    narrow = Program.model_validate(
        worlds.program().model_dump() | {"more_targets": [SOON | {"exclude_stages": ["zumbi", "curioso"]}]}
    ).with_target("soon")
    registry = Registry(main._settings, narrow, ledger)
    _, found = settled(registry, ledger, worlds.training(fingerprint="a"))
    assert "curioso" not in found.evidence.rows["stage"].unique().to_list()
    first = registry.load(ledger.promotions("teomewhy.soon")[0].to_version)
    assert "curioso" not in first.model.probs


def test_what_a_further_targets_model_was_made_from_is_not_vacuumed(main: Registry, tmp_path: Path) -> None:
    main.of_every_target()["soon"].log_training(worlds.training(fingerprint="a"))
    named = named_versions(Lake(str(tmp_path / "lake"), "teomewhy"), main)
    assert (named["feat_snapshot"], named["core_events"]) == ({3}, {2})


def test_the_status_tells_every_targets_champion(main: Registry, ledger: Store, tmp_path: Path) -> None:
    settled(main.of_every_target()["soon"], ledger, worlds.training(fingerprint="a"))
    status = program_status(Lake(str(tmp_path / "lake"), "teomewhy"), ledger, main, main.program)
    assert status.models is not None
    assert status.models.champion is None
    assert list(status.more_models) == ["soon"]
    champion = status.more_models["soon"].champion
    assert champion is not None
    assert champion.version == "1"
