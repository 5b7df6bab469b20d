"""A store with the made-up club as the publish flow gives it: its parts are made by the functions that make real ones.

`made_up` has a plan that was paid; `no_plan` is the same club without one; `empty` was never published. None of them
is a program of the repository, so what a page shows of them comes from the store and their program files alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import yaml

from app.settings import ServeSettings
from fiel.actions.cycle import apply_cycle
from fiel.actions.incentives import plan
from fiel.actions.summary import PlanResult
from fiel.lake import Lake
from fiel.program import Program
from fiel.reports.cards import MoneyCard
from fiel.serving.publication import Ledger, publication
from fiel.settings import Settings
from fiel.store import PromotionRow, Store
from fiel.store.publishing import Publication
from tests.reports.conftest import AS_OF, make_customer_days, make_program
from tests.serving.conftest import LATER, Club, make_club

RUN = "cd822d32-7f6a-4630-a9ca-150a9412f455"


@dataclass(frozen=True)
class House:
    """The store's settings, the club, and what was published of it."""

    settings: Settings
    club: Club
    published: Publication

    def serve(self) -> ServeSettings:
        """Settings of a service over it."""
        return ServeSettings(fiel=self.settings, poll_seconds=0.05)


def publish(folder: Path) -> House:
    """The house in `folder`."""
    programs = folder / "programs"
    programs.mkdir()
    settings = Settings(FIEL_LAKE=str(folder / "lake"), FIEL_PROGRAMS=str(programs))
    store = Store(settings.store_url)
    club = make_club(make_customer_days(300, LATER), _program("made_up"))
    for program in (club.program, _program("no_plan"), _program("empty")):
        _write(program, programs)
    for row in _promotions():
        store.append_promotion(row)
    planned = _plan(club, store)
    paid = apply_cycle(planned, store, Lake(str(folder / "lake"), "made_up"), club.program, by=RUN)
    data = replace(club.data, money=MoneyCard(summary=planned.summary, applied=True))
    ledger = Ledger(
        promotions={"fiel": _promotions()},
        kinds={"fiel": "stage_rule"},
        cycle=store.cycle("made_up", AS_OF),
        manifest=json.dumps(paid.manifest.content).encode(),
    )
    published = publication(club.known, data, ledger, None)
    store.publish(published)
    bare = dict(published.parts) | {"rewards": {**published.parts["rewards"], "plan": None, "export": None}}
    store.publish(replace(published, program="no_plan", parts=bare))
    store.close()
    return House(settings, club, published)


def _program(name: str) -> Program:
    return make_program(name=name, title={"made_up": "Made-up club", "no_plan": "Club without a plan"}.get(name, name))


def _write(program: Program, folder: Path) -> None:
    content = program.model_dump(mode="json", exclude_unset=True)
    (folder / f"{program.name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def _plan(club: Club, store: Store) -> PlanResult:
    customers = club.known.core["customers"].collect()
    known = customers.filter(pl.col("customer_id").is_in(club.known.scores["customer_id"].implode()))
    before = AS_OF - timedelta(days=1)
    return plan(club.known.scores, known, store.ledger_view("made_up", AS_OF), club.program, AS_OF, before)


def _promotions() -> tuple[PromotionRow, ...]:
    first = PromotionRow(
        program="made_up", at=datetime(2025, 2, 1, 7, tzinfo=UTC), by=RUN, action="first", from_version=None,
        to_version="2", digest="d1", fingerprint="f1",
        reason="Version 2, the stage rule, is the first champion: every model has to beat it",
    )  # fmt: skip
    then = replace(
        first, at=datetime(2025, 3, 1, 7, tzinfo=UTC), action="promote", from_version="2", to_version="3", digest="d2",
        fingerprint="f2", reason="Version 3 replaces version 2",
    )  # fmt: skip
    return first, then
