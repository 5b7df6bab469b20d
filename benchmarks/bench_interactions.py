"""The interaction log, from its file to the core tables in the lake, against DuckDB on the same file in the same run.

    python -m benchmarks.bench_interactions [--sessions 1000000] [--repeats 1]

The files are simulated (a million sessions are about 17 million events, 0.8 GB of jsonl, with broken lines and exact
repeats). Ours is the whole ingest: hash and copy the file, parse, set broken lines aside, drop repeats and count them,
sort, write Parquet, write the Delta table, compare, put it in force. DuckDB reads the JSON, drops repeats and writes
one Parquet file; it counts nothing and keeps no broken line. Limits at a million sessions: 60 s and 4 GB.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

from benchmarks.measured import measured, report

LIMIT_SECONDS, LIMIT_MB = 60.0, 4_000.0
SIDES = ("fiel", "duckdb")
CUSTOMERS = 2_000
NOW = datetime(2026, 1, 1)  # noqa: DTZ001, naive UTC as everywhere in the lake


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--folder")
    given = parser.parse_args()
    if given.side:
        report(lambda: _fiel(Path(given.folder)) if given.side == "fiel" else _duckdb(Path(given.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _compare(Path(folder), given.sessions, given.repeats)


def _compare(folder: Path, sessions: int, repeats: int) -> None:
    from fiel.simulate.telecom import LOG_FILE, simulate

    made = simulate(folder / "source", customers=CUSTOMERS, sessions=sessions, start=date(2025, 10, 1))
    size = (folder / "source" / LOG_FILE).stat().st_size / 1e6
    print(f"{sessions:,} sessions, {made.events:,} events, {made.repeats:,} repeats, {made.broken_lines:,} broken "
          f"lines ({size:,.0f} MB)", flush=True)  # fmt: skip
    found = measured("benchmarks.bench_interactions", SIDES, repeats, "--folder", str(folder))
    ours, theirs = found["fiel"], found["duckdb"]
    assert ours["events"] == made.events, "every event is there, once"
    assert ours["repeats"] == made.repeats, "every repeat was counted"
    assert ours["rejected"] >= made.broken_lines, "every broken line was set aside"
    for side, run in found.items():
        print(f"{side:<7} {run['seconds']:7.1f} s  {run['cpu_seconds']:7.1f} s of processor  "
              f"{run['peak_mb'] / 1000:5.2f} GB peak  {run['events']:>12,} events")  # fmt: skip
    print(f"ours / DuckDB: {ours['seconds'] / theirs['seconds']:.2f} of its time, "
          f"{ours['peak_mb'] / theirs['peak_mb']:.2f} of its memory")  # fmt: skip
    if ours["peak_mb"] > LIMIT_MB or (sessions >= 1_000_000 and ours["seconds"] > LIMIT_SECONDS):
        raise SystemExit(f"limits are {LIMIT_SECONDS:g} s (a million sessions) and {LIMIT_MB / 1000:g} GB")


def _fiel(folder: Path) -> dict[str, Any]:
    os.environ["FIEL_LAKE"] = str(folder / "lake")
    import shutil

    from fiel.lake import Lake
    from fiel.program import load_program
    from fiel.settings import load_settings
    from fiel.sources.ingest import ingest

    shutil.rmtree(folder / "lake", ignore_errors=True)
    settings = load_settings()
    program = load_program("telecom", settings)
    done = ingest(program, Lake(settings.lake, program.name), settings, str(folder / "source"), now=NOW)
    return {
        "events": done.counts["kept_interactions"],
        "repeats": done.counts["repeated_rows"],
        "rejected": done.counts["rejected"],
    }


def _duckdb(folder: Path) -> dict[str, Any]:
    import duckdb

    target = folder / "peer.parquet"
    columns = "{session: 'BIGINT', events: 'STRUCT(aid BIGINT, ts BIGINT, type VARCHAR)[]'}"
    duckdb.sql("SET memory_limit = '4GB'")
    duckdb.sql(f"SET temp_directory = '{folder / 'spill'}'")
    duckdb.sql(
        f"""COPY (
            SELECT DISTINCT session, e.aid AS aid, epoch_ms(e.ts) AS occurred_at, e.type AS kind
            FROM (
                SELECT session, unnest(events) AS e
                FROM read_ndjson('{folder}/source/*.jsonl', columns = {columns}, ignore_errors = true,
                                 maximum_object_size = 64000000)
            ) WHERE e.aid IS NOT NULL AND e.ts IS NOT NULL
        ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"""
    )
    ((events,),) = duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchall()
    return {"events": events}


if __name__ == "__main__":
    sys.exit(main())
