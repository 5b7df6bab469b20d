"""A registered model, loaded: what scoring and promotion use, whatever kind it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import polars as pl

from fiel.models.classifier import predict
from fiel.models.metrics import Array
from fiel.models.stage_rule import StageRule

Kind = Literal["stage_rule", "catboost"]


@dataclass(frozen=True)
class LoadedModel:
    """A model with what is known about it. `predict` gives one probability of the target for each row.

    `trained_as_of` are the cohorts that the artifact was fitted or calibrated on; `recipe` is how it was made.
    """

    version: str
    kind: Kind
    digest: str
    model: Any
    features: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    fingerprint: str = ""
    recipe_digest: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)
    trained_as_of: tuple[date, ...] = ()

    def predict(self, frame: pl.DataFrame) -> Array:
        """Probabilities, one for each row of `frame` in its order; SchemaError names columns that are missing."""
        if isinstance(self.model, StageRule):
            return self.model.predict(frame["stage"])
        return predict(self.model, frame)
