"""What BG/NBD, MBG/NBD and their pooled alternative share: fitting, standard errors and predictions.

Arrays in, arrays out, in the model's time unit; the habits are scikit-learn's (`fit` returns the model, what was fitted
ends in an underscore). Words: `frequency` is the number of repeat purchase days, `recency` the time from the first to
the last purchase, `T` the time from the first purchase to the end of observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from fiel.errors import EstimatorError
from fiel.estimators.drop_out import DropOut
from fiel.estimators.fitting import Fit, fit_patterns
from fiel.estimators.habits import Parameters
from fiel.estimators.inputs import Array, horizons, purchase_history, weights_of
from fiel.estimators.patterns import Patterns, unique_pairs, unique_patterns

TimeUnit = Literal["days", "weeks"]
DAYS_PER_YEAR = 365.25
UNITS_PER_YEAR: dict[str, float] = {"days": DAYS_PER_YEAR, "weeks": DAYS_PER_YEAR / 7}


class PurchaseModel(Parameters):
    """Base of the purchase models: a Gamma mixture of Poisson purchases, and a drop-out after a purchase.

    Fitted: `r_`, `alpha_` (shape, and rate in time units, of the purchase rate's Gamma distribution), the drop-out's
    parameters, `parameters_` and `standard_errors_` (by name, natural scale; NaN where there is none),
    `log_likelihood_` (of times in the model's unit), `aic_`, `customers_`, `repeaters_`, `converged_`,
    `is_identified_` with `identification_note_` and `suggestion_` ("pooled" or "").
    """

    name: ClassVar[str]
    _drop_out: ClassVar[DropOut]
    _first_counts: ClassVar[bool]

    r_: float
    alpha_: float
    parameters_: dict[str, float]
    standard_errors_: dict[str, float]
    log_likelihood_: float
    aic_: float
    customers_: float
    repeaters_: float
    converged_: bool
    is_identified_: bool
    identification_note_: str
    suggestion_: str

    def __init__(self, time_unit: TimeUnit = "days") -> None:
        if time_unit not in UNITS_PER_YEAR:
            raise EstimatorError(f"time_unit is {time_unit!r}: it has to be days or weeks")
        self.time_unit = time_unit

    def __repr__(self) -> str:
        fitted = "".join(f", {name}={value:.4g}" for name, value in getattr(self, "parameters_", {}).items())
        return f"{type(self).__name__}(time_unit={self.time_unit!r}{fitted})"

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float], time_unit: TimeUnit = "days") -> Self:
        """A model with given `parameters` (r, alpha and the drop-out's, of `time_unit`), ready to predict.

        >>> from fiel.estimators import BGNBD
        >>> model = BGNBD.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, "weeks")
        >>> float(model.alive_prob(frequency=2, recency=30.43, T=38.86).round(4))
        0.7266
        """
        model = cls(time_unit)
        names = ("r", "alpha", *cls._drop_out.names)
        if set(parameters) != set(names):
            raise EstimatorError(f"{cls.__name__} has the parameters {', '.join(names)}, not {', '.join(parameters)}")
        values = {name: float(parameters[name]) for name in names}
        for name, value in values.items():
            lowest_is_wrong = name != "p" and value <= 0
            if not np.isfinite(value) or value < 0 or lowest_is_wrong or (name == "p" and value >= 1):
                raise EstimatorError(
                    f"parameter {name} is {value:g}: it has to be " + ("in [0, 1)" if name == "p" else "above 0")
                )
        model._take(values)
        return model

    def fit(
        self,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,  # noqa: N803
        weights: npt.ArrayLike | None = None,
    ) -> Self:
        """Maximum likelihood on purchase histories; `weights` are the numbers of customers of each row (default 1).

        Raises `EstimatorError` for what no history can be, and where no customer has a repeat purchase.
        """
        x, t_x, age = purchase_history(np.ravel(frequency), np.ravel(recency), np.ravel(T))
        return self.fit_patterns(unique_patterns(x, t_x, age, weights_of(weights, x.shape)))

    def fit_patterns(self, patterns: Patterns) -> Self:
        """`fit` on patterns that `unique_patterns` made already (to fit several models on the same customers)."""
        self._adopt(fit_patterns(patterns, self._drop_out, self._first_counts))
        return self

    def alive_prob(self, frequency: npt.ArrayLike, recency: npt.ArrayLike, T: npt.ArrayLike) -> Array:  # noqa: N803
        """P(the customer has not dropped out by T), in [0, 1]."""
        x, t_x, age = purchase_history(frequency, recency, T)
        return self._alive(x, t_x, age)

    def expected_purchases(
        self,
        horizon: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,  # noqa: N803
    ) -> Array:
        """Expected number of purchases in (T, T + horizon]."""
        x, t_x, age = purchase_history(frequency, recency, T)
        return self._alive(x, t_x, age) * self._purchases_if_alive(horizons(horizon, x.shape), x, age)

    def expected_purchases_if_alive(
        self,
        horizon: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,  # noqa: N803
    ) -> Array:
        """Expected number of purchases in (T, T + horizon] of a customer with this history who is alive at T."""
        x, _, age = purchase_history(frequency, recency, T)
        return self._purchases_if_alive(horizons(horizon, x.shape), x, age)

    def purchase_prob(
        self,
        horizon: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,  # noqa: N803
    ) -> Array:
        """P(at least one purchase in (T, T + horizon]), in [0, 1].

        Nobody drops out between two purchases, so this is p(alive) (1 - ((alpha + T) / (alpha + T + horizon))^(r + x)).
        """
        x, t_x, age = purchase_history(frequency, recency, T)
        stretch = horizons(horizon, x.shape) / (self._fitted("alpha") + age)
        found: Array = self._alive(x, t_x, age) * -np.expm1(-(self.r_ + x) * np.log1p(stretch))
        return found

    def expected_purchases_new(self, horizon: npt.ArrayLike) -> Array:
        """Expected number of repeat purchases of a new customer within `horizon` of the first purchase."""
        zero = np.zeros(())
        until = horizons(horizon)
        self._fitted("alpha")
        return self._alive(zero, zero, zero) * self._purchases_if_alive(until, zero, zero)

    def _chances(self, x: Array) -> Array:
        return x + 1 if self._first_counts else x

    def _natural(self) -> Array:
        return np.array([self.parameters_[name] for name in self._drop_out.names])

    def _alive(self, x: Array, t_x: Array, age: Array) -> Array:
        alpha = self._fitted("alpha")
        chances = self._chances(x)
        odds = self._drop_out.last_odds(np.maximum(chances, 1.0), self._natural()).value
        log_odds = odds + (self.r_ + x) * np.log1p((age - t_x) / (alpha + t_x))
        small = np.exp(-np.abs(log_odds))
        alive = np.where(log_odds >= 0, small, 1.0) / (1 + small)
        return np.where(chances > 0, alive, 1.0)

    def _purchases_if_alive(self, horizon: Array, x: Array, age: Array) -> Array:
        alpha = self._fitted("alpha")
        horizon, x, age = np.broadcast_arrays(horizon, x, age)
        if horizon.size and (horizon == horizon.flat[0]).all():
            pair_x, pair_age, at = unique_pairs(x.ravel(), age.ravel())
            stretch = horizon.flat[0] / (alpha + pair_age)
            found = self._drop_out.purchases(self.r_ + pair_x, stretch, self._chances(pair_x), self._natural())
            return found[at].reshape(x.shape)
        return self._drop_out.purchases(self.r_ + x, horizon / (alpha + age), self._chances(x), self._natural())

    def _fitted(self, name: str) -> float:
        if not hasattr(self, "parameters_"):
            raise EstimatorError(f"{type(self).__name__} is not fitted: call fit, or from_parameters")
        return self.parameters_[name]

    def _take(self, parameters: dict[str, float]) -> None:
        self.parameters_ = parameters
        for name, value in parameters.items():
            setattr(self, f"{name}_", value)

    def _adopt(self, fit: Fit) -> None:
        self._take(fit.parameters)
        self.standard_errors_ = fit.standard_errors
        self.log_likelihood_ = fit.log_likelihood
        self.aic_ = 2 * len(fit.parameters) - 2 * fit.log_likelihood
        self.customers_ = fit.customers
        self.repeaters_ = fit.repeaters
        self.converged_ = fit.converged
        self.identification_note_ = fit.note
        self.is_identified_ = not fit.note
        self.suggestion_ = fit.suggestion
