"""Messages for the chosen customers: written, checked, once rewritten, else replaced by the template.

`status` of a message:

- `template`: by the template, which is the program's writer;
- `written`: by the model, the first draft passed the guards;
- `rewritten`: by the model, the second draft passed; `reason` says what was wrong with the first;
- `replaced`: by the template, because both drafts were refused; `reason` says why;
- `unanswered`: by the template, because the model was not asked or did not answer; `reason` says why;
- `pending`: not written for that reason, where the program says `rest: pending`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from fiel.actions.messages.asking import Asker
from fiel.actions.messages.brief import Brief, briefs, checked
from fiel.actions.messages.guards import Titles, first_fault
from fiel.actions.messages.model_writer import ModelWriter
from fiel.actions.messages.prompt import prompt
from fiel.actions.messages.template import TEMPLATE, template_text
from fiel.errors import MessageError
from fiel.program import Program
from fiel.program.messages import Language, Messages
from fiel.store import Store

MESSAGES: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "language": pl.String(),
    "tone": pl.String(),
    "status": pl.String(),
    "text": pl.String(),
    "products": pl.List(pl.String),
    "offer": pl.String(),
    "writer": pl.String(),
    "reason": pl.String(),
    "tokens_in": pl.Int64(),
    "tokens_out": pl.Int64(),
    "cost_micros": pl.Int64(),
    "operator_prob": pl.Float64(),
    "operator_risk_group": pl.String(),
    "operator_segment": pl.String(),
    "operator_engagement": pl.Float64(),
    "operator_basis": pl.List(pl.String),
}
"""Columns of written messages. The `operator_` columns are for the operator only; `operator_basis` says where each
product comes from (`recommend.BASES`). `cost_micros` is in millionths of the currency and, like the tokens, that of the
answers that the message came from."""


COMMON_WORDS = {"low", "medium", "high", "none", "other"}
"""Groups whose names are words of any sentence: not looked for as names."""


@dataclass(frozen=True)
class Written:
    """The messages (columns of `MESSAGES`, one row for each chosen customer, by customer_id), and how it went.

    `sent`: requests of this run. `spent_tokens`, `spent_micros`: of all runs of the as_of. `stopped`: why the model was
    not asked to the end.
    """

    messages: pl.DataFrame
    sent: int = 0
    spent_tokens: int = 0
    spent_micros: int = 0
    stopped: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Messages by status."""
        return dict(self.messages.group_by("status").len().sort("status").iter_rows())


@dataclass(frozen=True)
class _Message:
    status: str
    text: str | None
    writer: str | None
    reason: str | None = None
    requests: tuple[str, ...] = ()


def write_messages(
    chosen: pl.DataFrame,
    program: Program,
    catalogue: pl.DataFrame,
    as_of: date,
    store: Store,
    writer: ModelWriter | None = None,
    *,
    first_pause: float = 1,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    steps: Callable[[str], None] | None = None,
) -> Written:
    """One message for each chosen customer (columns of `CHOSEN`), by the program's writer.

    `writer` is the language model where the program says `openai`. What the store has of an earlier run is used and not
    asked again. MessageError for wrong input, for words of the program that its own guards refuse, and when the model's
    server refuses us: what was answered by then is kept.
    """
    messages = _messages(program)
    rows = checked(chosen, messages, catalogue)
    all_briefs = briefs(rows, messages, catalogue)
    groups = sorted({*rows["segment"].drop_nulls(), *rows["risk_group"]} - COMMON_WORDS)
    titles = {language: Titles(catalogue[f"title_{language}"], language, groups) for language in messages.languages}
    templates = [_checked_template(brief, titles[brief.language]) for brief in all_briefs]
    if messages.writer == TEMPLATE:
        made = [_Message("template", text, TEMPLATE) for text in templates]
        return Written(_frame(rows, all_briefs, made, store))
    if writer is None:
        raise MessageError("the program's messages are written by openai: a language model is needed")
    asker = Asker(store, program.name, as_of, writer, messages.model, first_pause=first_pause, now=now, steps=steps)
    made = _by_model(all_briefs, templates, messages, titles, asker, writer.name)
    if asker.stop is not None and asker.stop.fatal:
        raise MessageError(
            f"the language model {writer.name} refuses every request ({asker.stop.reason}): check "
            "FIEL_OPENAI_ENDPOINT, FIEL_OPENAI_MODEL and FIEL_OPENAI_KEY, then run again; what was answered is kept "
            "and not paid again"
        )
    tokens, micros = store.message_spending(program.name, as_of, messages.model.currency)
    stopped = asker.stop.reason if asker.stop else None
    return Written(_frame(rows, all_briefs, made, store), asker.sent, tokens, micros, stopped)


def _messages(program: Program) -> Messages:
    if program.messages is None:
        raise MessageError(f"program {program.name} writes no messages: its file has no `messages`")
    return program.messages


def _checked_template(brief: Brief, titles: Titles) -> str:
    text = template_text(brief)
    fault = first_fault(text, brief, titles)
    if fault is not None:
        raise MessageError(
            f"the {brief.language} template for customer {brief.customer_id!r} is refused by a guard ({fault}): mend "
            "the words of the program file's messages (signature, call_to_action, offers, lengths) or the titles"
        )
    return text


def _by_model(
    all_briefs: list[Brief],
    templates: list[str],
    messages: Messages,
    titles: dict[Language, Titles],
    asker: Asker,
    name: str,
) -> list[_Message]:
    def one(brief: Brief, template: str) -> _Message:
        reasons: list[str] = []
        requests: list[str] = []
        for status in ("written", "rewritten"):
            asked = asker.ask(brief.customer_id, prompt(brief, reasons[-1] if reasons else None))
            if asked.text is None:
                why = "; ".join([*reasons, f"no answer: {asked.why_not}"])
                if messages.rest == "pending":
                    return _Message("pending", None, None, why, tuple(requests))
                return _Message("unanswered", template, TEMPLATE, why, tuple(requests))
            requests.append(asked.request)
            draft = asked.text.strip()
            fault = first_fault(draft, brief, titles[brief.language])
            if fault is None:
                return _Message(status, draft, name, "; ".join(reasons) or None, tuple(requests))
            reasons.append(str(fault))
        return _Message("replaced", template, TEMPLATE, "; ".join(reasons), tuple(requests))

    with ThreadPoolExecutor(messages.model.concurrency, thread_name_prefix="messages") as pool:
        under_way = [pool.submit(one, brief, text) for brief, text in zip(all_briefs, templates, strict=True)]
        try:
            return [future.result() for future in under_way]
        except BaseException:
            asker.abandon()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _frame(rows: pl.DataFrame, all_briefs: list[Brief], made: list[_Message], store: Store) -> pl.DataFrame:
    """The messages beside what the operator knows of the customer."""
    requests = {request for message in made for request in message.requests}
    calls = {row.request: row for row in store.message_calls(requests) if row.state == "answered"} if requests else {}
    used = [[calls[request] for request in message.requests] for message in made]
    return pl.DataFrame(
        {
            "customer_id": [brief.customer_id for brief in all_briefs],
            "language": [brief.language for brief in all_briefs],
            "tone": [brief.tone for brief in all_briefs],
            "status": [message.status for message in made],
            "text": [message.text for message in made],
            "products": [list(brief.product_ids) for brief in all_briefs],
            "offer": [brief.offer_id for brief in all_briefs],
            "writer": [message.writer for message in made],
            "reason": [message.reason for message in made],
            "tokens_in": [sum(row.tokens_in for row in answers) for answers in used],
            "tokens_out": [sum(row.tokens_out for row in answers) for answers in used],
            "cost_micros": [sum(row.cost_micros for row in answers) for answers in used],
            "operator_prob": rows["prob"],
            "operator_risk_group": rows["risk_group"],
            "operator_segment": rows["segment"],
            "operator_engagement": rows["engagement"],
            "operator_basis": rows["basis"],
        },
        schema=MESSAGES,
    )
