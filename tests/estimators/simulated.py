"""Customers who live by the models' story, purchase by purchase: no formula of the models is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Customers:
    """Histories to T, and what really came after: alive at T, purchases in (T, T + horizon]."""

    frequency: Array
    recency: Array
    T: Array
    alive: npt.NDArray[np.bool_]
    later: Array


def purchase_times(
    rng: np.random.Generator, rate: Array, drop_out: Array, until: Array, first_counts: bool
) -> tuple[Array, Array]:
    """Times of repeat purchases up to `until`: (customer, time), by customer and time, and the time of each drop-out.

    The time of drop-out is infinite where it is not seen by `until`.
    """
    gone = np.full(len(rate), np.inf)
    who, when = [], []
    now = np.zeros(len(rate))
    living = np.arange(len(rate))
    if first_counts:
        dropped = rng.random(len(rate)) < drop_out
        gone[dropped] = 0.0
        living = living[~dropped]
    while living.size:
        now[living] += rng.exponential(1 / rate[living])
        living = living[now[living] <= until[living]]
        who.append(living)
        when.append(now[living].copy())
        dropped = rng.random(living.size) < drop_out[living]
        gone[living[dropped]] = now[living[dropped]]
        living = living[~dropped]
    times = np.stack([np.concatenate(who).astype(float), np.concatenate(when)])
    return times[:, np.lexsort(times[::-1])], gone


def customers(
    rng: np.random.Generator,
    n: int,
    *,
    r: float,
    alpha: float,
    drop_out: tuple[float, float] | float,
    first_counts: bool = False,
    observed: tuple[float, float] = (10.0, 60.0),
    horizon: float = 0.0,
) -> Customers:
    """`n` customers with T uniform in `observed`; `drop_out` is (a, b) of the Beta or one probability for all."""
    rate = rng.gamma(r, 1 / alpha, n)
    p = rng.beta(*drop_out, n) if isinstance(drop_out, tuple) else np.full(n, drop_out)
    T = rng.uniform(*observed, n)  # noqa: N806
    (who, when), gone = purchase_times(rng, rate, p, T + horizon, first_counts)
    who = who.astype(np.intp)
    early = when <= T[who]
    recency = np.zeros(n)
    np.maximum.at(recency, who[early], when[early])
    return Customers(
        frequency=np.bincount(who[early], minlength=n).astype(float),
        recency=recency,
        T=T,
        alive=gone > T,
        later=np.bincount(who[~early], minlength=n).astype(float),
    )
