"""Merged customers: who survives, through chains of merges."""

from __future__ import annotations

import polars as pl

from fiel.errors import PlanError

MAX_CHAIN = 64


def merges_of(customers: pl.DataFrame) -> pl.DataFrame:
    """Merged customers and who survives them: `customer_id`, `survivor_id`, chains followed to their end.

    `customers` has the columns of core_customers. PlanError for a merge that goes in a circle.

    >>> merges_of(pl.DataFrame({
    ...     "customer_id": ["a", "b", "c"], "status": ["merged", "merged", "present"], "merged_into": ["b", "c", None],
    ... })).rows()
    [('a', 'c'), ('b', 'c')]
    """
    step = customers.filter(pl.col("status") == "merged", pl.col("merged_into").is_not_null()).select(
        "customer_id", survivor_id="merged_into"
    )
    onward = step.rename({"customer_id": "survivor_id", "survivor_id": "next_id"})
    found = step
    for _ in range(MAX_CHAIN):
        followed = found.join(onward, on="survivor_id", how="left")
        if followed.get_column("next_id").is_null().all():
            return found.sort("customer_id")
        found = followed.select("customer_id", survivor_id=pl.coalesce("next_id", "survivor_id"))
    turning = followed.filter(pl.col("next_id").is_not_null()).get_column("customer_id").sort().head(5).to_list()
    raise PlanError(
        f"core_customers: the merges of {', '.join(turning)} go in a circle: mend merged_into and ingest again"
    )


def no_merges() -> pl.DataFrame:
    """The merges of a program without any."""
    return pl.DataFrame(schema={"customer_id": pl.String, "survivor_id": pl.String})


def follow(frame: pl.DataFrame, merges: pl.DataFrame) -> pl.DataFrame:
    """The frame with each merged `customer_id` replaced by the survivor's."""
    followed = frame.join(merges, on="customer_id", how="left", maintain_order="left")
    return followed.with_columns(customer_id=pl.coalesce("survivor_id", "customer_id")).drop("survivor_id")
