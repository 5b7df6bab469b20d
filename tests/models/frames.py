"""Small labelled frames and programs for the tests of the learning part."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from fiel.models.cohorts import CohortSplit, split_cohorts
from fiel.program import Program, read_program
from fiel.settings import HOME

MONTHS = tuple(date(2024 + month // 12, month % 12 + 1, 1) for month in range(14))
TODAY = date(2025, 3, 15)
FEATURES = ["stage", "age_days", "active_days_d28", "value_earned_d28", "mean_gap_days_life", "planned_break_days"]


def program(*, training: dict[str, object] | None = None, **fields: object) -> Program:
    """The real program without its breaks, small and without a search, with the given fields."""
    found = read_program(HOME / "deployments" / "programs" / "teomewhy.yaml").model_dump()
    small = {"iterations": 40, "search_trials": 0, "threads": 1, **(training or {})}
    found |= {"breaks": (), "training": {**found["training"], **small}}
    found["promotion"] |= {"bootstrap": 60}
    return Program.model_validate(found | fields)


def split(rules: Program) -> CohortSplit:
    """The split of MONTHS as a training on TODAY makes it."""
    return split_cohorts(MONTHS, rules, TODAY)


def snapshots(count: int = 120, seed: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Snapshots of MONTHS and their labels: activity and stage decide, plus chance; half of the customers stay."""
    rng = np.random.default_rng(seed)
    frames = []
    for month, as_of in enumerate(MONTHS):
        customers = np.concatenate([np.arange(count // 2), 1000 * (month + 1) + np.arange(count - count // 2)])
        active = rng.integers(0, 20, count)
        stage = np.where(active > 8, "fiel", rng.choice(["turista", "curioso", "desencantado"], count))
        gap = rng.gamma(2, 3, count)
        odds = -2.5 + 0.25 * active
        frames.append(
            pl.DataFrame(
                {
                    "customer_id": [f"c{number:06d}" for number in customers],
                    "as_of": [as_of] * count,
                    "in_population": rng.random(count) < 0.95,
                    "stage": stage,
                    "age_days": rng.integers(1, 300, count),
                    "active_days_d28": active.astype(np.int64),
                    "value_earned_d28": rng.integers(0, 900, count),
                    "mean_gap_days_life": pl.Series(np.where(active == 0, np.nan, gap)).fill_nan(None),
                    "planned_break_days": [month % 3] * count,
                    "label": (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int8),
                }
            )
        )
    rows = pl.concat(frames)
    return rows.drop("label"), rows.select("customer_id", "as_of", "label")


def labelled(count: int = 120, seed: int = 3) -> pl.DataFrame:
    """Both of them as one frame."""
    rows, labels = snapshots(count, seed)
    return rows.join(labels, on=["customer_id", "as_of"], maintain_order="left")
