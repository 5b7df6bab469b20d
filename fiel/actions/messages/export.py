"""Messages as files in the lake: JSON lines for machines, CSV for people, and a manifest with hashes, written last.

The same messages give the same bytes. Other messages for the same as_of (the model answered more of them, the
program's words changed) are a new revision under new names; a file that a manifest named is never overwritten with
something else. Nothing is sent to anyone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from fiel.actions.export import MANIFEST, Manifest, spreadsheet_safe
from fiel.actions.messages.writing import Written
from fiel.lake import Lake
from fiel.program import Program

FOLDER = "messages"
GUARD = r"(?:^|; )(?:characters|placeholder|length|elements|language|risk|figures|offers|links|products): "
"""Where a reason names a guard; a fault quotes words of the draft, so a name alone does not count."""
OPERATOR = "operator_"


def write_message_export(
    written: Written, program: Program, lake: Lake, as_of: date, steps: Callable[[str], None] | None = None
) -> Manifest:
    """Write the messages into `exports/AS_OF/messages` of the lake, or find that they are there; their manifest."""
    tell = steps or (lambda _: None)
    folder = lake.file_path("exports", as_of.isoformat(), FOLDER)
    address = f"{folder}/{MANIFEST}"
    before, digest = _read(lake, address), messages_digest(written.messages)
    revision = 0
    if before is not None:
        revision = before["revision"] + (before["messages_sha256"] != digest)
    files = message_files(written.messages, revision)
    manifest = _manifest(written, program, as_of, revision, digest, files)
    content = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
    changed = False
    for name, file in files.items():
        if lake.get(f"{folder}/{name}") != file:
            lake.put(f"{folder}/{name}", file)
            tell(f"{name} written")
            changed = True
    if changed or lake.get(address) != content:
        lake.put(address, content)
        tell(f"{MANIFEST} written")
        changed = True
    return Manifest(address, manifest, changed)


def message_files(messages: pl.DataFrame, revision: int = 0) -> dict[str, bytes]:
    """The files by name: a pure function of the messages.

    In the JSON lines what only the operator may know is an object of its own, `operator`; in the CSV it is the columns
    `operator_...`.
    """
    stem = "messages" if revision == 0 else f"messages-r{revision}"
    rows = messages.sort("customer_id")
    flat = rows.with_columns(pl.col("products", "operator_basis").list.join("; "))
    inner = [name for name in rows.columns if name.startswith(OPERATOR)]
    nested = rows.drop(inner).with_columns(
        operator=pl.struct(rows.get_column(name).alias(name.removeprefix(OPERATOR)) for name in inner)
    )
    return {
        f"{stem}.csv": spreadsheet_safe(flat).write_csv(line_terminator="\r\n").encode(),
        f"{stem}.jsonl": nested.write_ndjson().encode(),
    }


def refused_drafts(messages: pl.DataFrame) -> pl.DataFrame:
    """guard, drafts: how many drafts of the language model each guard refused, first and second ones."""
    kept = messages.filter(pl.col("reason").is_not_null())
    found = kept.select(guard=pl.col("reason").str.extract_all(GUARD)).explode("guard", empty_as_null=False)
    return found.with_columns(pl.col("guard").str.strip_chars("; :")).group_by("guard").len("drafts").sort("guard")


def _by_basis(messages: pl.DataFrame) -> pl.DataFrame:
    """basis, products: how many of the recommended products come from where."""
    found = messages.select(basis="operator_basis").explode("basis").drop_nulls()
    return found.group_by("basis").len("products").sort("basis")


def messages_digest(messages: pl.DataFrame) -> str:
    """Hash of the messages, whatever the order of their rows."""
    return hashlib.sha256(messages.sort("customer_id").write_ndjson().encode()).hexdigest()


def _read(lake: Lake, address: str) -> dict[str, Any] | None:
    """What is needed of the manifest that is there; None without one, or where it is no manifest."""
    content = lake.get(address)
    if content is None:
        return None
    try:
        found = json.loads(content)
        return {"revision": int(found["revision"]), "messages_sha256": str(found["messages_sha256"])}
    except (ValueError, KeyError, TypeError):
        return None


def _manifest(
    written: Written, program: Program, as_of: date, revision: int, digest: str, files: dict[str, bytes]
) -> dict[str, Any]:
    messages = program.messages
    assert messages is not None
    rows = written.messages
    guards = refused_drafts(rows)
    return {
        "program": program.name,
        "as_of": as_of.isoformat(),
        "revision": revision,
        "simulated_data": program.simulated,
        "sent_to_customers": False,
        "writer": messages.writer,
        "messages_sha256": digest,
        "messages": rows.height,
        "statuses": written.counts,
        "languages": dict(rows.group_by("language").len().sort("language").iter_rows()),
        "tones": dict(rows.group_by("tone").len().sort("tone").iter_rows()),
        "products_by": dict(_by_basis(rows).iter_rows()),
        "refused_drafts": dict(guards.iter_rows()),
        "stopped": written.stopped,
        "spent": {
            "tokens": written.spent_tokens,
            "cost_micros": written.spent_micros,
            "currency": messages.model.currency,
        },
        "files": [
            {"name": name, "sha256": hashlib.sha256(file).hexdigest(), "bytes": len(file)}
            for name, file in sorted(files.items())
        ],
    }
