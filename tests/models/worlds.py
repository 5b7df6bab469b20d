"""Small worlds for the tests of registry, promotion and scoring: programs, models and rows without any pipeline."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from catboost import CatBoostClassifier

from fiel.models.artifact import Training
from fiel.models.calibration import CohortSpread
from fiel.models.classifier import fit
from fiel.models.recipe import Recipe
from fiel.models.stage_rule import StageRule
from fiel.program import STAGES, Program, read_program
from fiel.settings import HOME, Settings

JULY, AUGUST, SEPTEMBER = date(2025, 7, 1), date(2025, 8, 1), date(2025, 9, 1)
OOT = (JULY, AUGUST, SEPTEMBER)
TRAINED = (date(2025, 4, 1), date(2025, 5, 1))

RECIPE = Recipe(
    features=("stage", "active_days_d28", "mean_gap_days_life"),
    categorical=("stage",),
    params=(("depth", 3), ("learning_rate", 0.1)),
    iterations=30,
    seed=7,
    threads=1,
)


def program(**promotion: object) -> Program:
    """The real program, with few bootstrap draws and the given promotion fields."""
    found = read_program(HOME / "deployments" / "programs" / "teomewhy.yaml")
    fields = {**found.promotion.model_dump(), "bootstrap": 100, **promotion}
    return Program.model_validate({**found.model_dump(), "promotion": fields})


def settings(folder: Path) -> Settings:
    """Settings with lake, store and registry under `folder`."""
    return Settings(FIEL_LAKE=str(folder / "lake"))


def rows(count: int = 600, as_of_dates: tuple[date, ...] = OOT, seed: int = 1) -> pl.DataFrame:
    """Labelled rows: customers with a stage and activity that decide the label, plus chance."""
    rng = np.random.default_rng(seed)
    frames = []
    for as_of in as_of_dates:
        stage = rng.choice(STAGES[:-1], count)
        active = rng.integers(1, 20, count)
        odds = -3.5 + 0.25 * active + 0.8 * (stage == "fiel")
        frames.append(
            pl.DataFrame(
                {
                    "customer_id": [f"c{number:05d}" for number in range(count)],
                    "as_of": [as_of] * count,
                    "stage": stage,
                    "active_days_d28": active.astype(np.int64),
                    "mean_gap_days_life": rng.gamma(2, 3, count),
                    "age_days": rng.integers(1, 400, count),
                    "label": (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int8),
                }
            )
        )
    return pl.concat(frames)


def stage_rule() -> StageRule:
    """The stage rule of the training rows."""
    train = rows(as_of_dates=TRAINED, seed=2)
    return StageRule.fit(train["stage"], train["label"])


@cache
def _fitted(recipe: Recipe) -> CatBoostClassifier:
    return fit(recipe, rows(as_of_dates=TRAINED, seed=2))


def fitted(**fields: object) -> CatBoostClassifier:
    """A small model; `fields` change its recipe."""
    return _fitted(Recipe(**{**RECIPE.__dict__, "categorical": ("stage",), **fields}))


def training(
    model: object = None,
    fingerprint: str = "a" * 16,
    recipe_digest: str = "recipe",
    trained: tuple[date, ...] = TRAINED,
    iterations: int = 30,
) -> Training:
    """A training as it is logged; a small CatBoost model unless one is given."""
    train = rows(as_of_dates=TRAINED, seed=2)
    recipe = Recipe(**{**RECIPE.__dict__, "iterations": iterations})
    return Training(
        model=_fitted(recipe) if model is None else model,
        fingerprint=fingerprint,
        recipe_digest=recipe_digest,
        as_of=date(2025, 10, 1),
        known_through=date(2025, 9, 30),
        trained_as_of=trained,
        oot_as_of=OOT,
        table_versions={"feat_snapshot": 3, "core_events": 2},
        example=train,
        recipe={**recipe.to_dict(), "sigmoid": {"scale": 1.0, "bias": 0.0}},
        params={"depth": 3},
        metrics={"oot.auc": 0.81, "oot.log_loss": 0.4, "oot.profit": None},
        files={"plots/gains.json": b"{}"},
        tags={"calibration_spread": json.dumps(asdict(CohortSpread(0.0, 0.1, 5)))},
    )
