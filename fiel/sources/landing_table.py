"""From the parsed tables of an undated source to the core tables: one row for each customer, and no dates.

`as_of` of such a program is its source version's date (`source.version_date`); everything in the file was known on the
day before it, so that day is both the first and the last that the data know, and no other as_of can be asked for.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from fiel.core import Core
from fiel.errors import ProgramError, SourceError
from fiel.program import Program
from fiel.sources.changes import compare
from fiel.sources.checks import check_reject_share
from fiel.sources.intake import sieve_intake
from fiel.sources.landing import Landing
from fiel.sources.otto import InteractionLog
from fiel.sources.profile import collected_profile
from fiel.sources.rules import Sieve
from fiel.sources.version import SourceVersion
from fiel.tables import CORE_TABLES, TABLES

_ABOUT_INGEST = ("core_rejected", "core_intake", "core_profile", "core_changes")


def land_table(
    program: Program,
    version: SourceVersion,
    parsed: dict[str, pl.DataFrame],
    sieve: Sieve,
    previous: Core | None,
    log: InteractionLog | None = None,
) -> Landing:
    """The core tables of an undated source, its customers compared with those of the `previous` core.

    `parsed` has `attributes` (customer_id, x_…, c_…; one row for each customer) and `labels` (core_labels), and may
    have other core tables under their names without `core_`; the rest are empty. SourceError: no customer at all, or a
    label of a customer without attributes. RejectShareError: too many rejected rows. `log` is the interaction log of a
    source that has one: core_interactions, which is not held in memory.
    """
    if program.source.version_date is None:
        raise ProgramError(f"program {program.name}: source.version_date is needed for an undated source")
    check_reject_share(sieve, program)
    attributes, labels = parsed["attributes"], parsed["labels"]
    if attributes.is_empty():
        raise SourceError(
            f"source {version.version}: no customer is left to work with ({sum(sieve.read.values()):,} rows read): "
            "look at what was rejected, and mend the file"
        )
    unknown = labels.join(attributes, on="customer_id", how="anti")
    if unknown.height:
        raise SourceError(
            f"source {version.version}: {unknown.height:,} labels belong to customers without attributes, such as "
            f"{unknown['customer_id'][0]}: mend the file"
        )
    customers = attributes.select("customer_id").with_columns(
        source_created_at=pl.lit(None, pl.Datetime("us")), balance_points=pl.lit(None, pl.Int64)
    )
    nothing = {name: _empty(f"core_{name}") for name in ("events", "event_lines")}
    catalogue = _empty("core_products")
    comparison = compare(
        version.version, customers, nothing["events"], nothing["event_lines"], catalogue, previous, compare_values=False
    )
    sieve.warnings += comparison.warnings
    tables = {name: _empty(name) for name in CORE_TABLES}
    tables |= {f"core_{name}": frame for name, frame in parsed.items()}
    tables["core_customers"] = comparison.customers
    tables["core_changes"] = comparison.changes
    tables["core_rejected"] = sieve.rejected_rows()
    tables["core_intake"] = sieve_intake(sieve, tables)
    tables["core_profile"] = collected_profile(sieve)
    for name, frame in tables.items():
        TABLES[name].check(frame.schema)
    known_through = program.source.version_date - timedelta(days=1)
    counts = {"rows_read": sum(sieve.read.values()), "rejected": tables["core_rejected"].height}
    counts |= {f"read_{name}": number for name, number in sieve.read.items()}
    counts |= {
        f"kept_{name.removeprefix('core_')}": frame.height
        for name, frame in tables.items()
        if name not in _ABOUT_INGEST and frame.height
    }
    counts["labelled"] = int(labels["label"].is_not_null().sum())
    counts["positives"] = int(labels["label"].sum())
    if log is not None:
        counts |= {"kept_interactions": log.events}
        late = (log.last_day - known_through).days
        sieve.warn(max(0, late), f"days of the interaction log lie after {known_through}: they are never looked at")
    return Landing(
        tables,
        known_through,
        known_through,
        counts | comparison.counts | sieve.counts,
        sieve.warnings,
        {} if program.engagement is None else {"core_interactions": log.parts if log is not None else ()},
    )


def _empty(table: str) -> pl.DataFrame:
    return pl.DataFrame(schema=TABLES[table].declared)
