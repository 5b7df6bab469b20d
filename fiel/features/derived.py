"""What several feature groups stand on, derived once from the core tables and not once for each group and date.

A feature group asks for a derived frame by name with `derived`; it is made lazily from the core tables, unless the
`Core` already carries it. `prepared` makes a `Core` that does: everything that features read, in memory, cut at the
newest as_of, with customers as small integers (group-by and join on 36-character ids cost several times as much).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.spans import spans_of_visits, visits
from fiel.program import Program


def derived(core: Core, name: str, program: Program) -> pl.LazyFrame:
    """The derived frame `name` (a key of `DERIVED`) of `core`."""
    if name in core.tables:
        return core.tables[name]
    return DERIVED[name](core, program)


def line_days(core: Core, program: Program) -> pl.LazyFrame:
    """Lines of each customer and day: lines, events with lines, and lines of each tracked product and category.

    Operator events are left out. Columns: customer_id, day, lines, lined_events, `product_{key}`, `category_{key}`.
    """
    tracked = {
        f"{kind}_{key}": (pl.col(column) == name).sum().cast(pl.Int64)
        for kind, column, names in (
            ("product", "product_name", program.features.tracked_products),
            ("category", "category", program.features.tracked_categories),
        )
        for key, name in names.items()
    }
    return (
        core["event_lines"]
        .filter(~pl.col("is_operator"))
        .group_by("customer_id", "day")
        .agg(
            lines=pl.len().cast(pl.Int64),
            lined_events=pl.col("event_id").n_unique().cast(pl.Int64),
            **tracked,
        )
    )


def first_live_days(core: Core, program: Program) -> pl.LazyFrame:
    """First day with an event of a live origin, for each customer that ever had one: customer_id, first_live_day."""
    live = core["customer_days"].filter(pl.col("live_transactions") > 0)
    return live.group_by("customer_id").agg(first_live_day=pl.col("day").min())


DERIVED: dict[str, Callable[[Core, Program], pl.LazyFrame]] = {
    "visits": lambda core, program: visits(core["customer_days"]),
    "life_cycle_spans": lambda core, program: spans_of_visits(derived(core, "visits", program), program),
    "line_days": line_days,
    "first_live_days": first_live_days,
}


def prepared(core: Core, as_of_dates: Sequence[date], program: Program) -> tuple[Core, pl.Series]:
    """`core` with what features read derived and in memory, and the customer ids in order.

    In the prepared core `customer_id` is the position (UInt32) in that series, and nothing at or after the newest
    as_of is left. `ids.gather(position)` gives the id back.
    """
    before = pl.col("day") < max(as_of_dates)
    days = core["customer_days"].filter(before)
    ids = days.select(pl.col("customer_id").unique().sort()).collect(engine="streaming").to_series()
    codes = pl.LazyFrame({"customer_id": ids, "code": pl.int_range(len(ids), dtype=pl.UInt32, eager=True)})

    def coded(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.join(codes, on="customer_id", how="inner").with_columns(customer_id=pl.col("code")).drop("code")

    tables = dict(core.tables)
    tables["customer_days"] = coded(days).sort("customer_id", "day").collect(engine="streaming").lazy()
    tables["links"] = coded(core["links"])
    lines = line_days(replace(core, tables=core.tables | {"event_lines": core["event_lines"].filter(before)}), program)
    if program.features.tracked_products or program.features.tracked_categories:
        tables["line_days"] = coded(lines).collect(engine="streaming").lazy()
    found = replace(core, tables=tables)
    for name in ("visits", "life_cycle_spans", "first_live_days"):
        tables[name] = DERIVED[name](found, program).collect(engine="streaming").lazy()
    return found, ids
