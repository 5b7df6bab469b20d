"""The leakage check: nothing at or after as_of may move a feature at as_of (DESIGN.md section 4, DOMAIN.md section 0).

For each as_of the inputs are rewritten from that date's midnight on (`fiel/features/rewrites.py`), every registered
feature group, and the snapshot, is built on the given and on the rewritten inputs, and every value is compared. An
undated table has no future: there the outcomes and the other customers are rewritten (`fiel/features/other_rows.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from fiel.core import Core
from fiel.errors import TimeError
from fiel.features.derived import dated
from fiel.features.groups import GROUPS, Group
from fiel.features.other_rows import UNDATED_REWRITES, is_watched, sampled_table
from fiel.features.rewrites import cut_core, relanded_core, rewritten_core, sampled
from fiel.features.snapshot import build_snapshots
from fiel.program import Program

TOLERANCE = 1e-9
"""Relative difference of floats that still counts as equal (the order of a sum may differ)."""

LATER_DAYS = 30
"""A second as_of, so many days later, is built in the same pass: what it knows must not reach the first."""

REWRITES: dict[str, Callable[[Core, date, Program], Core]] = {
    "everything from as_of on deleted": cut_core,
    "everything from as_of on rewritten": rewritten_core,
}
_KEYS = ("customer_id", "as_of", "model", "parameter")
"""What a row of features, or of what was fitted for them, is known by."""

ROWS = "(rows)"
"""Stands for a feature where a row itself appears or goes."""


@dataclass(frozen=True)
class Moved:
    """A feature that moved: in how many rows, by which rewrite, and one example."""

    feature: str
    as_of: date
    rewrite: str
    rows: int
    customer_id: str | None
    before: object
    after: object

    def __str__(self) -> str:
        where = f"customer {self.customer_id}" if self.customer_id is not None else "every customer"
        return (
            f"{self.feature} at {self.as_of}: {self.rows} rows moved with {self.rewrite}; "
            f"{where}: {self.before} became {self.after}"
        )


@dataclass(frozen=True)
class GroupLeakage:
    """One group's result: the features and values that were compared, and those that moved."""

    group: str
    features: int
    values: int
    moved: tuple[Moved, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing moved."""
        return not self.moved


@dataclass(frozen=True)
class LeakageReport:
    """The result over all groups."""

    program: str
    as_of_dates: tuple[date, ...]
    groups: tuple[GroupLeakage, ...]

    @property
    def holds(self) -> bool:
        """Whether no feature of any group moved."""
        return all(group.holds for group in self.groups)

    def __str__(self) -> str:
        lines = []
        for group in self.groups:
            if group.holds and not group.values:
                lines.append(f"{group.group}: nothing to compare, the data have none of it")
                continue
            found = "holds" if group.holds else f"LEAKS: {len({moved.feature for moved in group.moved})} features moved"
            lines.append(f"{group.group}: {found} ({group.features} features, {group.values:,} values compared)")
            lines += [f"  {moved}" for moved in group.moved]
        lines.append("no feature knows the future" if self.holds else "a feature knows the future: mend it first")
        return "\n".join(lines)


def verify_leakage(
    core: Core,
    as_of_dates: Sequence[date],
    program: Program,
    groups: Mapping[str, Group] | None = None,
    max_customers: int = 5_000,
) -> LeakageReport:
    """Whether anything at or after an as_of moves a feature at it, for every registered group and the snapshot.

    `groups`: those to check (default: all that are registered, whether or not the program asks for them). The snapshot
    is that of the groups that the program asks for, made the way that serves training and scoring. At most
    `max_customers` customers are looked at, drawn by a hash. TimeError: an as_of that the data do not reach, or none
    given. SchemaError: a core column without a known-at rule.

    Not rewritten is what an ingest counts as a correction of the past itself: merged and vanished customers, and
    restated or deleted events of days before as_of.
    """
    if not as_of_dates:
        raise TimeError("the leakage check needs at least one as_of")
    for as_of in as_of_dates:
        core.check_as_of(as_of)
    chosen = GROUPS if groups is None else groups
    if program.is_table:
        undated = {name: group for name, group in chosen.items() if group.is_undated}
        return _verify_undated(core, sorted(set(as_of_dates)), program, undated, max_customers)
    given = relanded_core(sampled(core, max_customers), program)
    as_it_is = _features(given, sorted(set(as_of_dates)), program, chosen)
    found: dict[str, list[Moved]] = {name: [] for name in as_it_is}
    for as_of in sorted(set(as_of_dates)):
        for rewrite, make in REWRITES.items():
            other = _features(make(given, as_of, program), [as_of, as_of + timedelta(days=LATER_DAYS)], program, chosen)
            for name, frame in as_it_is.items():
                found[name] += _moved(_at(frame, as_of), _at(other[name], as_of), as_of, rewrite)
    return LeakageReport(program.name, tuple(sorted(set(as_of_dates))), _results(as_it_is, found))


def _verify_undated(
    core: Core, as_of_dates: Sequence[date], program: Program, groups: Mapping[str, Group], max_customers: int
) -> LeakageReport:
    """The check of an undated table: neither an outcome nor another customer moves a watched customer's feature."""
    given = sampled_table(core, max_customers)

    def watched(world: Core) -> dict[str, pl.DataFrame]:
        found = _features(world, as_of_dates, program, groups)
        return {name: frame.filter(is_watched()) for name, frame in found.items()}

    as_it_is = watched(given)
    found: dict[str, list[Moved]] = {name: [] for name in as_it_is}
    for rewrite, make in UNDATED_REWRITES.items():
        other = watched(make(given))
        for name, frame in as_it_is.items():
            for as_of in as_of_dates:
                found[name] += _moved(_at(frame, as_of), _at(other[name], as_of), as_of, rewrite)
    return LeakageReport(program.name, tuple(as_of_dates), _results(as_it_is, found))


def _results(as_it_is: Mapping[str, pl.DataFrame], found: Mapping[str, list[Moved]]) -> tuple[GroupLeakage, ...]:
    return tuple(
        GroupLeakage(name, len(names := _feature_names(frame)), len(names) * frame.height, tuple(found[name]))
        for name, frame in as_it_is.items()
    )


def _features(
    core: Core, as_of_dates: Sequence[date], program: Program, groups: Mapping[str, Group]
) -> dict[str, pl.DataFrame]:
    """Rows of each group and of its side tables for all dates, and under `snapshot` the snapshots that serve models."""
    frames = {name: group.build(core, as_of_dates, program) for name, group in groups.items()}
    for group in groups.values():
        frames |= {table: dated(core, name, as_of_dates, program) for table, name in group.side_tables.items()}
    built = pl.collect_all(list(frames.values()), engine="streaming")
    reached = [as_of for as_of in as_of_dates if as_of <= core.known_through + timedelta(days=1)]
    snapshots = [tables["feat_snapshot"] for _, tables in build_snapshots(core, reached, program)]
    return dict(zip(frames, built, strict=True)) | {"snapshot": pl.concat(snapshots, how="diagonal")}


def _at(frame: pl.DataFrame, as_of: date) -> pl.DataFrame:
    return frame.filter(pl.col("as_of") == as_of)


def _feature_names(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in _KEYS]


def _moved(before: pl.DataFrame, after: pl.DataFrame, as_of: date, rewrite: str) -> list[Moved]:
    """Features whose values differ. A column that one side lacks counts as empty there."""
    key = [name for name in _KEYS if name in before.columns]
    names = list(dict.fromkeys(_feature_names(before) + _feature_names(after)))
    both = _with_all(before, names).join(
        _with_all(after, names), on=key, how="full", coalesce=True, suffix="_after", maintain_order="left"
    )
    found = []
    for name in (ROWS, *names):
        one, other = ("_there", "_there_after") if name == ROWS else (name, f"{name}_after")
        rows = both.filter(_differs(both, one, other))
        if name != ROWS:
            rows = rows.filter(pl.col("_there") & pl.col("_there_after"))
        if rows.height:
            first = rows.row(0, named=True)
            found.append(Moved(name, as_of, rewrite, rows.height, first.get("customer_id"), first[one], first[other]))
    return found


def _with_all(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return frame.with_columns(
        pl.lit(value=True).alias("_there"), *(pl.lit(None).alias(name) for name in names if name not in frame.columns)
    )


def _differs(both: pl.DataFrame, one: str, other: str) -> pl.Expr:
    left, right = pl.col(one), pl.col(other)
    if both.schema[one].is_float() and both.schema[other].is_float():
        apart = (left - right).abs() > TOLERANCE * pl.max_horizontal(left.abs(), right.abs())
        return apart.fill_null(value=False) | (left.is_null() != right.is_null())
    return left.ne_missing(right)
