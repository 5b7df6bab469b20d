"""A bank in the files of the Santander competition, a few columns wide: 300 customers with an outcome, 40 without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

CUSTOMERS, UNKNOWN = 300, 40
HEADER = "ID,var3,var15,saldo_var30,var38,TARGET"


def write_bank(folder: Path) -> None:
    """train.csv and test.csv; every seventh customer with an outcome is unsatisfied."""
    folder.mkdir()
    rows = [f"{2 * n + 1},2,{23 + n % 50},{n % 9},{1_000 + 7 * n}.5,{int(n % 7 == 0)}" for n in range(CUSTOMERS)]
    (folder / "train.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    rows = [f"{2 * n + 2},2,{23 + n % 50},{n % 9},{1_000 + 7 * n}.5" for n in range(UNKNOWN)]
    header = HEADER.removesuffix(",TARGET")
    (folder / "test.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def bank_program(training: dict[str, Any]) -> dict[str, Any]:
    """The program file of santander under the name `bank`, with a small training."""
    content: dict[str, Any] = yaml.safe_load(
        (ROOT / "deployments" / "programs" / "santander.yaml").read_text(encoding="utf-8")
    )
    shares = content["training"]["shares"]
    attributes = {"sentinels": content["attributes"]["sentinels"]}
    training = training | {"shares": shares}
    return content | {"name": "bank", "title": "A bank", "attributes": attributes, "training": training}
