"""What the published purchase models say of any purchase history: who is alive, what they will buy, what it is worth.

Everything is in days and in the program's smallest unit of value, as the features are; the models have their own unit
of time. With the numbers of a published customer the answers are the published ones, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fiel.errors import EstimatorError, FeatureError, StoreError
from fiel.estimators import GammaGamma, lifetime_value
from fiel.estimators.btyd import PurchaseModel
from fiel.features.purchase_fits import DAYS, MODELS

Array = npt.NDArray[np.float64]

LONGEST_HORIZON_DAYS = 3_650
LARGEST_FREQUENCY = 100_000
LONGEST_AGE_DAYS = 100_000
LARGEST_VALUE = 1e15


class HistoryError(FeatureError):
    """A purchase history that cannot be: `field` names what is wrong, `position` which history (from 0)."""

    def __init__(self, message: str, field: str, position: int = 0) -> None:
        super().__init__(message, field)
        self.position = position


@dataclass(frozen=True)
class Histories:
    """Purchase histories that can be, as arrays of one length, in days."""

    frequency: Array
    recency_days: Array
    age_days: Array


def histories(frequency: npt.ArrayLike, recency_days: npt.ArrayLike, age_days: npt.ArrayLike) -> Histories:
    """The purchase histories that the numbers tell, each one number or one for each history.

    `frequency` is the number of repeat purchase days, `recency_days` go from the first to the last purchase day,
    `age_days` from the first purchase day to now (T). HistoryError: no number, a frequency that is not whole or
    negative, a recency that is negative or after T, a recency without a repeat purchase, or none with one; and what no
    customer has lived.
    """
    x, t_x, age = _aligned({"frequency": frequency, "recency_days": recency_days, "age_days": age_days})
    _refuse(x < 0, x, "frequency", "it has to be 0 or more")
    _refuse(x != np.floor(x), x, "frequency", "it has to be a whole number of repeat purchase days")
    _refuse(x > LARGEST_FREQUENCY, x, "frequency", f"it has to be at most {LARGEST_FREQUENCY:,}")
    _refuse(age < 0, age, "age_days", "it has to be 0 or more")
    _refuse(age > LONGEST_AGE_DAYS, age, "age_days", f"it has to be at most {LONGEST_AGE_DAYS:,} days")
    _refuse(t_x < 0, t_x, "recency_days", "it has to be 0 or more")
    _refuse(t_x > age, t_x, "recency_days", "the last purchase cannot be later than now (age_days)")
    _refuse((x == 0) & (t_x != 0), t_x, "recency_days", "it has to be 0 where frequency is 0")
    _refuse((x > 0) & (t_x == 0), t_x, "recency_days", "it has to be above 0 where frequency is above 0")
    return Histories(x, t_x, age)


class PurchaseCalculator:
    """The purchase models of a published part `purchase_model`. Threads may share it.

    `has_value` says whether a value model was fitted too; `part` is what was published.
    """

    def __init__(self, purchases: PurchaseModel, value: GammaGamma | None, part: Mapping[str, Any]) -> None:
        self.part = part
        self.horizons_days: tuple[int, ...] = tuple(part.get("horizons_days") or ())
        self._purchases = purchases
        self._value = value
        self._days = DAYS[purchases.time_unit]
        self._scale = part.get("value_scale") or 1

    @classmethod
    def of(cls, part: Mapping[str, Any]) -> PurchaseCalculator:
        """The models of the part; StoreError for one that holds no models that this Fiel knows."""
        try:
            model = MODELS[part["name"]].from_parameters(part["parameters"], part["time_unit"])
            value = part.get("value_model")
            return cls(model, None if value is None else GammaGamma.from_parameters(value), part)
        except (KeyError, TypeError, EstimatorError) as error:
            raise StoreError(
                f"the published purchase model cannot be read ({type(error).__name__}: {error}): publish again with "
                "this Fiel"
            ) from error

    @property
    def has_value(self) -> bool:
        """Whether there is a model of what a purchase is worth."""
        return self._value is not None

    def alive(self, frequency: npt.ArrayLike, recency_days: npt.ArrayLike, age_days: npt.ArrayLike) -> Array:
        """P(still a customer), one for each history. HistoryError as `histories`."""
        return self._purchases.alive_prob(*self._timed(frequency, recency_days, age_days))

    def alive_one(self, frequency: float, recency_days: float, age_days: float) -> float:
        """P(still a customer) of one history. HistoryError as `histories`."""
        return float(self.alive(frequency, recency_days, age_days))

    def expected(
        self,
        horizon_days: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency_days: npt.ArrayLike,
        age_days: npt.ArrayLike,
    ) -> Array:
        """Expected number of purchase days within `horizon_days` (1 to 3,650; one, or one each)."""
        x, t_x, age = self._timed(frequency, recency_days, age_days)
        return self._purchases.expected_purchases(self._horizon(horizon_days, x), x, t_x, age)

    def purchase_prob(
        self,
        horizon_days: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency_days: npt.ArrayLike,
        age_days: npt.ArrayLike,
    ) -> Array:
        """P(at least one purchase within `horizon_days`)."""
        x, t_x, age = self._timed(frequency, recency_days, age_days)
        return self._purchases.purchase_prob(self._horizon(horizon_days, x), x, t_x, age)

    def value(self, monetary: npt.ArrayLike, frequency: npt.ArrayLike) -> Array:
        """Expected value of a purchase day, in the program's smallest unit.

        `monetary` is the mean value of the customer's repeat purchase days in that unit: above 0, or anything (None
        too) where frequency is 0. StoreError where no value model was published.
        """
        x, money = self._spent(monetary, frequency)
        return self._model_of_value().expected_value(x, money) * self._scale

    def value_expected(
        self,
        horizon_days: npt.ArrayLike,
        frequency: npt.ArrayLike,
        recency_days: npt.ArrayLike,
        age_days: npt.ArrayLike,
        monetary: npt.ArrayLike,
    ) -> Array:
        """Expected value of all purchases within `horizon_days`, in the program's smallest unit."""
        worth = self.value(monetary, frequency)
        return self.expected(horizon_days, frequency, recency_days, age_days) * worth

    def lifetime_value(
        self,
        frequency: npt.ArrayLike,
        recency_days: npt.ArrayLike,
        age_days: npt.ArrayLike,
        monetary: npt.ArrayLike,
        horizon_days: int | None = None,
    ) -> Array:
        """Present value of the purchases within `horizon_days` (default: the program's), in the smallest unit."""
        horizon = self.part["lifetime_days"] if horizon_days is None else horizon_days
        x, t_x, age = self._timed(frequency, recency_days, age_days)
        _, money = self._spent(monetary, frequency)
        found = lifetime_value(
            self._purchases,
            self._model_of_value(),
            x,
            t_x,
            age,
            money,
            horizon=float(self._horizon(horizon, np.zeros(()))),
            discount_rate_year=self.part["discount_rate_year"],
        )
        return found * self._scale

    # -- inside

    def _timed(
        self, frequency: npt.ArrayLike, recency_days: npt.ArrayLike, age_days: npt.ArrayLike
    ) -> tuple[Array, Array, Array]:
        found = histories(frequency, recency_days, age_days)
        return found.frequency, found.recency_days / self._days, found.age_days / self._days

    def _horizon(self, horizon_days: npt.ArrayLike, like: Array) -> Array:
        days = _numbers(horizon_days, "horizon_days")
        if days.ndim and days.shape != like.shape:
            raise HistoryError("horizon_days has to be one number, or one for each history", "horizon_days")
        _refuse(days < 1, days, "horizon_days", "it has to be 1 day or more")
        _refuse(
            days > LONGEST_HORIZON_DAYS, days, "horizon_days", f"it has to be at most {LONGEST_HORIZON_DAYS:,} days"
        )
        return np.asarray(days / self._days)

    def _spent(self, monetary: npt.ArrayLike, frequency: npt.ArrayLike) -> tuple[Array, Array]:
        """Frequency, and the mean value in the value model's unit (0 without a repeat purchase)."""
        x, money = _aligned({"frequency": frequency, "monetary": monetary}, may_lack="monetary")
        _refuse((x > 0) & np.isnan(money), money, "monetary", "it has to be given where frequency is above 0")
        money = np.where(x > 0, money, 0.0)
        _refuse((x > 0) & (money <= 0), money, "monetary", "it has to be above 0 where frequency is above 0")
        _refuse(money > LARGEST_VALUE, money, "monetary", f"it has to be at most {LARGEST_VALUE:g}")
        return x, money / self._scale

    def _model_of_value(self) -> GammaGamma:
        if self._value is None:
            raise StoreError(
                "no value model was published with the purchase model (gamma_gamma could not be fitted): there is no "
                "expected value of a purchase"
            )
        return self._value


def _aligned(given: Mapping[str, npt.ArrayLike], may_lack: str = "") -> list[Array]:
    """The given numbers as arrays of one length."""
    arrays = {name: _numbers(values, name, is_optional=name == may_lack) for name, values in given.items()}
    try:
        return [np.array(found) for found in np.broadcast_arrays(*arrays.values())]
    except ValueError:
        lengths = ", ".join(f"{name}: {found.size}" for name, found in arrays.items())
        raise HistoryError(f"one number for each history is needed ({lengths})", next(iter(given))) from None


def _numbers(values: npt.ArrayLike, name: str, *, is_optional: bool = False) -> Array:
    """Numbers as floats, NaN for None where that may be; text and booleans are none."""
    raw = np.asarray(values, dtype=object)
    flat = raw.ravel().tolist()
    for position, value in enumerate(flat):
        if value is None and is_optional:
            continue
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
            raise HistoryError(f"{name} has to be a number", name, position)
    try:
        found = np.array([np.nan if value is None else value for value in flat], dtype=np.float64).reshape(raw.shape)
    except OverflowError:
        raise HistoryError(f"{name} is too large", name) from None
    is_wrong = np.isinf(found) if is_optional else ~np.isfinite(found)
    _refuse(is_wrong, found, name, "it has to be a finite number")
    return found


def _refuse(wrong: npt.NDArray[np.bool_] | np.bool_, values: Array, name: str, why: str) -> None:
    if not np.any(wrong):
        return
    position = int(np.argmax(np.ravel(wrong)))
    value = float(np.ravel(values)[position])
    raise HistoryError(f"{name} is {value:.10g}: {why}", name, position)
