"""Why a score is what it is, in words: as the batch told it, or asked of the champion now."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any, Literal

import orjson

from app.champions import Live
from app.scored import Scored
from fiel.models.live import Reason, explain
from fiel.program import Program

Language = Literal["en", "pt"]


MOST_KEPT = 20_000
"""Customers whose reasons are kept in memory: a customer's page is opened more than once, and asking takes long."""

_kept: OrderedDict[tuple[str, str, str, str, str], list[dict[str, Any]]] = OrderedDict()
_lock = Lock()


def reasons_of(
    live: Live | None, program: Program, scored: Sequence[Scored], language: Language
) -> list[list[dict[str, Any]]]:
    """For each answer its reasons, strongest first, as the API shows them; none where there is no probability.

    The champion is asked for all of them in one call, which takes some milliseconds. Where it cannot be (the score is
    the stored one, and another model made it), the reasons that were told when it was scored stand, if there are any.
    """
    told = [None if live is None else kept_reasons(live, program, one, language) for one in scored]
    asked = [
        place
        for place, one in enumerate(scored)
        if live is not None and told[place] is None and can_be_explained(live, one)
    ]
    if live is not None and asked:
        rows = [values for place in asked if (values := scored[place].values) is not None]
        for place, found in zip(asked, explain(live.model, rows, program, language), strict=True):
            told[place] = [shown(reason) for reason in found]
            _keep(live, program, scored[place], language, told[place] or [])
    return [
        published_reasons(one, language) if reasons is None else reasons
        for one, reasons in zip(scored, told, strict=True)
    ]


def kept_reasons(live: Live, program: Program, one: Scored, language: Language) -> list[dict[str, Any]] | None:
    """The reasons of a published customer that the champion gave before; None where it has to be asked."""
    key = _key(live, program, one, language)
    if key is None:
        return None
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
    return found


def published_reasons(one: Scored, language: Language, document: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The reasons that were told when the customer was scored, where the answer is of the same model."""
    if one.prob is None or one.row is None or one.row.scores["model_digest"] != one.model_digest:
        return []
    if document is None:
        document = orjson.loads(one.row.document) if one.row.document else {}
    texts = document.get("reasons", {}).get(language)
    if texts is None and language == "en":
        texts = [one.row.scores[name] for name in ("reason_1", "reason_2", "reason_3")]
    return [{"text": text} for text in texts or () if text]


def shown(reason: Reason) -> dict[str, Any]:
    """A reason as the API shows it."""
    return {
        "text": reason.text,
        "feature": reason.feature,
        "topic": reason.topic,
        "value": reason.value,
        "contribution": reason.contribution,
    }


def can_be_explained(live: Live, one: Scored) -> bool:
    """Whether the answer can be explained by the champion."""
    return one.prob is not None and one.values is not None and one.model_digest == live.model.digest


def _key(live: Live, program: Program, one: Scored, language: Language) -> tuple[str, str, str, str, str] | None:
    """What decides the reasons of a published customer; None for a customer by features."""
    if one.row is None or one.customer_id is None:
        return None
    return program.name, one.row.set_digest, live.model.digest, one.customer_id, language


def _keep(live: Live, program: Program, one: Scored, language: Language, found: list[dict[str, Any]]) -> None:
    key = _key(live, program, one, language)
    if key is None:
        return
    with _lock:
        _kept[key] = found
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
