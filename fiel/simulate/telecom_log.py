"""The simulated interaction log: sessions of clicks, carts and orders in the lines of OTTO's files.

Shares, lengths, repeats and the concentration on few articles follow what is published about the real log (DOMAIN.md
section 4); no session of it is used. Each session is drawn from its number, so a chunk of sessions needs no other.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from fiel.simulate.calendar import day_number
from fiel.simulate.draws import Draws, Floats, Ints

CHUNK = 20_000
ARTICLES = 60_000
CARTS, ORDERS = 0.0780, 0.0235  # the rest are clicks
REPEATS = 331_159 / 216_700_000  # exact duplicates in the real log
LONGEST = 500
_MEAN_LOG, _SPREAD_LOG = 1.68, 1.5  # lengths: 2 at least, median 6, mean about 17
_BACK = 0.3  # share of events on the article of the event before
_HOURS = np.array([2, 1, 1, 1, 1, 2, 5, 9, 11, 12, 12, 12, 12, 12, 13, 14, 15, 17, 19, 20, 18, 13, 8, 4], dtype=float)
_WEEKDAYS = np.array([1.0, 0.98, 0.97, 0.98, 0.94, 0.96, 1.17])
_DAY_MS = 86_400_000

_BROKEN = (
    '{"session":%d,"events":[{"aid":59625,"ts":16593048',
    '{"session":%d}',
    "session %d was lost",
    '{"session":%d,"events":[{"aid":"none","ts":"yesterday","type":"clicks"}]}',
)


@dataclass(frozen=True)
class LogPart:
    """Some lines of the log, and what they hold."""

    lines: bytes
    sessions: int
    events: int  # without exact repeats
    repeats: int
    broken: int


def log_parts(draws: Draws, sessions: int, first: date, last: date, broken_share: float) -> Iterator[LogPart]:
    """The lines of the log from `first` to `last` (UTC days), by session; broken ones stand between the others."""
    for start in range(0, sessions, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, sessions))
        yield _part(draws, numbers, first, last, broken_share)


def _part(draws: Draws, sessions: Ints, first: date, last: date, broken_share: float) -> LogPart:
    owner, place = _places(draws, sessions)
    frame = pl.DataFrame(
        {
            "session": owner,
            "aid": _articles(draws, owner, place),
            "ts": _times(draws, owner, place, first, last),
            "type": _kinds(draws, owner, place),
        }
    )
    again = draws.uniform("telecom-repeat", owner, place) < REPEATS
    told = frame.select(pl.all().repeat_by(pl.Series(1 + again.astype(np.int64))).explode())
    lines = told.group_by("session", maintain_order=True).agg(events=pl.struct("aid", "ts", "type"))
    buffer = io.BytesIO()
    lines.write_ndjson(buffer)
    text, broken = _with_broken(draws, buffer.getvalue(), sessions, broken_share)
    return LogPart(text, lines.height, frame.height, int(again.sum()), broken)


def _places(draws: Draws, sessions: Ints) -> tuple[Ints, Ints]:
    """Session and place in it (0, 1, ...) of each event."""
    length = np.exp(_MEAN_LOG + _SPREAD_LOG * draws.normal("telecom-length", sessions))
    length = np.clip(np.ceil(length), 2, LONGEST).astype(np.int64)
    owner = np.repeat(sessions, length)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)


def _articles(draws: Draws, owner: Ints, place: Ints) -> Ints:
    """Articles, the smaller numbers the more popular (shares as 1 / rank); now and then the one before again."""
    rank = ARTICLES ** draws.uniform("telecom-article", owner, place) - 1
    fresh = (place == 0) | (draws.uniform("telecom-back", owner, place) > _BACK)
    chosen = np.maximum.accumulate(np.where(fresh, np.arange(len(owner)), 0))
    found: Ints = rank.astype(np.int64)[chosen]
    return found


def _times(draws: Draws, owner: Ints, place: Ints, first: date, last: date) -> Ints:
    """Milliseconds since 1970, rising within a session, none after the last day."""
    days = (last - first).days + 1
    begins, ends = day_number(first) * _DAY_MS, (day_number(first) + days) * _DAY_MS
    weekday = (np.arange(days) + first.weekday()) % 7
    weight = np.cumsum((_WEEKDAYS[weekday][:, None] * _HOURS[None, :]).ravel())
    heads = np.flatnonzero(place == 0)
    drawn = draws.uniform("telecom-start", owner[heads]) * weight[-1]
    hour = np.minimum(np.searchsorted(weight, drawn, side="right"), len(weight) - 1)
    minute = draws.uniform("telecom-minute", owner[heads])
    start = begins + ((hour + minute) * 3_600_000).astype(np.int64)
    gap = np.where(place == 0, 0.0, _gaps(draws, owner, place))
    total = np.cumsum(gap)
    which = np.repeat(np.arange(len(heads)), np.diff(np.append(heads, len(owner))))
    since = total - total[heads][which]
    span = np.maximum.reduceat(since, heads)
    # A session that would run past the end begins whole weeks earlier (days where there are no weeks), which keeps its
    # hours and weekdays; what does not fit even then is squeezed into what is left.
    late = 7 * np.ceil(np.maximum(start + span - (ends - LONGEST), 0) / (7 * _DAY_MS)).astype(np.int64)
    start = start - np.minimum(late, (start - begins) // _DAY_MS) * _DAY_MS
    room = ends - start - LONGEST
    squeeze = np.minimum(1.0, room / np.maximum(span, 1.0))
    return np.asarray(start[which] + (since * squeeze[which]).astype(np.int64) + place, dtype=np.int64)


def _gaps(draws: Draws, owner: Ints, place: Ints) -> Floats:
    """Milliseconds since the event before: mostly minutes, sometimes days."""
    pause = -np.log(draws.uniform("telecom-gap", owner, place))
    away = draws.uniform("telecom-away", owner, place) < 0.08
    return np.asarray(pause * np.where(away, 1.5 * _DAY_MS, 100_000.0))


def _kinds(draws: Draws, owner: Ints, place: Ints) -> pl.Series:
    """Kinds in the published shares; some sessions buy more than others."""
    intent = 2 * draws.uniform("telecom-intent", owner)  # mean 1, so the shares stay
    drawn = draws.uniform("telecom-kind", owner, place)
    orders, carts = drawn < ORDERS * intent, drawn < (ORDERS + CARTS) * intent
    return pl.Series(np.select([orders, carts], ["orders", "carts"], "clicks"))


def _with_broken(draws: Draws, text: bytes, sessions: Ints, share: float) -> tuple[bytes, int]:
    """The lines with broken ones after some of them: cut off, without events, no JSON, and with texts for numbers."""
    at = sessions[draws.uniform("telecom-broken", sessions) < share] - sessions[0]
    if not len(at):
        return text, 0
    lines = text.splitlines()
    for done, place in enumerate(at.tolist()):
        number = int(sessions[0]) + place
        lines.insert(place + done + 1, (_BROKEN[number % len(_BROKEN)] % (10**9 + number)).encode())
    return b"\n".join(lines) + b"\n", len(at)
