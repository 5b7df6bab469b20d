"""What stops an ingest before anything is written, and what a person should be told although it does not."""

from __future__ import annotations

from datetime import date

import polars as pl

from fiel.core import Core
from fiel.errors import RejectShareError
from fiel.program import Program
from fiel.sources.changes import Comparison
from fiel.sources.rules import Sieve

FEW_REJECTS = 10
"""A single table may hold up to this many rejected rows whatever their share of it is."""
CONSEQUENCE = "transaction_rejected"
"""The rule of lines whose transaction was rejected: never the reason to show."""
LONG_SILENCE_DAYS = 14
"""Days without an event before the last one from which that one's date looks wrong."""


def check_reject_share(sieve: Sieve, program: Program) -> None:
    """RejectShareError when the rejected share of all rows, or of one table, is above what the program tolerates."""
    tolerated = program.source.tolerated_reject_share
    rejected = sieve.rejected_rows()
    by_table: dict[str, int] = dict(rejected.group_by("table_name").len().iter_rows())
    over = [
        (number / max(sieve.read.get(name, number), 1), name, number)
        for name, number in by_table.items()
        if number > FEW_REJECTS and number > tolerated * sieve.read.get(name, 0)
    ]
    rows = sum(sieve.read.values())
    if rejected.height > tolerated * rows:
        over.append((rejected.height / max(rows, 1), "all tables", rejected.height))
    if not over:
        return
    share, name, number = max(over)
    top = (
        rejected.group_by("table_name", "rule")
        .len()
        .sort(["len", "table_name", "rule"], descending=[True, False, False])
    )
    causes = top.filter(pl.col("rule") != CONSEQUENCE)
    top = top if causes.is_empty() else causes
    rules = ", ".join(f"{rule} in {table} ({count:,} rows)" for table, rule, count in top.head(3).iter_rows())
    first = top.row(0, named=True)
    example = rejected.filter((pl.col("table_name") == first["table_name"]) & (pl.col("rule") == first["rule"]))
    row = example.sort("row").row(0, named=True)
    raise RejectShareError(
        f"source {sieve.source_version}: {number:,} rows of {name} were rejected, {share:.1%}; tolerated is "
        f"{tolerated:.1%}. Rules broken most: {rules}. For example {row['table_name']} row {row['row']}: "
        f"{row['content'][:300]}. Nothing was written: mend the source, or raise source.tolerated_reject_share"
    )


def warn_about(
    comparison: Comparison,
    program: Program,
    products: pl.DataFrame,
    lines: pl.DataFrame,
    events: pl.DataFrame,
    sieve: Sieve,
    known_through: date,
    previous: Core | None,
) -> None:
    """Everything that is kept but that a person should know."""
    named = products.filter(pl.col("product_name").is_not_null() | pl.col("source_category").is_not_null())
    has_catalogue = not named.is_empty()
    unknown = lines.filter(pl.col("product_id").is_not_null()).join(named, on="product_id", how="anti")
    if has_catalogue and not unknown.is_empty():
        ids = ", ".join(sorted(unknown.get_column("product_id").unique())[:5])
        sieve.count("lines_of_unknown_product", unknown.height)
        sieve.warn(unknown.height, f"lines sell a product that the catalogue lacks (kept without a name): {ids}")
    mapping = program.source.categories
    if mapping:
        spelling = pl.col("source_category").str.to_lowercase()
        unmapped = sorted(
            set(products.filter(~spelling.is_in(list(mapping))).get_column("source_category").drop_nulls())
        )
        sieve.count("unmapped_categories", len(unmapped))
        sieve.warn(
            len(unmapped), "product categories are not in source.categories (kept as they are): " + ", ".join(unmapped)
        )
    sieve.warnings += comparison.warnings
    last, before = [*events.get_column("day").unique().sort(descending=True).head(2), None][:2]
    if before is not None and (last - before).days > LONG_SILENCE_DAYS and not program.is_quarterly:
        sieve.warnings.append(
            f"the last day of the data is {last}, {(last - before).days} days after the one before it: if that date is "
            "wrong, so is everything that is computed up to it"
        )
    if previous is not None and known_through < previous.known_through:
        sieve.warnings.append(
            f"this version is complete through {known_through}, the one before it through {previous.known_through}: "
            "an older version came after a newer one"
        )
