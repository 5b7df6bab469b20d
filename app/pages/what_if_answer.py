"""The answer to "what if", ready to be shown: both scores, the difference, and which reason moves it by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.pages.customer_model import Asked
from app.pages.voice import Voice
from app.pages.what_if_fields import Field
from app.pages.words import is_zero
from app.scored import Scored
from fiel.models.live import Reason
from fiel.models.what_if import Difference

MOST_ROWS = 6
SMALLEST = 0.0005
"""Differences of the log odds below this are not shown."""


@dataclass(frozen=True)
class ReasonRow:
    """One reason: in words, the value before and after where it changed, what it adds, and its bar (parts of 50)."""

    text: str
    before: str
    after: str
    change: str
    exact: str
    width_left: float
    width_right: float


@dataclass(frozen=True)
class Answer:
    """What is shown; `problems` are the fields that could not be read, and nothing else is there then."""

    said: str
    problems: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    exact_before: str = ""
    exact_after: str = ""
    change: str = ""
    direction: int = 0
    rows: tuple[ReasonRow, ...] = ()
    note: str = ""


def answer(asked: Asked, fields: list[Field], scored: Scored, voice: Voice) -> Answer:
    """The answer to `asked` of the customer `scored`."""
    _ = voice.say
    if asked.difference is None:
        names = {field.name: voice.feature(field.name) for field in fields}
        problems = tuple(f"{names[name]}: {why}" for name, why in asked.errors.items())
        return Answer(_("Some fields cannot be read."), problems)
    found = asked.difference
    moved = found.after - found.before
    change = voice.signed_points(moved)
    before, after = voice.percent(found.before), voice.percent(found.after)
    differs = scored.prob is not None and abs(scored.prob - found.before) > 1e-12
    return Answer(
        said=_("The score would be %(after)s instead of %(before)s.", after=after, before=before),
        before=before,
        after=after,
        exact_before=repr(found.before),
        exact_after=repr(found.after),
        change=change,
        direction=0 if is_zero(change) else (moved > 0) - (moved < 0),
        rows=_rows(found, asked.values, voice),
        note=_(
            "The score above comes from a model that had not seen this customer, both scores here from the model in "
            "service, which has."
        )
        if differs
        else "",
    )


def _rows(found: Difference, values: Mapping[str, tuple[Any, Any]], voice: Voice) -> tuple[ReasonRow, ...]:
    told = [reason for reason in found.by_reason if abs(reason.contribution) >= SMALLEST]
    top = max((abs(reason.contribution) for reason in told), default=1.0)
    made = [_row(reason, values, top, voice) for reason in told[:MOST_ROWS]]
    rest = sum(reason.contribution for reason in told[MOST_ROWS:])
    if len(told) > MOST_ROWS:
        words = voice.say("%(count)s more reasons together", count=voice.whole(len(told) - MOST_ROWS))
        made.append(ReasonRow(words, "", "", voice.signed(rest), repr(rest), *_bar(rest, max(top, abs(rest)))))
    return tuple(made)


def _row(reason: Reason, values: Mapping[str, tuple[Any, Any]], top: float, voice: Voice) -> ReasonRow:
    added = reason.contribution
    before, after = values.get(reason.feature, (None, None))
    is_changed = reason.feature in values and before != after
    return ReasonRow(
        reason.text,
        voice.value_of(reason.feature, before) if is_changed else "",
        voice.value_of(reason.feature, after) if is_changed else "",
        voice.signed(added),
        repr(added),
        *_bar(added, top),
    )


def _bar(added: float, top: float) -> tuple[float, float]:
    """Width of the bar to the left and to the right of the middle."""
    width = round(50 * abs(added) / top, 1)
    return (0.0, width) if added > 0 else (width, 0.0)
