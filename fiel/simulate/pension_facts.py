"""Made-up outside facts in the files that the real ones come in: USD rate, key rate, life expectancy, postcodes.

Shapes follow what is generally known (inflation of the nineties, three noughts struck off in 1998, jumps in a few
crises, men dying earlier than women); no value and no place is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fiel.simulate.draws import Draws, Floats, Ints

NEW_MONEY = 1998 * 4
"""Index (year * 4 + quarter - 1) of the first quarter in new roubles."""
CRISES = (1998 * 4 + 2, 2008 * 4 + 3, 2014 * 4 + 3, 2020 * 4 + 0, 2022 * 4 + 0)
FACTS_FROM = 1993 * 4 + 1
YEARS = range(1993, 2031)
PLACES = 1_200
_REGIONS = 24


@dataclass(frozen=True)
class Facts:
    """Rates by quarter index from `first` on, life expectancy by (man, woman) and year, and places."""

    first: int
    usd: Floats
    key_rate: Floats
    life: Floats
    postcodes: Ints
    latitude: Floats
    longitude: Floats
    region: Ints

    def usd_change(self, quarter: int) -> float:
        """Relative change of the USD rate in that quarter (in new money)."""
        here = quarter - self.first
        return float(self.usd[here] / self.usd[here - 1] - 1) if here > 0 else 0.0

    def key_change(self, quarter: int) -> float:
        """Change of the key rate in that quarter, percentage points."""
        here = quarter - self.first
        return float(self.key_rate[here] - self.key_rate[here - 1]) if here > 0 else 0.0

    def life_of(self, gender: Ints, year: int) -> Floats:
        """Life expectancy of men (1) and women (-1) in a year."""
        found: Floats = self.life[np.where(gender == 1, 0, 1), min(max(year, YEARS[0]), YEARS[-1]) - YEARS[0]]
        return found


def facts(draws: Draws, last: int) -> Facts:
    """Facts through the quarter with index `last`."""
    quarters = np.arange(FACTS_FROM, last + 1)
    noise = draws.normal("usd", quarters)
    step = 0.008 + 0.022 * noise
    step = np.where(quarters < NEW_MONEY, 0.06 + 0.02 * noise, step)
    for crisis, jump in zip(CRISES, (0.9, 0.22, 0.4, 0.2, 0.16), strict=True):
        step = step + np.where(quarters == crisis, jump, 0) - np.where(quarters == crisis + 2, jump / 4, 0)
    usd = 1.2 * np.exp(np.cumsum(step))
    pull = np.where(quarters < NEW_MONEY, 90.0, np.where(quarters < 2003 * 4, 24.0, 8.0))
    key = np.empty(len(quarters))
    level = 160.0
    for at, quarter in enumerate(quarters):
        level += 0.25 * (pull[at] - level) + 0.35 * draws.normal("key", int(quarter)).item()
        key[at] = max(level + (9.0 if quarter in CRISES[1:] else 0.0), 2.0)
    years = np.array(YEARS)
    trend = np.clip((years - 2004) * 0.55, 0, 9) - np.where((years == 2020) | (years == 2021), 2.1, 0)
    life = np.stack([58.8 + trend, 72.2 + 0.62 * trend]) + 0.15 * draws.normal("life", np.arange(2)[:, None], years)
    place = np.arange(PLACES)
    region = (draws.uniform("region", place) ** 1.5 * _REGIONS).astype(np.int64)
    # Regions spread over the country, places around their region's middle.
    latitude = 45 + 18 * draws.uniform("lat", region) + 0.8 * draws.normal("lat", place, 1)
    longitude = 31 + 90 * draws.uniform("lon", region) ** 1.7 + 1.2 * draws.normal("lon", place, 1)
    postcodes = 101_000 + region * 9_000 + place % 9_000
    return Facts(FACTS_FROM, usd, np.round(key * 4) / 4, np.round(life, 2), postcodes, latitude, longitude, region)


def write_facts(folder: Path, found: Facts) -> tuple[Path, ...]:
    """The four files, spelled as the real ones: some decimal commas, old roubles before 1998."""
    quarters = [f"{index // 4}Q{index % 4 + 1}" for index in range(found.first, found.first + len(found.usd))]
    index = np.arange(found.first, found.first + len(found.usd))
    old = np.where(index < NEW_MONEY, found.usd * 1_000, found.usd)
    usd = pl.DataFrame({"": range(len(quarters)), "cursUSD": np.round(old, 4), "quarter": quarters})
    text = pl.Series("key_rate", found.key_rate).cast(pl.String)
    comma = pl.Series(index >= 2013 * 4 + 2)
    key = pl.DataFrame({"": range(len(quarters)), "quarter": quarters, "key_rate": text}).with_columns(
        pl.when(comma)
        .then(pl.col("key_rate").str.replace(".", ",", literal=True))
        .otherwise("key_rate")
        .alias("key_rate")
    )
    years = list(YEARS)
    life = pl.DataFrame(
        {"live": np.concatenate(found.life), "gender": [1] * len(years) + [-1] * len(years), "year": years * 2}
    ).with_row_index("")
    has_district = found.postcodes % 3 != 0
    places = pl.DataFrame(
        {
            "postal_code": found.postcodes,
            "country_code": "RU",
            "place_name": [f"Посёлок {number}" for number in range(PLACES)],
            "state_name": [f"Область {number + 1}" for number in found.region],
            "state_code": found.region + 1.0,
            "county_name": pl.Series([f"РАЙОН {number % 97}" for number in range(PLACES)]),
            "county_code": None,
            "community_name": None,
            "community_code": None,
            "latitude": np.round(found.latitude, 4),
            "longitude": np.round(found.longitude, 4),
            "accuracy": 4.0,
        }
    ).with_columns(pl.when(pl.Series(has_district)).then("county_name").alias("county_name"))
    written = []
    for name, frame in (
        ("cursUSD.csv", usd),
        ("final_central_bank.csv", key),
        ("life_expectancy.csv", life),
        ("coordinates.csv", places),
    ):
        frame.write_csv(folder / name)
        written.append(folder / name)
    return tuple(written)
