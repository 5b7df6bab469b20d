"""The recipe of a classifier: all that decides a fit, besides the rows. It is kept as JSON beside the model."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

EmbeddingKind = Literal["autoencoder", "pca"]

_ADDED_LATER = ("embedding", "members", "bias", "negatives_kept")
"""Left out of JSON where they are at their default, so that a recipe without them has the digest that it always had."""


@dataclass(frozen=True)
class Member:
    """One model of an ensemble: the features that it may use, its seed and trees, and the weight of its log odds."""

    features: tuple[str, ...]
    seed: int
    iterations: int
    weight: float


@dataclass(frozen=True)
class EmbeddingRecipe:
    """How the columns `embedding_1`, `embedding_2` … are made of the numbers in `inputs` (fiel.models.embedded)."""

    kind: EmbeddingKind
    inputs: tuple[str, ...]
    size: int
    hidden: int
    epochs: int
    rows: int
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it makes."""
        return tuple(f"embedding_{place}" for place in range(1, self.size + 1))


@dataclass(frozen=True)
class Recipe:
    """All that decides a fit, besides the rows. `params` are CatBoost's names, sorted.

    With `embedding`, its columns are among `features`. With `members`, the model is an ensemble: `bias` and each
    member's weight combine their log odds, and `iterations` is not used. `negatives_kept` is the share of the rows
    without the outcome that a fit draws (fiel.models.sampling); the log odds are corrected for it.
    """

    features: tuple[str, ...]
    categorical: tuple[str, ...]
    params: tuple[tuple[str, float], ...]
    iterations: int
    seed: int
    threads: int
    device: str = "cpu"
    embedding: EmbeddingRecipe | None = None
    members: tuple[Member, ...] = ()
    bias: float = 0.0
    negatives_kept: float = 1.0

    @property
    def inputs(self) -> tuple[str, ...]:
        """The features that a snapshot has to hold: all but those that the embedding makes."""
        made = self.embedding.names if self.embedding else ()
        return tuple(name for name in self.features if name not in made)

    @property
    def words(self) -> str:
        """What kind of model it is: `single model` or `ensemble of 5`."""
        return f"ensemble of {len(self.members)}" if self.members else "single model"

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON values."""
        content: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        defaults = {field.name: field.default for field in dataclasses.fields(self) if field.name in _ADDED_LATER}
        for name, default in defaults.items():
            if getattr(self, name) == default:
                del content[name]
        return content | {"params": dict(self.params)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_dict` wrote."""
        embedding = content.get("embedding")
        members = content.get("members", ())
        return cls(
            **{
                **content,
                "features": tuple(content["features"]),
                "categorical": tuple(content["categorical"]),
                "params": _sorted(content["params"]),
                "embedding": embedding and EmbeddingRecipe(**embedding | {"inputs": tuple(embedding["inputs"])}),
                "members": tuple(Member(**member | {"features": tuple(member["features"])}) for member in members),
            }
        )

    def digest(self) -> str:
        """Hex digest (16 characters) of everything in the recipe."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def with_params(self, params: Mapping[str, float]) -> Recipe:
        """The same recipe with other parameters."""
        return dataclasses.replace(self, params=_sorted(params))

    def without(self, columns: set[str]) -> Recipe:
        """The same recipe without some features."""
        return dataclasses.replace(
            self,
            features=tuple(name for name in self.features if name not in columns),
            categorical=tuple(name for name in self.categorical if name not in columns),
        )

    def with_embedding(self, embedding: EmbeddingRecipe) -> Recipe:
        """The same recipe with the embedding's columns as further features."""
        return dataclasses.replace(self, features=(*self.features, *embedding.names), embedding=embedding)

    def of_member(self, member: Member) -> Recipe:
        """The recipe of one member by itself, on all features; those that it may not use are for the fit to ignore."""
        return dataclasses.replace(self, seed=member.seed, iterations=member.iterations, members=(), bias=0.0)

    def with_members(self, members: Sequence[Member], bias: float) -> Recipe:
        """The ensemble of `members`."""
        return dataclasses.replace(self, members=tuple(members), bias=bias)


def _sorted(params: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(params.items()))
