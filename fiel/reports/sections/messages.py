"""What is written to customers: how many messages, by whom, what the guards refused, what it cost, a few texts."""

from __future__ import annotations

import polars as pl

from fiel.actions.messages.template import TEMPLATE
from fiel.reports import format as fmt
from fiel.reports.data import ReportData
from fiel.reports.messages import BASES, COUNTED, STATUSES, MessageView
from fiel.reports.sections.base import Block, Empty, Section, Shown, Tile, Tiles, Words
from fiel.reports.sections.now import about
from fiel.reports.tables import column, number, table

TITLE = "What is written to customers"


def messages(data: ReportData) -> Section | None:
    """The messages of the report's date; None where none were written and nobody would miss them."""
    if data.program.messages is None:
        return None
    rules = data.program.messages
    if data.messages is None and not rules.in_loyalty and rules.writer == TEMPLATE:
        return None
    if data.messages is None:
        command = f"fiel run message --program {data.program.name} --as-of {fmt.day(data.as_of)}"
        return Section("messages", TITLE, (Empty("No messages were written for this date.", command),))
    view = data.messages
    blocks: list[Block] = [Words(_in_words(view, data)), Tiles(_tiles(view))]
    if view.stopped:
        blocks.append(Words(f"The language model was not asked to the end: {view.stopped}.", "warning"))
    counts = view.counts.with_columns(pl.col("status").replace(STATUSES))
    blocks.append(
        Shown(
            "Messages by writer, language and tone",
            about(data).subtitle("messages", view.messages),
            table(counts, COUNTED),
        )
    )
    if view.refused.height:
        note = "A draft is refused by the first guard that it fails. It is rewritten once, then the template writes."
        shown = table(view.refused, [column("guard"), number("drafts", "drafts refused")], note)
        blocks.append(
            Shown("What the guards refused", about(data).subtitle("drafts of the language model", view.messages), shown)
        )
    if view.bases.height:
        shown = table(
            view.bases.with_columns(pl.col("basis").replace(BASES)),
            [column("basis", "recommended by"), number("products", "products in messages")],
        )
        blocks.append(
            Shown(
                "Where the recommendations come from",
                about(data).subtitle("two for each message", view.messages),
                shown,
            )
        )
    blocks.append(_samples(data, view))
    return Section("messages", TITLE, tuple(blocks))


def _in_words(view: MessageView, data: ReportData) -> str:
    rules = data.program.messages
    writer = "the built-in template" if view.writer == TEMPLATE else "a language model"
    most = rules.most if rules is not None else None
    chosen = (
        f" They go to the {fmt.counted(most, 'customer')} of the highest value, as many as the program file allows: "
        "whoever is at risk and worth less gets none."
        if most and view.messages >= most
        else ""
    )
    return (
        f"{fmt.counted(view.messages, 'message')} by {writer}, each checked by the same guards.{chosen} They are files "
        "beside a manifest; nothing was sent to anyone. Probability, risk group and segment stand beside a message for "
        "the operator and are never told to the customer."
    )


def _tiles(view: MessageView) -> tuple[Tile, ...]:
    by_status = dict(view.counts.group_by("status").agg(pl.col("messages").sum()).iter_rows())
    by_template = sum(by_status.get(status, 0) for status in ("template", "replaced", "unanswered"))
    tiles = [Tile("messages", fmt.whole(view.messages))]
    if view.writer == TEMPLATE:
        return (*tiles, Tile("cost", "0", "the template needs no server"))
    return (
        *tiles,
        Tile("by the language model", fmt.whole(view.messages - by_template - by_status.get("pending", 0))),
        Tile("by the template instead", fmt.whole(by_template), "both drafts refused, or no answer"),
        Tile("cost of all runs", f"{view.cost:,.4f} {view.currency}", f"{fmt.whole(view.tokens)} tokens"),
    )


def _samples(data: ReportData, view: MessageView) -> Shown:
    columns = [
        column("text", kind="prose"),
        column("status", "written by", show=lambda status: STATUSES.get(status, status)),
        column("tone", show=fmt.words),
        column("language"),
        column("operator_risk_group", "risk group (operator)"),
        number("operator_prob", "probability (operator)", fmt.percent),
        column("customer_id", "customer", kind="id"),
    ]
    if view.samples["reason"].is_not_null().any():
        columns.append(column("reason", "why not the first draft", kind="prose"))
    note = f"All of them are in {view.folder} of the lake, beside their manifest."
    return Shown(
        "Some of the messages",
        about(data).subtitle("the first of each kind", view.samples.height),
        table(view.samples, columns, note),
    )
