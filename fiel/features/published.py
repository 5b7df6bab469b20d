"""The 93 feature names that the community published, each with our column and how the two differ, as data.

The table is `published.csv`. With `day_time_zone: UTC`, parts of day 10-14 and 15-21 and no operator events, most
columns are equal (DOMAIN.md section 0); `differences` names everything else.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import polars as pl

DIFFERENCES = {
    "utc_days": "published days are UTC days, ours are days of the program's zone; set day_time_zone to UTC to compare",
    "operator_events": "published counts include operator events, ours leave them out; empty the list to compare",
    "sign": "published is a negative sum, ours a positive one",
    "whole_days": "published is fractional, ours whole days",
    "utc_hours": "published parts of day are UTC hours, ours local hours; the same hours in a zone of UTC-3",
    "whole_seconds": "ours sums whole seconds of each day, rounded down; published keeps fractions",
    "always_zero": "of operator events only, so ours is 0 as long as those are listed as such",
    "labels": "other spelling of the stages",
    "through_as_of": "ours covers every as_of of the customer's life, this one included; published covers earlier days",
    "empty_for_zumbi": "ours is empty for zumbi: their frequency is zero by definition",
    "known_episodes": "ours counts the episodes known before as_of; the published catalogue is undated",
    "known_link": "ours needs the link of user and customer to be known before as_of; the published link is undated",
}
"""The kinds of difference, by the code that `published.csv` uses."""

STAGE_LABELS = {
    "curioso": "01-CURIOSO",
    "fiel": "02-FIEL",
    "reconquistado": "02-RECONQUISTADO",
    "reborn": "02-REBORN",
    "turista": "03-TURISTA",
    "desencantado": "04-DESENCANTADA",
    "zumbi": "05-ZUMBI",
}
"""Our stages in the published spelling; `none` has no label there."""

CLUSTER_LABELS = {
    "hyper": "12-HYPER",
    "eficiente": "22-EFICIENTE",
    "indeciso": "11-INDECISO",
    "esforcado": "21-ESFORÇADO",
    "lurker": "0-LURKER",
    "preguicoso": "01-PREGUIÇOSO",
    "potencial": "20-POTENCIAL",
}
"""Our value clusters in the published spelling; `none` has no label there."""


def published_features() -> pl.DataFrame:
    """One row for each published name: published_name, group, ours, differences (list), factor, offset, note.

    `factor` and `offset` turn our number into the published one: `factor * ours + offset`.
    """
    with (files("fiel.features") / "published.csv").open("rb") as source:
        table = pl.read_csv(
            source.read(), schema_overrides={"factor": pl.Int64, "offset": pl.Int64, "differences": pl.String}
        )
    return table.with_columns(pl.col("differences").str.split(" "), pl.col("note").fill_null(""))


def to_published(snapshot: pl.DataFrame) -> pl.DataFrame:
    """Customer, as_of and the published columns that `snapshot` (feat_snapshot) can give, in their names and signs.

    Courses that the snapshot does not know are left out. What `differences` names beyond sign and labels stays ours.
    """
    columns = [
        _published_column(row, snapshot.schema[row["ours"]])
        for row in published_features().iter_rows(named=True)
        if row["ours"] in snapshot.columns
    ]
    return snapshot.select("customer_id", "as_of", *columns)


def _published_column(row: dict[str, Any], dtype: pl.DataType) -> pl.Expr:
    ours = pl.col(row["ours"])
    if dtype == pl.String:
        ours = ours.replace_strict(STAGE_LABELS, default=None, return_dtype=pl.String)
    elif row["factor"] != 1 or row["offset"] != 0:
        ours = ours * row["factor"] + row["offset"]
    return ours.alias(row["published_name"])
