"""The feature groups, registered in one place: the snapshot, the leakage check and the flows read this list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.errors import ProgramError
from fiel.features import activity, attributes, calendar, context, courses, life_cycle, purchase, quarters, rfm
from fiel.program import Program


@dataclass(frozen=True)
class Group:
    """A feature group: its name in program files, its table, and the function that builds it.

    `needs` are the frames of `fiel/features/derived.py` that it reads; `per_customer` is False where a row holds for
    every customer of its as_of (key as_of alone). `side_tables` are tables that are kept beside the features (the
    parameters of what was fitted), each with the dated frame that it is made of. `is_undated`: made of core_attributes,
    for programs of kind table; the others are made of dated events.
    """

    name: str
    table: str
    build: Callable[[Core, Sequence[date], Program], pl.LazyFrame]
    needs: tuple[str, ...] = ()
    per_customer: bool = True
    side_tables: Mapping[str, str] = field(default_factory=dict)
    is_undated: bool = False


GROUPS: dict[str, Group] = {
    group.name: group
    for group in (
        Group("activity", "feat_activity", activity.build, needs=("day_totals", "line_totals", "visits")),
        Group("life_cycle", "feat_life_cycle", life_cycle.build, needs=("visits", "life_cycle_spans")),
        Group("courses", "feat_courses", courses.build),
        Group("calendar", "feat_calendar", calendar.build, per_customer=False),
        Group("attributes", "feat_attributes", attributes.build, is_undated=True),
        Group("rfm", "feat_rfm", rfm.build, needs=("returns",)),
        Group(
            "purchase",
            "feat_purchase",
            purchase.build,
            needs=("returns", "purchase_fits"),
            side_tables={"feat_purchase_fits": "purchase_fits"},
        ),
        Group("quarters", "feat_quarters", quarters.build, needs=("account_states", "operation_states")),
        Group("context", "feat_context", context.build, needs=("account_states",)),
    )
}


def groups_of(program: Program) -> list[Group]:
    """The groups that the program's snapshot joins, in its order; ProgramError for one that does not exist."""
    unknown = [name for name in program.features.groups if name not in GROUPS]
    if unknown:
        raise ProgramError(
            f"program {program.name}, field `features.groups`: no feature group {unknown[0]!r}; "
            f"known are: {', '.join(GROUPS)}"
        )
    found = [GROUPS[name] for name in program.features.groups]
    foreign = [group.name for group in found if group.is_undated != program.is_table]
    if foreign:
        made_of = "dated events" if program.is_table else "an undated table"
        raise ProgramError(
            f"program {program.name}, field `features.groups`: {foreign[0]} is made of {made_of}, but the program is "
            f"of kind {program.kind}; fitting are: "
            f"{', '.join(group.name for group in GROUPS.values() if group.is_undated == program.is_table)}"
        )
    return found
