"""What several feature groups stand on, derived once from the core tables and not once for each group and date.

A feature group asks for a derived frame by name with `derived`; it is made lazily from the core tables, unless the
`Core` already carries it. `prepared` makes a `Core` that does: everything that features read, in memory, cut at the
newest as_of, with customers as small integers (group-by and join on 36-character ids cost several times as much).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.positions import with_positions
from fiel.features.spans import spans_of_visits, visits, visits_in_order
from fiel.features.totals import life_totals, merged_day_totals, merged_line_totals
from fiel.program import Program


def derived(core: Core, name: str, program: Program) -> pl.LazyFrame:
    """The derived frame `name` (a key of `DERIVED`) of `core`."""
    if name in core.tables:
        return core.tables[name]
    return DERIVED[name](core, program)


def first_live_days(core: Core, program: Program) -> pl.LazyFrame:
    """First day with an event of a live origin, for each customer that ever had one: customer_id, first_live_day."""
    live = core["customer_days"].filter(pl.col("live_transactions") > 0)
    return live.group_by("customer_id").agg(first_live_day=pl.col("day").min())


DERIVED: dict[str, Callable[[Core, Program], pl.LazyFrame]] = {
    "visits": lambda core, program: visits(core["customer_days"]),
    "life_cycle_spans": lambda core, program: spans_of_visits(derived(core, "visits", program), program),
    "life_totals": life_totals,
    "first_live_days": first_live_days,
}


def prepared(
    core: Core, as_of_dates: Sequence[date], program: Program, needs: Collection[str] = tuple(DERIVED)
) -> tuple[Core, pl.Series]:
    """`core` with what features read (`needs`, keys of DERIVED) in memory, and the customer ids in order.

    In the prepared core `customer_id` is the position (UInt32) in that series, and nothing at or after the newest
    as_of is left. `ids.gather(position)` gives the id back. It serves these `as_of_dates` and no others: days that
    none of them tells apart are added up.
    """
    days, ids = with_positions(core["customer_days"].filter(pl.col("day") < max(as_of_dates)))
    codes = pl.LazyFrame({"customer_id": ids, "code": pl.int_range(len(ids), dtype=pl.UInt32, eager=True)})

    def coded(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.join(codes, on="customer_id", how="inner").with_columns(customer_id=pl.col("code")).drop("code")

    tables = core.tables | {"customer_days": days.lazy(), "links": coded(core["links"])}
    found = replace(core, tables=tables)
    for name in needs:
        if name == "life_totals":
            of_days = merged_day_totals(tables["customer_days"], as_of_dates)
            of_lines = (coded(part) for part in merged_line_totals(core, as_of_dates, program))
            parts = [part.collect(engine="streaming") for part in itertools.chain(of_days, of_lines)]
            tables[name] = pl.concat(parts, how="diagonal").lazy()
        elif name == "visits":
            tables[name] = visits_in_order(days.lazy()).collect(engine="streaming").lazy()
        else:
            tables[name] = DERIVED[name](found, program).collect(engine="streaming").lazy()
    return found, ids
