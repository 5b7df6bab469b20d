"""The export: what its files say, that they are safe to open, and that they are written once."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fiel.actions.corrections import grant_again, reverse
from fiel.actions.cycle import apply_cycle
from fiel.actions.export import spreadsheet_safe, write_export
from fiel.errors import LakeError, PlanError
from fiel.lake import Lake
from fiel.program import Program
from fiel.store import Store
from tests.actions.factories import AS_OF, BUCKETS, make_plan, pay, program


def exported(store: Store, lake: Lake, policy: Program | None = None) -> dict[str, Any]:
    policy = policy or program()
    planned = make_plan({"=ana": 0.9, "bia": 0.1}, policy, store.ledger_view("club", AS_OF))
    return apply_cycle(planned, store, lake, policy, by="test").manifest.content


def file(lake: Lake, name: str) -> bytes:
    content = lake.get(lake.file_path("exports", AS_OF.isoformat(), name))
    assert content is not None
    return content


WITH_PENALTIES = program(
    penalties=True, buckets=[BUCKETS[0] | {"product": "-low"}, *BUCKETS[1:]], system_origin="loyalty"
)


def test_people_get_a_csv_that_runs_no_formula_and_keeps_numbers_numbers(store: Store, lake: Lake) -> None:
    exported(store, lake, WITH_PENALTIES)
    rows = list(csv.DictReader(io.StringIO(file(lake, "grants.csv").decode(), newline="")))
    assert [(row["customer_id"], row["product"], row["points"]) for row in rows] == [
        ("'=ana", "high", "100"),
        ("bia", "'-low", "-10"),
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_cell_starts_like_a_formula(start: str) -> None:
    frame = pl.DataFrame({"text": [f"{start}HYPERLINK(1)", f"a{start}b", "", None], "points": [-1, 1, 0, None]})
    assert spreadsheet_safe(frame).rows() == [
        (f"'{start}HYPERLINK(1)", -1),
        (f"a{start}b", 1),
        ("", 0),
        (None, None),
    ]


def test_machines_get_requests_for_the_points_api_with_our_id_beside(store: Store, lake: Lake) -> None:
    exported(store, lake, WITH_PENALTIES)
    first, second = (json.loads(line) for line in file(lake, "grants.jsonl").splitlines())
    assert first == {
        "grant_id": store.entries("club")["grant_id"][0],
        "kind": "grant",
        "reverses": None,
        "customer_id": "=ana",
        "points": 100,
        "system_origin": "loyalty",
        "products": [{"product_id": "high", "product_qtd": 1, "points": 100}],
    }
    assert (second["points"], second["products"][0]["points"]) == (-10, -10)


def test_parquet_holds_the_ledgers_rows_with_their_types(store: Store, lake: Lake) -> None:
    exported(store, lake)
    found = pl.read_parquet(io.BytesIO(file(lake, "grants.parquet")))
    assert found.equals(store.entries("club").select(found.columns))
    assert found.schema["points"] == pl.Int64


def test_the_manifest_describes_every_file_and_the_totals(store: Store, lake: Lake) -> None:
    manifest = exported(store, lake, WITH_PENALTIES)
    assert json.loads(file(lake, "manifest.json")) == manifest
    assert [entry["name"] for entry in manifest["files"]] == ["grants.csv", "grants.jsonl", "grants.parquet"]
    for entry in manifest["files"]:
        content = file(lake, entry["name"])
        assert (entry["sha256"], entry["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert manifest["points"] == {"rewards": 100, "penalties": -10, "reversed": 0, "net": 90}
    assert manifest["counts"] == {"entries": 2, "grants": 2, "reversals": 0, "customers": 2, "held_out": 0}
    assert (manifest["program"], manifest["as_of"], manifest["policy_version"]) == ("club", "2025-09-01", "1")
    assert manifest["model_version"] == "3"
    assert manifest["plan_digest"] == store.cycles("club")[0].plan_digest


def test_a_second_run_touches_no_file(store: Store, lake: Lake) -> None:
    first = exported(store, lake)
    folder = Path(lake.file_path("exports", AS_OF.isoformat()))
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = write_export(store, lake, "club", AS_OF)
    assert (again.changed, again.content) == (False, first)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps


@pytest.mark.parametrize("name", ["grants.csv", "grants.jsonl", "grants.parquet", "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_a_damaged_export_is_written_again_with_the_same_bytes(
    store: Store, lake: Lake, name: str, damage: str
) -> None:
    exported(store, lake)
    path = Path(lake.file_path("exports", AS_OF.isoformat(), name))
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[:-7])
    assert write_export(store, lake, "club", AS_OF).changed is True
    assert path.read_bytes() == whole


def test_it_is_written_from_the_ledger_not_from_a_plan(store: Store, lake: Lake) -> None:
    pay(store, {"ana": 0.9})
    assert write_export(store, lake, "club", AS_OF).content["points"]["rewards"] == 100


def test_a_correction_is_a_new_revision_beside_the_old_files(store: Store, lake: Lake) -> None:
    exported(store, lake)
    original = file(lake, "grants.jsonl")
    (paid,) = store.entries("club")["grant_id"]
    taken_back = reverse(store, paid, "wrong amount", by="ops")
    grant_again(store, program(), paid, 70, "right amount", by="ops")

    revised = write_export(store, lake, "club", AS_OF)

    assert revised.changed
    assert revised.content["revision"] == 2
    assert revised.content["points"] == {"rewards": 170, "penalties": 0, "reversed": -100, "net": 70}
    assert revised.content["reversals"][0]["grant_id"] == taken_back.grant_id
    assert file(lake, "grants.jsonl") == original
    rows = [json.loads(line) for line in file(lake, "grants-r2.jsonl").splitlines()]
    assert [(row["kind"], row["points"], row["reverses"]) for row in rows] == [
        ("grant", 100, None),
        ("reversal", -100, paid),
        ("grant", 70, None),
    ]
    assert write_export(store, lake, "club", AS_OF).changed is False


def test_a_cycle_without_grants_has_an_export_too(store: Store, lake: Lake) -> None:
    planned = make_plan({"ana": 0.3})
    manifest = apply_cycle(planned, store, lake, program(), by="test").manifest.content
    assert manifest["counts"]["grants"] == 0
    assert file(lake, "grants.csv").startswith(b"entry,grant_id")
    assert apply_cycle(planned, store, lake, program(), by="test").changed is False


def test_only_an_applied_cycle_has_an_export(store: Store, lake: Lake) -> None:
    with pytest.raises(PlanError, match="was never applied"):
        write_export(store, lake, "club", AS_OF)


def test_a_lake_that_cannot_be_written_leaves_the_payment_in_the_ledger(store: Store, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where the lake should be")
    blocked, planned = Lake(str(tmp_path / "blocked"), "club"), make_plan({"ana": 0.9})
    with pytest.raises(LakeError):
        apply_cycle(planned, store, blocked, program(), by="test")
    assert store.entries("club").height == 1
    paid = apply_cycle(planned, store, Lake(str(tmp_path / "lake"), "club"), program(), by="test")
    assert (paid.cycle.changed, paid.manifest.changed) == (False, True)
