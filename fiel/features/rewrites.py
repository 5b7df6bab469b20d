"""Other worlds that agree with a core up to an as_of and with nothing after it, for the leakage check.

Two of them: `cut_core` holds only what was known before as_of, and `rewritten_core` is what a later source version
could show: rows deleted, changed and added from as_of's midnight on, purchases taken back, catalogues that grew, links
that were made, new names, other balances. Which rows and values are known is read from the known-at rules of
`fiel/tables/`.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.errors import SchemaError
from fiel.features.other_future import (
    NEW,
    SEED,
    midnight_of,
    other_courses,
    other_customers,
    other_events,
    other_lines,
    other_products,
    other_returns,
    other_value,
)
from fiel.features.other_quarters import other_quarters, quarterly_rows
from fiel.program import Program
from fiel.sources.customer_days import customer_days
from fiel.sources.landing import PARSED, land_core, operator_events
from fiel.sources.rules import Sieve
from fiel.sources.version import SourceVersion
from fiel.tables import CORE_TABLES, known_at

LOG_TABLES = ("core_rejected", "core_changes")
"""What ingests tell about themselves: no rows of the customers', and emptied in every other world."""


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
    chosen = ids.sort(pl.col("customer_id").hash(SEED), "customer_id").head(max_customers).lazy()
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
    midnight = midnight_of(as_of, program)
    past = rows["events"].filter(pl.col("occurred_at") < midnight)
    operator = rows["operator_events"]
    returned = other_returns(rows["returns"], past, operator, midnight)
    events = pl.concat([past, other_events(rows["events"], past, midnight, program), returned.events])
    lines = other_lines(rows["lines"], rows["products"], past, events)
    found = {
        "events": events,
        "lines": lines,
        "products": other_products(rows["products"]),
        "customers": other_customers(rows["customers"]),
        "operator_events": pl.concat([operator, returned.events.select("event_id")]),
        "returns": returned.pieces,
        **other_courses(rows, past, midnight, program),
        **other_quarters(quarterly_rows(core), as_of, program),
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
        "returns": core["returns"],
        "operator_events": _operator_events_of_the_format(core, program),
        "intake": core["intake"].clear(),
    }
    return {
        name: tables[name].select(list(schema)).collect().cast(pl.Schema(schema)) for name, schema in PARSED.items()
    } | quarterly_rows(core)


def _operator_events_of_the_format(core: Core, program: Program) -> pl.LazyFrame:
    """Operator events that no rule of the program makes one: the source format said so (cancellations)."""
    events, lines = core["events"].collect(), core["event_lines"].collect()
    by_rule = operator_events(events, lines, program).implode()
    return events.lazy().filter("is_operator", ~pl.col("event_id").is_in(by_rule)).select("event_id")


def _landed(rows: dict[str, pl.DataFrame], previous: Core, program: Program) -> Core:
    """Source rows through the ingest's own code, columns that are never a feature with other values."""
    landing = land_core(program, SourceVersion(NEW, ()), rows, Sieve(NEW), previous=previous, same_rules=True)
    tables = {name: _never_as_it_was(name, frame) for name, frame in landing.tables.items()}
    return _core(tables, landing.known_through)


def _core(tables: dict[str, pl.DataFrame], known_through: date) -> Core:
    kept = {name: frame.clear() if name in LOG_TABLES else frame for name, frame in tables.items()}
    return Core.of({name.removeprefix("core_"): frame for name, frame in kept.items()}, known_through, NEW)


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
    return frame.with_columns(other_value(column, frame.schema[column]) for column in never)
