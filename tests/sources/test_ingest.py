"""The whole ingest: unchanged versions, bad input that changes nothing, and dying between two writes."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fiel.core import Core
from fiel.errors import LakeError, ProgramError, RejectShareError, SourceError
from fiel.lake import Lake
from fiel.sources.ingest import CORE_TABLES, fingerprint, in_force, resolve
from tests.sources.conftest import Place, teomewhy_program
from tests.sources.tiny import Change, add, drop, each, rename, row


def test_the_first_ingest_puts_every_core_table_in_force_together(place: Place) -> None:
    summary = place.ingest(place.write(), provenance={"fiel_run": "42"})
    core = Core.open(place.lake)
    assert set(core.versions) == set(CORE_TABLES)
    assert core.versions == summary.table_versions == {name: place.lake.version(name) for name in CORE_TABLES}
    made_by = place.lake.provenance("core_events") or {}
    assert made_by["fiel_run"] == "42"
    assert made_by["fiel_source_version"] == summary.source_version


def test_an_unchanged_version_writes_nothing_and_says_so(place: Place) -> None:
    source = place.write()
    first = place.ingest(source)
    before = place.lake.versions()
    second = place.ingest(source)
    assert not second.changed
    assert place.lake.versions() == before
    assert (second.source_version, second.known_through) == (first.source_version, first.known_through)
    assert (second.counts, second.warnings) == (first.counts, first.warnings)


def test_the_same_files_into_two_lakes_give_the_same_tables(place: Place, tmp_path: Path) -> None:
    source, other = place.write(), Place(tmp_path / "other")
    place.ingest(source)
    other.ingest(source)
    assert all(place.lake.read(name).equals(other.lake.read(name)) for name in (*CORE_TABLES, "core_versions"))


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"day_time_zone": "UTC"}, True),
        ({"operator_events": {}}, True),
        ({"target": {"live_origins": ["cursos"]}}, True),
        ({"incentive": {"buckets": [{"product": "x", "from_prob": 0, "to_prob": 1, "points": 1}]}}, True),
        ({"target": {"live_origins": ["twitch"], "horizon_days": 14}}, False),
        ({"title": "Another title"}, False),
        ({"training": {"cohorts": 5}}, False),
    ],
    ids=str,
)
def test_the_fingerprint_holds_the_rules_that_make_core_tables_and_no_others(
    place: Place, change: dict[str, Any], matters: bool
) -> None:
    version = resolve(teomewhy_program(), str(place.write()), place.settings)
    same = fingerprint(teomewhy_program(), version) == fingerprint(teomewhy_program(**change), version)
    assert same is not matters


# --------------------------------------------------------------------------------------------------------- bad input


def truncate(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(content: bytes) -> Any:
    return lambda path: path.write_bytes(content)


def cut_sqlite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def without_table(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE produtos")
        database.execute("VACUUM")


def tables(**changes: Change) -> dict[str, Any]:
    return {"changes": changes}


BAD_INPUT: dict[str, tuple[dict[str, Any], tuple[str, Any] | None, type[Exception], str]] = {
    "a table is missing": (
        {"leave_out": ["produtos"]},
        None,
        SourceError,
        r"table produtos of loyalty-system is missing: looked for it in loyalty-system/database\.db, .*produtos\.csv",
    ),
    "a database without a table": (
        {"layout": "sqlite"},
        ("database.db", without_table),
        SourceError,
        r"table produtos .*database\.db holds clientes, transacao_produto, transacoes",
    ),
    "a column is missing": (
        tables(transacoes=rename(QtdePontos="QtdPontos")),
        None,
        SourceError,
        r"transacoes\.csv: column QtdePontos \(did you mean QtdPontos\?\) is missing; there are: IdTransacao, ",
    ),
    "the wrong separator": (
        {"separator": "|"},
        None,
        SourceError,
        r"clientes\.csv: column idCliente.*one single column: the separator is probably another",
    ),
    "an empty file": ({}, ("transacoes.csv", truncate), SourceError, r"transacoes\.csv is empty: fetch or export it"),
    "an empty database": ({"layout": "sqlite"}, ("database.db", truncate), SourceError, r"database\.db is empty"),
    "a table without rows": (
        tables(transacoes=lambda header, rows: (header, []), transacao_produto=lambda header, rows: (header, [])),
        None,
        SourceError,
        r"no event is left to work with .*check that the transaction table has rows",
    ),
    "a corrupt database": (
        {"layout": "sqlite"},
        ("database.db", cut_sqlite),
        SourceError,
        r"database\.db is not a readable SQLite database \(.*\): fetch or export it again",
    ),
    "no database at all": (
        {"layout": "sqlite"},
        ("database.db", overwrite(b"<html>sign in</html>" * 40)),
        SourceError,
        r"database\.db is not a readable SQLite database",
    ),
    "bytes that are no text": (
        {},
        ("transacoes.csv", overwrite(b"\x89PNG\x00\x00")),
        SourceError,
        "not a text file",
    ),
    "a zip that is none": (
        {},
        ("transacoes.csv", overwrite(b"PK\x03\x04\x00\x00")),
        SourceError,
        r"transacoes\.csv cannot be unpacked",
    ),
    "an encoding that is not UTF-8": (
        {},
        ("produtos.csv", overwrite("IdProduto;DescProduto;DescCategoriaProduto\n1;presença;x\n".encode("latin1"))),
        SourceError,
        r"produtos\.csv: is not UTF-8 \(line 2",
    ),
    "too many bad rows": (
        tables(transacoes=each("DtCriacao", lambda _: "31/02/2026")),
        None,
        RejectShareError,
        r"tolerated is 50\.0%.*time_unparseable in transacoes \(12 rows\).*Nothing was written",
    ),
    "all rows of one table bad": (
        tables(clientes=add(*[["x", "0", "0", "0", "0", "0", "muitos", "", ""] for _ in range(40)])),
        None,
        RejectShareError,
        r"40 rows of clientes were rejected, 90\.9%",
    ),
    "every date in the future": (
        tables(transacoes=each("DtCriacao", lambda _: "2031-01-01 00:00:00")),
        None,
        RejectShareError,
        "time_in_future",
    ),
}


@pytest.mark.parametrize(("written", "damage", "error", "says"), BAD_INPUT.values(), ids=list(BAD_INPUT))
def test_bad_input_is_named_and_leaves_every_table_as_it_was(
    place: Place, written: dict[str, Any], damage: tuple[str, Any] | None, error: type[Exception], says: str
) -> None:
    place.ingest(place.write("good"))
    before = place.lake.versions()
    bad = place.write("bad", **written)
    if damage is not None:
        name, harm = damage
        harm(bad / "loyalty-system" / name)
    with pytest.raises(error, match=says):
        place.ingest(bad)
    assert place.lake.versions() == before


def test_a_data_set_that_the_format_does_not_know_is_a_program_error(place: Place) -> None:
    other = teomewhy_program(source={"kaggle": [{"name": "loyalty", "handle": "a/b"}]})
    with pytest.raises(ProgramError, match="loyalty-system"):
        place.ingest(place.write(), other)


def test_courses_that_the_program_asks_for_have_to_be_there(place: Place) -> None:
    with pytest.raises(
        SourceError, match=r"table cursos of education-platform is missing.* leave education-platform out"
    ):
        place.ingest(place.write(), teomewhy_program(courses=True))


def test_an_unwritable_lake_is_a_lake_error(place: Place) -> None:
    (place.folder / "lake").write_text("a file where the lake should be")
    with pytest.raises(LakeError, match="lake"):
        place.ingest(place.write())


# -------------------------------------------------------------------------------------------------------------- dying


def test_an_ingest_that_breaks_between_two_tables_leaves_the_earlier_core_in_force(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.ingest(place.write())
    before = in_force(place.lake)
    assert before is not None
    more = {"transacoes": add(["t13", "ana", "2026-02-05 12:00:00.000", "1", "twitch"]), "clientes": drop("duda")}
    source, write = place.write("second", changes=more), Lake.write

    def break_off(self: Lake, table: str, *args: Any, **named: Any) -> int:
        if table == "core_customer_days":
            raise OSError(28, "No space left on device")
        return write(self, table, *args, **named)

    monkeypatch.setattr(Lake, "write", break_off)
    with pytest.raises(OSError, match="No space"):
        place.ingest(source)
    monkeypatch.undo()
    still = in_force(place.lake)
    assert still is not None
    assert still.source_version == before.source_version
    assert still["events"].collect().height == 12
    assert place.ingest(source).changed
    assert Core.open(place.lake)["events"].collect().height == 13


KILLED = """
import os, sys
from fiel.lake import Lake
from tests.sources.conftest import Place, teomewhy_program
from pathlib import Path

write = Lake.write
def stop(self, table, *args, **named):
    if table == sys.argv[3]:
        print("there", flush=True)
        import time; time.sleep(60)
    return write(self, table, *args, **named)

Lake.write = stop
Place(Path(sys.argv[1])).ingest(sys.argv[2])
"""


@pytest.mark.parametrize("table", ["core_event_lines", "core_versions"])
def test_an_ingest_that_is_killed_before_a_write_is_completed_by_the_next_one(place: Place, table: str) -> None:
    place.ingest(place.write())
    before = Core.open(place.lake)
    more = {
        "transacoes": add(["t13", "ana", "2026-02-05 12:00:00.000", "1", "twitch"]),
        "clientes": row(1, qtdePontos="0"),
    }
    source = place.write("second", changes=more)
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(place.folder), str(source), table],
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"there\n"
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert Core.open(place.lake).versions == before.versions
    assert Core.open(place.lake)["events"].collect().height == 12
    assert place.ingest(source).changed
    assert Core.open(place.lake)["events"].collect().height == 13
    assert not place.ingest(source).changed


def test_a_landing_that_was_cut_short_is_made_again(place: Place) -> None:
    source = place.write()
    version = resolve(teomewhy_program(), str(source), place.settings)
    half = place.folder / "lake" / "tiny" / "raw" / "files" / ".landing-half" / "files"
    half.mkdir(parents=True)
    (half / "clientes.csv").write_text("half of")
    summary = place.ingest(source)
    assert summary.source_version == version.version
    assert Core.open(place.lake)["events"].collect().height == 12


def test_a_landed_version_does_not_need_its_source_any_more(place: Place) -> None:
    source = place.write()
    program = teomewhy_program()
    version = resolve(program, str(source), place.settings)
    place.ingest(source)
    shutil.rmtree(source)
    from fiel.sources.ingest import land, read_and_normalise

    landing = read_and_normalise(program, version, land(version, place.lake), None)
    assert landing.tables["core_events"].height == 12
