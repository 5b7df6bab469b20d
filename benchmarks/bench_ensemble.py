"""An ensemble against the single model of the same rows, in the same process.

    python -m benchmarks.bench_ensemble [--rows 60000] [--members 5]

Made-up rows with forty numbers and one category. Both have trees of equal depth and number; the other members of the
ensemble see 60 % of the features. Printed are processor seconds (the median of alternating repeats) to fit, to score
all rows and to explain 5,000 of them, and their ratio. Limit: an ensemble of n is fitted in n + 0.5 times the seconds
of the single model at the most.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from fiel.models import classifier
from fiel.models.ensemble import drawn_members
from fiel.models.recipe import Recipe
from fiel.program import EnsembleRules, Training

NUMBERS = 40
TREES = 150
EXPLAINED = 5_000
REPEATS = 3


def made_up_rows(rows: int, seed: int = 7) -> pl.DataFrame:
    """Labelled rows of one date: the first ten numbers and the category decide, plus chance."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, NUMBERS))
    region = rng.integers(0, 40, rows)
    odds = numbers[:, :10].sum(axis=1) / 3 + (region % 5 == 0) - 2.5
    return pl.DataFrame(
        {
            "customer_id": [f"c{place:07d}" for place in range(rows)],
            "as_of": pl.Series([date(2025, 1, 1)]).new_from_index(0, rows),
            **{f"x_{place}": numbers[:, place] for place in range(NUMBERS)},
            "region": [f"r{one}" for one in region],
            "label": (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int8),
        }
    )


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of `work` (both cores' together), and what it returned."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--members", type=int, default=5)
    asked = parser.parse_args()
    rows = made_up_rows(asked.rows)
    features = [*(f"x_{place}" for place in range(NUMBERS)), "region"]
    base = dataclasses.replace(classifier.base_recipe(features, rows.schema, Training()), iterations=TREES)
    recipes: dict[str, Recipe] = {
        "single": base,
        "ensemble": base.with_members(drawn_members(base, EnsembleRules(members=asked.members)), 0.0),
    }
    took: dict[str, dict[str, list[float]]] = {name: {"fit": [], "score": [], "explain": []} for name in recipes}
    for _ in range(REPEATS):
        for name, recipe in recipes.items():
            for step, work in _steps(recipe, rows).items():
                spent, _ = seconds(work)
                took[name][step].append(spent)
    print(f"{asked.rows:,} rows, {len(features)} features, {TREES} trees, {asked.members} members, {REPEATS} repeats")
    ratios = {}
    for step in ("fit", "score", "explain"):
        one, many = (statistics.median(took[name][step]) for name in recipes)
        ratios[step] = many / one
        print(f"{step:8} single {one:7.2f} s   ensemble {many:7.2f} s   ratio {ratios[step]:.2f}")
    return 0 if ratios["fit"] <= asked.members + 0.5 else 1


def _steps(recipe: Recipe, rows: pl.DataFrame) -> dict[str, Callable[[], Any]]:
    """What is timed, in order; scoring and explaining use the model that was fitted before."""
    made: list[Any] = []
    return {
        "fit": lambda: made.append(classifier.fit(recipe, rows)),
        "score": lambda: classifier.predict(made[0], rows),
        "explain": lambda: classifier.shap_values(made[0], rows.head(EXPLAINED)),
    }


if __name__ == "__main__":
    sys.exit(main())
