"""Promotions reach the service by themselves; whatever is wrong with one, the model in service stays."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.champions import LONGEST_PAUSE_SECONDS, Champions
from fiel.errors import NoChampionError, StoreUnavailableError
from fiel.models.loaded import LoadedModel
from fiel.models.row_model import RowModel
from fiel.program import Program, read_program
from fiel.settings import HOME, Settings
from fiel.store import PromotionRow, Store
from fiel.store.models import ServedModel
from fiel.store.reader import Reader
from tests.app import worlds
from tests.app.waiting import until
from tests.models import served_worlds
from tests.models import worlds as models

EMPTY = [[None, None, None]]


def program(name: str) -> Program:
    return read_program(HOME / "deployments" / "programs" / f"{name}.yaml")


def loaded(version: str, iterations: int = 30) -> LoadedModel:
    return worlds._loaded(models.fitted(iterations=iterations), version, "catboost")


class Door:
    """The reader of a store that can be away, break, or hold changed files."""

    def __init__(self, address: str) -> None:
        self.reader = Reader(address)
        self.is_away = False
        self.breaks = 0
        self.changed: dict[str, bytes] = {}
        self.asked: list[str] = []

    def heads(self) -> dict[str, PromotionRow]:
        if self.is_away:
            raise StoreUnavailableError("the store does not answer")
        if self.breaks:
            self.breaks -= 1
            raise ZeroDivisionError
        return self.reader.heads()

    def served_model(self, digest: str) -> ServedModel | None:
        self.asked.append(digest)
        found = self.reader.served_model(digest)
        if found is None or digest not in self.changed:
            return found
        return dataclasses.replace(found, content=self.changed[digest])


class World:
    """A store with a door, and champions that look when they are told to; `now` is their clock."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.store = Store(Settings(FIEL_LAKE=str(folder / "lake")).store_url)
        self.door = Door(str(self.store.database.url))
        self.now = 0.0
        self.programs = {name: program(name) for name in names or ("teomewhy",)}
        self.champions = Champions(self.door, self.programs, 2.0, clock=lambda: self.now)

    def promote(self, model: LoadedModel, ledger: str = "teomewhy", is_stored: bool = True, **fields: object) -> None:
        worlds.promote(self.store, ledger, model, is_stored, **fields)

    def version(self) -> str:
        return self.champions.current("teomewhy").model.version

    def look(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.champions.poll()

    def close(self) -> None:
        self.champions.stop()
        self.store.close()
        self.door.reader.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_a_promotion_and_a_rollback_are_in_service_after_a_look(world: World) -> None:
    first, second = loaded("1"), loaded("2", iterations=10)
    world.promote(first)
    world.look()
    assert world.version() == "1"
    world.promote(second)
    assert world.version() == "1", "nothing changes between two looks"
    world.look()
    assert world.champions.current("teomewhy").model.predict(EMPTY) == pytest.approx(_empty(second))
    world.promote(first, action="rollback", reason="complaints")
    world.look()
    live = world.champions.current("teomewhy")
    assert (live.model.version, live.promotion.action) == ("1", "rollback")
    assert live.model.predict(EMPTY) == pytest.approx(_empty(first))


def _empty(model: LoadedModel) -> list[float]:
    return RowModel(model).predict(EMPTY)


def test_a_request_in_flight_keeps_its_model(world: World) -> None:
    world.promote(loaded("1"))
    world.look()
    held = world.champions.current("teomewhy")
    before = held.model.predict(EMPTY)
    world.promote(loaded("2", iterations=10))
    world.look()
    assert world.version() == "2"
    assert (held.model.version, held.model.predict(EMPTY)) == ("1", before)


def test_a_look_without_a_change_loads_nothing(world: World) -> None:
    world.promote(loaded("1"))
    for _ in range(3):
        world.look(10)
    assert len(world.door.asked) == 1


def test_every_target_of_every_program_is_loaded(tmp_path: Path) -> None:
    world = World(tmp_path, "teomewhy", "retail")
    rule = worlds._loaded(models.stage_rule(), "7", "stage_rule")
    world.promote(loaded("1"))
    world.promote(loaded("4"), "retail")
    world.promote(rule, "retail.purchase_30")
    world.promote(loaded("9"), "a_program_without_a_file")
    world.look()
    found = [(live.program.ledger_name, live.model.version) for live in world.champions.all()]
    assert found == [("teomewhy", "1"), ("retail", "4"), ("retail.purchase_30", "7")]
    assert world.champions.current("retail", "purchase_30").model.kind == "stage_rule"
    assert world.champions.current("retail", "purchase_90").model.version == "4"
    assert world.champions.problems == {}
    world.close()


def test_the_same_bytes_promoted_as_another_version_have_its_number(world: World) -> None:
    world.promote(loaded("1"))
    world.look()
    world.promote(loaded("5"))
    world.look()
    assert world.version() == "5"


class TestARefusedModel:
    @pytest.fixture
    def refused(self, world: World, caplog: pytest.LogCaptureFixture) -> World:
        """Version 1 in service, and version 2 promoted with a file that was changed."""
        second = loaded("2", iterations=10)
        world.promote(loaded("1"))
        world.look()
        world.promote(second)
        world.door.changed[second.digest] = served_worlds.content(second)[:-1] + b"x"
        with caplog.at_level(logging.WARNING, "app.champions"):
            world.look()
        return world

    def test_the_old_one_stays_and_the_problem_is_told(self, refused: World, caplog: pytest.LogCaptureFixture) -> None:
        assert refused.version() == "1"
        problem = refused.champions.problems["teomewhy"]
        assert "digest" in problem
        assert problem.endswith("version 1 stays in service")
        refused.look(2)
        refused.look(60)
        records = (*caplog.get_records("setup"), *caplog.records)
        said = [record.getMessage() for record in records if record.levelno >= logging.WARNING]
        assert said == [f"teomewhy: {problem}"], "once"

    def test_it_is_tried_again_after_a_pause_that_grows_to_a_minute(self, refused: World) -> None:
        tried, first = [], len(refused.door.asked)
        for second in range(1, 400):
            refused.look(1)
            if len(refused.door.asked) > first + len(tried):
                tried.append(second)
        pauses = np.diff([0, *tried]).tolist()
        assert pauses[:5] == [2, 4, 8, 16, 32]
        assert set(pauses[5:]) == {LONGEST_PAUSE_SECONDS}

    def test_the_right_file_heals_it(self, refused: World) -> None:
        refused.door.changed.clear()
        refused.look(60)
        assert (refused.version(), refused.champions.problems) == ("2", {})

    def test_a_rollback_heals_it_at_once(self, refused: World) -> None:
        refused.promote(loaded("1"), action="rollback")
        refused.look()
        assert (refused.version(), refused.champions.problems) == ("1", {})

    def test_another_promotion_is_not_held_up_by_the_pause(self, refused: World) -> None:
        refused.promote(loaded("3", iterations=20))
        refused.look()
        assert (refused.version(), refused.champions.problems) == ("3", {})


def test_a_file_that_is_not_there_is_waited_for(world: World) -> None:
    second = loaded("2", iterations=10)
    world.promote(loaded("1"))
    world.look()
    world.promote(second, is_stored=False)
    world.look()
    assert world.version() == "1"
    assert "`fiel run publish --program teomewhy --as-of latest`" in world.champions.problems["teomewhy"]
    world.store.put_model(worlds.served("teomewhy", second))
    world.look(2)
    assert (world.version(), world.champions.problems) == ("2", {})


def test_a_model_without_probabilities_is_refused_before_it_answers(world: World) -> None:
    world.promote(loaded("1"))
    world.look()
    broken = RowModel.of(worlds.served("teomewhy", loaded("2", iterations=10))).loaded
    broken.model.set_leaf_values(np.full_like(broken.model.get_leaf_values(), np.nan))
    world.promote(worlds._loaded(broken.model, "2", "catboost"))
    world.look()
    assert world.version() == "1"
    assert "gives nan" in world.champions.problems["teomewhy"]


def test_a_store_that_is_away_leaves_the_models(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.promote(loaded("1"))
    world.look()
    world.door.is_away = True
    with caplog.at_level(logging.INFO, "app.champions"):
        for _ in range(3):
            world.look(2)
        assert world.version() == "1"
        world.promote(loaded("2", iterations=10))
        world.door.is_away = False
        world.look(2)
    assert world.version() == "2"
    said = [record.getMessage() for record in caplog.records]
    assert ["cannot be looked up" in text for text in said].count(True) == 1
    assert ["can be looked up again" in text for text in said].count(True) == 1


def test_a_ledger_that_vanished_leaves_the_model_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.promote(loaded("1"))
    world.look()
    with monkeypatch.context() as patch:
        patch.setattr(world.door, "heads", dict)
        world.look()
    assert world.version() == "1"
    assert "names no champion any more" in world.champions.problems["teomewhy"]
    world.look()
    assert world.champions.problems == {}


class TestNobodyInService:
    def test_before_the_first_promotion_it_says_what_to_run(self, world: World) -> None:
        world.look()
        with pytest.raises(NoChampionError, match="fiel run retrain --program teomewhy"):
            world.champions.current("teomewhy")

    def test_with_the_store_away_it_says_so(self, world: World) -> None:
        world.door.is_away = True
        world.look()
        with pytest.raises(NoChampionError, match="cannot be reached"):
            world.champions.current("teomewhy")

    def test_a_refused_model_is_the_reason(self, world: World) -> None:
        world.promote(loaded("1"), is_stored=False)
        world.look()
        with pytest.raises(NoChampionError, match=r"not in the store.*no model is in service"):
            world.champions.current("teomewhy")

    def test_targets_that_there_are_are_named(self, world: World) -> None:
        with pytest.raises(NoChampionError, match="its targets are fiel"):
            world.champions.current("teomewhy", "churn")
        with pytest.raises(NoChampionError, match="no such program"):
            world.champions.current("elsewhere")


class TestInTheBackground:
    @pytest.fixture
    def running(self, tmp_path: Path) -> Iterator[World]:
        made = World(tmp_path)
        made.champions = Champions(made.door, made.programs, 0.01)
        yield made
        made.close()

    def test_what_is_promoted_comes_into_service_and_nothing_is_left_running(self, running: World) -> None:
        before = threads()
        running.promote(loaded("1"))
        running.champions.start()
        assert running.version() == "1", "the first look is before the first request"
        running.promote(loaded("2", iterations=10))
        until(lambda: running.version() == "2")
        running.champions.stop()
        assert threads() <= before
        assert running.version() == "2"

    def test_a_store_that_comes_later_stops_nothing(self, running: World) -> None:
        running.door.is_away = True
        running.promote(loaded("1"))
        running.champions.start()
        running.door.is_away = False
        until(lambda: running.champions.all())
        assert running.version() == "1"

    def test_a_defect_does_not_end_the_look_out(self, running: World) -> None:
        running.promote(loaded("1"))
        running.champions.start()
        running.door.breaks = 3
        running.promote(loaded("2", iterations=10))
        until(lambda: running.version() == "2")
        assert running.door.breaks == 0

    def test_every_answer_during_many_swaps_is_of_one_model(self, running: World) -> None:
        first, second = loaded("1"), loaded("2", iterations=10)
        expected = {model.version: (model.digest, _empty(model)) for model in (first, second)}
        running.promote(first)
        running.champions.start()
        seen: set[str] = set()
        wrong: list[object] = []
        is_over = threading.Event()

        def ask() -> None:
            while not is_over.is_set():
                live = running.champions.current("teomewhy")
                seen.add(live.model.version)
                found = (live.model.digest, live.model.predict(EMPTY))
                if found != expected[live.model.version] or live.promotion.digest != live.model.digest:
                    wrong.append(live)

        askers = [threading.Thread(target=ask) for _ in range(3)]
        for asker in askers:
            asker.start()
        for model in (second, first) * 4:
            running.promote(model)
            until(lambda: running.version() == model.version)  # noqa: B023 - used up before the next turn
        is_over.set()
        for asker in askers:
            asker.join()
        assert (wrong, seen) == ([], {"1", "2"})


def threads() -> set[threading.Thread]:
    """The threads of champions that are running; other tests' services may have theirs."""
    return {thread for thread in threading.enumerate() if thread.name in ("champions", "load")}
