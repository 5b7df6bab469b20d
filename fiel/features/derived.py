"""What several feature groups stand on, derived once from the core tables and not once for each group and date.

A feature group asks for a derived frame by name with `derived`; it is made lazily from the core tables, unless the
`Core` already carries it. `prepared` makes a `Core` that does: everything that features read, in memory, cut at the
newest as_of, with customers as small integers (group-by and join on 36-character ids cost several times as much).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.accounts import account_states, operation_states
from fiel.features.positions import with_positions
from fiel.features.purchase_fits import purchase_fits
from fiel.features.spans import spans_of_visits, visits, visits_in_order
from fiel.features.totals import active_lines, day_sums, day_totals, line_sums, line_totals, merged_totals, tracks_lines
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
    "day_totals": day_totals,
    "line_totals": line_totals,
    "first_live_days": first_live_days,
    "returns": lambda core, program: core["returns"],
    "account_states": account_states,
    "operation_states": operation_states,
}

DATED: dict[str, Callable[[Core, Sequence[date], Program], pl.LazyFrame]] = {"purchase_fits": purchase_fits}
"""Derived frames that hold rows for each as_of: what was known before it, whatever else is computed beside it."""


def dated(core: Core, name: str, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """The rows of `as_of_dates` of the dated frame `name` (a key of `DATED`) of `core`."""
    if name in core.tables:
        return core.tables[name].filter(pl.col("as_of").is_in(list(as_of_dates)))
    return DATED[name](core, as_of_dates, program)


def prepared(
    core: Core, as_of_dates: Sequence[date], program: Program, needs: Collection[str] = (*DERIVED, *DATED)
) -> tuple[Core, pl.Series]:
    """`core` with what features read (`needs`, keys of DERIVED and DATED) in memory, and the customer ids in order.

    In the prepared core `customer_id` is the position (UInt32) in that series, and nothing at or after the newest
    as_of is left. `ids.gather(position)` gives the id back. It serves these `as_of_dates` and no others: days that
    none of them tells apart are added up.
    """
    days, ids = with_positions(core["customer_days"].filter(pl.col("day") < max(as_of_dates)))
    if program.is_quarterly:
        days, ids = _with_accounts(days, ids, core, max(as_of_dates))
    tables = core.tables | {
        "customer_days": days.lazy(),
        "links": _at_positions(core["links"].with_columns(key="customer_id"), ids, pl.col("customer_id")),
        "returns": _at_positions(
            core["returns"].filter(pl.col("day") < max(as_of_dates)).with_columns(key="customer_id"),
            ids,
            pl.col("customer_id"),
        ),
    }
    if program.is_quarterly:
        tables |= {name: _known_rows(core[name], ids, max(as_of_dates)) for name in _QUARTERLY}
    found = replace(core, tables=tables)
    made: dict[str, Callable[[], pl.LazyFrame]] = {
        "visits": lambda: visits_in_order(days.lazy()),
        "day_totals": lambda: _merged_day_totals(days, as_of_dates),
        "line_totals": lambda: _merged_line_totals(core, ids, as_of_dates, program),
    }
    for name in needs:
        if name == "line_totals" and not tracks_lines(program):
            continue
        if name in DATED:
            frame = DATED[name](found, as_of_dates, program)
        else:
            frame = made[name]() if name in made else DERIVED[name](found, program)
        tables[name] = frame.collect(engine="streaming").lazy()
    return found, ids


_QUARTERLY = ("accounts", "operations", "closings")


def _with_accounts(days: pl.DataFrame, ids: pl.Series, core: Core, last_as_of: date) -> tuple[pl.DataFrame, pl.Series]:
    """The same days and ids where accounts are customers too that never had an active day."""
    known = core["accounts"].filter(pl.col("known_from") < last_as_of).select("customer_id").unique()
    accounts = known.collect(engine="streaming").get_column("customer_id")
    everyone = pl.concat([ids, accounts]).unique().sort()
    moved = ids.to_frame("customer_id").join(
        everyone.to_frame("customer_id").with_row_index("position"), on="customer_id", how="left", maintain_order="left"
    )
    positions = moved.get_column("position").cast(pl.UInt32)
    return days.with_columns(customer_id=pl.lit(positions).gather(pl.col("customer_id"))), everyone


def _known_rows(frame: pl.LazyFrame, ids: pl.Series, last_as_of: date) -> pl.LazyFrame:
    """Rows known before the newest as_of, customers as positions."""
    known = frame.filter(pl.col("known_from") < last_as_of).with_columns(key="customer_id")
    return _at_positions(known, ids, pl.col("customer_id"))


def _merged_day_totals(days: pl.DataFrame, as_of_dates: Sequence[date]) -> pl.LazyFrame:
    parts = merged_totals(days.lazy(), as_of_dates, day_sums(), pl.col("customer_id"))
    return pl.concat([part.collect(engine="streaming") for part in parts]).lazy().rename({"key": "customer_id"})


def _merged_line_totals(core: Core, ids: pl.Series, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Line totals by position: grouped by the hash of the id, half the work, where no two customers share one."""
    key = pl.col("customer_id")
    if ids.hash().n_unique() == len(ids):
        key = key.hash()
    parts = merged_totals(active_lines(core), as_of_dates, line_sums(program), key)
    return pl.concat([_at_positions(part, ids, key).collect(engine="streaming") for part in parts]).lazy()


def _at_positions(frame: pl.LazyFrame, ids: pl.Series, key: pl.Expr) -> pl.LazyFrame:
    """`frame` with the position in `ids` as customer_id instead of `key` of the id; other customers are left out."""
    positions = (
        ids.to_frame("customer_id").lazy().select(key.alias("key"), position=pl.int_range(pl.len(), dtype=pl.UInt32))
    )
    return frame.join(positions, on="key", how="inner").with_columns(customer_id="position").drop("key", "position")
