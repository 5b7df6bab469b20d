"""Promotion through registry and ledger: once, in an order that survives being killed, and back again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from fiel.errors import CohortError, NoChampionError, RegistryError
from fiel.models.comparison import Predict
from fiel.models.decision import Decision
from fiel.models.loaded import LoadedModel
from fiel.models.promotion import champions, promote, rollback
from fiel.models.registry import CHALLENGER, CHAMPION, Registry, VersionInfo
from fiel.models.settlement import Settlement, retold, settle
from fiel.settings import Settings
from fiel.store import PromotionRow, Store
from tests.models import worlds

AT = datetime(2025, 10, 1, 6, tzinfo=UTC)


class Killed(BaseException):
    """The process died here."""


@dataclass
class World:
    """A registry and its ledger, with the rows that everything is compared on."""

    settings: Settings
    ledger: Store

    @property
    def registry(self) -> Registry:
        """A registry as a new process opens it."""
        return Registry(self.settings, worlds.program(), self.ledger)

    def log(self, name: str, **fields: object) -> VersionInfo:
        return self.registry.log_training(worlds.training(fingerprint=name, **fields))  # type: ignore[arg-type]

    def settle(self, challenger: VersionInfo, without: tuple[str, ...] = (), **fields: object) -> Settlement:
        return settle(
            self.registry,
            self.ledger,
            challenger.version,
            *self.cohorts(*without),
            worlds.program(),
            **{"by": "test", "at": AT, **fields},  # type: ignore[arg-type]
        )

    def retold(self, settled: Settlement) -> Settlement:
        return retold(self.registry, self.ledger, settled, *self.cohorts(), worlds.program())

    def cohorts(self, *without: str) -> tuple[pl.DataFrame, pl.DataFrame]:
        rows = pl.concat([worlds.rows(as_of_dates=worlds.TRAINED, seed=2), worlds.rows()])
        snapshots = rows.drop("label", *without).with_columns(in_population=pl.lit(True))
        return snapshots, rows.select("customer_id", "as_of", "label")

    def crown(self, info: VersionInfo) -> None:
        """Make a version champion, as if it had been compared."""
        decision = Decision("promote", "because", "first", None, info.version, info.digest, info.fingerprint)
        promote(self.registry, self.ledger, decision, by="test", at=AT)

    def rows(self) -> list[tuple[str, str | None, str]]:
        return [(row.action, row.from_version, row.to_version) for row in self.ledger.promotions("teomewhy")]

    def rollback(self, reason: str = "too many complaints") -> str:
        return rollback(self.registry, self.ledger, by="someone", at=AT, reason=reason).champion


@pytest.fixture
def world(model_settings: Settings, ledger: Store) -> World:
    return World(model_settings, ledger)


@pytest.fixture
def promoted(world: World) -> World:
    """Version 1 lost to nobody, version 2 is the stage rule and the first champion, version 1 replaced it."""
    world.settle(world.log("a"))
    assert world.rows() == [("first", None, "2"), ("promote", "2", "1")]
    return world


def test_the_stage_rule_comes_first_and_a_better_model_replaces_it(world: World) -> None:
    settled = world.settle(world.log("a"))
    assert settled.decision.action == "promote"
    assert settled.champion == world.registry.champion().version == "1"
    assert world.registry.version("2").kind == "stage_rule"
    assert world.registry.alias(CHALLENGER) is None
    row = world.ledger.promotions("teomewhy")[-1]
    assert (row.reason, row.by, row.at) == (settled.decision.reason, "test", AT)
    assert row.metrics["challenger"]["auc"] > row.metrics["stage_rule"]["auc"]


def test_a_model_that_learned_nothing_leaves_the_stage_rule_champion(world: World) -> None:
    settled = world.settle(world.log("a", iterations=1))
    assert settled.decision.action == "keep"
    assert world.registry.champion().kind == "stage_rule"
    assert world.registry.alias(CHALLENGER) == "1"


def test_settling_again_changes_nothing(promoted: World) -> None:
    before = promoted.ledger.promotions("teomewhy"), promoted.registry.versions()
    again = promoted.settle(promoted.log("a"))
    assert again.decision.reason.startswith("Version 1 is the champion already: Version 1, a new recipe, replaces")
    assert (promoted.ledger.promotions("teomewhy"), promoted.registry.versions()) == before


def test_a_promotion_can_be_told_again_as_it_was_decided(world: World) -> None:
    """A run that died before it told of its promotion settles again and finds the challenger champion already."""
    first = world.settle(world.log("a"))
    again = world.settle(world.log("a"))
    assert again.decision.gates == ()
    told = world.retold(again)
    assert told.decision == first.decision
    assert told.applied == first.applied
    assert told.evidence.rows.equals(first.evidence.rows)


def test_only_the_champions_promotion_is_told_again(promoted: World) -> None:
    settled = promoted.settle(promoted.log("b"))
    assert promoted.retold(settled) is settled
    promoted.rollback()
    settled = promoted.settle(promoted.log("a"))
    assert promoted.retold(settled) is settled


def test_an_identical_model_is_not_promoted(promoted: World) -> None:
    settled = promoted.settle(promoted.log("b"))
    assert "identical model" in settled.decision.reason
    assert promoted.registry.alias(CHAMPION) == "1"


def test_the_same_recipe_on_newer_data_is_promoted(promoted: World) -> None:
    settled = promoted.settle(promoted.log("b", iterations=32))
    assert settled.decision.rule == "same_recipe"
    assert settled.champion == "3"


def test_a_champion_that_saw_the_rows_is_refitted_without_them(world: World) -> None:
    champion = world.log("a", trained=worlds.OOT, iterations=28)
    world.crown(champion)
    used = []

    def refit(model: LoadedModel, rows: pl.DataFrame) -> Predict:
        used.append((model.version, sorted(rows["as_of"].unique())))
        return lambda frame: np.full(frame.height, 0.3)

    settled = world.settle(world.log("b", iterations=32), refit=refit)
    assert used == [(champion.version, list(worlds.TRAINED))]
    assert "version 1 was trained on out-of-time cohorts, so its recipe was refitted" in settled.decision.reason


def test_the_same_recipe_refitted_is_the_identical_model(world: World) -> None:
    newer = worlds.training(worlds.fitted(seed=8), "newer", trained=worlds.OOT)
    world.crown(world.registry.log_training(newer))
    assert "identical predictions" in world.settle(world.log("b")).decision.reason


def test_a_challenger_that_saw_the_rows_is_refused(promoted: World) -> None:
    with pytest.raises(CohortError, match="version 3 was trained on outcomes from after its first out-of-time cohort"):
        promoted.settle(promoted.log("b", trained=(date(2025, 7, 1),)))


def test_a_champion_whose_columns_are_gone_is_stood_in_for_by_the_stage_rule(promoted: World) -> None:
    challenger = promoted.log("b", model=worlds.fitted(features=("stage", "active_days_d28")))
    settled = promoted.settle(challenger, without=("mean_gap_days_life",))
    assert settled.decision.action == "promote"
    assert "the stage rule stands in for the champion" in settled.decision.reason


class TestKilled:
    """A promotion that dies between any two steps is finished by the next run, once."""

    @pytest.mark.parametrize("step", ["describe", "ledger", "alias", "challenger"])
    def test_a_killed_promotion_is_finished_by_the_next_run(
        self, world: World, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        challenger = world.log("a")
        world.settle(world.log("weak", iterations=1))
        assert world.rows() == [("first", None, "3")]

        def die(*args: object, **kwargs: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            if step == "describe":
                patch.setattr(Registry, "describe", die)
            elif step == "ledger":
                patch.setattr(Store, "append_promotion", die)
            elif step == "alias":
                patch.setattr(Registry, "set_alias", die)
            else:
                set_alias = Registry.set_alias
                patch.setattr(
                    Registry, "set_alias", lambda self, alias, version: (set_alias(self, alias, version), die())
                )
            with pytest.raises(Killed):
                world.settle(challenger)

        written = len(world.rows()) == 2
        assert written == (step in ("alias", "challenger"))
        assert world.registry.champion().version == ("1" if written else "3"), "the ledger's champion, whatever died"
        world.settle(challenger)
        assert world.rows() == [("first", None, "3"), ("promote", "3", "1")]
        assert world.registry.alias(CHAMPION) == "1"

    def test_a_rollback_that_died_is_finished_and_not_repeated(
        self, promoted: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        promoted.settle(promoted.log("b", iterations=32))

        def die(*args: object, **kwargs: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Registry, "set_alias", die)
            with pytest.raises(Killed):
                promoted.rollback()
        assert promoted.registry.alias(CHAMPION) == "3"
        assert promoted.rollback() == "1"
        assert promoted.rows()[-1] == ("rollback", "3", "1")
        assert len(promoted.rows()) == 4
        assert promoted.registry.alias(CHAMPION) == "1"


class TestRollback:
    def test_it_goes_back_one_champion_at_a_time(self, promoted: World) -> None:
        promoted.settle(promoted.log("b", iterations=32))
        assert promoted.rollback() == "1"
        assert promoted.rollback() == "2"
        assert promoted.registry.champion().kind == "stage_rule"
        with pytest.raises(RegistryError, match="no version to roll back to"):
            promoted.rollback()

    def test_it_needs_a_reason(self, promoted: World) -> None:
        with pytest.raises(RegistryError, match="needs a reason"):
            promoted.rollback("  ")

    def test_without_any_champion_there_is_nothing_to_roll_back_to(self, world: World) -> None:
        with pytest.raises(RegistryError, match=r"no version to roll back to \(champions so far: 0\)"):
            world.rollback()

    def test_retraining_the_same_afterwards_does_not_bring_it_back(self, promoted: World) -> None:
        promoted.settle(promoted.log("b", iterations=32))
        promoted.rollback()
        again = promoted.settle(promoted.log("b", iterations=32))
        assert again.decision.action == "keep"
        assert "rolled back on 2025-10-01 (too many complaints)" in again.decision.reason
        assert promoted.registry.alias(CHAMPION) == "1"

    def test_retraining_on_other_data_may_replace_the_champion(self, promoted: World) -> None:
        promoted.settle(promoted.log("b", iterations=32))
        promoted.rollback()
        assert promoted.settle(promoted.log("c", iterations=33)).champion == "4"
        assert promoted.rollback() == "1", "the version that was rolled back is not in the line any more"

    def test_a_person_can_bring_it_back_with_a_reason(self, promoted: World) -> None:
        challenger = promoted.log("b", iterations=32)
        promoted.settle(challenger)
        promoted.rollback()
        assert promoted.settle(challenger, override="the complaints were about something else").champion == "3"
        row = promoted.ledger.promotions("teomewhy")[-1]
        assert row.override == "the complaints were about something else"
        assert "rolled back" in row.reason


class TestOverride:
    def test_a_forced_promotion_is_recorded(self, promoted: World) -> None:
        settled = promoted.settle(promoted.log("weak", iterations=1), override="a campaign needs it")
        assert settled.decision.action == "keep"
        assert settled.champion == promoted.registry.champion().version == "3"
        assert promoted.ledger.promotions("teomewhy")[-1].override == "a campaign needs it"

    def test_it_needs_a_reason(self, promoted: World) -> None:
        with pytest.raises(RegistryError, match="needs a reason"):
            promoted.settle(promoted.log("weak", iterations=1), override=" ")


class TestRefused:
    def decision(self, world: World, **fields: object) -> Decision:
        info = world.log("b", iterations=32)
        made = Decision("promote", "why", "new_recipe", "1", info.version, info.digest, info.fingerprint)
        return replace(made, **fields)  # type: ignore[arg-type]

    def apply(self, world: World, decision: Decision) -> None:
        promote(world.registry, world.ledger, decision, by="test", at=AT)

    def test_a_decision_about_another_champion(self, promoted: World) -> None:
        with pytest.raises(RegistryError, match=r"is version 1, but version 3 was compared with 2: someone promoted"):
            self.apply(promoted, self.decision(promoted, from_version="2"))
        assert len(promoted.rows()) == 2

    def test_an_artifact_that_is_not_what_was_compared(self, promoted: World) -> None:
        with pytest.raises(RegistryError, match="nothing was promoted"):
            self.apply(promoted, self.decision(promoted, digest="0" * 64))
        assert len(promoted.rows()) == 2

    def test_a_version_that_does_not_exist(self, promoted: World) -> None:
        with pytest.raises(RegistryError, match="no version 99"):
            self.apply(promoted, self.decision(promoted, to_version="99"))
        assert len(promoted.rows()) == 2

    def test_no_champion_before_the_first_training(self, world: World) -> None:
        with pytest.raises(NoChampionError):
            world.registry.champion()


def test_the_line_of_champions_drops_what_was_rolled_back() -> None:
    steps = [("first", "1"), ("promote", "2"), ("promote", "3"), ("rollback", "2"), ("promote", "4"), ("rollback", "2")]
    rows = [
        PromotionRow("p", AT + timedelta(days=day), "x", action, None, to, "d", "f", "r")  # type: ignore[arg-type]
        for day, (action, to) in enumerate(steps)
    ]
    assert [row.to_version for row in champions(rows)] == ["1", "2"]
    assert [row.to_version for row in champions(rows[:3])] == ["1", "2", "3"]
    assert champions([]) == []


def test_cohorts_that_are_missing_are_named(world: World) -> None:
    info = world.log("a")
    late = replace(worlds.training(fingerprint="z"), oot_as_of=(date(2026, 1, 1),))
    other = world.registry.log_training(late)
    world.settle(info)
    with pytest.raises(CohortError, match=r"out-of-time cohorts have no labelled rows of the population \(2026-01-01"):
        world.settle(other)
