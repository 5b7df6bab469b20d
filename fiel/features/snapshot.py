"""The snapshot: one row for each customer at one as_of, joining the feature groups that a program asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.features.accounts import quarterly_base
from fiel.features.attributes import undated_snapshots
from fiel.features.derived import dated, derived, prepared
from fiel.features.groups import GROUPS, Group, groups_of
from fiel.features.spans import latest_visits, stage_expr
from fiel.features.value_clusters import value_cluster_expr
from fiel.program import Program
from fiel.tables import TABLES

_CODES = (
    "payment_type", "accumulation_period", "payment_period", "scheme", "region", "citizen", "district", "place_region",
)  # fmt: skip
"""Codes and places of the groups quarters and context."""

ROWS_AT_ONCE = 500_000
"""Customers times dates computed together by build_snapshots: their features are what has to fit into memory."""


def snapshot(
    groups: Mapping[str, pl.LazyFrame], core: Core, as_of_dates: Sequence[date], program: Program
) -> pl.LazyFrame:
    """Snapshot, `feat_snapshot`: one row for each as_of and customer with an active day before it.

    `groups` holds the features of each group, by group name, for the same dates; those that the program asks for are
    joined. `in_population`: the customer had an event of a live origin before as_of and is not in one of the target's
    excluded stages. No row order.
    """
    frame = pl.concat([_base(core, as_of, program) for as_of in as_of_dates])
    for group in groups_of(program):
        key = ["customer_id", "as_of"] if group.per_customer else ["as_of"]
        frame = frame.join(groups[group.name], on=key, how="left")
    return frame


def build_snapshots(
    core: Core, as_of_dates: Sequence[date], program: Program
) -> Iterator[tuple[date, dict[str, pl.DataFrame]]]:
    """Yield each as_of, in order of time, with its feature tables by table name: groups, side tables, `feat_snapshot`.

    Each frame holds the rows of that as_of, sorted by its key, in the declared schema. TimeError, before anything is
    yielded, if the data do not reach an as_of. What several dates need is derived once; as many dates are computed
    together as make about `ROWS_AT_ONCE` rows, and no more features than these are in memory.

    The snapshot of an undated program has every customer of core_attributes (fiel.features.attributes).
    """
    groups = groups_of(program)
    if program.is_table:
        if not as_of_dates:
            return
        frames = {group.table: group.build(core, list(as_of_dates), program) for group in groups}
        yield from undated_snapshots(core, as_of_dates, frames)
        return
    needs = ("account_states",) if program.is_quarterly else ("visits", "first_live_days")
    for dates, ready, ids, built in _chunks(core, as_of_dates, program, groups, needs):
        tables = {GROUPS[name].table: frame for name, frame in built.items()}
        for group in groups:
            for table, name in group.side_tables.items():
                tables[table] = dated(ready, name, dates, program).collect()
        lazy = {name: frame.lazy() for name, frame in built.items()}
        tables["feat_snapshot"] = snapshot(lazy, ready, dates, program).collect(engine="streaming")
        for as_of in dates:
            yield as_of, {name: _of_date(frame, as_of, ids, name) for name, frame in tables.items()}


def build_group(
    core: Core, group: Group, as_of_dates: Sequence[date], program: Program
) -> Iterator[tuple[date, pl.DataFrame]]:
    """Yield each as_of, in order of time, with the features of one group; otherwise as build_snapshots."""
    for dates, _, ids, built in _chunks(core, as_of_dates, program, [group]):
        for as_of in dates:
            yield as_of, _of_date(built[group.name], as_of, ids, group.table)


def _chunks(
    core: Core, as_of_dates: Sequence[date], program: Program, groups: Sequence[Group], needs: Sequence[str] = ()
) -> Iterator[tuple[list[date], Core, pl.Series, dict[str, pl.DataFrame]]]:
    """Yield dates computed together, the prepared core, its customer ids, and the features of each group."""
    dates = sorted(set(as_of_dates))
    if not dates:
        return
    for as_of in dates:
        core.check_as_of(as_of)
    names = dict.fromkeys((*needs, *(name for group in groups for name in group.needs)))
    ready, ids = prepared(core, dates, program, tuple(names))
    at_once = max(1, ROWS_AT_ONCE // max(1, len(ids)))
    for start in range(0, len(dates), at_once):
        chunk = dates[start : start + at_once]
        frames = pl.collect_all([group.build(ready, chunk, program) for group in groups], engine="streaming")
        yield chunk, ready, ids, {group.name: frame for group, frame in zip(groups, frames, strict=True)}


def model_features(program: Program, columns: Sequence[str]) -> list[str]:
    """The columns of a snapshot that a model may use, in their order.

    Left out are keys, dates, what follows from the stage by rule (next_stage, next_stage_date, stage_after_visit),
    in_population, and the columns that the program never uses (`features.never`).
    """
    out = {
        "customer_id",
        "as_of",
        "in_population",
        "next_stage",
        "next_stage_date",
        "stage_after_visit",
        *program.features.never,
    }
    return [column for column in columns if column not in out]


def categorical_features(program: Program, columns: Sequence[str]) -> list[str]:
    """Those of `columns` that are categories (String), in their order."""
    names = {"stage", f"stage_d{program.features.frequency_window}", "value_cluster", "rfm_segment", *_CODES}
    return [column for column in columns if column in names]


def _base(core: Core, as_of: date, program: Program) -> pl.LazyFrame:
    """Customer, as_of, population flag and value cluster of every customer with an active day before `as_of`.

    The customers of a pension fund are the accounts that are open at it (fiel.features.accounts).
    """
    if program.is_quarterly:
        return quarterly_base(derived(core, "account_states", program), as_of, program)
    window_start = as_of - timedelta(days=program.features.frequency_window)
    window = (
        core["customer_days"]
        .filter(pl.col("day") >= window_start, pl.col("day") < as_of)
        .group_by("customer_id")
        .agg(active_days=pl.len().cast(pl.Int64), value_earned=pl.col("value_earned").sum())
    )
    stage = stage_expr(pl.col("age_days"), pl.col("recency_days"), pl.col("gap_days"), program.life_cycle)
    has_live = (pl.col("first_live_day") < as_of).fill_null(value=False)
    return (
        latest_visits(derived(core, "visits", program), as_of)
        .join(derived(core, "first_live_days", program), on="customer_id", how="left")
        .join(window, on="customer_id", how="left")
        .select(
            "customer_id",
            as_of=pl.lit(as_of),
            in_population=has_live & ~stage.is_in(program.target.exclude_stages),
            value_cluster=value_cluster_expr(
                pl.col("active_days").fill_null(0), pl.col("value_earned").fill_null(0), program.value_clusters
            ),
        )
    )


def _of_date(frame: pl.DataFrame, as_of: date, ids: pl.Series, table: str) -> pl.DataFrame:
    """The rows of `as_of` with their customers' ids, sorted by key, checked against the table's schema."""
    found = frame.filter(pl.col("as_of") == as_of)
    if "customer_id" in frame.columns:
        found = found.sort("customer_id").with_columns(customer_id=pl.lit(ids).gather(pl.col("customer_id")))
    TABLES[table].check(found.schema)
    return found
