"""Why a score is what it is, in words: as the batch told it, or asked of the champion now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import orjson

from app.champions import Live
from app.scoring import Scored
from fiel.models.live import Reason, explain
from fiel.program import Program

Language = Literal["en", "pt"]


def reasons_of(
    live: Live | None, program: Program, scored: Sequence[Scored], language: Language
) -> list[list[dict[str, Any]]]:
    """For each answer its reasons, strongest first, as the API shows them; none where there is no probability.

    The champion is asked for all of them in one call. Where it cannot be (the score is the stored one, and another
    model made it), the reasons that were told when it was scored stand, if there are any.
    """
    asked = [one for one in scored if live is not None and _is_of(live, one)]
    told: Iterator[list[Reason]] = iter(())
    if live is not None and asked:
        rows = [one.values for one in asked if one.values is not None]
        told = iter(explain(live.model, rows, program, language))
    return [
        [shown(reason) for reason in next(told)]
        if live is not None and _is_of(live, one)
        else published_reasons(one, language)
        for one in scored
    ]


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


def _is_of(live: Live, one: Scored) -> bool:
    """Whether the answer can be explained by the champion."""
    return one.prob is not None and one.values is not None and one.model_digest == live.model.digest
