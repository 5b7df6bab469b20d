"""Many columns squeezed into a few: an autoencoder, and principal components of the same size to compare it with.

Both scale the columns first (TailScaling) and give `size` numbers for each row. Neither sees an outcome. Fitting is
single-threaded and seeded, and what is fitted is rounded, so equal rows give equal parameters to the byte.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fiel.errors import EstimatorError
from fiel.estimators.habits import Parameters
from fiel.estimators.scaling import TailScaling, table_of

Array = npt.NDArray[np.float64]

PARAMETER_DIGITS = 9
"""Decimals that fitted parameters keep."""

OUTPUT_DIGITS = 6
"""Decimals of an embedding: more of them say nothing of a customer."""

_ROWS_TOGETHER, _FEW_ROWS = 256, 4
"""Rows summed together (they fit a core's cache), and up to how many rows one array holds all products."""

_RATE, _DECAY_1, _DECAY_2, _TINY = 2e-3, 0.9, 0.999, 1e-8
"""Adam's step and decays (Kingma and Ba 2015)."""

_CLIP = 8.0
"""Scaled values beyond this count as this: one wild row shall not throw the weights."""


class Components(Parameters):
    """The first `size` principal components of the scaled columns (Jolliffe 2002); the largest loading is positive.

    After `fit`: `scaling_`, `mean_` (columns), `axes_` (size x columns), `error_` (mean squared error of the scaled
    columns rebuilt from the components).
    """

    kind = "pca"

    def __init__(self, size: int = 8) -> None:
        self.size = size

    def fit(self, points: npt.ArrayLike) -> Self:
        """Find the components of `points` (rows x columns). EstimatorError: fewer columns or rows than `size`."""
        self.scaling_, scaled = _scaled(points, self.size)
        with threadpool_limits(limits=1):  # the last bits depend on the number of threads
            self.mean_ = np.round(scaled.mean(axis=0), PARAMETER_DIGITS)
            centred = scaled - self.mean_
            _, axes = np.linalg.eigh(centred.T @ centred)
            first = axes.T[::-1][: self.size]
            sign = np.sign(first[np.arange(len(first)), np.abs(first).argmax(axis=1)])
            self.axes_ = np.round(first * sign[:, None], PARAMETER_DIGITS)
            rebuilt = centred @ self.axes_.T @ self.axes_
        self.error_ = float(np.mean((centred - rebuilt) ** 2))
        return self

    def transform(self, points: npt.ArrayLike) -> Array:
        """The components (rows x size) of `points`; each row by itself."""
        scaled = _clipped(self.scaling_.transform(points))
        return np.round(weighted_sums(scaled - self.mean_, self.axes_.T), OUTPUT_DIGITS)

    def to_parameters(self) -> dict[str, Any]:
        """What `transform` needs, as numbers that JSON keeps exactly."""
        return {
            "kind": self.kind,
            "scaling": self.scaling_.to_parameters(),
            "mean": self.mean_.tolist(),
            "axes": self.axes_.tolist(),
            "error": self.error_,
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """A fitted model from `to_parameters`."""
        model = cls(size=len(parameters["axes"]))
        model.scaling_ = TailScaling.from_parameters(parameters["scaling"])
        model.mean_ = np.asarray(parameters["mean"], dtype=np.float64)
        model.axes_ = np.asarray(parameters["axes"], dtype=np.float64)
        model.error_ = float(parameters["error"])
        return model


class Autoencoder(Parameters):
    """A network that rebuilds its own input through `size` numbers (Hinton and Salakhutdinov 2006).

    columns - `hidden` (tanh) - `size` (linear) - `hidden` (tanh) - columns, mean squared error of the scaled columns,
    Adam on shuffled batches, `epochs` times through the rows.
    After `fit`: `scaling_`, `weights_` (four pairs of matrix and bias), `error_` (mean squared error at the end).
    """

    kind = "autoencoder"

    def __init__(
        self,
        size: int = 8,
        hidden: int = 32,
        epochs: int = 20,
        seed: int = 0,
        batch_rows: int = 256,
    ) -> None:
        self.size = size
        self.hidden = hidden
        self.epochs = epochs
        self.seed = seed
        self.batch_rows = batch_rows

    def fit(self, points: npt.ArrayLike) -> Self:
        """Learn to rebuild `points` (rows x columns). EstimatorError: fewer columns or rows than `size`."""
        self.scaling_, scaled = _scaled(points, self.size)
        rng = np.random.default_rng(self.seed)
        weights = _started(rng, (scaled.shape[1], self.hidden, self.size, self.hidden, scaled.shape[1]))
        with threadpool_limits(limits=1):  # the last bits depend on the number of threads
            self._descend(scaled, weights, rng)
            self.weights_ = [np.round(weight, PARAMETER_DIGITS) for weight in weights]
            self.error_ = float(np.mean((_layers(scaled, self.weights_)[-1] - scaled) ** 2))
        return self

    def transform(self, points: npt.ArrayLike) -> Array:
        """The embedding (rows x size) of `points`; each row by itself."""
        into, bias, out, last = self.weights_[:4]
        hidden = np.tanh(weighted_sums(_clipped(self.scaling_.transform(points)), into) + bias)
        return np.round(weighted_sums(hidden, out) + last, OUTPUT_DIGITS)

    def to_parameters(self) -> dict[str, Any]:
        """What `transform` needs, as numbers that JSON keeps exactly."""
        return {
            "kind": self.kind,
            "scaling": self.scaling_.to_parameters(),
            "weights": [weight.tolist() for weight in self.weights_[:4]],
            "error": self.error_,
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """A fitted encoder from `to_parameters`."""
        weights = [np.asarray(weight, dtype=np.float64) for weight in parameters["weights"]]
        model = cls(size=weights[2].shape[1], hidden=weights[0].shape[1])
        model.scaling_ = TailScaling.from_parameters(parameters["scaling"])
        model.weights_ = weights
        model.error_ = float(parameters["error"])
        return model

    def _descend(self, scaled: Array, weights: list[Array], rng: np.random.Generator) -> None:
        """Adam on `weights`, in place."""
        mean, square = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
        step = 0
        for _ in range(self.epochs):
            order = rng.permutation(len(scaled))
            for start in range(0, len(order), self.batch_rows):
                step += 1
                slopes = _slopes(scaled[order[start : start + self.batch_rows]], weights)
                rate = _RATE * np.sqrt(1 - _DECAY_2**step) / (1 - _DECAY_1**step)
                for weight, slope, first, second in zip(weights, slopes, mean, square, strict=True):
                    first += (1 - _DECAY_1) * (slope - first)
                    second += (1 - _DECAY_2) * (slope**2 - second)
                    weight -= rate * first / (np.sqrt(second) + _TINY)


Embedding = Components | Autoencoder


def embedding_from(parameters: Mapping[str, Any]) -> Embedding:
    """The fitted embedding that `to_parameters` of either kind wrote. EstimatorError: a kind that is not known."""
    kinds: dict[str, type[Components] | type[Autoencoder]] = {kind.kind: kind for kind in (Components, Autoencoder)}
    found = kinds.get(str(parameters.get("kind")))
    if found is None:
        raise EstimatorError(f"an embedding of kind {parameters.get('kind')!r} is not known: update Fiel")
    return found.from_parameters(parameters)


def weighted_sums(rows: Array, weights: Array) -> Array:
    """`rows` @ `weights`, summed from the first column to the last whatever the number of rows.

    The last bits of a matrix product depend on how many rows are multiplied together. A customer who is scored alone
    has to get the numbers of the batch, so each sum is made in one order here: every step is one multiplication and
    one addition of IEEE numbers.
    """
    if len(rows) <= _FEW_ROWS:
        products = rows[:, :, None] * weights[None]
        found: Array = np.add.accumulate(products, axis=1)[:, -1]
        return found
    sums = np.empty((len(rows), weights.shape[1]))
    for start in range(0, len(rows), _ROWS_TOGETHER):
        part = np.ascontiguousarray(rows[start : start + _ROWS_TOGETHER].T)[:, :, None]
        total = part[0] * weights[0]
        for column, weight in zip(part[1:], weights[1:], strict=True):
            total += column * weight
        sums[start : start + _ROWS_TOGETHER] = total
    return sums


def _scaled(points: npt.ArrayLike, size: int) -> tuple[TailScaling, Array]:
    table = table_of(points)
    if size < 1 or min(table.shape) <= size:
        raise EstimatorError(
            f"an embedding of {size} numbers needs more than {size} rows and columns; points have {len(table)} rows "
            f"and {table.shape[1]} columns"
        )
    scaling = TailScaling().fit(table)
    return scaling, _clipped(scaling.transform(table))


def _clipped(scaled: Array) -> Array:
    return np.clip(scaled, -_CLIP, _CLIP)


def _started(rng: np.random.Generator, sizes: tuple[int, ...]) -> list[Array]:
    """Weights and biases by layer, drawn as Glorot and Bengio (2010) do."""
    weights: list[Array] = []
    for inputs, outputs in itertools.pairwise(sizes):
        reach = np.sqrt(6 / (inputs + outputs))
        weights += [rng.uniform(-reach, reach, (inputs, outputs)), np.zeros(outputs)]
    return weights


def _layers(rows: Array, weights: list[Array]) -> list[Array]:
    """What each layer gives for `rows`; the first and the third bend (tanh), the second and the fourth are linear."""
    given, found = rows, []
    for place in range(0, len(weights), 2):
        given = given @ weights[place] + weights[place + 1]
        given = np.tanh(given) if place % 4 == 0 else given
        found.append(given)
    return found


def _slopes(rows: Array, weights: list[Array]) -> list[Array]:
    """Derivatives of the mean squared error of `rows`, for each of `weights` (backpropagation)."""
    layers = _layers(rows, weights)
    given = [rows, *layers[:-1]]
    error = 2 * (layers[-1] - rows) / rows.size
    slopes: list[Array] = []
    for layer in range(3, -1, -1):
        if layer % 2 == 0:
            error = error * (1 - layers[layer] ** 2)
        slopes = [given[layer].T @ error, error.sum(axis=0), *slopes]
        error = error @ weights[2 * layer].T
    return slopes
