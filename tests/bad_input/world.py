"""A small world that went through the whole chain once; every case gets a copy of it to spoil."""

from __future__ import annotations

import hashlib
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from fiel.lake import Lake
from fiel.simulate.teomewhy import simulate
from tests.bad_input.bank import bank_program, write_bank
from tests.bad_input.carrier import carrier_program, write_carrier
from tests.bad_input.command import fiel
from tests.bad_input.fund import fund_program, write_fund
from tests.conftest import ROOT

AS_OF = date(2025, 4, 1)
SHOP_DAYS, SHOP_CUSTOMERS = 330, 20
GIFT_DAYS = 200
QUICK = {"search_trials": 0, "iterations": 20, "cohorts": 7, "threads": 1, "folds": 2}
MLFLOW_ADDRESSES = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}


class World:
    """Six programs in one lake: `teomewhy` with a champion and a paid cycle; `shop`, an event table, `gifts`, a
    purchase log, `bank`, a table of customers, `carrier`, such a table with a log, and `fund`, accounts by quarter,
    ingested."""

    def __init__(self, root: Path) -> None:
        self.root = root
        simulate(root / "source", customers=500, end=AS_OF - timedelta(days=1), layout="csv")
        simulate(root / "database", customers=20, end=AS_OF - timedelta(days=1), layout="sqlite")
        _write_shop(root / "shop")
        _write_gifts(root / "gifts")
        write_bank(root / "bank")
        write_carrier(root / "carrier")
        write_fund(root / "fund")
        _write_programs(root / "programs")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FIEL_LAKE", str(root / "lake"))
            patch.setenv("FIEL_PROGRAMS", str(root / "programs"))
            assert fiel(f"run loyalty --as-of latest --plan-only --source {root / 'source'}", patch) == 0
            shutil.copy(root / "lake.state" / "store.db", root / "lake.state" / "unpaid.db")
            assert fiel("run reward --as-of latest", patch) == 0
            assert fiel(f"run ingest --program shop --source {root / 'shop'}", patch) == 0
            assert fiel(f"run ingest --program gifts --source {root / 'gifts'}", patch) == 0
            assert fiel(f"run ingest --program bank --source {root / 'bank'}", patch) == 0
            assert fiel(f"run ingest --program carrier --source {root / 'carrier'}", patch) == 0
            assert fiel(f"run ingest --program fund --source {root / 'fund'}", patch) == 0


class Place:
    """One case's copy of the world. What a case spoils is here, and `undo` takes back what was changed outside it."""

    def __init__(self, world: World, root: Path, patch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
        self.root, self.patch, self.request = root, patch, request
        for name in ("source", "shop", "gifts", "bank", "carrier", "fund", "programs", "lake", "lake.state"):
            shutil.copytree(world.root / name, root / name)
        self.database_folder = world.root / "database"
        self.lake, self.state, self.programs = root / "lake", root / "lake.state", root / "programs"
        self.source = root / "source"
        self.addresses = {"root": str(root)} | {
            name: str(root / name) for name in ("source", "shop", "gifts", "bank", "carrier", "fund")
        }
        with closing(sqlite3.connect(self.state / "mlflow.db")) as database, database:
            for table, column in MLFLOW_ADDRESSES.items():
                moved = f"UPDATE {table} SET {column} = REPLACE({column}, ?, ?)"
                database.execute(moved, (f"{world.root}/", f"{root}/"))
        self.setting("FIEL_LAKE", self.lake)
        self.setting("FIEL_PROGRAMS", self.programs)

    def setting(self, name: str, value: Any) -> None:
        """Set an environment variable for this case."""
        self.patch.setenv(name, str(value))

    def program(self, name: str = "teomewhy", **fields: Any) -> None:
        """Change fields of a program file; `source__separator` is `source.separator`."""
        path = self.programs / f"{name}.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for field, value in fields.items():
            *above, last = field.split("__")
            place = content
            for part in above:
                place = place[part]
            place[last] = value
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    def fiel(self, line: str) -> None:
        """Run a command that prepares the case; it has to succeed."""
        assert fiel(line, self.patch) == 0

    def limit_file_size(self, size: int) -> None:
        """Let no file grow beyond `size` bytes, as on a disk that is full, until the case ends."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.request.addfinalizer(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    def events(self, program: str) -> pl.DataFrame:
        """The program's events as they are in force."""
        return Lake(str(self.lake), program).read("core_events")

    def rejected(self, program: str) -> dict[str, int]:
        """Rows that are set aside, by `table: rule`."""
        rows = Lake(str(self.lake), program).read("core_rejected").group_by("table_name", "rule").len()
        return {f"{table}: {rule}": number for table, rule, number in rows.iter_rows()}


def state(place: Place, core: bool = True) -> dict[str, Any]:
    """Everything that bad input has to leave as it was: table versions and rows, files, ledger, models, aliases.

    Left out are raw files, which are kept as received whatever they hold. `core` False leaves out the core tables too.
    """
    found: dict[str, Any] = {}
    if place.lake.is_dir():
        found |= {name: _sha256(path) for name, path in _files(place.lake) if core or "/core_" not in f"/{name}"}
    for name, tables in {
        "store.db": ("promotions", "cycles", "grants", "hold_outs", "delivery_events", "score_sets", "scores"),
        "mlflow.db": ("registered_models", "registered_model_aliases", "model_versions"),
    }.items():
        if (place.state / name).is_file():
            found |= {f"{name} {table}": rows for table, rows in _rows(place.state / name, tables).items() if rows}
    artifacts = place.state / "mlflow-artifacts"
    found |= {str(path): _sha256(path) for path in artifacts.rglob("*") if path.is_file() and "/models/" in str(path)}
    return found


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs. A new data file that no version of its table names is no change: readers never see it."""
    new = {name for name in after.keys() - before.keys() if not name.rpartition("/")[2].startswith("part-")}
    return sorted(new | {name for name in before if before[name] != after.get(name)})


def _files(lake: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(lake.rglob("*")):
        name = path.relative_to(lake).as_posix()
        if path.is_file() and name.split("/")[1:2] != ["raw"]:
            yield name, path


def _rows(database: Path, tables: tuple[str, ...]) -> dict[str, Any]:
    """The rows of those tables; a file that is no database by its bytes."""
    with closing(sqlite3.connect(database)) as connection:
        try:
            known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables if name in known}
        except sqlite3.DatabaseError:
            return {"bytes": _sha256(database)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_programs(folder: Path) -> None:
    folder.mkdir()
    content = yaml.safe_load((ROOT / "deployments" / "programs" / "teomewhy.yaml").read_text(encoding="utf-8"))
    content |= {"simulated": True, "training": QUICK, "promotion": {"bootstrap": 50}}
    content["incentive"]["buckets"] = [{"product": "thanks", "from_prob": 0.1, "to_prob": 1.0, "points": 10}]
    shop = {
        "name": "shop",
        "title": "A shop",
        "source": {
            "format": "event_table",
            "columns": {"customer": "client", "time": "bought_at", "value": "price"},
            "clock": "data",
            "last_day_complete": True,
        },
        "training": QUICK,
    }
    gifts = {
        "name": "gifts",
        "title": "A gift shop",
        "source": {"format": "online_retail", "clock": "data"},
        "value": {"unit": "GBP", "scale": 100},
        "training": QUICK,
    }
    shutil.copy(ROOT / "deployments" / "programs" / content["messages"]["catalogue"], folder)
    for program in (content, shop, gifts, bank_program(QUICK), carrier_program(QUICK), fund_program(QUICK)):
        text = yaml.safe_dump(program, allow_unicode=True)
        (folder / f"{program['name']}.yaml").write_text(text, encoding="utf-8")


def _write_shop(folder: Path) -> None:
    """A shop whose customers come every day, so that each of them is always loyal."""
    folder.mkdir()
    first = datetime(2024, 1, 1, 10)
    days = [first + timedelta(days=n) for n in range(SHOP_DAYS)]
    rows = [f"c{customer},{day:%Y-%m-%d %H:%M:%S},2.50" for day in days for customer in range(SHOP_CUSTOMERS)]
    (folder / "sales.csv").write_text("\n".join(["client,bought_at,price", *rows]) + "\n", encoding="utf-8")


def _write_gifts(folder: Path) -> None:
    """A purchase log in the layout of Online Retail, dates with the month first: an invoice a day, one cancelled."""
    folder.mkdir()
    first = datetime(2010, 12, 1, 8, 26)
    days = [first + timedelta(days=n) for n in range(GIFT_DAYS)]
    rows = [f"{536365 + n},71053,MUG,6,{day:%m/%d/%Y %H:%M},2.55,{17850 + n % 9},UK" for n, day in enumerate(days)]
    rows.append("C536400,71053,MUG,-2,12/20/2010 9:00,2.55,17850,UK")
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    (folder / "sales.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
