"""What a new source version changed: merged, vanished and returned customers, restated and deleted events, new names.

The newest version is what the core tables hold. This module says what became of the rows that an earlier one held.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from fiel.core import Core
from fiel.tables import TABLES

CHANGES = pl.Schema(TABLES["core_changes"].declared)
_EVENT = ("customer_id", "occurred_at", "value", "origin")
_LINE = ("product_id", "quantity", "value")
_PRODUCT = ("product_name", "source_category")
KINDS = ("merged", "vanished", "returned", "restated", "deleted", "renamed")
_LINE_KINDS = ("restated", "deleted")
MANY_GONE = 0.05
"""Share of the earlier events above which their absence is a warning: the version may be cut short."""


@dataclass(frozen=True)
class Comparison:
    """core_customers with status, core_changes (earlier rows first), merges (customer_id, merged_into), counts."""

    customers: pl.DataFrame
    changes: pl.DataFrame
    merged: pl.DataFrame
    counts: dict[str, int]
    warnings: list[str] = field(default_factory=list)


def compare(
    version: str,
    customers: pl.DataFrame,
    events: pl.DataFrame,
    lines: pl.DataFrame,
    catalogue: pl.DataFrame,
    previous: Core | None,
    *,
    compare_values: bool,
) -> Comparison:
    """Compare this version's customers, events, lines and catalogue with the previous core.

    A customer is merged when it is gone and its events are now another's (the one that got most of them); gone
    otherwise is vanished. `compare_values` False (the program's rules changed since): values are not comparable, so no
    restatement is looked for.
    """
    if previous is None:
        return Comparison(
            _first(customers, version), pl.DataFrame(schema=CHANGES), _no_merges(), dict.fromkeys(KINDS, 0)
        )
    known = previous["customers"].collect()
    before = previous["events"].select("event_id", *_EVENT).collect()
    gone = known.filter(pl.col("status") == "present").join(customers, on="customer_id", how="anti")
    merged = _merges(gone, before, events)
    vanished = gone.join(merged, on="customer_id", how="anti")
    returned = known.filter(pl.col("status") != "present").join(customers, on="customer_id", how="semi")

    found = [
        _change(version, "merged", "core_customers", merged, ["customer_id"], None, ["merged_into"]),
        _change(version, "vanished", "core_customers", vanished, ["customer_id"], None, None),
        _change(version, "returned", "core_customers", returned, ["customer_id"], ["status", "merged_into"], None),
        _renamed(version, catalogue, previous),
    ]
    if compare_values:
        found += _changed_events(version, before, events, merged, vanished)
        found += _changed_lines(version, previous, lines, events)
    new = pl.concat(found)
    counts = _counts(new)
    counts["new_customers"] = customers.join(known, on="customer_id", how="anti").height
    counts["new_events"] = (added := events.join(before, on="event_id", how="anti")).height
    counts["late_events"] = added.filter(pl.col("day") <= previous.known_through).height
    return Comparison(
        customers=_customers(customers, known, merged, vanished, version),
        changes=pl.concat([previous["changes"].select(list(CHANGES)).collect(), new]),
        merged=_all_merges(known, merged, customers),
        counts=counts,
        warnings=_warnings(before.join(events, on="event_id", how="anti").height, before.height, compare_values),
    )


# -------------------------------------------------------------------------------------------------------- customers


def _no_merges() -> pl.DataFrame:
    return pl.DataFrame(schema={"customer_id": pl.String, "merged_into": pl.String})


def _first(customers: pl.DataFrame, version: str) -> pl.DataFrame:
    return customers.with_columns(
        pl.lit(version).alias("first_version"),
        pl.lit(version).alias("last_version"),
        pl.lit("present").alias("status"),
        pl.lit(None, pl.String).alias("merged_into"),
    )


def _merges(gone: pl.DataFrame, before: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """For each gone customer whose events are now another's: that customer (most events, then smallest id)."""
    return (
        before.join(gone, on="customer_id", how="semi")
        .join(events.select("event_id", pl.col("customer_id").alias("merged_into")), on="event_id")
        .filter(pl.col("customer_id") != pl.col("merged_into"))
        .group_by("customer_id", "merged_into")
        .len()
        .sort(["customer_id", "len", "merged_into"], descending=[False, True, False])
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", "merged_into")
    )


def _all_merges(known: pl.DataFrame, merged: pl.DataFrame, customers: pl.DataFrame) -> pl.DataFrame:
    """Every merge in force, earlier ones followed to today's survivor."""
    earlier = known.filter(pl.col("status") == "merged").join(customers, on="customer_id", how="anti")
    return pl.concat([_followed(earlier, merged).select("customer_id", "merged_into"), merged])


def _followed(earlier: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    """Earlier merges whose survivor was merged itself now point to the survivor of that."""
    onward = merged.rename({"customer_id": "merged_into", "merged_into": "_onward"})
    return (
        earlier.join(onward, on="merged_into", how="left")
        .with_columns(pl.coalesce("_onward", "merged_into").alias("merged_into"))
        .drop("_onward")
    )


def _customers(
    customers: pl.DataFrame, known: pl.DataFrame, merged: pl.DataFrame, vanished: pl.DataFrame, version: str
) -> pl.DataFrame:
    """core_customers: those of this version as present, and the others with what became of them."""
    first = known.select("customer_id", pl.col("first_version").alias("_first"))
    present = (
        _first(customers, version)
        .join(first, on="customer_id", how="left")
        .with_columns(pl.coalesce("_first", "first_version").alias("first_version"))
        .drop("_first")
    )
    absent = known.join(customers, on="customer_id", how="anti")
    now_merged = (
        absent.drop("merged_into").join(merged, on="customer_id").with_columns(pl.lit("merged").alias("status"))
    )
    now_vanished = absent.join(vanished, on="customer_id", how="semi").with_columns(
        pl.lit("vanished").alias("status"), pl.lit(None, pl.String).alias("merged_into")
    )
    long_gone = _followed(absent.filter(pl.col("status") != "present"), merged)
    columns = list(TABLES["core_customers"].declared)
    return pl.concat([frame.select(columns) for frame in (present, now_merged, now_vanished, long_gone)])


# --------------------------------------------------------------------------------------------------- events, products


def _changed_events(
    version: str, before: pl.DataFrame, events: pl.DataFrame, merged: pl.DataFrame, vanished: pl.DataFrame
) -> list[pl.DataFrame]:
    """Restated events (other values under the same id; a merge explains another customer) and deleted ones."""
    both = before.join(events.select("event_id", *_EVENT), on="event_id", suffix="_after").join(
        merged, on="customer_id", how="left"
    )
    explained = pl.coalesce("merged_into", "customer_id") == pl.col("customer_id_after")
    differs = ~explained | pl.any_horizontal(pl.col(name) != pl.col(f"{name}_after") for name in _EVENT[1:])
    deleted = before.join(events, on="event_id", how="anti").join(vanished, on="customer_id", how="anti")
    return [
        _change(version, "restated", "core_events", both.filter(differs), ["event_id"], _EVENT, _after(_EVENT)),
        _change(version, "deleted", "core_events", deleted, ["event_id"], _EVENT, None),
    ]


def _changed_lines(version: str, previous: Core, lines: pl.DataFrame, events: pl.DataFrame) -> list[pl.DataFrame]:
    """Lines that were changed, added to or taken from an event that both versions hold."""
    key = ["event_id", "line_id"]
    before = previous["event_lines"].select(*key, *_LINE).collect().join(events, on="event_id", how="semi")
    earlier_events = previous["events"].select("event_id").collect()
    after = lines.select(*key, *_LINE).join(earlier_events, on="event_id", how="semi")
    gone = before.join(after, on=key, how="anti")
    added = after.join(before, on=key, how="anti").rename(dict(zip(_LINE, _after(_LINE), strict=True)))
    both = before.join(after, on=key, suffix="_after")
    changed = both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_after")) for name in _LINE))
    return [
        _change(version, "restated", "core_event_lines", changed, key, _LINE, _after(_LINE)),
        _change(version, "restated", "core_event_lines", added, key, None, _after(_LINE)),
        _change(version, "deleted", "core_event_lines", gone, key, _LINE, None),
    ]


def _renamed(version: str, catalogue: pl.DataFrame, previous: Core) -> pl.DataFrame:
    """Products under a new name or category: the first seen stays in force; each new spelling is told once."""
    before = previous["products"].select("product_id", *_PRODUCT).collect()
    both = before.join(catalogue, on="product_id", suffix="_after")
    differs = pl.any_horizontal((pl.col(name) != pl.col(f"{name}_after")).fill_null(False) for name in _PRODUCT)
    found = _change(
        version, "renamed", "core_products", both.filter(differs), ["product_id"], _PRODUCT, _after(_PRODUCT)
    )
    told = previous["changes"].filter(pl.col("kind") == "renamed").select("key", "after").collect()
    return found.join(told, on=["key", "after"], how="anti").select(list(CHANGES))


def _after(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}_after" for name in names)


def _change(
    version: str,
    kind: str,
    table: str,
    rows: pl.DataFrame,
    key: list[str],
    before: tuple[str, ...] | list[str] | None,
    after: tuple[str, ...] | list[str] | None,
) -> pl.DataFrame:
    """Rows of core_changes."""

    def as_json(columns: tuple[str, ...] | list[str] | None) -> pl.Expr:
        if columns is None:
            return pl.lit(None, pl.String)
        values = [pl.col(name).cast(pl.String).alias(name.removesuffix("_after")) for name in columns]
        return pl.struct(values).struct.json_encode()

    return rows.select(
        pl.lit(version).alias("source_version"),
        pl.lit(kind).alias("kind"),
        pl.lit(table).alias("table_name"),
        pl.concat_str(key, separator="/").alias("key"),
        as_json(before).alias("before"),
        as_json(after).alias("after"),
    ).cast(CHANGES)


def _counts(changes: pl.DataFrame) -> dict[str, int]:
    """Changes by kind; those of event lines apart, so that `restated` counts events."""
    of_lines = pl.col("table_name") == "core_event_lines"
    counts = {kind: changes.filter((pl.col("kind") == kind) & ~of_lines).height for kind in KINDS}
    lines = {f"{kind}_lines": changes.filter((pl.col("kind") == kind) & of_lines).height for kind in _LINE_KINDS}
    return counts | lines


def _warnings(gone: int, events_before: int, compare_values: bool) -> list[str]:
    told = []
    if not compare_values:
        told.append(
            "the program's rules changed since the last ingest: values are not comparable, so restated and deleted "
            "rows are not counted for this version"
        )
    if gone > MANY_GONE * events_before:
        told.append(f"{gone:,} of the {events_before:,} events of the version before are gone: is this one complete?")
    return told
