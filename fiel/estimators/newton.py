"""Maximum likelihood by Newton's method within a box, with an analytic gradient and Hessian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fiel.estimators.inputs import Array

Objective = Callable[[Array], tuple[float, Array, Array]]

_GRADIENT = 1e-9  # largest slope (log likelihood of one customer, for each unit of a log parameter) at the optimum
_STEEPEST = 1e-6  # where rounding ends the search earlier, the slope up to which the optimum still counts as found
_LONGEST_STEP = 2.0  # in log parameters: beyond it the quadratic picture is not trusted
_ITERATIONS = 200


@dataclass(frozen=True)
class Optimum:
    """Where the search ended: the mean log likelihood, its gradient and Hessian there."""

    at: Array
    value: float
    gradient: Array
    hessian: Array
    at_bound: np.ndarray
    converged: bool
    evaluations: int


def maximise(objective: Objective, start: Array, lower: Array, upper: Array) -> Optimum:
    """The local maximum of `objective` (value, gradient, Hessian) from `start` within the box.

    Newton steps on the free coordinates, with the Hessian's eigenvalues made positive, damped (Levenberg) until the
    value does not fall. A coordinate is held at its bound while the gradient presses it there.
    """
    at = np.clip(start, lower, upper)
    value, gradient, hessian = objective(at)
    damping, evaluations = 0.0, 1
    for _ in range(_ITERATIONS):
        held = _held(at, gradient, lower, upper)
        free = ~held
        if not free.any() or np.abs(gradient[free]).max() < _GRADIENT:
            break
        step = np.zeros_like(at)
        step[free] = _step(gradient[free], hessian[np.ix_(free, free)], damping)
        trial = np.clip(at + step, lower, upper)
        tried = objective(trial)
        evaluations += 1
        if np.isfinite(tried[0]) and tried[0] >= value - 1e-15 * abs(value):
            moved = np.abs(trial - at).max()
            gained = tried[0] - value
            at, (value, gradient, hessian) = trial, tried
            damping = 0.0 if damping < 1e-6 else damping / 10
            if moved < 1e-10 or (gained <= 1e-15 * abs(value) and np.abs(gradient[free]).max() < _STEEPEST):
                break
        elif damping > 1e8:
            break
        else:
            damping = max(damping * 10, 1e-5)
    held = _held(at, gradient, lower, upper)
    slope = np.abs(gradient[~held]).max(initial=0.0)
    bound = (at <= lower + 1e-9) | (at >= upper - 1e-9)
    return Optimum(at, value, gradient, hessian, bound, bool(slope < _STEEPEST), evaluations)


def _held(at: Array, gradient: Array, lower: Array, upper: Array) -> np.ndarray:
    held: np.ndarray = ((at <= lower) & (gradient < 0)) | ((at >= upper) & (gradient > 0))
    return held


def _step(gradient: Array, hessian: Array, damping: float) -> Array:
    values, vectors = np.linalg.eigh(-hessian)
    safe = np.maximum(np.abs(values), 1e-10) + damping
    step: Array = vectors @ ((vectors.T @ gradient) / safe)
    step *= min(1.0, _LONGEST_STEP / float(np.abs(step).max()))
    return step
