"""How rows become events where a foreign id does not settle it: an id that several days or customers share."""

from __future__ import annotations

import polars as pl

from fiel.sources.rules import day_of


def event_ids(rows: pl.DataFrame, event: str, day_time_zone: str) -> pl.Series:
    """The id of each row's event, from the foreign id in column `event`; `rows` has occurred_at and customer_id.

    An id that is used on several days is an event for each: the first keeps the id, later ones are `ID/DAY`. As one
    event, what was bought on the last of them would be known on the first. Where customers share it on one day, it is
    an event for each of them too, `ID/CUSTOMER`. What is added on a later day changes no id of an earlier one.

    >>> from datetime import datetime
    >>> rows = pl.DataFrame({"order": ["1", "1", "1"], "customer_id": ["ana", "ana", "bo"],
    ...                      "occurred_at": [datetime(2025, 1, 1), datetime(2025, 3, 1), datetime(2025, 3, 1)]})
    >>> event_ids(rows, "order", "UTC").to_list()
    ['1', '1/2025-03-01/ana', '1/2025-03-01/bo']
    """
    day, is_later = pl.col("_day"), pl.col("_day") != pl.col("_day").min().over(event)
    of_day = pl.when(is_later).then(pl.format("{}/{}", event, day.cast(pl.String))).otherwise(event)
    is_shared = pl.col("customer_id").n_unique().over("_of_day") > 1
    return (
        rows.select(event, "customer_id", day_of("occurred_at", day_time_zone).alias("_day"))
        .with_columns(of_day.alias("_of_day"))
        .select(pl.when(is_shared).then(pl.format("{}/{}", "_of_day", "customer_id")).otherwise("_of_day"))
        .to_series()
        .alias("event_id")
    )
