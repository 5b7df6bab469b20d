"""Outside facts as features: rates, life expectancy, and where an account's postcode lies.

Every fact counts from the day after its publication (`known_from` < as_of), never from the period that it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from fiel.core import Core
from fiel.features.accounts import open_accounts, quarter_end_before
from fiel.features.derived import derived
from fiel.program import Program


def build(core: Core, as_of_dates: Sequence[date], program: Program) -> pl.LazyFrame:
    """Context features, `feat_context`: one row for each as_of and account that is open at it. No row order.

    Rates come as changes of the newest published quarter against the one before and the one four quarters before:
    USD as a relative change, the key rate in percentage points.
    """
    states = derived(core, "account_states", program)
    facts = core["context"].collect()
    places = core["places"]
    return pl.concat([_at(states, facts.filter(pl.col("known_from") < as_of), places, as_of) for as_of in as_of_dates])


def _at(states: pl.LazyFrame, facts: pl.DataFrame, places: pl.LazyFrame, as_of: date) -> pl.LazyFrame:
    usd = [_published(facts, "usd_rate", back) for back in (0, 1, 4)]
    key = [_published(facts, "key_rate", back) for back in (0, 1, 4)]
    known = places.filter(pl.col("known_from") < as_of).select(
        "postal_code", "latitude", "longitude", "district", "place_region"
    )
    return (
        open_accounts(states, as_of)
        .select("customer_id", "gender", "age", "postal_code")
        .join(_life_expectancy(facts).lazy(), on="gender", how="left")
        .join(known, on="postal_code", how="left")
        .select(
            "customer_id",
            as_of=pl.lit(as_of),
            usd_change_q1=_number(_relative(usd[0], usd[1])),
            usd_change_q4=_number(_relative(usd[0], usd[2])),
            key_rate_change_q1=_number(_difference(key[0], key[1])),
            key_rate_change_q4=_number(_difference(key[0], key[2])),
            life_expectancy="life_expectancy",
            life_expectancy_change="life_expectancy_change",
            years_left=pl.col("life_expectancy") - pl.col("age"),
            latitude="latitude",
            longitude="longitude",
            district="district",
            place_region="place_region",
        )
    )


def _published(facts: pl.DataFrame, fact: str, quarters_back: int) -> float | None:
    """The value of the newest quarter in `facts` (those published), or of the one so many quarters before it."""
    own = facts.filter(pl.col("fact") == fact)
    end = own.get_column("period_end").max()
    if not isinstance(end, date):
        return None
    found = own.filter(pl.col("period_end") == quarter_end_before(end, quarters_back)).get_column("value")
    return float(found[0]) if len(found) else None


def _life_expectancy(facts: pl.DataFrame) -> pl.DataFrame:
    """gender, life_expectancy (newest year published) and its change against the year before, where that is known."""
    own = facts.filter(pl.col("fact") == "life_expectancy").select(
        pl.col("subject").cast(pl.Int64, strict=False).alias("gender"),
        pl.col("period_end").dt.year().alias("year"),
        "value",
    )
    newest = own.sort("year").group_by("gender").last()
    before = own.with_columns(pl.col("year") + 1).rename({"value": "before"})
    return newest.join(before, on=["gender", "year"], how="left").select(
        "gender",
        life_expectancy="value",
        life_expectancy_change=pl.col("value") - pl.col("before"),
    )


def _relative(now: float | None, then: float | None) -> float | None:
    return None if now is None or not then else now / then - 1


def _difference(now: float | None, then: float | None) -> float | None:
    return None if now is None or then is None else now - then


def _number(value: float | None) -> pl.Expr:
    return pl.lit(value, pl.Float64)
