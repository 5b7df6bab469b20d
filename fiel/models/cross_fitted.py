"""Probabilities of customers by models that have not seen them, for programs whose every row has its outcome.

An undated program learns from most of its customers, and then has to say something about the same ones. Its artifact
knows their outcome, so it is not asked: each customer of the training parts belongs to one of k folds, by a hash of the
id, and is asked of the model that was fitted, by the same recipe, without that fold. Customers of the test part are
asked of the artifact itself, which never saw them. A customer keeps part and fold in every source version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import polars as pl
from catboost import CatBoostClassifier, CatBoostError

from fiel.errors import CohortError, RegistryError
from fiel.models import classifier
from fiel.models.calibration import Sigmoid
from fiel.models.metrics import Array
from fiel.models.parts import OOT, TRAIN, VALID, CustomerParts, uniform
from fiel.models.recipe import Recipe
from fiel.models.retraining import calibrate
from fiel.program import Program

FOLDER = "out_of_fold"
"""Where the models of the folds stand beside the artifact."""

Asked = Callable[[pl.DataFrame], Array]


@dataclass(frozen=True)
class Folds:
    """Which fold a customer of the training parts is in."""

    parts: CustomerParts
    count: int

    @classmethod
    def of_program(cls, program: Program) -> Self | None:
        """The folds that the program file asks for; None for a program without a section `engagement`."""
        parts = CustomerParts.of_program(program)
        if parts is None or program.engagement is None:
            return None
        return cls(parts, program.engagement.folds)

    def of(self, customer_ids: pl.Series) -> pl.Series:
        """Fold 0 .. count - 1 of each customer; null in the test part."""
        number = (uniform(customer_ids, f"fold {self.parts.seed}") * self.count).cast(pl.Int64)
        is_test = self.parts.of(customer_ids) == OOT
        return pl.select(pl.when(~is_test).then(number).alias("fold")).to_series()

    def asked_of(self, frame: pl.DataFrame, models: Sequence[Asked], whole: Asked) -> Array:
        """What each row's own model says: `models` by fold, `whole` for the test part; in the order of the rows."""
        fold = self.of(frame["customer_id"])
        found = np.full(frame.height, np.nan)
        for number, model in [*enumerate(models), (None, whole)]:
            is_here = (fold.is_null() if number is None else (fold == number).fill_null(value=False)).to_numpy()
            if is_here.any():
                found[is_here] = model(frame.filter(pl.Series(is_here)))
        return found


@dataclass(frozen=True)
class CrossFitted:
    """The models of the folds, each fitted and calibrated as the artifact was, without its fold's customers."""

    folds: Folds
    models: tuple[CatBoostClassifier, ...]

    @classmethod
    def fit(cls, recipe_json: dict[str, Any], rows: pl.DataFrame, program: Program, folds: Folds, **how: Any) -> Self:
        """Models on `rows` (features, customer_id, as_of, label) of the training parts; others are left out.

        `recipe_json` is that of `Learned`. Where the artifact is calibrated by a sigmoid, so is each fold's model, on
        the validation customers outside the fold (`how`: split and spread, for `calibrate`). CohortError where a fold
        leaves one outcome only.
        """
        content = dict(recipe_json)
        stored = content.pop("sigmoid")
        recipe, is_plain = Recipe.from_dict(content), Sigmoid(stored["scale"], stored["bias"], "stored").is_identity
        rows = folds.parts.rows(rows, TRAIN, VALID).sort("as_of", "customer_id")
        fold, part = folds.of(rows["customer_id"]), folds.parts.of(rows["customer_id"])
        models = []
        for number in range(folds.count):
            known = rows.filter(fold != number)
            if known["label"].n_unique() < 2:
                raise CohortError(
                    f"program {program.name}: without fold {number} of {folds.count} there is one outcome only: bring "
                    "more rows, or set engagement.folds higher"
                )
            sigmoid = None
            if not is_plain:
                early = classifier.fit(recipe, rows.filter((fold != number) & (part == TRAIN)))
                judged = rows.filter((fold != number) & (part == VALID))
                sigmoid = calibrate(early, judged, how["split"], program, how["spread"])[1]
            models.append(classifier.fit(recipe, known, sigmoid))
        return cls(folds, tuple(models))

    def predict(self, frame: pl.DataFrame, artifact: Asked) -> Array:
        """Probability of each row of `frame`, by a model that was fitted without its customer."""
        models = [lambda rows, model=model: classifier.predict(model, rows) for model in self.models]
        return self.folds.asked_of(frame, models, artifact)

    def files(self) -> dict[str, bytes]:
        """The models as files, by the path beside the artifact."""
        return {f"{FOLDER}/{number}.cb": classifier.model_bytes(model) for number, model in enumerate(self.models)}

    @classmethod
    def of_files(cls, read: Callable[[str], bytes], folds: Folds) -> Self:
        """From what `files` wrote; `read` gives the content of a path."""
        return cls(folds, tuple(model_of(read(f"{FOLDER}/{number}.cb")) for number in range(folds.count)))


def model_of(content: bytes) -> CatBoostClassifier:
    """A CatBoost model from its bytes; RegistryError where they are none."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        path.write_bytes(content)
        try:
            return CatBoostClassifier().load_model(str(path), format="cbm")
        except CatBoostError as error:
            raise RegistryError("a model's file cannot be read: restore the artifacts, or train again") from error
