"""The purchase models of one as_of as a report shows them: fits, hold-out, and what the used parameters say.

The matrices are computed from the parameters in feat_purchase_fits, not read from the customers, so that they show the
model itself: what it believes of every history, also of those that nobody has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from fiel.core import Core
from fiel.estimators.btyd import PurchaseModel
from fiel.features.purchase_fits import DAYS, MODELS, VALUE_MODEL, used_models
from fiel.program import Program
from fiel.reports.metrics import Frame
from fiel.segments.disagreement import SAME_WITHIN

Array = npt.NDArray[np.float64]

TITLES = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pooled": "pooled BG/NBD", VALUE_MODEL: "Gamma-Gamma"}
"""The models by name, in the order in which they are shown."""

PURCHASE_MODELS = tuple(MODELS)
"""Those of purchases, of which one is used; Gamma-Gamma is of their value."""

ROWS = 20
"""Steps of recency in the matrices."""

BINS = 20
"""Bins of the distribution of p(alive)."""


@dataclass(frozen=True)
class UsedModel:
    """The model whose numbers are the features, ready to predict; `unit_days` is one unit of its time in days."""

    model: PurchaseModel
    unit_days: int

    @property
    def name(self) -> str:
        """The model's name in the tables."""
        return self.model.name

    @property
    def title(self) -> str:
        """The model as people call it."""
        return TITLES[self.name]

    def alive(self, frequency: npt.ArrayLike, recency_days: npt.ArrayLike, age_days: npt.ArrayLike) -> Array:
        """p(alive) of histories in days."""
        return self.model.alive_prob(frequency, self._units(recency_days), self._units(age_days))

    def expected(
        self, horizon_days: int, frequency: npt.ArrayLike, recency_days: npt.ArrayLike, age_days: npt.ArrayLike
    ) -> Array:
        """Expected purchase days within `horizon_days` of histories in days."""
        units = self._units(recency_days), self._units(age_days)
        return self.model.expected_purchases(horizon_days / self.unit_days, frequency, *units)

    def purchase(
        self, horizon_days: int, frequency: npt.ArrayLike, recency_days: npt.ArrayLike, age_days: npt.ArrayLike
    ) -> Array:
        """P(at least one purchase day within `horizon_days`) of histories in days."""
        units = self._units(recency_days), self._units(age_days)
        return self.model.purchase_prob(horizon_days / self.unit_days, frequency, *units)

    def _units(self, days: npt.ArrayLike) -> Array:
        return np.asarray(days, dtype=np.float64) / self.unit_days


@dataclass(frozen=True)
class PurchaseModels:
    """The fits and what follows from them.

    `fits`: rows of feat_purchase_fits (empty: none was fitted yet). `used`: the model behind the features, None where
    none could be fitted. `matrix`: frequency, recency_days, alive_prob, purchase_prob, purchases_expected for customers
    of `matrix_age_days`, within `horizon_days`. `alive`: low, high, customers (bins of p(alive) over the customers).
    `alive_range`: its lowest and highest value, None without a model. `hold_out`: rows of out_hold_out, empty without
    one.
    """

    fits: pl.DataFrame
    used: UsedModel | None
    customers: int
    matrix: pl.DataFrame
    matrix_age_days: int
    horizon_days: int
    alive: pl.DataFrame
    hold_out: pl.DataFrame
    alive_range: tuple[float, float] | None = None

    @property
    def is_flat(self) -> bool:
        """Whether p(alive) is the same for every customer, and so says nothing of any."""
        return self.alive_range is not None and self.alive_range[1] - self.alive_range[0] <= SAME_WITHIN


def purchase_models(
    core: Core,
    snapshot: pl.DataFrame,
    fits: pl.DataFrame | None,
    hold_out: pl.DataFrame | None,
    program: Program,
    as_of: date,
) -> PurchaseModels:
    """The purchase models at `as_of`; `snapshot`, `fits` and `hold_out` hold its rows only."""
    known = snapshot.filter(pl.col("purchase_frequency").is_not_null())
    rows = pl.DataFrame() if fits is None else fits
    used = None if fits is None else used_model(fits)
    age = max((as_of - core.first_day).days, 1)
    horizon = max(program.purchases.horizons_days)
    return PurchaseModels(
        fits=rows,
        used=used,
        customers=known.height,
        matrix=pl.DataFrame() if used is None else history_matrix(used, age, _most(known), horizon),
        matrix_age_days=age,
        horizon_days=horizon,
        alive=_alive_bins(known),
        hold_out=pl.DataFrame() if hold_out is None else hold_out.sort("kind", "model", "position"),
        alive_range=_range(known["purchase_alive_prob"].drop_nulls()),
    )


def used_model(fits: pl.DataFrame) -> UsedModel | None:
    """The purchase model that feat_purchase_fits rows `fits` mark as used, with their parameters; None without one."""
    model = used_models(fits).purchases
    return None if model is None else UsedModel(model, DAYS[model.time_unit])


def history_matrix(used: UsedModel, age_days: int, most_purchases: int, horizon_days: int) -> pl.DataFrame:
    """What the model believes of every history of a customer of `age_days`, one row for each frequency and recency.

    Columns: frequency (0 to `most_purchases`); recency_days (0 for frequency 0, else even steps up to `age_days`, no
    history with fewer days than repeat purchases); alive_prob; purchase_prob (at least one) and purchases_expected
    within `horizon_days`.
    """
    steps = sorted({round(age_days * step / ROWS) for step in range(ROWS + 1)})
    grid = (
        pl.DataFrame({"frequency": range(most_purchases + 1)}, schema={"frequency": pl.Int64})
        .join(pl.DataFrame({"recency_days": steps}, schema={"recency_days": pl.Int64}), how="cross")
        .filter(
            pl.when(pl.col("frequency") == 0)
            .then(pl.col("recency_days") == 0)
            .otherwise(pl.col("recency_days") >= pl.col("frequency"))
        )
    )
    history = grid["frequency"].to_numpy(), grid["recency_days"].to_numpy(), np.full(grid.height, float(age_days))
    return grid.with_columns(
        alive_prob=pl.Series(used.alive(*history), dtype=pl.Float64),
        purchase_prob=pl.Series(used.purchase(horizon_days, *history), dtype=pl.Float64),
        purchases_expected=pl.Series(used.expected(horizon_days, *history), dtype=pl.Float64),
    )


def _range(values: pl.Series) -> tuple[float, float] | None:
    return None if values.is_empty() else (float(values.to_numpy().min()), float(values.to_numpy().max()))


def _most(known: pl.DataFrame) -> int:
    """Frequencies that the matrices reach: nearly everyone's, between 5 and 20."""
    if known.is_empty():
        return 5
    high = known["purchase_frequency"].quantile(0.99, "nearest")
    return int(min(max(high or 0, 5), 20))


def _alive_bins(known: Frame) -> pl.DataFrame:
    """Customers by p(alive) in even bins: low, high, customers; empty where no model could be fitted."""
    schema = {"low": pl.Float64, "high": pl.Float64, "customers": pl.Int64}
    counts = (
        known.lazy()
        .filter(pl.col("purchase_alive_prob").is_not_null())
        .group_by(bin=(pl.col("purchase_alive_prob") * BINS).floor().clip(0, BINS - 1).cast(pl.Int64))
        .agg(customers=pl.len().cast(pl.Int64))
        .collect()
    )
    if counts.is_empty():
        return pl.DataFrame(schema=schema)
    return (
        pl.DataFrame({"bin": range(BINS)}, schema={"bin": pl.Int64})
        .join(counts, on="bin", how="left", maintain_order="left")
        .select(low=pl.col("bin") / BINS, high=(pl.col("bin") + 1) / BINS, customers=pl.col("customers").fill_null(0))
    )
