"""Customers with engagement, segment and risk group to messages in files; nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.actions.messages.catalogue import read_catalogue
from fiel.actions.messages.export import write_message_export
from fiel.actions.messages.openai_writer import OpenAIWriter
from fiel.actions.messages.recommend import with_recommendations
from fiel.actions.messages.writing import Written, write_messages
from fiel.core import Core
from fiel.errors import MessageError
from fiel.program.messages import Messages
from fiel.reports.tables import markdown_table
from tasks.artifacts import leave_link, leave_markdown
from tasks.context import Context, opened

SAID_EVERY = 100
"""Answers of the language model after which a run says how far it is."""


@task(name="message", cache_policy=NO_CACHE)
def write_customer_messages(program: str, as_of: date) -> dict[str, Any]:
    """Write the messages of one as_of from `out_message_input` and the interaction log, and export them."""
    with opened(program) as context:
        messages = context.program.messages
        if messages is None:
            raise MessageError(f"program {program} writes no messages: its file has no section `messages`")
        catalogue = read_catalogue(context.settings.programs / messages.catalogue)
        core = Core.open(context.lake)
        chosen = with_recommendations(
            _customers(context, as_of),
            core["interactions"].filter(pl.col("day") < as_of),
            core["links_sessions"],
            catalogue,
            messages,
        )
        written = _written(context, messages, chosen, catalogue, as_of)
        manifest = write_message_export(written, context.program, context.lake, as_of)
        log = get_run_logger()
        log.info("%s messages: %s", f"{written.messages.height:,}", manifest.address)
        if written.stopped:
            log.warning("the language model was not asked to the end: %s", written.stopped)
        leave_markdown(program, "messages", _markdown(program, as_of, written), "Messages by status and language")
        leave_link(program, "messages-manifest", manifest.address, "Manifest of the messages")
        return {
            "messages": written.messages.height,
            "statuses": written.counts,
            "requests": written.sent,
            "spent_tokens": written.spent_tokens,
            "spent": f"{written.spent_micros / 1e6:.4f} {messages.model.currency}" if written.spent_micros else "",
            "stopped": written.stopped or "",
            "manifest": manifest.address,
        }


def _customers(context: Context, as_of: date) -> pl.DataFrame:
    """The rows of `out_message_input` at as_of. MessageError says what has to run before."""
    table = "out_message_input"
    rows = context.lake.read(table, as_of) if context.lake.exists(table) else None
    if rows is None or rows.is_empty():
        raise MessageError(
            f"program {context.program.name} has nobody to write to as of {as_of} ({table} has no rows): score "
            "that date first"
        )
    return rows


def _written(
    context: Context, messages: Messages, chosen: pl.DataFrame, catalogue: pl.DataFrame, as_of: date
) -> Written:
    if messages.writer == "template":
        return write_messages(chosen, context.program, catalogue, as_of, context.store)
    writer = OpenAIWriter(context.settings, messages.model)
    try:
        return write_messages(
            chosen, context.program, catalogue, as_of, context.store, writer, steps=_progress(chosen.height)
        )
    finally:
        writer.close()


def _progress(customers: int) -> Callable[[str], None]:
    """Says now and then how many answers have come."""
    log, answers = get_run_logger(), 0

    def step(name: str) -> None:
        nonlocal answers
        answers += name == "outcome recorded"
        if name == "outcome recorded" and answers % SAID_EVERY == 0:
            log.info("%s requests for %s customers", f"{answers:,}", f"{customers:,}")

    return step


def _markdown(program: str, as_of: date, written: Written) -> str:
    counts = written.messages.group_by("status", "language", "tone").len("messages").sort("status", "language", "tone")
    stopped = f"\n\nThe language model was not asked to the end: {written.stopped}." if written.stopped else ""
    return f"# Messages of {program}, as of {as_of}\n\nNothing was sent.{stopped}\n\n{markdown_table(counts)}\n"
