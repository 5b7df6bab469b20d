"""An embedding of a model's numeric features: fitted with the model, on its training rows, and kept inside its file.

What is squeezed out of many columns is fitted, so it belongs to the model and not to the snapshot: an embedding that
was fitted on other rows would have other columns. Neither kind sees an outcome.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from fiel.estimators.autoencoder import Array, Autoencoder, Components, Embedding, embedding_from
from fiel.models.recipe import EmbeddingKind, EmbeddingRecipe, Recipe
from fiel.program import EmbeddingRules

ROWS_AT_ONCE = 200_000
"""Rows embedded together, so that memory stays bounded."""


@dataclass(frozen=True)
class FittedEmbedding:
    """An embedding with the columns that it reads, in order."""

    inputs: tuple[str, ...]
    model: Embedding

    @property
    def names(self) -> list[str]:
        """The columns that it makes."""
        return [f"embedding_{place}" for place in range(1, self.model.size + 1)]

    def add(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with the embedding's columns, made of each row by itself; columns of that name are replaced."""
        chunks = [
            self.of(_numbers(frame.slice(start, ROWS_AT_ONCE), self.inputs))
            for start in range(0, max(1, frame.height), ROWS_AT_ONCE)
        ]
        made = np.concatenate(chunks)
        return frame.with_columns(pl.Series(name, made[:, place]) for place, name in enumerate(self.names))

    def of(self, points: Array) -> Array:
        """The embedding (rows x size) of the inputs' values (rows x inputs, NaN for empty), each row by itself."""
        return self.model.transform(points)

    def to_json(self) -> str:
        """The embedding as JSON; equal embeddings give equal text."""
        content = {"inputs": list(self.inputs), **self.model.to_parameters()}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=8)
def embedding_of_json(text: str) -> FittedEmbedding:
    """The embedding that `to_json` wrote."""
    content = json.loads(text)
    return FittedEmbedding(tuple(content.pop("inputs")), embedding_from(content))


def embedding_recipe(kind: EmbeddingKind, base: Recipe, rules: EmbeddingRules) -> EmbeddingRecipe | None:
    """How an embedding of `kind` is made of the numeric features of `base`; None where they are too few for it."""
    inputs = tuple(name for name in base.inputs if name not in base.categorical)
    if len(inputs) <= rules.size:
        return None
    return EmbeddingRecipe(kind, inputs, rules.size, rules.hidden, rules.epochs, rules.rows, base.seed)


def fit_embedding(recipe: EmbeddingRecipe, frame: pl.DataFrame) -> FittedEmbedding:
    """The embedding fitted on `frame` (customer_id, as_of and the inputs), at most `recipe.rows` rows, seeded."""
    ordered = frame.sort("as_of", "customer_id")
    if ordered.height > recipe.rows:
        drawn = np.random.default_rng(recipe.seed).choice(ordered.height, recipe.rows, replace=False)
        ordered = ordered[np.sort(drawn)]
    model: Embedding = (
        Components(size=recipe.size)
        if recipe.kind == "pca"
        else Autoencoder(size=recipe.size, hidden=recipe.hidden, epochs=recipe.epochs, seed=recipe.seed)
    )
    return FittedEmbedding(recipe.inputs, model.fit(_numbers(ordered, recipe.inputs)))


def _numbers(frame: pl.DataFrame, columns: Sequence[str]) -> Array:
    """The columns as rows x columns, NaN for empty."""
    return frame.select(pl.col(columns).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
