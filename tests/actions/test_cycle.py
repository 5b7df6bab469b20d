"""A cycle behaves like a payment file: killed anywhere or started twice, it pays once and ends with the same bytes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from fiel.actions.cycle import apply_cycle, finish_last_cycle
from fiel.actions.ledger import apply
from fiel.errors import CycleConflictError
from fiel.lake import Lake
from fiel.store import Store
from tests.actions.factories import AS_OF, make_plan, program
from tests.actions.paying import STEPS, pay_cycle
from tests.conftest import ROOT


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if getattr(request, "param", "sqlite") == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/store.db"


BOTH = pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def started(store_url: str, lake: Lake, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.actions.paying", store_url, lake.address, *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def files_of(lake: Lake) -> dict[str, bytes]:
    folder = Path(lake.file_path("exports", AS_OF.isoformat()))
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".part")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, dict[str, bytes]]:
    """Ledger and files of the cycle when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    store, lake = Store(f"sqlite:///{folder}/store.db"), Lake(str(folder / "lake"), "club")
    assert pay_cycle(store, lake).changed
    return store.entries("club"), files_of(lake)


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_any_step_the_next_run_ends_as_if_nothing_had_happened(
    step: str, store_url: str, lake: Lake, undisturbed: tuple[pl.DataFrame, dict[str, bytes]]
) -> None:
    with started(store_url, lake, "--die-after", step) as dying:
        assert dying.wait(60) == -9
    store = Store(store_url)
    before = store.entries("club")
    is_paid = STEPS.index(step) >= STEPS.index("ledger committed")
    assert before.height == (undisturbed[0].height if is_paid else 0)

    again = pay_cycle(store, lake)

    assert again.cycle.changed is not is_paid
    assert store.entries("club").equals(undisturbed[0])
    assert files_of(lake) == undisturbed[1]
    assert pay_cycle(store, lake).changed is False


@BOTH
def test_two_processes_at_once_pay_once(
    store_url: str, lake: Lake, tmp_path: Path, undisturbed: tuple[pl.DataFrame, dict[str, bytes]]
) -> None:
    go = tmp_path / "go"
    with started(store_url, lake, "--wait-for", str(go)) as one, started(store_url, lake, "--wait-for", str(go)) as two:
        go.touch()
        said = sorted(process.communicate(timeout=60)[0].strip() for process in (one, two))
    assert said == ["False", "True"]
    assert Store(store_url).entries("club").equals(undisturbed[0])
    assert files_of(lake) == undisturbed[1]


@BOTH
def test_of_different_plans_at_once_one_is_paid_and_the_others_are_refused(store_url: str) -> None:
    plans = [make_plan({"ana": 0.9, f"only in {i}": 0.9}) for i in range(6)]
    stores = [Store(store_url) for _ in plans]

    def paid(number: int) -> bool:
        try:
            return apply(plans[number], stores[number], program(), by="test").changed
        except CycleConflictError:
            return False

    with ThreadPoolExecutor(len(plans)) as pool:
        outcomes = list(pool.map(paid, range(len(plans))))
    assert outcomes.count(True) == 1
    winner = plans[outcomes.index(True)]
    assert stores[0].entries("club")["customer_id"].to_list() == winner.grants["customer_id"].to_list()


def test_a_paid_cycle_without_its_export_gets_it_even_where_the_plan_has_changed_since(
    store_url: str, lake: Lake, undisturbed: tuple[pl.DataFrame, dict[str, bytes]]
) -> None:
    with started(store_url, lake, "--die-after", "ledger committed") as dying:
        assert dying.wait(60) == -9
    store = Store(store_url)
    with pytest.raises(CycleConflictError):
        apply_cycle(make_plan({"somebody else": 0.9}), store, lake, program(hold_out_share=0.2), by="later")
    assert files_of(lake) == undisturbed[1]


def test_the_next_run_finishes_the_export_of_the_last_cycle_without_planning_it_again(
    store_url: str, lake: Lake, undisturbed: tuple[pl.DataFrame, dict[str, bytes]]
) -> None:
    assert finish_last_cycle(Store(store_url), lake, "club") is None
    with started(store_url, lake, "--die-after", "grants.csv written") as dying:
        assert dying.wait(60) == -9
    finished, again = (finish_last_cycle(Store(store_url), lake, "club") for _ in range(2))
    assert finished is not None
    assert again is not None
    assert (finished.changed, again.changed) == (True, False)
    assert files_of(lake) == undisturbed[1]


@pytest.mark.postgres
def test_postgresql_gives_the_same_ledger_and_the_same_bytes(
    postgres_url: str, lake: Lake, undisturbed: tuple[pl.DataFrame, dict[str, bytes]]
) -> None:
    store = Store(postgres_url)
    assert pay_cycle(store, lake).changed is True
    assert pay_cycle(store, lake).changed is False
    assert store.entries("club").equals(undisturbed[0])
    assert files_of(lake) == undisturbed[1]


def test_the_export_goes_to_s3_as_well(
    store: Store, s3_bucket: str, undisturbed: tuple[pl.DataFrame, dict[str, bytes]]
) -> None:
    lake = Lake(s3_bucket, "club")
    assert pay_cycle(store, lake).manifest.changed is True
    again = pay_cycle(store, lake)
    assert again.changed is False
    folder = lake.file_path("exports", AS_OF.isoformat())
    assert {name: lake.get(f"{folder}/{name}") for name in undisturbed[1]} == undisturbed[1]
