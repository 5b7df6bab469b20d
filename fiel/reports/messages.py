"""The exported messages of one as_of, as a report and a run show them: counts, refused drafts, cost, a few texts."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from fiel.actions.export import MANIFEST
from fiel.actions.messages.export import FOLDER, refused_drafts
from fiel.actions.messages.writing import MESSAGES
from fiel.errors import MessageError
from fiel.lake import Lake
from fiel.program import Program
from fiel.reports import format as fmt
from fiel.reports.tables import column, markdown_table, number

SAMPLES = 6
SAMPLES_OF_A_KIND = 3
"""Texts that are shown: first one of every tone and status, languages in turn."""

COUNTED = [
    column("status", "written by"),
    column("language"),
    column("tone", show=fmt.words),
    number("messages"),
]
STATUSES = {
    "template": "template",
    "written": "model, first draft",
    "rewritten": "model, second draft",
    "replaced": "template, both drafts refused",
    "unanswered": "template, no answer",
    "pending": "nobody yet",
}
BASES = {
    "own": "the customer's own interactions",
    "segment": "popularity in the segment",
    "all": "popularity among all",
    "catalogue": "the catalogue's order",
}


@dataclass(frozen=True)
class MessageView:
    """Messages of one as_of.

    `counts`: status, language, tone, messages. `refused`: guard, drafts. `bases`: basis, products. `samples`:
    customer_id, language, tone, status, text, products, operator_risk_group, operator_segment, operator_prob, reason.
    """

    writer: str
    messages: int
    counts: pl.DataFrame
    refused: pl.DataFrame
    bases: pl.DataFrame
    samples: pl.DataFrame
    tokens: int
    cost: float
    currency: str
    stopped: str | None
    folder: str


def message_view(lake: Lake, as_of: date) -> MessageView | None:
    """The messages of as_of from the files in the lake; None without a manifest.

    MessageError where a file that the manifest names is gone or damaged: writing again makes it anew.
    """
    found = _exported(lake, as_of)
    if found is None:
        return None
    manifest, rows = found
    try:
        spent = manifest["spent"]
        return MessageView(
            writer=manifest["writer"],
            messages=manifest["messages"],
            counts=_counts(rows),
            refused=refused_drafts(rows),
            bases=_bases(rows),
            samples=_samples(rows),
            tokens=spent["tokens"],
            cost=spent["cost_micros"] / 1_000_000,
            currency=spent["currency"],
            stopped=manifest["stopped"],
            folder=f"exports/{as_of}/{FOLDER}",
        )
    except (KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise _damaged(lake, as_of, error) from error


def exported_messages(lake: Lake, as_of: date) -> pl.DataFrame | None:
    """The messages of as_of as they were exported, columns of `MESSAGES`; None without a manifest.

    MessageError as in `message_view`.
    """
    found = _exported(lake, as_of)
    return None if found is None else found[1]


def _exported(lake: Lake, as_of: date) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """The manifest of as_of and the rows that it names."""
    folder = lake.file_path("exports", as_of.isoformat(), FOLDER)
    content = lake.get(f"{folder}/{MANIFEST}")
    if content is None:
        return None
    try:
        manifest = json.loads(content)
        name = next(file["name"] for file in manifest["files"] if file["name"].endswith(".jsonl"))
        return manifest, _rows(lake.get(f"{folder}/{name}") or b"", manifest["messages"])
    except (ValueError, KeyError, TypeError, StopIteration, pl.exceptions.PolarsError) as error:
        raise _damaged(lake, as_of, error) from error


def _damaged(lake: Lake, as_of: date, error: Exception) -> MessageError:
    address = lake.file_path("exports", as_of.isoformat(), FOLDER, MANIFEST)
    return MessageError(
        f"{address} does not fit its files ({type(error).__name__}): run `fiel run message --program "
        f"{lake.program} --as-of {as_of}`, which writes them again and pays for nothing twice"
    )


def messages_markdown(view: MessageView, program: Program, as_of: date) -> str:
    """The messages of one run for the Prefect UI; no text of a message, and nothing about one customer."""
    parts = [
        f"# Messages of {program.name}, as of {as_of}",
        f"{fmt.counted(view.messages, 'message')} in files, in {view.folder} of the lake. Nothing was sent.",
    ]
    if view.stopped:
        parts.append(f"**The language model was not asked to the end: {view.stopped}.**")
    if view.tokens:
        parts.append(f"All runs of this date used {spent_in_words(view)}.")
    parts += [markdown_table(view.counts.with_columns(pl.col("status").replace(STATUSES)), COUNTED)]
    if view.refused.height:
        parts += ["## Drafts that a guard refused", markdown_table(view.refused)]
    return "\n\n".join(parts) + "\n"


def spent_in_words(view: MessageView) -> str:
    """Tokens and money of all runs.

    The money has four decimals: a message costs fractions of a cent.
    """
    return f"{fmt.whole(view.tokens)} tokens ({view.cost:,.4f} {view.currency})"


def _rows(content: bytes, height: int) -> pl.DataFrame:
    inner = {name.removeprefix("operator_"): kind for name, kind in MESSAGES.items() if name.startswith("operator_")}
    outer = {name: kind for name, kind in MESSAGES.items() if not name.startswith("operator_")}
    schema = {**outer, "operator": pl.Struct(inner)}
    rows = pl.read_ndjson(io.BytesIO(content), schema=schema) if content.strip() else pl.DataFrame(schema=schema)
    if rows.height != height:
        raise ValueError("another number of messages")
    return rows.with_columns(pl.col("operator").name.prefix_fields("operator_")).unnest("operator")


def _counts(rows: pl.DataFrame) -> pl.DataFrame:
    found = rows.group_by("status", "language", "tone").agg(messages=pl.len().cast(pl.Int64))
    return found.sort("status", "language", "tone")


def _bases(rows: pl.DataFrame) -> pl.DataFrame:
    found = rows.select(basis="operator_basis").explode("basis").drop_nulls()
    order = pl.col("basis").replace_strict(list(BASES), list(range(len(BASES))), return_dtype=pl.Int32)
    return found.group_by("basis").agg(products=pl.len().cast(pl.Int64)).sort(order)


def _samples(rows: pl.DataFrame) -> pl.DataFrame:
    """The first customers of every status, tone and language, as many kinds as there is room for."""
    kinds = ["status", "tone", "language"]
    written = rows.filter(pl.col("text").is_not_null()).sort("customer_id")
    place = pl.int_range(pl.len()).over(kinds).alias("place")
    turn = pl.col("language").rank("dense").over("place", "status", "tone").alias("turn")
    few = written.with_columns(place).filter(pl.col("place") < SAMPLES_OF_A_KIND).with_columns(turn)
    return few.sort("place", "turn", *kinds).head(SAMPLES).drop("place", "turn")
