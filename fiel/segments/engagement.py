"""Engagement, value and value segments of customers without dates (DOMAIN.md section 4).

Engagement is a weighted sum of the first oriented components, so a higher one means less churn; it is scaled to 0..100
by the training rows and clipped for everybody else. Value is what is left of it when the probability of leaving is
taken off, times 1,000. Segments are four clusters of engagement, probability and value, named by their rank in value.
All of it is fitted on training rows, kept as parameters, and then a function of the row alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fiel.errors import SegmentError
from fiel.estimators.clusters import RankedKMeans

Array = npt.NDArray[np.float64]

WEIGHTS = (0.5, 0.3, 0.15, 0.05)
"""Of the first four components."""
HIGHEST = 100.0
VALUE_SCALE = 1000.0
SEGMENTS = ("base", "emergentes", "estables", "premium")
"""By rank in value, the lowest first."""


@dataclass(frozen=True)
class Engagement:
    """Engagement 0..100 of components: `low` and `high` are the ends of the weighted sum over the training rows."""

    low: float
    high: float
    weights: tuple[float, ...] = WEIGHTS

    @classmethod
    def fit(cls, components: npt.ArrayLike, weights: Sequence[float] = WEIGHTS) -> Self:
        """The scale of training rows (rows x components). SegmentError: too few components, or all rows are equal."""
        total = _weighted(components, weights)
        if len(total) == 0 or not total.max() > total.min():
            raise SegmentError(f"engagement cannot be scaled: {len(total)} training rows that do not differ in it")
        return cls(float(total.min()), float(total.max()), tuple(weights))

    def __call__(self, components: npt.ArrayLike) -> Array:
        """Engagement of each row, 0 to 100."""
        share = (_weighted(components, self.weights) - self.low) / (self.high - self.low)
        return np.asarray(np.clip(HIGHEST * share, 0.0, HIGHEST))

    def to_parameters(self) -> dict[str, Any]:
        """As numbers that JSON keeps exactly."""
        return {"low": self.low, "high": self.high, "weights": list(self.weights)}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """From `to_parameters`."""
        return cls(float(parameters["low"]), float(parameters["high"]), tuple(parameters["weights"]))


def customer_value(prob: npt.ArrayLike, engagement: npt.ArrayLike) -> Array:
    """(1 - probability of leaving) x engagement x 1,000. SegmentError: a probability outside 0..1 or missing."""
    leaving = np.asarray(prob, dtype=np.float64)
    if not ((leaving >= 0) & (leaving <= 1)).all():
        raise SegmentError(
            f"value needs probabilities between 0 and 1; row {int(np.argmin(_is_prob(leaving)))} has none"
        )
    return np.asarray((1 - leaving) * np.asarray(engagement, dtype=np.float64) * VALUE_SCALE)


class ValueSegments:
    """Four KMeans clusters of (engagement, probability of leaving, value), each standardised, named by median value."""

    def __init__(self, clusters: RankedKMeans) -> None:
        self._clusters = clusters

    @classmethod
    def fit(cls, engagement: npt.ArrayLike, prob: npt.ArrayLike, seed: int) -> Self:
        """Clusters of training rows; `prob` has to be out of sample. SegmentError: fewer than five distinct rows."""
        points = _points(engagement, prob)
        found = RankedKMeans(len(SEGMENTS), len(SEGMENTS), seed, starts=10).fit(points, points[:, 2])
        if found.k_ != len(SEGMENTS):
            raise SegmentError(
                f"{len(points)} training rows are too few or too alike for {len(SEGMENTS)} segments: "
                f"needs more than {len(SEGMENTS)} that differ"
            )
        return cls(found)

    def __call__(self, engagement: npt.ArrayLike, prob: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Segment of each row, one of SEGMENTS; depends on no other row."""
        ranks = self._clusters.predict(_points(engagement, prob))
        return np.array(SEGMENTS[::-1])[ranks]  # the clusters' 0 is the highest

    @property
    def silhouette(self) -> float | None:
        """Mean silhouette of the training rows (a draw of them); None once it was stored and read back."""
        found: float | None = getattr(self._clusters, "silhouette_", None)
        return found

    @property
    def centres(self) -> dict[str, tuple[float, float, float]]:
        """Segment to (engagement, probability, value) of its centre."""
        rows = self._clusters.centres_.tolist()
        return {name: (row[0], row[1], row[2]) for name, row in zip(SEGMENTS, rows[::-1], strict=True)}

    def to_parameters(self) -> dict[str, Any]:
        """As numbers that JSON keeps exactly."""
        return self._clusters.to_parameters()

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """From `to_parameters`."""
        return cls(RankedKMeans.from_parameters(parameters))


def _weighted(components: npt.ArrayLike, weights: Sequence[float]) -> Array:
    table = np.asarray(components, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < len(weights):
        raise SegmentError(f"engagement needs {len(weights)} components; they have the shape {table.shape}")
    total = np.zeros(len(table))
    for place, weight in enumerate(weights):
        total += weight * table[:, place]
    return total


def _points(engagement: npt.ArrayLike, prob: npt.ArrayLike) -> Array:
    return np.column_stack([np.asarray(engagement), np.asarray(prob), customer_value(prob, engagement)])


def _is_prob(values: Array) -> npt.NDArray[np.bool_]:
    return (values >= 0) & (values <= 1)
