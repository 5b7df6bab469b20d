"""The export of an applied cycle, written from the ledger: CSV for people, Parquet and JSON lines for machines.

The same ledger gives the same bytes. The manifest is written last, so a reader that finds one finds whole files, and a
run that died before it writes the same files again. A correction adds a revision under new file names; files that a
manifest named are never overwritten with something else.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from fiel.actions.summary import PlanSummary
from fiel.errors import PlanError
from fiel.lake import Lake
from fiel.store import CycleRow, Store

MANIFEST = "manifest.json"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters that make a spreadsheet read a text cell as a formula (OWASP, CSV injection)."""

COLUMNS = (
    "entry",
    "grant_id",
    "kind",
    "as_of",
    "customer_id",
    "sequence",
    "product",
    "points",
    "rank",
    "prob",
    "reverses",
    "reason",
)


@dataclass(frozen=True)
class Manifest:
    """What an export holds. `content` is the manifest file as JSON; `changed` is False when nothing was rewritten."""

    address: str
    content: dict[str, Any]
    changed: bool

    @property
    def sha256(self) -> str:
        """Hash of the manifest file: equal for equal exports."""
        return hashlib.sha256(_manifest_bytes(self.content)).hexdigest()


def write_export(
    store: Store, lake: Lake, program: str, as_of: date, steps: Callable[[str], None] | None = None
) -> Manifest:
    """Write the export of an applied cycle into `exports/AS_OF` of the lake, or find that it is there; its manifest.

    PlanError when the cycle was never applied. `steps` is told each file when it is written.
    """
    tell = steps or (lambda _: None)
    cycle = store.cycle(program, as_of)
    if cycle is None:
        raise PlanError(f"cycle {program} {as_of} was never applied: there is nothing to export")
    entries = store.entries(program, as_of)
    folder = lake.file_path("exports", as_of.isoformat())
    found = _written(lake, folder, _ledger_digest(entries))
    if found is not None:
        return Manifest(f"{folder}/{MANIFEST}", found, changed=False)
    files = export_files(entries, cycle)
    for name, content in files.items():
        lake.put(f"{folder}/{name}", content)
        tell(f"{name} written")
    manifest = _manifest(cycle, entries, files)
    lake.put(f"{folder}/{MANIFEST}", _manifest_bytes(manifest))
    tell(f"{MANIFEST} written")
    return Manifest(f"{folder}/{MANIFEST}", manifest, changed=True)


def export_files(entries: pl.DataFrame, cycle: CycleRow) -> dict[str, bytes]:
    """The files of an export by name: a pure function of the ledger's rows."""
    revision = _revision(entries)
    stem = "grants" if revision == 0 else f"grants-r{revision}"
    rows = entries.select(COLUMNS).sort("entry")
    parquet = io.BytesIO()
    rows.write_parquet(parquet, compression="zstd", statistics=True)
    return {
        f"{stem}.csv": spreadsheet_safe(rows).write_csv(line_terminator="\r\n").encode(),
        f"{stem}.jsonl": transactions(rows, cycle).write_ndjson().encode(),
        f"{stem}.parquet": parquet.getvalue(),
    }


def spreadsheet_safe(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with a quote before each text that a spreadsheet would run as a formula. Numbers stay numbers.

    >>> spreadsheet_safe(pl.DataFrame({"product": ["=1+1", "egg"], "points": [-5, 5]})).rows()
    [("'=1+1", -5), ('egg', 5)]
    """
    first = pl.col(pl.String).str.slice(0, 1)
    return rows.with_columns(
        pl.when(first.is_in(FORMULA_STARTS)).then("'" + pl.col(pl.String)).otherwise(pl.col(pl.String)).name.keep()
    )


def transactions(rows: pl.DataFrame, cycle: CycleRow) -> pl.DataFrame:
    """Ledger rows as requests for the points API (DOMAIN.md section 1), with our ids beside.

    A receiver that has seen a grant_id must not pay it again. The API's own fields are customer_id, points,
    system_origin and products.
    """
    origin = PlanSummary.model_validate(cycle.summary).system_origin
    product = pl.struct(product_id="product", product_qtd=pl.lit(1, dtype=pl.Int64), points="points")
    return rows.select(
        "grant_id",
        "kind",
        "reverses",
        "customer_id",
        "points",
        system_origin=pl.lit(origin),
        products=pl.concat_list(product),
    )


def _written(lake: Lake, folder: str, ledger_digest: str) -> dict[str, Any] | None:
    """The manifest in the folder if it is of these ledger rows and every file is as it says; None otherwise."""
    content = lake.get(f"{folder}/{MANIFEST}")
    if content is None:
        return None
    try:
        manifest: dict[str, Any] = json.loads(content)
        expected = {file["name"]: file["sha256"] for file in manifest["files"]}
        same = manifest["ledger_sha256"] == ledger_digest
    except (ValueError, KeyError, TypeError):
        return None
    same = same and all(_sha256(lake.get(f"{folder}/{name}")) == digest for name, digest in expected.items())
    return manifest if same and content == _manifest_bytes(manifest) else None


def _manifest(cycle: CycleRow, entries: pl.DataFrame, files: dict[str, bytes]) -> dict[str, Any]:
    summary = PlanSummary.model_validate(cycle.summary)
    grants = entries.filter(pl.col("kind") == "grant").get_column("points")
    reversals = entries.filter(pl.col("kind") == "reversal")
    return {
        "program": cycle.program,
        "as_of": cycle.as_of.isoformat(),
        "revision": _revision(entries),
        "policy_version": cycle.policy_version,
        "points_decided_by": summary.by,
        "model_version": cycle.model_version,
        "plan_digest": cycle.plan_digest,
        "ledger_sha256": _ledger_digest(entries),
        "fiel_version": cycle.fiel_version,
        "applied_at": cycle.applied_at.isoformat(timespec="microseconds"),
        "applied_by": cycle.applied_by,
        "simulated_data": summary.simulated,
        "invented_amounts": summary.invented,
        "counts": {
            "entries": entries.height,
            "grants": len(grants),
            "reversals": reversals.height,
            "customers": entries.get_column("customer_id").n_unique(),
            "held_out": summary.held_out,
        },
        "points": {
            "rewards": int(grants.clip(lower_bound=0).sum()),
            "penalties": int(grants.clip(upper_bound=0).sum()),
            "reversed": int(reversals.get_column("points").sum()),
            "net": int(entries.get_column("points").sum()),
        },
        "value_at_stake": None if summary.at_stake is None else summary.at_stake.model_dump(),
        "reversals": reversals.select("grant_id", "reverses", "customer_id", "points", "reason", "made_by").to_dicts(),
        "files": [
            {"name": name, "sha256": _sha256(content), "bytes": len(content)} for name, content in sorted(files.items())
        ],
    }


def _manifest_bytes(manifest: dict[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()


def _revision(entries: pl.DataFrame) -> int:
    """Corrections since the cycle was applied: reversals, and grants in a reversed one's place."""
    return entries.filter((pl.col("kind") == "reversal") | (pl.col("sequence") > 0)).height


def _ledger_digest(entries: pl.DataFrame) -> str:
    return hashlib.sha256(entries.select(COLUMNS).sort("entry").write_ndjson().encode()).hexdigest()


def _sha256(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
