"""A registered model, loaded: what scoring and promotion use, whatever kind it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any, Literal

import polars as pl
from catboost import CatBoostClassifier, CatBoostError

from fiel.errors import RegistryError, SchemaError
from fiel.models.calibration import CohortSpread
from fiel.models.classifier import features_of, inputs_of, predict
from fiel.models.metrics import Array
from fiel.models.parts import CustomerParts
from fiel.models.stage_rule import StageRule
from fiel.tables import COURSES_PATTERNS

Kind = Literal["stage_rule", "catboost"]


@dataclass(frozen=True)
class LoadedModel:
    """A model with what is known about it. `predict` gives one probability of the target for each row.

    `features` are all that the model reads, with those that its own embedding makes; `inputs` are without them.
    `trained_as_of` are the cohorts that the artifact was fitted or calibrated on, `oot_as_of` those that judge it;
    `recipe` is how it was made; `spread` is how far calibration lies apart from month to month; `as_of` is the date
    that it was trained for. `parts`: which customers it learned from, where the cohorts are not told apart by time.
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
    oot_as_of: tuple[date, ...] = ()
    spread: CohortSpread | None = None
    as_of: date | None = None
    parts: CustomerParts | None = None

    def predict(self, frame: pl.DataFrame) -> Array:
        """Probabilities, one for each row of `frame` in its order; SchemaError names columns that are missing."""
        if isinstance(self.model, StageRule):
            return self.model.predict(frame["stage"])
        return predict(self.model, self.aligned(frame))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that a snapshot has to hold."""
        if not isinstance(self.model, CatBoostClassifier):
            return self.features
        held = set(inputs_of(self.model))
        return tuple(name for name in self.features if name in held)

    def filled(self, frame: pl.DataFrame) -> list[str]:
        """The features that `frame` lacks and that `aligned` fills: columns that come and go with the data."""
        return [name for name in self.inputs if name not in frame.columns and depends_on_data(name)]

    def aligned(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with the data-dependent columns that it lacks as nulls, as they were for early cohorts at training.

        Only course columns depend on the data; SchemaError for any other column that is missing.
        """
        filled = self.filled(frame)
        missing = [name for name in self.inputs if name not in frame.columns and name not in filled]
        if missing:
            raise SchemaError(
                f"model version {self.version} was trained with columns that the snapshot lacks: {', '.join(missing)}; "
                "did features.groups or features.windows of the program file change? Put them back, or retrain"
            )
        return frame.with_columns(pl.lit(None, pl.Float64).alias(name) for name in filled)


def model_of(content: bytes, kind: str) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """Model, features and categorical features from the bytes of a model's file, which run nobody's code.

    The bytes have to be known by their digest: CatBoost may end the process on a file that was changed. RegistryError
    for bytes that are no such model, and for a kind that is not known.
    """
    if kind == "stage_rule":
        return StageRule.from_json(content), ("stage",), ("stage",)
    if kind != "catboost":
        raise RegistryError(f"a model of kind {kind!r} is not known to this version of Fiel: update Fiel")
    try:
        # A stream, not a blob: of a blob CatBoost keeps the bytes and believes a file that was cut short.
        model = CatBoostClassifier().load_model(stream=BytesIO(content), format="cbm")
    except CatBoostError as error:
        raise RegistryError(
            "the model's file cannot be read: restore the artifacts, or roll back to an earlier version"
        ) from error
    names, categorical = features_of(model)
    return model, tuple(names), tuple(categorical)


def depends_on_data(column: str) -> bool:
    """Whether a column comes and goes with the data (one for each course), so that a snapshot may lack it."""
    return any(pattern.matches(column) for pattern in COURSES_PATTERNS)
