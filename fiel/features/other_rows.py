"""Other worlds for the leakage check of an undated table: other outcomes, and other customers around those watched.

Such a table has no future, so what must not reach a feature is the outcome (and who was treated), and the rows of other
customers: those that judge a model would reach those that it learns from.
"""

from __future__ import annotations

import polars as pl

from fiel.core import Core
from fiel.features.other_future import NEW, SEED
from fiel.tables import CORE_TABLES, known_at

_HALVES, _THIRDS = 2, 3
_NEWCOMERS = 50


def sampled_table(core: Core, max_customers: int) -> Core:
    """The table in memory with at most `max_customers` customers; SchemaError: a column without a known-at rule."""
    for table in CORE_TABLES:
        for column in core[table.removeprefix("core_")].collect_schema().names():
            known_at(table, column)
    ids = core["attributes"].select("customer_id").collect().sort(pl.col("customer_id").hash(SEED), "customer_id")
    chosen = ids.head(max_customers)["customer_id"].implode()
    found = {
        name: core[name].filter(pl.col("customer_id").is_in(chosen)).collect() for name in ("attributes", "labels")
    }
    return Core.of(found, core.known_through, core.source_version)


def is_watched() -> pl.Expr:
    """Whether a customer's features are compared: every second one, drawn by a hash, always the same."""
    return pl.col("customer_id").hash(SEED) % _HALVES == 0


def other_outcomes(core: Core) -> Core:
    """The same customers with the opposite outcome, known for everyone; the treated untreated, the others treated."""
    labels = core["labels"].collect()
    return _with(
        core,
        core["attributes"].collect(),
        labels.with_columns(
            label=(1 - pl.col("label").fill_null(0)).cast(labels.schema["label"]),
            is_treated=~pl.col("is_treated").fill_null(value=False),
        ),
    )


def other_customers(core: Core) -> Core:
    """The watched customers as they are; of the others a third is gone and a third has other values; some are new.

    The rows stand in the opposite order.
    """
    table = core["attributes"].collect()
    place = pl.col("customer_id").hash(SEED + 1) % _THIRDS
    rest = table.filter(~is_watched(), place > 0)
    changed = rest.with_columns(
        pl.when(place == 1).then(column).otherwise(pl.col(name)).alias(name) for name, column in _changes(table).items()
    )
    new = table.head(_NEWCOMERS).with_columns(pl.format(f"{NEW}-{{}}", "customer_id").alias("customer_id"))
    new = new.filter(~is_watched()).with_columns(column.alias(name) for name, column in _changes(table).items())
    rows = pl.concat([table.filter(is_watched()), changed, new]).reverse()
    labels = core["labels"].collect().join(rows.select("customer_id"), on="customer_id", how="semi")
    return _with(core, rows, labels)


UNDATED_REWRITES = {"every outcome rewritten": other_outcomes, "other customers rewritten": other_customers}
"""What is rewritten, and how; features of the watched customers may not move."""


def _changes(table: pl.DataFrame) -> dict[str, pl.Expr]:
    """Another value for every attribute; a column that was constant, or equal to another, is so no longer."""
    numbers = [name for name in table.columns if name.startswith("x_")]
    texts = [name for name in table.columns if name.startswith("c_")]
    found = {
        name: pl.col(name).fill_null(0) * -3 + 1 + (pl.col("customer_id").hash(SEED + turn) % 7).cast(pl.Float64)
        for turn, name in enumerate(numbers, start=2)
    }
    return found | {name: pl.concat_str(pl.lit(NEW), pl.col(name).fill_null("")) for name in texts}


def _with(core: Core, attributes: pl.DataFrame, labels: pl.DataFrame) -> Core:
    return Core.of({"attributes": attributes, "labels": labels}, core.known_through, NEW)
