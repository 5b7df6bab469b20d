"""Other worlds that agree with a core up to an as_of and with nothing after it, for the leakage check.

Two of them: `cut_core` holds only what was known before as_of, and `rewritten_core` is what a later source version
could show: rows deleted, changed and added from as_of's midnight on, catalogues that grew, links that were made, new
names, other balances. Which rows and values are known is read from the known-at rules of `fiel/tables/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import polars as pl

from fiel.core import Core
from fiel.errors import SchemaError
from fiel.program import Program
from fiel.sources.customer_days import customer_days
from fiel.sources.landing import PARSED, land_core
from fiel.sources.rules import Sieve
from fiel.sources.version import SourceVersion
from fiel.tables import CORE_TABLES, known_at

LOG_TABLES = ("core_rejected", "core_changes")
"""What ingests tell about themselves: no rows of the customers', and emptied in every other world."""

ACTIVE_USERS = 200
"""Course users who do everything at once in a rewritten world (bounds its size)."""

_SEED = 20_260_101
_NEW = "rewritten"


def sampled(core: Core, max_customers: int) -> Core:
    """The core in memory with at most `max_customers` customers and all their rows; SchemaError on undeclared columns.

    Courses, episodes, and what users without a link did, stay whole.
    """
    tables = {name: core[name.removeprefix("core_")] for name in CORE_TABLES}
    for name, frame in tables.items():
        for column in frame.collect_schema().names():
            known_at(name, column)
    holders = (tables[name].select("customer_id") for name in ("core_customers", "core_events", "core_links"))
    ids = pl.concat(list(holders)).unique().collect()
    chosen = ids.sort(pl.col("customer_id").hash(_SEED), "customer_id").head(max_customers).lazy()
    found = {
        name.removeprefix("core_"): (
            frame.join(chosen, on="customer_id", how="semi") if "customer_id" in frame.collect_schema() else frame
        ).collect()
        for name, frame in tables.items()
    }
    return Core.of(found, core.known_through, core.source_version)


def relanded_core(core: Core, program: Program) -> Core:
    """The core made again from the source rows that it holds, by the ingest's own code."""
    return _landed(_source_rows(core, program), core, program)


def cut_core(core: Core, as_of: date, program: Program) -> Core:
    """The core with nothing of `as_of` or later: rows of later days, and what was published then, are gone.

    Columns that are never a feature hold other values.
    """
    tables = {name: _cut(name, core[name.removeprefix("core_")].collect(), as_of) for name in CORE_TABLES}
    active = tables["core_events"].select("customer_id").unique()
    tables["core_customers"] = tables["core_customers"].join(active, on="customer_id", how="semi")
    tables["core_customer_days"] = customer_days(tables["core_events"].lazy(), program).collect()
    return _core(tables, as_of - timedelta(days=1))


def rewritten_core(core: Core, as_of: date, program: Program) -> Core:
    """The core of a later source version that shows another future from `as_of` on, ingested after `cut_core`."""
    rows = _source_rows(core, program)
    midnight = _midnight(as_of, program)
    past = rows["events"].filter(pl.col("occurred_at") < midnight)
    events = pl.concat([past, _other_future(rows["events"], past, midnight, program)])
    lines = _other_lines(rows["lines"], rows["products"], past, events)
    found = {
        "events": events,
        "lines": lines,
        "products": _other_products(rows["products"]),
        "customers": _other_customers(rows["customers"]),
        **_other_courses(rows, past, midnight, program),
    }
    return _landed(found, cut_core(core, as_of, program), program)


# ------------------------------------------------------------------------------------------------ core <-> source rows


def _source_rows(core: Core, program: Program) -> dict[str, pl.DataFrame]:
    """The parsed source tables that the core was made of (`landing.PARSED`), as far as it still shows them.

    The core keeps no year of a course; a course counts as older than its records where an episode is known from
    `courses_undated_until`, which is what the year decides.
    """
    until = program.courses_undated_until
    tables = {
        "events": core["events"],
        "lines": core["event_lines"],
        "products": core["products"],
        "customers": core["customers"].filter(pl.col("status") == "present"),
        "links": core["links"].filter(pl.col("known_until").is_null()),
        "courses": core["course_episodes"]
        .group_by("course_slug")
        .agg(year=pl.when((pl.col("known_from") == until).any()).then(until.year - 1).otherwise(until.year)),
        "episodes": core["course_episodes"],
        "completions": core["completions"],
        "skills": core["skills"],
        "rewards": core["rewards"],
    }
    return {
        name: tables[name].select(list(schema)).collect().cast(pl.Schema(schema)) for name, schema in PARSED.items()
    }


def _landed(rows: dict[str, pl.DataFrame], previous: Core, program: Program) -> Core:
    """Source rows through the ingest's own code, columns that are never a feature with other values."""
    landing = land_core(program, SourceVersion(_NEW, ()), rows, Sieve(_NEW), previous=previous, same_rules=True)
    tables = {name: _never_as_it_was(name, frame) for name, frame in landing.tables.items()}
    return _core(tables, landing.known_through)


def _core(tables: dict[str, pl.DataFrame], known_through: date) -> Core:
    kept = {name: frame.clear() if name in LOG_TABLES else frame for name, frame in tables.items()}
    return Core.of({name.removeprefix("core_"): frame for name, frame in kept.items()}, known_through, _NEW)


def _cut(name: str, frame: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Rows of the core table known before `as_of`: by their day, else by the day from which they are known."""
    rules = {column: known_at(name, column) for column in frame.columns}
    dates = [column for column in ("day", "known_from") if rules.get(column) in ("event_time", "published")]
    if not dates and set(rules.values()) - {"never", "first_version"}:
        raise SchemaError(
            f"table {name} has neither a day nor known_from: the leakage check cannot tell its rows apart"
        )
    known = frame.filter([pl.col(column) < as_of for column in dates]) if dates else frame
    if "known_until" in rules:
        known = known.with_columns(pl.when(pl.col("known_until") < as_of).then("known_until").alias("known_until"))
    return _never_as_it_was(name, known)


def _never_as_it_was(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with another value wherever the table says that a column is never a feature."""
    never = [column for column in frame.columns if known_at(name, column) == "never"]
    return frame.with_columns(_other_value(column, frame.schema[column]) for column in never)


def _other_value(column: str, dtype: pl.DataType) -> pl.Expr:
    values = pl.col(column)
    if dtype == pl.String:
        return pl.concat_str(values.fill_null(""), pl.lit(f" {_NEW}")).alias(column)
    if dtype == pl.Boolean:
        return ~values
    if dtype.is_numeric():
        return (values.fill_null(0) * -1 - 1).alias(column)
    return values + pl.duration(days=400)


# ------------------------------------------------------------------------------------------------ another future


def _midnight(as_of: date, program: Program) -> datetime:
    """First instant of `as_of` in the program's zone, naive UTC."""
    return datetime(as_of.year, as_of.month, as_of.day, tzinfo=program.tz).astimezone(UTC).replace(tzinfo=None)


def _pick(column: str, parts: int) -> pl.Expr:
    """0 to parts - 1, drawn for each value of the column, always the same."""
    return pl.col(column).hash(_SEED) % parts


def _other_future(events: pl.DataFrame, past: pl.DataFrame, midnight: datetime, program: Program) -> pl.DataFrame:
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
    newcomers = pl.DataFrame({"customer_id": [f"{_NEW}-{number}" for number in range(20)]})
    customers = pl.concat([past.select("customer_id").unique(), newcomers])
    later = pl.lit(midnight) + pl.duration(days=_pick("customer_id", 30), hours=_pick("customer_id", 23) + 1)
    new = [
        customers.select(
            pl.format(f"{_NEW}-{turn}-{{}}", "customer_id").alias("event_id"),
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


def _other_lines(lines: pl.DataFrame, products: pl.DataFrame, past: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Lines of the past as they were; of the future with another product; two lines for each second new event."""
    known = lines.join(past, on="event_id", how="semi")
    future = lines.join(past, on="event_id", how="anti").join(events, on="event_id", how="semi")
    ids = products.get_column("product_id").sort()
    new = events.filter(pl.col("event_id").str.starts_with(f"{_NEW}-2-")).sort("event_id").with_row_index("at")
    made = [
        new.select(
            "event_id",
            line_id=pl.format(f"{_NEW}-{turn}-{{}}", "at"),
            product_id=pl.lit(ids).gather((pl.col("at") + turn) % max(len(ids), 1)) if len(ids) else pl.lit("p"),
            quantity=pl.lit(2, pl.Int64),
            value=pl.lit(9, pl.Int64),
        )
        for turn in range(2)
    ]
    return pl.concat([known, future.with_columns(pl.col("product_id").reverse()), *made])


def _other_products(products: pl.DataFrame) -> pl.DataFrame:
    """Every product under another one's name and category, and a new product."""
    turned = products.sort("product_id").with_columns(
        pl.col(column).gather((pl.int_range(pl.len()) + 1) % pl.len()) for column in ("product_name", "source_category")
    )
    new = pl.DataFrame({"product_id": [_NEW], "product_name": [_NEW], "source_category": [_NEW]})
    return pl.concat([turned, new])


def _other_customers(customers: pl.DataFrame) -> pl.DataFrame:
    """Every customer with another balance and creation stamp."""
    return customers.with_columns(
        _other_value(column, customers.schema[column]) for column in ("source_created_at", "balance_points")
    )


def _other_courses(
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
    new_courses = pl.DataFrame({"course_slug": [f"{_NEW}-{year}" for year in years], "year": years})
    new_episodes = new_courses.select("course_slug", episode=pl.lit(1, pl.Int64))
    kept = rows["episodes"].filter(pl.struct("course_slug", "episode").hash(_SEED) % 5 != 0)
    episodes = pl.concat([kept, *longer, new_episodes])
    courses = pl.concat([rows["courses"], new_courses])

    users = _users(rows.values())
    active = users.sort(_pick("user_id", 1 << 40), "user_id").head(ACTIVE_USERS)
    at = pl.lit(midnight).cast(pl.Datetime("us")).alias("occurred_at")
    everything = active.join(episodes, how="cross").select("user_id", "course_slug", "episode", at)
    claims = active.join(courses, how="cross").select("user_id", "course_slug", at)
    learnt = active.select(
        pl.format(f"{_NEW}-{{}}", "user_id").alias("skill_event_id"),
        "user_id",
        pl.lit(_NEW).alias("skill"),
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
    new = pl.DataFrame({"user_id": [f"{_NEW}-{number}" for number in range(20)]})
    return pl.concat([*named, new]).unique().sort("user_id")


def _appended(rows: pl.DataFrame, more: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The rows and those of `more` whose key is new."""
    return pl.concat([rows, more.join(rows, on=key, how="anti").select(rows.columns)])
