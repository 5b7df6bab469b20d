"""Purchase-model features: who is still a customer, what they will buy and what it is worth (DOMAIN.md section 5).

The models are those of `fiel/features/purchase_fits.py`, fitted for each as_of on what was known before it. A value is
in the program's smallest unit; a horizon stands in the column's name in days, whatever the models' unit of time is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from fiel.core import Core
from fiel.estimators import lifetime_value
from fiel.features.derived import dated
from fiel.features.purchase_days import purchase_summary
from fiel.features.purchase_fits import DAYS, UsedModels, used_models
from fiel.program import Program

Array = npt.NDArray[np.float64]


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Purchase features, `feat_purchase`: one row for each as_of and customer with an active day before it.

    All are empty for customers without a purchase that stands; the modelled ones also where no model could be fitted.
    No row order.
    """
    fits = dated(core, "purchase_fits", as_of_dates, program).collect()
    return pl.concat(
        [_at(core, as_of, used_models(fits.filter(pl.col("as_of") == as_of)), program) for as_of in as_of_dates]
    )


def _at(core: Core, as_of: date, models: UsedModels, program: Program) -> pl.LazyFrame:
    histories = (
        purchase_summary(core, as_of)
        .select("customer_id", "frequency", "recency_days", "age_days", "mean_value")
        .collect(engine="streaming")
    )
    features = histories.rename(
        {
            "frequency": "purchase_frequency",
            "recency_days": "purchase_recency_days",
            "age_days": "purchase_age_days",
            "mean_value": "purchase_mean_value",
        }
    ).with_columns(**_modelled(histories, models, program))
    return (
        core["customer_days"]
        .filter(pl.col("day") < as_of)
        .select("customer_id")
        .unique()
        .join(features.lazy(), on="customer_id", how="left")
        .select("customer_id", pl.lit(as_of).alias("as_of"), *features.columns[1:])
    )


def _modelled(histories: pl.DataFrame, models: UsedModels, program: Program) -> dict[str, pl.Series]:
    """The columns that a model makes, one value for each history; empty without the model."""
    rules = program.purchases
    made: dict[str, Array] = {}
    names = ["purchase_alive_prob", "purchase_value_expected"]
    for days in rules.horizons_days:
        names += [
            f"{stem}_d{days}" for stem in ("purchases_expected", "purchase_prob", "value_expected", "value_if_alive")
        ]
    names.append(f"lifetime_value_d{rules.lifetime_days}")
    day = DAYS[rules.time_unit]
    x, t_x, age = (histories[name].to_numpy() for name in ("frequency", "recency_days", "age_days"))
    t_x, age = t_x / day, age / day
    mean_value = histories["mean_value"].fill_null(0).to_numpy() / program.value.scale
    if models.value is not None:
        made["purchase_value_expected"] = models.value.expected_value(x, mean_value) * program.value.scale
    if models.purchases is not None:
        made["purchase_alive_prob"] = models.purchases.alive_prob(x, t_x, age)
        for days in rules.horizons_days:
            made[f"purchases_expected_d{days}"] = models.purchases.expected_purchases(days / day, x, t_x, age)
            made[f"purchase_prob_d{days}"] = models.purchases.purchase_prob(days / day, x, t_x, age)
    if models.purchases is not None and models.value is not None:
        value = made["purchase_value_expected"]
        for days in rules.horizons_days:
            if_alive = models.purchases.expected_purchases_if_alive(days / day, x, t_x, age)
            made[f"value_expected_d{days}"] = made[f"purchases_expected_d{days}"] * value
            made[f"value_if_alive_d{days}"] = if_alive * value
        lifetime = lifetime_value(
            models.purchases,
            models.value,
            x,
            t_x,
            age,
            mean_value,
            horizon=rules.lifetime_days / day,
            discount_rate_year=rules.discount_rate_year,
        )
        made[f"lifetime_value_d{rules.lifetime_days}"] = lifetime * program.value.scale
    nothing = pl.Series([None], dtype=pl.Float64).new_from_index(0, histories.height)
    return {name: pl.Series(made[name], dtype=pl.Float64) if name in made else nothing for name in names}
