"""Customers with engagement, segment and risk group to messages in files; nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.actions.export import Manifest
from fiel.actions.messages.catalogue import read_catalogue
from fiel.actions.messages.customers import customers_of_scores, log_of_lines
from fiel.actions.messages.export import FOLDER, write_message_export
from fiel.actions.messages.openai_writer import OpenAIWriter
from fiel.actions.messages.recommend import with_recommendations
from fiel.actions.messages.template import TEMPLATE
from fiel.actions.messages.writing import Written, write_messages
from fiel.core import Core
from fiel.errors import MessageError
from fiel.program.messages import Messages
from fiel.reports.messages import MessageView, message_view, messages_markdown
from tasks.artifacts import leave_link, leave_markdown
from tasks.context import Context, opened

SAID_EVERY = 100
"""Answers of the language model after which a run says how far it is."""


@task(name="message", cache_policy=NO_CACHE)
def write_customer_messages(program: str, as_of: date) -> dict[str, Any]:
    """Write the messages of one as_of, and export them beside a manifest."""
    with opened(program) as context:
        if context.program.messages is None:
            raise MessageError(f"program {program} writes no messages: its file has no section `messages`")
        return _write(context, context.program.messages, as_of)


@task(name="message", cache_policy=NO_CACHE)
def write_messages_in_chain(program: str, as_of: date) -> dict[str, Any]:
    """The same in the flow loyalty; nothing for a program whose file does not say `messages.in_loyalty`."""
    with opened(program) as context:
        messages = context.program.messages
        return _write(context, messages, as_of) if messages is not None and messages.in_loyalty else {}


def open_messages(context: Context, as_of: date) -> MessageView | None:
    """The messages of as_of as they were exported; None where none were."""
    return message_view(context.lake, as_of)


def _write(context: Context, messages: Messages, as_of: date) -> dict[str, Any]:
    catalogue = read_catalogue(context.settings.programs / messages.catalogue)
    core = Core.open(context.lake)
    core.check_as_of(as_of)
    log, links = _log(core, as_of)
    chosen = with_recommendations(_customers(context, messages, as_of), log, links, catalogue, messages)
    written = _written(context, messages, chosen, catalogue, as_of)
    manifest = write_message_export(written, context.program, context.lake, as_of)
    _tell(context, written, manifest, as_of)
    return {
        "messages": written.messages.height,
        "statuses": written.counts,
        "requests": written.sent,
        "spent_tokens": written.spent_tokens,
        "spent": f"{written.spent_micros / 1e6:.4f} {messages.model.currency}" if written.spent_micros else "",
        "stopped": written.stopped or "",
        "manifest": manifest.address,
    }


def _customers(context: Context, messages: Messages, as_of: date) -> pl.DataFrame:
    """Who may be written to at as_of: the program's own table, else its scores. MessageError says what has to run."""
    lake, name = context.lake, context.program.name
    if as_of in lake.partitions("out_message_input"):
        return lake.read("out_message_input", as_of)
    if messages.from_scores is None:
        raise MessageError(
            f"program {name} has nobody to write to as of {as_of} (out_message_input has no rows): run `fiel run "
            f"loyalty --program {name}`, or, where the program has scores alone, say messages.from_scores in its file"
        )
    if as_of not in lake.partitions("out_scores"):
        raise MessageError(
            f"program {name} has no scores of {as_of}: run `fiel run score --program {name} --as-of {as_of}` first"
        )
    return customers_of_scores(lake.read("out_scores", as_of), lake.read("feat_snapshot", as_of), messages.from_scores)


def _log(core: Core, as_of: date) -> tuple[pl.DataFrame | pl.LazyFrame, pl.DataFrame | pl.LazyFrame]:
    """The interaction log before as_of with its links; what customers took, where the source has no such log."""
    log = core["interactions"]
    if log.limit(1).collect().is_empty():
        return log_of_lines(core["event_lines"].filter(pl.col("day") < as_of))
    return log.filter(pl.col("day") < as_of), core["links_sessions"]


def _written(
    context: Context, messages: Messages, chosen: pl.DataFrame, catalogue: pl.DataFrame, as_of: date
) -> Written:
    if messages.writer == TEMPLATE:
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


def _tell(context: Context, written: Written, manifest: Manifest, as_of: date) -> None:
    """Log lines and artifacts of the run."""
    log, program = get_run_logger(), context.program
    log.info("%s messages: %s", f"{written.messages.height:,}", manifest.address)
    if written.stopped:
        log.warning("the language model was not asked to the end: %s", written.stopped)
    view = message_view(context.lake, as_of)
    assert view is not None, "it was written above"
    leave_markdown(program.name, FOLDER, messages_markdown(view, program, as_of), "Messages by status and language")
    leave_link(program.name, f"{FOLDER}-manifest", manifest.address, "Manifest of the messages")
