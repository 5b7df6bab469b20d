"""What the purchase models are given, checked: the first wrong position is named, nothing is changed silently."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fiel.errors import EstimatorError

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


def purchase_history(frequency: npt.ArrayLike, recency: npt.ArrayLike, T: npt.ArrayLike) -> tuple[Array, Array, Array]:  # noqa: N803
    """`frequency`, `recency` and `T` as float arrays of one shape.

    Raises `EstimatorError` for what no purchase history can be: not finite, negative, a frequency that is not whole,
    recency after T, a recency other than 0 without a repeat purchase, a repeat purchase at recency 0 (purchases of one
    day are one purchase, so the first repeat is later than the first purchase).
    """
    x, t_x, age = (
        numbers(frequency, "frequency"),
        numbers(recency, "recency"),
        numbers(T, "T"),
    )
    try:
        x, t_x, age = np.broadcast_arrays(x, t_x, age)
    except ValueError:
        raise EstimatorError(
            f"frequency, recency and T need one length; they have the shapes {x.shape}, {t_x.shape} and {age.shape}"
        ) from None
    not_negative(x, "frequency")
    not_negative(t_x, "recency")
    not_negative(age, "T")
    refuse(x != np.floor(x), x, "frequency", "a whole number is needed (purchase days after the first)")
    refuse(t_x > age, t_x, "recency", "it lies after T (the last purchase cannot be later than the end)", T=age)
    refuse((x == 0) & (t_x != 0), t_x, "recency", "it has to be 0 where frequency is 0", T=age)
    refuse((x > 0) & (t_x == 0), t_x, "recency", "it has to be above 0 where frequency is above 0", frequency=x)
    return x, t_x, age


def horizons(horizon: npt.ArrayLike, rows: tuple[int, ...] = ()) -> Array:
    """`horizon` as floats, finite and not negative, of a shape that goes with `rows` (one for all, or one for each)."""
    found = numbers(horizon, "horizon")
    not_negative(found, "horizon")
    try:
        np.broadcast_shapes(found.shape, rows)
    except ValueError:
        raise EstimatorError(
            f"horizon has the shape {found.shape}, the rows have {rows}: give one, or one each"
        ) from None
    return found


def weights_of(weights: npt.ArrayLike | None, shape: tuple[int, ...]) -> Array | None:
    """`weights` (customers of each row) as floats of `shape`; None stays None: one customer each."""
    if weights is None:
        return None
    found = numbers(weights, "weights")
    not_negative(found, "weights")
    if found.shape != shape:
        raise EstimatorError(f"weights has the shape {found.shape}, the rows have {shape}")
    return found


def numbers(values: npt.ArrayLike, name: str) -> Array:
    """`values` as a float array without NaN or infinity."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EstimatorError(f"{name} has to be numbers: {error}") from None
    if not np.isfinite(found).all():
        refuse(~np.isfinite(found), found, name, "a finite number is needed")
    return found


def not_negative(values: Array, name: str) -> None:
    """Raise where a value is below 0."""
    if values.size and values.min() < 0:
        refuse(values < 0, values, name, "it cannot be negative")


def refuse(wrong: npt.NDArray[np.bool_], values: Array, name: str, why: str, **beside: Array) -> None:
    """Raise with the first position at which `wrong` is true, its value, and what stands beside it."""
    if not wrong.any():
        return
    first = int(np.argmax(wrong))
    others = "".join(f", {other} = {_shown(of.flat[first])}" for other, of in beside.items())
    raise EstimatorError(
        f"{name} at position {first} is {_shown(values.flat[first])}{others}: {why} "
        f"({int(wrong.sum())} of {wrong.size} rows)"
    )


def _shown(value: Any) -> str:
    return f"{float(value):.10g}"
