"""A pension fund at its real size: from files to a snapshot, and on to a model.

    python -m benchmarks.bench_pension --accounts 212000 --model

212,000 simulated accounts make about 3.7 million account-quarters and 7.3 million operations. `files`: the files are
ingested into a lake of core tables (every row checked, rejects kept, profiles made) and the newest snapshot is built
and written. The peer is DuckDB on the same files in the same run: it parses the columns that features need, adds up
operations by account and quarter and makes the quarter windows, without a check, a profile or a lake. `model` (with
--model): the snapshots of all 40 cohorts, and one model with its folds, calibration and evaluation. Of the rows that
stay a fit draws a tenth, with the correction of the log odds; everything that judges is of all rows. The single model
is measured: an ensemble, an embedding and the random split are tried for their own sake (docs/ensemble.md).

Every side is a process of its own with two threads, so that peak memory is its own. Limits at full size: files to
snapshot under 120 s and 6 GB; snapshots and one model under 15 minutes and 8 GB.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks.measured import measured, report
from fiel.core import Core
from fiel.features.snapshot import build_snapshots
from fiel.lake import Lake
from fiel.models.cohorts import cohort_starts, split_cohorts
from fiel.models.labels import outcome
from fiel.models.retraining import train
from fiel.program import read_program
from fiel.settings import Settings
from fiel.simulate.pension import simulate
from fiel.sources.ingest import ingest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = read_program(ROOT / "deployments" / "programs" / "pension.yaml")
ONE_MODEL = PROGRAM.model_copy(
    update={
        "training": PROGRAM.training.model_copy(
            update={"negatives_kept": 0.1, "ensemble": None, "embedding": None, "random_split": False}
        )
    }
)
FULL = 212_000
FILES_SECONDS, FILES_MB = 120, 6_000
MODEL_SECONDS, MODEL_MB = 15 * 60, 8_000


def files_to_snapshot(folder: Path, lake_folder: Path) -> dict[str, Any]:
    """Ingest the files and build the snapshot of the day after the last quarter; what came out."""
    lake = Lake(str(lake_folder), PROGRAM.name)
    summary = ingest(PROGRAM, lake, Settings(lake=str(lake_folder)), str(folder), {})
    core = Core.open(lake)
    as_of = core.known_through + timedelta(days=1)
    ((_, tables),) = build_snapshots(core, [as_of], PROGRAM)
    for name, frame in tables.items():
        lake.replace(name, frame, as_of, {})
    return {"rows": tables["feat_snapshot"].height, "source_version": summary.source_version}


def snapshots_to_model(lake_folder: Path) -> dict[str, Any]:
    """Build the snapshots of every cohort of the main target in the lake, and train on them; how good it is."""
    lake = Lake(str(lake_folder), ONE_MODEL.name)
    core = Core.open(lake)
    as_of = core.known_through + timedelta(days=1)
    split = split_cohorts(cohort_starts(core.first_day, as_of, ONE_MODEL), ONE_MODEL, as_of)
    for day, tables in build_snapshots(core, list(split.dates), ONE_MODEL):
        lake.replace("feat_snapshot", tables["feat_snapshot"], day, {})
    rows = lake.scan("feat_snapshot").filter(pl.col("as_of").is_in(list(split.dates)), pl.col("in_population"))
    learned = train(
        rows.collect().sort("as_of", "customer_id"), outcome(core, split.dates, ONE_MODEL), ONE_MODEL, split=split
    )
    return {
        "rows": learned.predictions.height,
        "auc": learned.evaluation.value("oot", "auc"),
        "average_precision": learned.evaluation.value("oot", "average_precision"),
    }


def duckdb_windows(folder: Path) -> dict[str, Any]:
    """The quarter windows of the open accounts, by DuckDB from the same files."""
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(
            (Path(__file__).parent / "duckdb_pension.sql").read_text(encoding="utf-8").format(folder=folder)
        )
        connection.execute(f"copy windows to '{folder}/windows.parquet' (format parquet, compression zstd)")
        found = connection.execute("select count(*) from windows").fetchone()
    return {"rows": found[0] if found else 0}


def run_side(side: str, folder: Path) -> None:
    """One side in this process."""
    lake = folder / "lake"
    if side == "model":
        report(lambda: snapshots_to_model(lake))
    elif side == "duckdb":
        report(lambda: duckdb_windows(folder / "source"))
    else:
        with tempfile.TemporaryDirectory() as other:
            report(lambda: files_to_snapshot(folder / "source", lake if side == "files-kept" else Path(other)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=FULL // 10)
    parser.add_argument("--model", action="store_true", help="train a model too")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--side", choices=("files", "files-kept", "duckdb", "model"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        run_side(chosen.side, chosen.folder)
        return 0
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    with tempfile.TemporaryDirectory() as name:
        made = simulate(Path(name) / "source", customers=chosen.accounts, seed=chosen.seed)
        print(made)
        sides = ("files-kept", "duckdb", *(["model"] if chosen.model else []))
        found = measured("benchmarks.bench_pension", sides, 1, "--folder", name)
    for side, run in found.items():
        more = "" if side == "duckdb" else f"  {run['seconds'] / found['duckdb']['seconds']:.1f} x DuckDB"
        if side == "model":
            more = f"  AUC out of time {run['auc']:.3f}, average precision {run['average_precision']:.3f}"
        line = f"{side:>10} {run['rows']:>10,} rows {run['seconds']:>8.1f} s {run['cpu_seconds']:>8.1f} cpu s"
        print(f"{line} {run['peak_mb']:>8,.0f} MB{more}", flush=True)
    files, model = found["files-kept"], found.get("model", {"seconds": 0.0, "peak_mb": 0.0})
    missed = (
        files["seconds"] > FILES_SECONDS
        or files["peak_mb"] > FILES_MB
        or files["seconds"] + model["seconds"] > MODEL_SECONDS
        or model["peak_mb"] > MODEL_MB
    )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
