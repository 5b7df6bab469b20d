"""A small pension fund in its files, for the cases of bad input: 40 accounts over three years, one of them closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

ACCOUNTS = 40
QUARTERS = [f"{year}Q{number}" for year in (2019, 2020, 2021) for number in (1, 2, 3, 4)]


def write_fund(folder: Path) -> None:
    """Account-quarters, operations, schemes, a rate and a few postcodes."""
    folder.mkdir()
    accounts = ["npo_account_id,client_id,quarter,year,balance,pmnts_nmbr_per_qrtr,age,gender,postal_code,churn"]
    operations = ["npo_account_id;npo_oprtn_date;quarter;year;npo_oprtn_grp;npo_sum"]
    for place, quarter in enumerate(QUARTERS):
        year, month = quarter[:4], 3 * int(quarter[5]) - 1
        for number in range(ACCOUNTS):
            if number == 0 and place > 5:
                continue
            closes = int(number == 0 and place == 5)
            known = f'{quarter},{year},"{100 * (place + 1)},50",1,{30 + number},1,{101000 + number % 3},{closes}'
            accounts.append(f"a{number},c{number},{known}")
            operations.append(f"a{number};{year}-{month:02}-15;{quarter};{year};1;100,00")
    schemes = [
        "npo_accnt_id;slctn_nmbr;accnt_pnsn_schm",
        *(f"a{number};1;{1 + number % 3}" for number in range(ACCOUNTS)),
    ]
    usd = [",cursUSD,quarter", *(f"{place},{60 + place}.5,{quarter}" for place, quarter in enumerate(QUARTERS))]
    places = ["postal_code,state_name,county_name,latitude,longitude"]
    places += [f"{101000 + number},Region,,55.{number},37.{number}" for number in range(3)]
    for name, lines in {
        "account_quarters.csv": accounts,
        "transactions.csv": operations,
        "schemes.csv": schemes,
        "cursUSD.csv": usd,
        "coordinates.csv": places,
    }.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def fund_program(training: dict[str, Any]) -> dict[str, Any]:
    """The program file of pension under the name `fund`, with a small training and fewer files."""
    content: dict[str, Any] = yaml.safe_load(
        (ROOT / "deployments" / "programs" / "pension.yaml").read_text(encoding="utf-8")
    )
    files = content["pension"]["files"] | {"key_rate": None, "life_expectancy": None}
    pension = content["pension"] | {"files": files, "observed_until": "2021Q3"}
    training = training | {"cadence": "quarter"}
    return content | {"name": "fund", "title": "A fund", "pension": pension, "training": training}
