"""What happens in the interaction log: events by kind, hour and weekday, and the articles that people want most.

Popular is what many sessions have, not what one session clicks a hundred times. Everything here takes core_interactions
as a LazyFrame and adds up whole numbers, so a log larger than memory gives the same rows whatever its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import polars as pl

from fiel.features.arithmetic import ratio

KINDS = ("clicks", "carts", "orders")
Dimension = Literal["kind", "hour", "weekday"]

_STRENGTH = {"orders": 3, "carts": 2, "clicks": 1}


def event_counts(interactions: pl.LazyFrame, as_of: date | None = None) -> pl.DataFrame:
    """kind, hour (0 to 23), weekday (1 Monday to 7 Sunday), events, sessions: one row for each that occurs, sorted.

    The hours are those of the program's day_time_zone. `as_of`: only events of earlier days.
    """
    return (
        _before(interactions, as_of)
        .group_by("kind", "hour", "weekday")
        .agg(events=pl.len().cast(pl.Int64), sessions=pl.col("session").n_unique().cast(pl.Int64))
        .sort("kind", "hour", "weekday")
        .collect()
    )


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


def customer_items(
    interactions: pl.LazyFrame, links: pl.DataFrame, top: int, as_of: date | None = None
) -> pl.DataFrame:
    """customer_id, rank, aid, strongest (orders, carts or clicks), last_at: each linked customer's own `top` articles.

    What was ordered comes before what was only put into the cart, and that before what was only clicked; of equals the
    latest, then the smaller aid.
    """
    strength = pl.col("kind").replace_strict(_STRENGTH, return_dtype=pl.Int64)
    found = (
        _before(interactions, as_of)
        .join(links.select("session", "customer_id").lazy(), on="session")
        .group_by("customer_id", "aid")
        .agg(_strength=strength.max(), last_at=pl.col("occurred_at").max())
        .sort(["customer_id", "_strength", "last_at", "aid"], descending=[False, True, True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("customer_id"))
        .filter(pl.col("rank") <= top)
        .collect()
    )
    names = {number: kind for kind, number in _STRENGTH.items()}
    return found.select(
        "customer_id",
        "rank",
        "aid",
        pl.col("_strength").replace_strict(names, return_dtype=pl.String).alias("strongest"),
        "last_at",
    )


def _before(interactions: pl.LazyFrame, as_of: date | None) -> pl.LazyFrame:
    return interactions if as_of is None else interactions.filter(pl.col("day") <= as_of - timedelta(days=1))


def _by_item(interactions: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """by, aid, sessions and events of each kind. Sessions are told apart first, which takes less memory than a set."""
    each = interactions.group_by(*by, "aid", "session").agg(
        (pl.col("kind") == kind).sum().cast(pl.Int64).alias(kind) for kind in KINDS
    )
    return each.group_by(*by, "aid").agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(*KINDS).sum())


def _ranked(items: pl.LazyFrame, by: Sequence[str], top: int) -> pl.DataFrame:
    best = [*by, "sessions", "orders", "carts", "aid"]
    ordered = items.sort(best, descending=[name not in (*by, "aid") for name in best])
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    ranked = ordered.with_columns(rank=number.over(by) if by else number).filter(pl.col("rank") <= top)
    return ranked.select(*by, "rank", "aid", "sessions", *KINDS).sort(*by, "rank").collect()
