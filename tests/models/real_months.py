"""The real month-ends of life_cycle.db as snapshots and labels, in our names, with the features that are there."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import polars as pl

from fiel.models.cohorts import break_days
from fiel.program import Program

STAGE_OF = {
    "01-CURIOSO": "curioso",
    "02-FIEL": "fiel",
    "02-RECONQUISTADO": "reconquistado",
    "02-REBORN": "reborn",
    "03-TURISTA": "turista",
    "04-DESENCANTADA": "desencantado",
    "05-ZUMBI": "zumbi",
}


def month_ends(analytics: Path, program: Program) -> pl.DataFrame:
    """One row for each customer and first of the month: features, in_population, stage one month later (or null)."""
    address = f"file:{analytics / 'life_cycle.db'}?mode=ro"
    with sqlite3.connect(address, uri=True) as connection:
        raw = pl.read_database("SELECT * FROM life_cycle", connection)
    frame = raw.select(
        customer_id="IdCliente",
        as_of=pl.col("dtRef").str.to_date() + pl.duration(days=1),
        stage=pl.col("descLifeCycle").replace_strict(STAGE_OF, default="reborn", return_dtype=pl.String),
        age_days="qtdeDiasPrimTransacao",
        recency_days="qtdeDiasUltTransacao",
        gap_days=(pl.col("qtdeDiasPenultimaTransacao") - pl.col("qtdeDiasUltTransacao")),
        active_days_d28=pl.col("qtdeFrequencia").fill_null(0),
        value_earned_d28=pl.col("qtdePontosPos").fill_null(0),
        value_cluster=pl.col("cluster").fill_null("none"),
    )
    before = frame.select(
        "customer_id",
        pl.col("as_of").dt.offset_by("1mo"),
        stage_d28="stage",
        active_days_before="active_days_d28",
        value_earned_before="value_earned_d28",
    )
    after = frame.select("customer_id", pl.col("as_of").dt.offset_by("-1mo"), stage_after="stage")
    live = pl.read_csv(analytics / "DAU.csv").select(
        day=pl.col("dtDia").str.strip_chars().str.to_date(), actives=pl.col("DAU")
    )
    months = frame.select(pl.col("as_of").unique().sort())
    live_days = (
        months.join(live.filter(pl.col("actives") >= 8), how="cross")
        .filter(pl.col("day") < pl.col("as_of"), pl.col("day") >= pl.col("as_of").dt.offset_by("-28d"))
        .group_by("as_of")
        .agg(live_days_d28=pl.len().cast(pl.Int64))
    )
    breaks = months.with_columns(
        planned_break_days=pl.Series([break_days(day, program) for day in months["as_of"]], dtype=pl.Int64)
    )
    mean_active = pl.col("active_days_d28").mean().over("as_of", "stage")
    return (
        frame.join(before, on=["customer_id", "as_of"], how="left")
        .join(after, on=["customer_id", "as_of"], how="left")
        .join(live_days, on="as_of", how="left")
        .join(breaks, on="as_of", how="left")
        .with_columns(
            pl.col("stage_d28").fill_null("none"),
            in_population=pl.col("stage") != "zumbi",
            active_days_ratio_d28=pl.col("active_days_d28") / mean_active,
        )
        .sort("as_of", "customer_id")
    )


FEATURES = [
    "stage",
    "age_days",
    "recency_days",
    "gap_days",
    "active_days_d28",
    "value_earned_d28",
    "value_cluster",
    "stage_d28",
    "active_days_before",
    "value_earned_before",
    "active_days_ratio_d28",
    "live_days_d28",
    "planned_break_days",
]


def labels(frame: pl.DataFrame, last: date) -> pl.DataFrame:
    """customer_id, as_of, label (fiel one month later) of the cohorts up to `last`."""
    return frame.filter(pl.col("as_of") <= last).select(
        "customer_id", "as_of", label=(pl.col("stage_after") == "fiel").fill_null(value=False).cast(pl.Int8)
    )
