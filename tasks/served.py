"""The service's log of answers: from its spool files into the lake, and beside the batch's scores."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.lake_appends import append_new
from fiel.models.served import compare_served, served_rows
from fiel.reports.tables import markdown_table
from fiel.spool import Found, collecting, found
from fiel.tables import TABLES
from tasks.artifacts import leave_markdown
from tasks.context import Context, opened

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the lake keeps naive UTC
AT_ONCE = 20
"""Files that are read and added in one commit, so that memory stays bounded."""


@task(name="collect_served", cache_policy=NO_CACHE)
def collect_served(program: str) -> dict[str, Any]:
    """Move the service's finished answers into out_served, and compare them with the scores of the batch.

    A file goes when its rows are in the lake. Killed between, the next run finds the same rows again and adds none
    twice. Nothing to collect is no error: the service may run elsewhere, or not at all.
    """
    with opened(program) as context:
        folder = context.settings.served_spool / program
        if not folder.is_dir():
            return {"answers": 0}
        with collecting(folder):
            added, unreadable = _collect(context, folder)
        if not context.lake.exists("out_served"):
            return {"answers": 0, "unreadable": unreadable}
        differences = _compared(context)
        _tell(program, added, unreadable, differences)
        return {
            "answers": added,
            "unreadable": unreadable,
            "compared": int(differences["compared"].sum()),
            "largest_difference": differences["largest_difference"].max(),
        }


def _collect(context: Context, folder: Path) -> tuple[int, int]:
    """Rows added, and lines that could not be read; the files of the latter are kept beside the others."""
    files, added, unreadable = found(folder), 0, 0
    for start in range(0, len(files), AT_ONCE):
        part = files[start : start + AT_ONCE]
        read = [_rows(file) for file in part]
        rows = [row for rows, _ in read for row in rows]
        if rows:
            added += append_new(context.lake, "out_served", served_rows(rows), context.provenance())
        for file, (_, bad) in zip(part, read, strict=True):
            unreadable += bad
            if bad:
                kept = file.set_aside()
                get_run_logger().warning("%d lines of %s cannot be read: the file is kept", bad, kept.name)
            else:
                file.remove()
    return added, unreadable


def _rows(file: Found) -> tuple[list[dict[str, Any]], int]:
    """Rows of one file as out_served declares them, and how many lines were no rows."""
    inputs: dict[str, list[str]] = {}
    rows, bad = [], 0
    for line in file.lines():
        try:
            content = orjson.loads(line)
            if isinstance(content, dict):
                inputs[content["model_digest"]] = content["inputs"]
            else:
                rows.append(_row(content, inputs))
        except (ValueError, KeyError, TypeError):
            bad += 1
    return rows, bad


def _row(content: list[Any], inputs: dict[str, list[str]]) -> dict[str, Any]:
    served_us, request_id, position, customer, as_of, target, basis, door, version, digest, prob, values = content
    at = _EPOCH + timedelta(microseconds=served_us)
    features = None if values is None else dict(zip(inputs[digest], values, strict=True))
    return {
        "served_date": at.date(),
        "request_id": request_id,
        "served_at": at,
        "position": position,
        "customer_id": customer,
        "as_of": None if as_of is None else datetime.fromisoformat(as_of).date(),
        "target": target,
        "basis": basis,
        "door": door,
        "model_version": version,
        "model_digest": digest,
        "prob": None if prob is None else float(prob),
        "features": None if features is None else orjson.dumps(features).decode(),
    }


def _compared(context: Context) -> pl.DataFrame:
    """The answers of the newest scored date, for the program's main target, beside the scores of that date."""
    dates = context.lake.partitions("out_scores")
    served = context.lake.scan("out_served").filter(pl.col("target") == context.program.target.name)
    newest = served.filter(pl.col("as_of").is_in(dates)).select(pl.col("as_of").max()).collect().item()
    if newest is None:
        nothing = pl.DataFrame(schema=TABLES["out_scores"].declared)
        return compare_served(served.head(0).collect(), nothing)
    told = served.filter(pl.col("as_of") == newest).drop("features").collect()
    return compare_served(told, context.lake.read("out_scores", newest))


def _tell(program: str, added: int, unreadable: int, differences: pl.DataFrame) -> None:
    """Leave the comparison for people, and warn where an answer was not the batch's."""
    wrong = differences.filter(pl.col("equal") < pl.col("compared"))
    for row in wrong.iter_rows(named=True):
        get_run_logger().warning(
            "%s: %d of %d answers of %s by version %s (%s) differ from the batch, by %s at the most",
            program,
            row["compared"] - row["equal"],
            row["compared"],
            row["as_of"],
            row["model_version"],
            row["basis"],
            row["largest_difference"],
        )
    text = f"# {program}: answers of the service beside the scores of the batch\n\n{added:,} answers collected"
    text += f", {unreadable:,} lines could not be read.\n\n" if unreadable else ".\n\n"
    leave_markdown(program, "served", text + markdown_table(differences), "Served against scored")
