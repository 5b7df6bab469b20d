"""Rows whose many numbers are noisy readings of two hidden ones, so that an embedding and an ensemble can help."""

from __future__ import annotations

import numpy as np
import polars as pl

from tests.models import frames

READINGS = tuple(f"value_net_d{place}" for place in range(1, 17))
FEATURES = ["stage", *READINGS, "planned_break_days"]


def snapshots(count: int = 150, seed: int = 11) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Snapshots of frames.MONTHS and their labels: the first hidden number decides, plus chance."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(2, len(READINGS)))
    found = []
    for month, as_of in enumerate(frames.MONTHS):
        hidden = rng.normal(size=(count, 2))
        readings = hidden @ mixing + 2.0 * rng.normal(size=(count, len(READINGS)))
        odds = -1.2 + 1.6 * hidden[:, 0]
        found.append(
            pl.DataFrame(
                {
                    "customer_id": [f"c{number:05d}" for number in range(count)],
                    "as_of": [as_of] * count,
                    "in_population": [True] * count,
                    "stage": rng.choice(["fiel", "turista", "curioso"], count),
                    "age_days": rng.integers(1, 300, count),
                    **{name: readings[:, place] for place, name in enumerate(READINGS)},
                    "planned_break_days": [month % 3] * count,
                    "label": (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int8),
                }
            )
        )
    rows = pl.concat(found)
    return rows.drop("label"), rows.select("customer_id", "as_of", "label")
