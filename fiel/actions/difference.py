"""The difference between what a cycle paid and what another plan for it would pay, as a person reads it."""

from __future__ import annotations

import polars as pl

from fiel.actions.merges import follow

CUSTOMERS_SHOWN = 3
PAYMENT = ("customer_id", "product", "points")


def payments(grants: pl.DataFrame, merges: pl.DataFrame) -> pl.DataFrame:
    """Who is paid what: `customer_id` (the survivor of a merge), `product`, `points`, sorted, without repetition."""
    return follow(grants.select(PAYMENT), merges).select(PAYMENT).unique().sort(PAYMENT)


def difference(applied: pl.DataFrame, planned: pl.DataFrame) -> str | None:
    """What is added, removed and changed, with customers and totals; None if the payments are the same.

    Both frames are `payments(...)`.
    """
    if applied.equals(planned):
        return None
    added = planned.join(applied, on="customer_id", how="anti")
    removed = applied.join(planned, on="customer_id", how="anti")
    changed = (
        applied.join(planned, on="customer_id", suffix="_planned")
        .filter((pl.col("points") != pl.col("points_planned")) | (pl.col("product") != pl.col("product_planned")))
        .sort("customer_id")
    )
    parts = [
        _listed("added", added.select("customer_id", told=_told("product", "points"))),
        _listed("removed", removed.select("customer_id", told=_told("product", "points"))),
        _listed(
            "changed",
            changed.select(
                "customer_id",
                told=pl.concat_str(
                    _told("product", "points"), pl.lit(" to "), _told("product_planned", "points_planned")
                ),
            ),
        ),
        f"total: {applied['points'].sum():+,} points to {applied.height:,} customers applied, "
        f"{planned['points'].sum():+,} to {planned.height:,} planned",
    ]
    return "; ".join(part for part in parts if part)


def _told(product: str, points: str) -> pl.Expr:
    return pl.format("{} {}", pl.col(product), pl.col(points))


def _listed(what: str, rows: pl.DataFrame) -> str:
    if rows.is_empty():
        return ""
    shown = [f"{customer} ({told})" for customer, told in rows.head(CUSTOMERS_SHOWN).iter_rows()]
    more = f" and {rows.height - len(shown):,} more" if rows.height > len(shown) else ""
    return f"{what} {rows.height:,}: {', '.join(shown)}{more}"
