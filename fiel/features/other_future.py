"""Another future for the source tables: rows deleted, changed and added from a midnight on, for the leakage check.

Each function takes what a core was made of and gives it back as a later source version could show it: the same before
midnight, and otherwise after it. What is deleted or changed is drawn by a hash, so that it is always the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import NamedTuple

import polars as pl

from fiel.program import Program

ACTIVE_USERS = 200
"""Course users who do everything at once in a rewritten world (bounds its size)."""

SEED = 20_260_101
NEW = "rewritten"
"""Begins every name that is made up here."""


class Returned(NamedTuple):
    """Cancellations: their events, and what they took back."""

    events: pl.DataFrame
    pieces: pl.DataFrame


def midnight_of(as_of: date, program: Program) -> datetime:
    """First instant of `as_of` in the program's zone, naive UTC."""
    return datetime(as_of.year, as_of.month, as_of.day, tzinfo=program.tz).astimezone(UTC).replace(tzinfo=None)


def _pick(column: str, parts: int) -> pl.Expr:
    """0 to parts - 1, drawn for each value of the column, always the same."""
    return pl.col(column).hash(SEED) % parts


def other_events(events: pl.DataFrame, past: pl.DataFrame, midnight: datetime, program: Program) -> pl.DataFrame:
    """Events from midnight on: a third deleted, a third changed, and new ones of every customer and of new customers.

    The first new event of each customer falls on the very midnight.
    """
    live = next(iter(program.target.live_origins), "live")
    future = events.filter(pl.col("occurred_at") >= midnight, _pick("event_id", 3) != 0)
    changed = _pick("event_id", 3) == 1
    other = future.with_columns(
        value=pl.when(changed).then(pl.col("value") * -3 + 111).otherwise("value"),
        customer_id=pl.when(changed).then(pl.col("customer_id").reverse()).otherwise("customer_id"),
        origin=pl.when(changed & (pl.col("origin") == live)).then(pl.lit("cursos")).otherwise("origin"),
    )
    newcomers = pl.DataFrame({"customer_id": [f"{NEW}-{number}" for number in range(20)]})
    customers = pl.concat([past.select("customer_id").unique(), newcomers])
    later = pl.lit(midnight) + pl.duration(days=_pick("customer_id", 30), hours=_pick("customer_id", 23) + 1)
    new = [
        customers.select(
            pl.format(f"{NEW}-{turn}-{{}}", "customer_id").alias("event_id"),
            "customer_id",
            at.cast(pl.Datetime("us")).alias("occurred_at"),
            pl.lit(value, pl.Int64).alias("value"),
            pl.lit(origin).alias("origin"),
        )
        for turn, at, value, origin in (
            (1, pl.lit(midnight), 4_321, live),
            (2, later, -77, live),
            (3, later + pl.duration(days=40), 5_000, "cursos"),
        )
    ]
    return pl.concat([other, *new])


def other_lines(lines: pl.DataFrame, products: pl.DataFrame, past: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Lines of the past as they were; of the future with another product; two lines for each second new event."""
    known = lines.join(past, on="event_id", how="semi")
    future = lines.join(past, on="event_id", how="anti").join(events, on="event_id", how="semi")
    ids = products.get_column("product_id").sort()
    new = events.filter(pl.col("event_id").str.starts_with(f"{NEW}-2-")).sort("event_id").with_row_index("at")
    made = [
        new.select(
            "event_id",
            line_id=pl.format(f"{NEW}-{turn}-{{}}", "at"),
            product_id=pl.lit(ids).gather((pl.col("at") + turn) % max(len(ids), 1)) if len(ids) else pl.lit("p"),
            quantity=pl.lit(2, pl.Int64),
            value=pl.lit(9, pl.Int64),
        )
        for turn in range(2)
    ]
    return pl.concat([known, future.with_columns(pl.col("product_id").reverse()), *made])


def other_returns(returns: pl.DataFrame, past: pl.DataFrame, operator: pl.DataFrame, midnight: datetime) -> Returned:
    """Cancellations from midnight on, as events and as what they took back: every purchase of the past, and more.

    At midnight each purchase of the `past` events is taken back as a whole, and as much again without a purchase that
    matches. Of the `returns` that are there a third of the future ones have another value (their events may be gone, or
    another customer's). `operator`: events that are no purchases.
    """
    is_past = pl.col("event_id").is_in(past["event_id"].implode())
    changed = ~is_past & (_pick("event_id", 3) == 1)
    known = returns.with_columns(value=pl.when(changed).then(pl.col("value") * 3 + 111).otherwise("value"))
    purchases = past.join(operator, on="event_id", how="anti").filter(pl.col("value") > 0).sort("event_id")
    frames = [
        purchases.select(
            pl.format(f"{NEW}-{turn}-{{}}", "event_id").alias("event_id"),
            "customer_id",
            pl.lit(midnight).cast(pl.Datetime("us")).alias("occurred_at"),
            (-1 - pl.col("value")).alias("value"),
            "origin",
            pl.when(matched).then("event_id").alias("purchase_event_id"),
        )
        for turn, matched in (("whole", True), ("unmatched", False))
    ]
    events = pl.concat(frames)
    pieces = events.select(
        "event_id",
        pl.lit("1").alias("line_id"),
        "purchase_event_id",
        pl.lit(None, pl.String).alias("product_id"),
        pl.lit(1, pl.Int64).alias("quantity"),
        -pl.col("value"),
    )
    return Returned(events.drop("purchase_event_id"), pl.concat([known, pieces]))


def other_products(products: pl.DataFrame) -> pl.DataFrame:
    """Every product under another one's name and category, and a new product."""
    turned = products.sort("product_id").with_columns(
        pl.col(column).gather((pl.int_range(pl.len()) + 1) % pl.len()) for column in ("product_name", "source_category")
    )
    new = pl.DataFrame({"product_id": [NEW], "product_name": [NEW], "source_category": [NEW]})
    return pl.concat([turned, new])


def other_customers(customers: pl.DataFrame) -> pl.DataFrame:
    """Every customer with another balance and creation stamp."""
    return customers.with_columns(
        other_value(column, customers.schema[column]) for column in ("source_created_at", "balance_points")
    )


def other_courses(
    rows: dict[str, pl.DataFrame], past: pl.DataFrame, midnight: datetime, program: Program
) -> dict[str, pl.DataFrame]:
    """Longer, shorter and new courses, other links, and users who do everything at midnight."""
    dated = {
        name: pl.concat([frame.filter(before), frame.filter(~before, _pick("user_id", 3) != 0)])
        for name in ("completions", "skills", "rewards")
        for frame, before in [(rows[name], pl.col("occurred_at") < midnight)]
    }
    last = rows["episodes"].group_by("course_slug").agg(pl.col("episode").max())
    longer = [last.with_columns(pl.col("episode") + more) for more in (1, 2, 3)]
    years = [program.courses_undated_until.year - 1, program.courses_undated_until.year + 1]
    new_courses = pl.DataFrame({"course_slug": [f"{NEW}-{year}" for year in years], "year": years})
    new_episodes = new_courses.select("course_slug", episode=pl.lit(1, pl.Int64))
    kept = rows["episodes"].filter(pl.struct("course_slug", "episode").hash(SEED) % 5 != 0)
    episodes = pl.concat([kept, *longer, new_episodes])
    courses = pl.concat([rows["courses"], new_courses])

    users = _users(rows.values())
    active = users.sort(_pick("user_id", 1 << 40), "user_id").head(ACTIVE_USERS)
    at = pl.lit(midnight).cast(pl.Datetime("us")).alias("occurred_at")
    everything = active.join(episodes, how="cross").select("user_id", "course_slug", "episode", at)
    claims = active.join(courses, how="cross").select("user_id", "course_slug", at)
    learnt = active.select(
        pl.format(f"{NEW}-{{}}", "user_id").alias("skill_event_id"),
        "user_id",
        pl.lit(NEW).alias("skill"),
        pl.lit(None, pl.String).alias("level"),
        at,
    )
    return {
        "links": _other_links(rows["links"], users, past),
        "courses": courses,
        "episodes": episodes,
        "completions": _appended(dated["completions"], everything, ["user_id", "course_slug", "episode"]),
        "skills": pl.concat([dated["skills"], learnt]),
        "rewards": _appended(dated["rewards"], claims, ["user_id", "course_slug"]),
    }


def _other_links(links: pl.DataFrame, users: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """Of the links a quarter gone and a quarter to another customer; one for each user without, to one with a past."""
    customers = past.select("customer_id").unique().sort("customer_id").to_series()
    if customers.is_empty():
        return links
    turn = pl.lit(customers).gather(pl.int_range(pl.len()) % len(customers))
    other = links.sort("user_id").with_columns(
        customer_id=pl.when(_pick("user_id", 4) == 1).then(turn).otherwise("customer_id")
    )
    unlinked = users.join(links, on="user_id", how="anti").sort("user_id")
    return pl.concat([other.filter(_pick("user_id", 4) != 0), unlinked.select("user_id", customer_id=turn)])


def _users(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    named = [frame.select("user_id") for frame in frames if "user_id" in frame.columns]
    new = pl.DataFrame({"user_id": [f"{NEW}-{number}" for number in range(20)]})
    return pl.concat([*named, new]).unique().sort("user_id")


def _appended(rows: pl.DataFrame, more: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The rows and those of `more` whose key is new."""
    return pl.concat([rows, more.join(rows, on=key, how="anti").select(rows.columns)])


def other_value(column: str, dtype: pl.DataType) -> pl.Expr:
    """The column with another value in every row."""
    values = pl.col(column)
    if dtype == pl.String:
        return pl.concat_str(values.fill_null(""), pl.lit(f" {NEW}")).alias(column)
    if dtype == pl.Boolean:
        return ~values
    if dtype.is_numeric():
        return (values.fill_null(0) * -1 - 1).alias(column)
    return values + pl.duration(days=400)
