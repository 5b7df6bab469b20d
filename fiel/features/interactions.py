"""What happens in the interaction log: events by kind, hour and weekday, and the articles that people want most.

Popular is what many sessions have, not what one session clicks a hundred times. Everything here takes core_interactions
as a LazyFrame and adds up whole numbers, so a log larger than memory gives the same rows whatever its order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Literal

import polars as pl

from fiel.features.arithmetic import ratio

KINDS = ("clicks", "carts", "orders")
Dimension = Literal["kind", "hour", "weekday"]

ROWS_AT_ONCE = 20_000_000
"""Events that are counted together: telling sessions apart takes memory for each of them."""


def event_counts(interactions: pl.LazyFrame, as_of: date | None = None) -> pl.DataFrame:
    """kind, hour (0 to 23), weekday (1 Monday to 7 Sunday), events, sessions: one row for each that occurs, sorted.

    The hours are those of the program's day_time_zone. `as_of`: only events of earlier days.
    """

    def of_some(some: pl.LazyFrame) -> pl.LazyFrame:
        return some.group_by("kind", "hour", "weekday").agg(
            events=pl.len().cast(pl.Int64), sessions=pl.col("session").n_unique().cast(pl.Int64)
        )

    by = ["kind", "hour", "weekday"]
    return _in_turns(_before(interactions, as_of), by, of_some).sort(by)


def event_distribution(counts: pl.DataFrame, by: Dimension) -> pl.DataFrame:
    """`by`, clicks, carts, orders, events, share of all events: one row for each value, also those without events.

    `counts` comes from `event_counts`.

    >>> counts = pl.DataFrame({"kind": ["clicks", "orders"], "hour": [3, 4], "weekday": [1, 1], "events": [3, 1]})
    >>> event_distribution(counts, "weekday").row(0)
    (1, 3, 0, 1, 4, 1.0)
    """
    values = {"kind": list(KINDS), "hour": list(range(24)), "weekday": list(range(1, 8))}[by]
    told = counts.group_by(by).agg(
        *(pl.col("events").filter(pl.col("kind") == kind).sum().cast(pl.Int64).alias(kind) for kind in KINDS),
        pl.col("events").sum().cast(pl.Int64),
    )
    frame = pl.DataFrame({by: values}).join(told, on=by, how="left", maintain_order="left").fill_null(0)
    return frame.with_columns(share=ratio(pl.col("events"), pl.col("events").sum()).fill_nan(0.0))


def popular_items(interactions: pl.LazyFrame, top: int, as_of: date | None = None) -> pl.DataFrame:
    """Rank (from 1), aid, sessions, clicks, carts, orders: the `top` articles by number of sessions.

    Of equals the one with more orders, then carts, then the smaller aid.
    """
    return _ranked(_by_item(_before(interactions, as_of), []), [], top)


def popular_items_by_segment(
    interactions: pl.LazyFrame, links: pl.DataFrame, segments: pl.DataFrame, top: int, as_of: date | None = None
) -> pl.DataFrame:
    """segment, rank, aid, sessions, clicks, carts, orders: the `top` articles of each segment, as `popular_items`.

    `links`: core_links_sessions; `segments`: customer_id, segment. Sessions without a customer count nowhere; a segment
    without any linked session has no rows.
    """
    owner = links.join(segments.select("customer_id", "segment"), on="customer_id").select("session", "segment")
    linked = _before(interactions, as_of).join(owner.lazy(), on="session")
    return _ranked(_by_item(linked, ["segment"]), ["segment"], top)


def _before(interactions: pl.LazyFrame, as_of: date | None) -> pl.LazyFrame:
    return interactions if as_of is None else interactions.filter(pl.col("day") <= as_of - timedelta(days=1))


def _in_turns(
    interactions: pl.LazyFrame, by: Sequence[str], counted: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> pl.DataFrame:
    """The sums, by `by`, of what `counted` counts among some sessions at a time, so that memory does not grow with all.

    Every session is in one turn, so numbers of distinct sessions add up.
    """
    rows = interactions.select(pl.len()).collect(engine="streaming").item()
    turns = max(1, -(-rows // ROWS_AT_ONCE))
    parts = [
        counted(interactions.filter(pl.col("session") % turns == turn) if turns > 1 else interactions).collect(
            engine="streaming"
        )
        for turn in range(turns)
    ]
    return parts[0] if turns == 1 else pl.concat(parts).group_by(by).agg(pl.all().sum())


def _by_item(interactions: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """by, aid, sessions and events of each kind. Sessions are told apart first, which takes less memory than a set."""

    def of_some(some: pl.LazyFrame) -> pl.LazyFrame:
        each = some.group_by(*by, "aid", "session").agg(
            (pl.col("kind") == kind).sum().cast(pl.Int64).alias(kind) for kind in KINDS
        )
        return each.group_by(*by, "aid").agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(*KINDS).sum())

    return _in_turns(interactions, [*by, "aid"], of_some).lazy()


def _ranked(items: pl.LazyFrame, by: Sequence[str], top: int) -> pl.DataFrame:
    best = [*by, "sessions", "orders", "carts", "aid"]
    ordered = items.sort(best, descending=[name not in (*by, "aid") for name in best])
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    ranked = ordered.with_columns(rank=number.over(by) if by else number).filter(pl.col("rank") <= top)
    return ranked.select(*by, "rank", "aid", "sessions", *KINDS).sort(*by, "rank").collect()
