"""The simulated churn table: 160 numbers and 18 text levels of each customer, the outcome, and who was treated.

Who leaves follows a logistic model with known parameters, once as if left alone and once as if treated. So the effect
of the treatment is known for each customer, which no real file can tell: some stay because of the campaign, a few leave
because of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import expit, logit

from fiel.simulate.draws import Draws, Floats, Ints

NUMBERS, FACTORS = 160, 18
CHURN_RATE, TREATED_SHARE = 0.0343, 0.7574  # of the real file (DOMAIN.md section 4)
CHUNK = 20_000

_LEVELS = (2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 9, 10, 12, 14, 18, 24)
_TELLING_FACTORS = {0: 0.5, 4: 0.4, 8: 0.3}  # factor -> spread of its levels' effects on leaving
_FADES = 0.45  # the k-th number has the standard deviation 4 k^-0.45, as principal components fade


@dataclass(frozen=True)
class Effects:
    """What makes people leave, on the logit scale, for each standard deviation of a number (1 is PC1)."""

    leaving: tuple[tuple[int, float], ...] = (
        (1, -0.45), (2, 0.35), (3, -0.30), (5, 0.25), (8, -0.25), (13, 0.20), (21, 0.20), (40, 0.15), (80, 0.15),
    )  # fmt: skip
    treatment: float = -0.35  # of a treated customer who is average in everything
    treatment_by: tuple[tuple[int, float], ...] = ((2, -0.55), (4, 0.45))
    selection: float = 0.0  # how much the operator treated those who seemed about to leave: 0 is a coin


@dataclass(frozen=True)
class Population:
    """What decides the outcome of every customer; the numbers themselves are drawn again when they are written."""

    leaves: Ints
    treated: Ints
    prob_control: Floats
    prob_treated: Floats

    @property
    def truth(self) -> pl.DataFrame:
        """customer_id (row number), prob_control, prob_treated, uplift: the probabilities that drew the outcome."""
        return pl.DataFrame(
            {
                "customer_id": [str(number) for number in range(1, len(self.leaves) + 1)],
                "prob_control": self.prob_control,
                "prob_treated": self.prob_treated,
                "uplift": self.prob_control - self.prob_treated,
            }
        )


def population(draws: Draws, customers: int, effects: Effects) -> Population:
    """Outcomes of `customers`, with the real file's shares of churn and treatment, exactly (to a whole customer)."""
    pairs = [_scores(draws, part, effects) for part in _parts(customers)]
    alone = np.concatenate([score for score, _ in pairs])
    change = np.concatenate([difference for _, difference in pairs])
    everyone = np.arange(customers)
    wish = effects.selection * alone + logit(draws.uniform("telecom-treated", everyone))
    treated = _highest(wish, TREATED_SHARE)
    latent = np.where(treated == 1, alone + change, alone) + logit(draws.uniform("telecom-leaves", everyone))
    leaves = _highest(latent, CHURN_RATE)
    cut = np.sort(latent)[customers - leaves.sum()] if leaves.any() else latent.max() + 1
    return Population(leaves, treated, expit(alone - cut), expit(alone + change - cut))


def tables(draws: Draws, found: Population) -> Iterator[pl.DataFrame]:
    """The rows of the churn file in order, CHUNK at a time, in its own columns."""
    for part in _parts(len(found.leaves)):
        numbers = _normals(draws, part, np.arange(1, NUMBERS + 1)) * (4 * np.arange(1, NUMBERS + 1) ** -_FADES)
        levels = {f"FACTOR{n + 1}": pl.Series(_levels(draws, part, n) + 1) for n in range(FACTORS)}
        yield pl.DataFrame(numbers.round(6), schema=[f"PC{n}" for n in range(1, NUMBERS + 1)]).with_columns(
            **{name: pl.format("V{}", level) for name, level in levels.items()},
            y=pl.Series(found.leaves[part]),
            t=pl.Series(found.treated[part]),
        )


def _parts(customers: int) -> Iterator[Ints]:
    for first in range(0, customers, CHUNK):
        yield np.arange(first, min(first + CHUNK, customers))


def _normals(draws: Draws, customers: Ints, numbers: Ints) -> Floats:
    return draws.normal("telecom-pc", customers[:, None], numbers[None, :])


def _levels(draws: Draws, customers: Ints, factor: int) -> Ints:
    """Levels from 0, the later the rarer (shares as 1 / rank)."""
    shares = 1 / np.arange(1, _LEVELS[factor] + 1)
    upper = np.cumsum(shares / shares.sum())
    found = np.searchsorted(upper, draws.uniform("telecom-factor", customers, factor))
    return np.minimum(found, len(upper) - 1).astype(np.int64)


def _scores(draws: Draws, customers: Ints, effects: Effects) -> tuple[Floats, Floats]:
    """Logit of leaving when left alone, but for its intercept, and what the treatment adds."""
    alone = _weighted(draws, customers, effects.leaving)
    for factor, spread in _TELLING_FACTORS.items():
        worth = spread * draws.normal("telecom-level", factor, np.arange(_LEVELS[factor]))
        alone = alone + worth[_levels(draws, customers, factor)]
    return alone, effects.treatment + _weighted(draws, customers, effects.treatment_by)


def _weighted(draws: Draws, customers: Ints, weights: tuple[tuple[int, float], ...]) -> Floats:
    if not weights:
        return np.zeros(len(customers))
    numbers, by = zip(*weights, strict=True)
    product: Floats = _normals(draws, customers, np.array(numbers)) @ np.array(by)
    return product


def _highest(values: Floats, share: float) -> Ints:
    """1 for the share of rows with the highest values."""
    chosen = np.zeros(len(values), dtype=np.int64)
    chosen[np.argsort(-values, kind="stable")[: round(share * len(values))]] = 1
    return chosen
