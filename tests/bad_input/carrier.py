"""A telecom operator in its three files, a few columns wide: 300 customers, 60 sessions, links for half of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

CUSTOMERS, SESSIONS = 300, 60
HEADER = "PC1,PC2,PC3,PC4,FACTOR1,y,t"
_FIRST_MS = 1_762_000_000_000  # 2025-11-01


def write_carrier(folder: Path) -> None:
    """churn.csv (every sixth customer left), interactions.jsonl and links.csv."""
    folder.mkdir()
    rows = [
        f"{n % 7}.5,{n % 11},-{n % 5}.25,{n % 13},V{1 + n % 3},{int(n % 6 == 0)},{int(n % 4 != 0)}"
        for n in range(CUSTOMERS)
    ]
    (folder / "churn.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    (folder / "interactions.jsonl").write_text("".join(map(_session, range(SESSIONS))), encoding="utf-8")
    links = [f"{1 + session % CUSTOMERS},{session}" for session in range(0, SESSIONS, 2)]
    (folder / "links.csv").write_text("\n".join(["customer_id,session", *links]) + "\n", encoding="utf-8")


def carrier_program(training: dict[str, Any]) -> dict[str, Any]:
    """The program file of telecom under the name `carrier`, with a small training and no messages."""
    content: dict[str, Any] = yaml.safe_load(
        (ROOT / "deployments" / "programs" / "telecom.yaml").read_text(encoding="utf-8")
    )
    engagement = {"numbers": 4, "factors": 1, "components": 4, "folds": 2, "bootstrap": 50}
    training = training | {"shares": content["training"]["shares"]}
    changed = {"name": "carrier", "title": "A carrier", "engagement": engagement, "training": training}
    return {name: value for name, value in content.items() if name != "messages"} | changed


def _session(number: int) -> str:
    events = [
        {"aid": (number * 7 + place) % 40, "ts": _FIRST_MS + number * 60_000 + place * 1_000, "type": kind}
        for place, kind in enumerate(("clicks", "clicks", "carts", "orders")[: 1 + number % 4])
    ]
    return json.dumps({"session": number, "events": events}, separators=(",", ":")) + "\n"
