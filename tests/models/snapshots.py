"""A made-up snapshot with the real columns, for tests and for the benchmark of scoring."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from fiel.program import STAGES, Program
from fiel.tables import CLUSTERS, TABLES

COURSES = ("estatistica_2024", "sql_2025")


def made_up_snapshot(customers: int, as_of: date, program: Program, seed: int = 1) -> pl.DataFrame:
    """One row for each of `customers`, every column of feat_snapshot that the program would have, in its type."""
    rng = np.random.default_rng(seed)
    active = rng.integers(0, 28, customers)
    stage = np.array(STAGES)[rng.choice(len(STAGES), customers, p=[0.05, 0.15, 0.02, 0.03, 0.1, 0.15, 0.5])]
    columns: dict[str, object] = {
        "customer_id": np.char.add("c", np.char.zfill(np.arange(customers).astype(str), 7)),
        "as_of": pl.Series([as_of]).new_from_index(0, customers),
        "in_population": stage != "zumbi",
        "value_cluster": rng.choice(CLUSTERS, customers),
        "stage": stage,
        "stage_d28": rng.choice([*STAGES, "none"], customers),
        "next_stage": np.full(customers, "turista"),
        "next_stage_date": pl.Series([as_of + timedelta(days=3)]).new_from_index(0, customers),
        "stage_after_visit": np.full(customers, "fiel"),
        "active_days_d28": active,
    }
    for name, dtype in columns_of(program).items():
        if name in columns:
            continue
        if name == "as_of_weekday":
            columns[name] = np.full(customers, as_of.isoweekday())
        elif dtype == pl.Int64:
            columns[name] = rng.integers(1, 40, customers)
        elif "share" in name:
            columns[name] = rng.random(customers)
        else:
            columns[name] = rng.gamma(2, 4, customers)
    frame = pl.DataFrame(columns).with_columns(
        mean_gap_days_life=pl.when(pl.col("active_days_d28") > 1).then("mean_gap_days_life"),
        gap_days=pl.when(pl.col("active_days_d28") > 1).then("gap_days"),
        next_stage=pl.when(pl.col("stage") != "zumbi").then("next_stage"),
        next_stage_date=pl.when(pl.col("stage") != "zumbi").then("next_stage_date"),
    )
    return frame.cast(columns_of(program))  # type: ignore[arg-type]


def columns_of(program: Program) -> dict[str, pl.DataType]:
    """Every column of the program's snapshot and its type."""
    keys = {
        "product_share_{key}": tuple(program.features.tracked_products),
        "category_share_{key}": tuple(program.features.tracked_categories),
        "stage_share_{key}": STAGES,
        "course_share_{key}": COURSES,
        "x_{key}": ("var15",),
        "c_{key}": ("factor1",),
        "sum_{key}": ("saldo_var",),
        "nonzero_{key}": ("saldo_var",),
        "difference_{key}": ("saldo_var30_less_saldo_var5",),
        "ratio_{key}": ("saldo_var30_over_var38",),
    }
    table = TABLES["feat_snapshot"]
    found = dict(table.declared)
    window = f"d{program.features.frequency_window}"
    every = ("life", *(f"d{days}" for days in program.features.windows))
    in_window_only = ("active_days_share_{w}", "mean_gap_days_{w}", "stage_{w}", "stage_mean_active_days_{w}")
    for pattern in table.patterns:
        windows = (window,) if pattern.name in (*in_window_only, "active_days_ratio_{w}") else every
        if "{w}" in pattern.name:
            found |= {pattern.name.replace("{w}", name): pattern.dtype for name in windows}
        else:
            found |= {
                pattern.name.replace("{key}", name): pattern.dtype for name in keys.get(pattern.name, (pattern.name,))
            }
    return found


def made_up_labels(snapshot: pl.DataFrame, seed: int = 1) -> pl.DataFrame:
    """A label for each row, decided by activity and chance."""
    rng = np.random.default_rng(seed)
    odds = -3.5 + 0.22 * snapshot["active_days_d28"].to_numpy() + 0.8 * (snapshot["stage"] == "fiel").to_numpy()
    return snapshot.select("customer_id", "as_of").with_columns(
        label=pl.Series((rng.random(snapshot.height) < 1 / (1 + np.exp(-odds))).astype(np.int8))
    )
