"""Removing old table versions that nothing names (DESIGN.md section 3)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from fiel.errors import LakeError
from fiel.lake import Lake
from fiel.models.registry import Registry


def named_versions(lake: Lake, registry: Registry) -> dict[str, set[int]]:
    """For each table the versions that a registered model, a stored score, an applied cycle or an ingest names.

    And the newest one. An applied cycle names every version of its scores and of its plan, also those that were written
    over since, and what these scores were made from.
    """
    named: dict[str, set[int]] = defaultdict(set)
    for table, version in lake.versions().items():
        named[table].add(version)
    paid = {cycle.as_of for cycle in registry.ledger.cycles(lake.program)} if registry.ledger else set()
    versions = {table: lake.versions_of(table, paid) for table in ("out_scores", "out_plan")}
    for table, found in versions.items():
        named[table] |= set(found)
    for text in _recorded(lake, registry, versions["out_scores"]):
        for table, version in json.loads(text).items():
            named[table].add(int(version))
    return named


def vacuum(lake: Lake, registry: Registry, apply: bool = False) -> dict[str, list[str]]:
    """For each table the files that only unnamed versions use; with `apply` they are deleted."""
    named = named_versions(lake, registry)
    removed: dict[str, list[str]] = {}
    for table, versions in sorted(named.items()):
        if not lake.exists(table):
            continue
        delta = DeltaTable(lake.path(table))
        kept = sorted(version for version in versions if version <= delta.version())
        try:
            removed[table] = delta.vacuum(
                retention_hours=0, dry_run=not apply, enforce_retention_duration=False, keep_versions=kept
            )
        except (OSError, DeltaError) as error:
            raise LakeError(f"table {lake.path(table)} cannot be vacuumed: {error}") from error
    return removed


def _recorded(lake: Lake, registry: Registry, scores_paid: Iterable[int]) -> Iterable[str]:
    for each in registry.of_every_target().values():
        yield from (info.tags["table_versions"] for info in each.versions() if "table_versions" in info.tags)
    if lake.exists("core_versions"):
        yield from lake.read("core_versions").get_column("table_versions").tail(1)
    if lake.exists("out_scores"):
        for version in (None, *scores_paid):
            stored = lake.scan("out_scores", version).select("table_versions").unique().collect()
            yield from stored.get_column("table_versions")
