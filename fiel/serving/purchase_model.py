"""The part `purchase_model`: the parameters of the purchase models in use, enough to compute what they say of anyone.

{name, time_unit, days_a_unit, parameters: {…}, standard_errors, customers, repeaters, is_identified, value_model:
{p, q, v} or null, value_unit, value_scale, horizons_days, lifetime_days, discount_rate_year, fitted_as_of, features}.
Times of the parameters are in `time_unit`; `v` is in units of value (`value_scale` smallest units). With these and
frequency, recency and T the numbers are those of feat_purchase, to the last bit.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from fiel.features.purchase_fits import DAYS, MODELS, VALUE_MODEL
from fiel.program import Program


def purchase_model(fits: pl.DataFrame, program: Program, as_of: date) -> dict[str, Any] | None:
    """The part of the models that `feat_purchase_fits` of as_of marks as used; None without any that is."""
    used = fits.filter("is_used", pl.col("as_of") == as_of)
    by_model = used.filter(pl.col("model").is_in(list(MODELS)))
    if by_model.is_empty():
        return None
    first = by_model.row(0, named=True)
    rows = by_model.filter(pl.col("model") == first["model"])
    value = used.filter(pl.col("model") == VALUE_MODEL)
    rules = program.purchases
    return {
        "name": first["model"],
        "time_unit": first["time_unit"],
        "days_a_unit": DAYS[first["time_unit"]],
        "parameters": dict(rows.select("parameter", "estimate").iter_rows()),
        "standard_errors": dict(rows.select("parameter", "standard_error").iter_rows()),
        "customers": first["customers"],
        "repeaters": first["repeaters"],
        "is_identified": first["is_identified"],
        "value_model": dict(value.select("parameter", "estimate").iter_rows()) if value.height else None,
        "value_unit": program.value.unit,
        "value_scale": program.value.scale,
        "horizons_days": list(rules.horizons_days),
        "lifetime_days": rules.lifetime_days,
        "discount_rate_year": rules.discount_rate_year,
        "fitted_as_of": as_of.isoformat(),
    }
