"""Open deliveries settled against the next ledger drop: what the source's own data say was booked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import polars as pl

from fiel.actions.delivery import OPEN
from fiel.actions.merges import follow
from fiel.program import Program
from fiel.store import Store
from fiel.store import deliveries as events_of

DAY = pl.duration(days=1)


def reconcile_with_drop(
    store: Store,
    program: Program,
    lines: pl.DataFrame,
    merges: pl.DataFrame,
    known_through: date,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Settle open calls by the transactions that the source holds; how many were settled.

    lines: core_event_lines (customer_id, day, product_id, product_name). A call is settled once the data know the day
    after it: delivered when the customer has more lines of the product on the day of the call and its neighbours than
    other deliveries explain, not delivered otherwise. Two open calls that could explain the same line stay open: a
    person decides.
    """
    outbox = follow(store.outbox(program.name).filter(pl.col("intent_at").is_not_null()), merges).with_columns(
        day=pl.col("intent_at").dt.convert_time_zone(program.day_time_zone).dt.date()
    )
    open_calls = outbox.filter(pl.col("state").is_in(OPEN))
    due = open_calls.filter(pl.col("day") + DAY <= known_through).select("grant_id", "customer_id", "product", "day")
    wanted = due.get_column("product").unique().implode()
    booked = (
        lines.with_row_index("row")
        .unpivot(["product_id", "product_name"], index=["row", "customer_id", "day"], value_name="product")
        .filter(pl.col("product").is_in(wanted))
        .unique(["row", "product"])
    )
    delivered = outbox.filter(pl.col("state") == "delivered")
    counts = (
        due.join(_near(due, booked, "booked"), on="grant_id", how="left")
        .join(_near(due, delivered, "explained"), on="grant_id", how="left")
        .join(_near(due, open_calls, "open"), on="grant_id", how="left")
        .with_columns(pl.col("booked", "explained").fill_null(0))
        .filter((pl.col("open") == 1) | (pl.col("booked") <= pl.col("explained")))
        .sort("grant_id")
    )
    numbers = dict(open_calls.select("grant_id", "number").iter_rows())
    settled = 0
    with store.database.write(program.name) as connection:
        for row in counts.iter_rows(named=True):
            state = "delivered" if row["booked"] > row["explained"] else "not_delivered"
            said = f"the source, known through {known_through}, holds {row['booked']} such transactions"
            grant = row["grant_id"]
            settled += events_of.add(connection, program.name, grant, numbers[grant], state, {"said": said}, now())  # type: ignore[arg-type]
    return settled


def _near(due: pl.DataFrame, events: pl.DataFrame, name: str) -> pl.DataFrame:
    """How many of the events are of the same customer and product, a day from the call at the most."""
    return (
        due.join(events.select("customer_id", "product", other_day="day"), on=["customer_id", "product"])
        .filter((pl.col("other_day") - pl.col("day")).dt.total_days().abs() <= 1)
        .group_by("grant_id")
        .agg(pl.len().cast(pl.Int64).alias(name))
    )
