"""From parsed source tables to the core tables: the part that every source format shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from fiel.core import Core
from fiel.errors import SourceError
from fiel.program import Program
from fiel.sources import cancellations, courses
from fiel.sources.changes import Comparison, compare
from fiel.sources.checks import check_reject_share, warn_about
from fiel.sources.customer_days import collected_customer_days
from fiel.sources.intake import INTAKE, sieve_intake
from fiel.sources.profile import collected_profile
from fiel.sources.rules import Sieve, day_of
from fiel.sources.version import SourceVersion
from fiel.tables import CORE_TABLES, TABLES

PARSED: dict[str, dict[str, pl.DataType]] = {
    "events": {
        "event_id": pl.String(),
        "customer_id": pl.String(),
        "occurred_at": pl.Datetime("us"),
        "value": pl.Int64(),
        "origin": pl.String(),
    },
    "lines": {
        "event_id": pl.String(),
        "line_id": pl.String(),
        "product_id": pl.String(),
        "quantity": pl.Int64(),
        "value": pl.Int64(),
    },
    "products": {"product_id": pl.String(), "product_name": pl.String(), "source_category": pl.String()},
    "customers": {
        "customer_id": pl.String(),
        "source_created_at": pl.Datetime("us"),
        "balance_points": pl.Int64(),
    },
    "operator_events": {"event_id": pl.String()},
    "returns": cancellations.PIECES,
    "intake": dict(INTAKE),
    **courses.PARSED,
}
"""The parsed source tables that a format hands over, with their columns; those that it lacks are empty.

`operator_events` are those that the format knows to be (more come from the program file), `returns` what cancellations
took back, `intake` where the rows went (without it the sieve's counts tell).
"""

UNKNOWN_ORIGIN = "unknown"


@dataclass(frozen=True)
class Landing:
    """The core tables of one source version, not written yet, with what was counted on the way.

    `tables` holds every name of CORE_TABLES; `first_day` is the first with an event of a customer's own. `counts` are
    rows: read, kept, rejected, set aside, changed. A core table that is larger than memory is empty in `tables` and
    stands in `files`: Parquet parts in the order of its key.
    """

    tables: dict[str, pl.DataFrame]
    known_through: date
    first_day: date
    counts: dict[str, int]
    warnings: list[str] = field(default_factory=list)
    files: dict[str, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def rejected_by_rule(self) -> dict[str, int]:
        """Rejected rows as `table: rule` -> rows, most first."""
        counted = (
            self.tables["core_rejected"]
            .group_by("table_name", "rule")
            .len()
            .sort(["len", "table_name", "rule"], descending=[True, False, False])
        )
        return {f"{table}: {rule}": number for table, rule, number in counted.iter_rows()}


def land_core(
    program: Program,
    version: SourceVersion,
    parsed: dict[str, pl.DataFrame],
    sieve: Sieve,
    previous: Core | None,
    *,
    same_rules: bool,
) -> Landing:
    """The core tables made of the parsed source tables, compared with the `previous` core.

    Tables that a format lacks are empty; core tables that it fills itself (under their names in `parsed`) are taken as
    they are, if they keep their schema. SourceError: no event at all, or none of a customer's own. RejectShareError:
    too many rejected rows.
    """
    own = {name: frame for name, frame in parsed.items() if name in CORE_TABLES}
    parsed = {
        name: parsed.get(name, pl.DataFrame(schema=schema)).select(list(schema)) for name, schema in PARSED.items()
    }
    check_reject_share(sieve, program)
    events = _valid("core_events", dated_events(parsed["events"], program), sieve)
    if events.is_empty():
        raise SourceError(
            f"source {version.version}: no event is left to work with ({sum(sieve.read.values()):,} rows read): check "
            "that the transaction table has rows, and the column names in the program file"
        )
    last_day = events.select(pl.col("day").max()).item()
    known_through = last_day if program.source.last_day_complete else last_day - timedelta(days=1)
    if "core_accounts" in own:  # a quarter is known as a whole, also one in which nothing happened
        known_through = own["core_accounts"].select(pl.col("day").max()).item() or known_through

    products = core_products(parsed["products"], parsed["lines"], events, program, previous)
    lines = event_lines(parsed["lines"], events, products, previous if same_rules else None)
    operator = operator_events(events, lines, program).append(parsed["operator_events"].get_column("event_id"))
    events = events.with_columns(pl.col("event_id").is_in(operator.implode()).alias("is_operator"))
    lines = lines.with_columns(pl.col("event_id").is_in(operator.implode()).alias("is_operator"))
    first_day = _first_active_day(events, version)
    customers = _all_customers(parsed["customers"], events, sieve)
    comparison = compare(
        version.version, customers, events, lines, parsed["products"], previous, compare_values=same_rules
    )
    warn_about(comparison, program, products, parsed["lines"], events, sieve, known_through, previous)

    tables = {
        "core_customers": comparison.customers,
        "core_events": events,
        "core_event_lines": lines,
        "core_products": products,
        "core_customer_days": collected_customer_days(events.lazy(), program),
        "core_changes": comparison.changes,
        "core_returns": dated_returns(parsed["returns"], events),
    }
    tables |= courses.core_tables(parsed, events, program, version.version, known_through, comparison.merged, previous)
    tables = {name: _valid(name, frame, sieve) for name, frame in (tables | own).items()}
    check_reject_share(sieve, program)
    tables["core_rejected"] = sieve.rejected_rows()
    tables["core_intake"] = sieve_intake(sieve, tables) if parsed["intake"].is_empty() else parsed["intake"]
    tables["core_profile"] = collected_profile(sieve)
    tables |= {name: pl.DataFrame(schema=TABLES[name].declared) for name in CORE_TABLES if name not in tables}
    assert set(tables) == set(CORE_TABLES)
    return Landing(tables, known_through, first_day, _counts(sieve, tables, comparison), sieve.warnings)


def _first_active_day(events: pl.DataFrame, version: SourceVersion) -> date:
    """The first day with an event of a customer's own; SourceError where every event is the operator's."""
    found = events.filter(~pl.col("is_operator")).select(pl.col("day").min()).item()
    if not isinstance(found, date):
        raise SourceError(
            f"source {version.version}: none of {events.height:,} events is a customer's own: all are cancellations, "
            "or what the program file lists under operator_events; check that the purchases are there too"
        )
    return found


def dated_events(parsed: pl.DataFrame, program: Program) -> pl.DataFrame:
    """Events with their day in the program's zone and whether they are live; is_operator is filled later."""
    live = program.target.live_origins
    return parsed.with_columns(
        pl.col("origin").fill_null(UNKNOWN_ORIGIN),
        day_of("occurred_at", program.day_time_zone).alias("day"),
        pl.lit(False).alias("is_operator"),
    ).with_columns((pl.col("origin").is_in(live) if live else pl.lit(True)).alias("is_live"))


def core_products(
    catalogue: pl.DataFrame, lines: pl.DataFrame, events: pl.DataFrame, program: Program, previous: Core | None
) -> pl.DataFrame:
    """Every product ever seen, named and categorised as first seen; categories go through the program's mapping."""
    sold = lines.join(events, on="event_id").group_by("product_id").agg(pl.col("day").min().alias("known_from"))
    named = catalogue
    if previous is not None:
        before = previous["products"].select(list(PARSED["products"])).collect()
        named = before.join(catalogue, on="product_id", how="full", coalesce=True, suffix="_new").select(
            "product_id",
            pl.coalesce("product_name", "product_name_new"),
            pl.coalesce("source_category", "source_category_new"),
        )
    return (
        named.join(sold, on="product_id", how="full", coalesce=True)
        .filter(pl.col("product_id").is_not_null())
        .with_columns(_mapped_category(program).alias("category"))
    )


def _mapped_category(program: Program) -> pl.Expr:
    spelled = pl.col("source_category")
    if not program.source.categories:
        return spelled
    return spelled.str.to_lowercase().replace_strict(program.source.categories, default=spelled)


def event_lines(
    parsed: pl.DataFrame, events: pl.DataFrame, products: pl.DataFrame, previous: Core | None
) -> pl.DataFrame:
    """Lines of the events that are there, with customer, day, and the product as first seen.

    A line that an earlier version held without a name or category stays so: a name that the catalogue learns later was
    not known then (DOMAIN.md section 0, known-at).
    """
    lines = (
        parsed.join(events.select("event_id", "customer_id", "day"), on="event_id")
        .join(products.select("product_id", "product_name", "category"), on="product_id", how="left")
        .with_columns(pl.lit(False).alias("is_operator"))
    )
    if previous is None:
        return lines
    key, words = ["event_id", "line_id", "product_id"], ["product_name", "category"]
    wordless = (
        previous["event_lines"]
        .filter(pl.col("product_id").is_not_null(), pl.any_horizontal(pl.col(words).is_null()))
        .select(*key, *(pl.col(name).is_null().alias(f"_no_{name}") for name in words))
        .collect()
    )
    return (
        lines.join(wordless, on=key, how="left")
        .with_columns(pl.when(~pl.col(f"_no_{name}").fill_null(value=False)).then(name).alias(name) for name in words)
        .drop(f"_no_{name}" for name in words)
    )


def operator_events(events: pl.DataFrame, lines: pl.DataFrame, program: Program) -> pl.Series:
    """Ids of the events that the operator or Fiel itself caused.

    An event is one when its origin, or the category, name or id of the product of any of its lines, is listed under
    `operator_events`, or when it is a grant of ours: it sells a product of the incentive policy, or its origin is the
    one that grants are sent with (so that grants of an earlier policy stay grants). Case does not matter.
    """
    rules = program.operator_events
    origins = [*rules.origins, program.incentive.system_origin]
    products = [*rules.products, *program.incentive.products]
    by_line = (
        _listed("category", rules.categories) | _listed("product_name", products) | _listed("product_id", products)
    )
    return (
        pl.concat(
            [
                lines.filter(by_line).select("event_id"),
                events.filter(_listed("origin", origins)).select("event_id"),
            ]
        )
        .get_column("event_id")
        .unique()
    )


def dated_returns(pieces: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """What cancellations took back, with the days of the cancellation and of the purchase."""
    purchases = events.select(pl.col("event_id").alias("purchase_event_id"), pl.col("day").alias("purchase_day"))
    return (
        pieces.join(events.select("event_id", "customer_id", "day"), on="event_id")
        .join(purchases, on="purchase_event_id", how="left")
        .sort("event_id", "line_id")
    )


def _listed(column: str, names: Sequence[str]) -> pl.Expr:
    return pl.col(column).str.to_lowercase().is_in([name.lower() for name in names]).fill_null(False)


def _all_customers(parsed: pl.DataFrame, events: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    """Customers of the customer table and, known by their events alone, those that it lacks."""
    unlisted = events.select("customer_id").unique().join(parsed, on="customer_id", how="anti")
    if not parsed.is_empty():
        sieve.count("customers_without_record", unlisted.height)
        sieve.warn(unlisted.height, "customers have events but no row in the customer table (kept, without a balance)")
    return pl.concat([parsed, unlisted], how="diagonal")


def _valid(table: str, frame: pl.DataFrame, sieve: Sieve) -> pl.DataFrame:
    """Rows that keep the declared schema; the others are set aside with the schema's rule."""
    declared = TABLES[table]
    good, failure = declared.schema.filter(frame.select(list(declared.declared)).cast(pl.Schema(declared.declared)))
    for rule, number in failure.counts().items():
        sieve.count(f"schema_{rule.replace('|', '_')}", number)
    sieve.set_aside(table, failure.invalid(), pl.lit("schema: " + ", ".join(failure.counts())), list(declared.declared))
    return pl.DataFrame(good)


def _counts(sieve: Sieve, tables: dict[str, pl.DataFrame], comparison: Comparison) -> dict[str, int]:
    counts = {"rows_read": sum(sieve.read.values()), "rejected": tables["core_rejected"].height}
    counts |= {f"read_{name}": number for name, number in sieve.read.items()}
    counts |= {
        f"kept_{name.removeprefix('core_')}": frame.height for name, frame in tables.items() if name not in _NOT_KEPT
    }
    return counts | comparison.counts | sieve.counts


_NOT_KEPT = ("core_rejected", "core_changes", "core_intake", "core_profile")
