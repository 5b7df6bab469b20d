"""The flow `message` on a small shop: from the table of customers to files, and what it refuses."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from fiel.errors import MessageError, SettingsError
from fiel.lake import Lake
from fiel.settings import load_settings
from tasks.context import opened
from tests.actions.messages.openai_server import openai_server
from tests.actions.messages.worlds import CALL_TO_ACTION, SIGNATURE
from tests.conftest import ROOT
from tests.flows.conftest import AS_OF as IN_WORLD
from tests.flows.conftest import World, quick_program

AS_OF = date(2025, 9, 1)
SOURCE = "customer,at,points\nana,2025-08-30,5\nbia,2025-08-31,5\n"


@pytest.fixture
def shop(tmp_path: Path, prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop with two customers, ingested; its program writes by the template."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "events.csv").write_text(SOURCE, "utf-8")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "goods.csv").write_text("product_id,title\n7,Lantern Moss\n8,Kettle Fern\n9,Blanket Oak\n", "utf-8")
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("FIEL_PROGRAMS", str(programs))
    say(programs)
    from flows.ingest import ingest

    ingest("shop", str(tmp_path / "source"))
    return programs


def say(programs: Path, **messages: Any) -> None:
    """Write the program file."""
    content = {
        "name": "shop",
        "title": "A shop",
        "simulated": True,
        "source": {
            "format": "event_table",
            "columns": {"customer": "customer", "time": "at", "value": "points"},
            "last_day_complete": True,
            "clock": "data",
        },
        "messages": {"catalogue": "goods.csv", "signature": SIGNATURE, "call_to_action": CALL_TO_ACTION} | messages,
    }
    (programs / "shop.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")


def put_customers() -> Lake:
    lake = Lake(load_settings().lake, "shop")
    rows = pl.DataFrame(
        {
            "customer_id": ["ana", "bia"],
            "as_of": [AS_OF, AS_OF],
            "language": ["pt", None],
            "segment": ["base", "premium"],
            "risk_group": ["low", "critical"],
            "engagement": [61.4, 12.0],
            "prob": [0.02, 0.51],
            "value": [1.0, 2.0],
        }
    )
    lake.replace("out_message_input", rows, AS_OF)
    return lake


def test_the_flow_writes_one_message_for_each_customer_and_a_second_run_changes_nothing(shop: Path) -> None:
    from flows.message import message

    lake = put_customers()
    done = message("shop", "latest")
    assert (done["messages"], done["statuses"], done["requests"]) == (2, {"template": 2}, 0)
    folder = lake.file_path("exports", "2025-09-01", "messages")
    content = lake.get(f"{folder}/messages.jsonl") or b""
    ana, bia = (json.loads(line) for line in content.decode().splitlines())
    assert "61 de 100" in ana["text"]
    assert "Lantern Moss" in ana["text"]
    assert (bia["language"], bia["tone"]) == ("en", "needs_attention")
    assert bia["operator"]["prob"] == 0.51
    assert message("shop", "latest") == done
    assert lake.get(f"{folder}/messages.jsonl") == content


def test_the_flow_asks_the_server_of_the_settings(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.message import message

    put_customers()
    say(shop, writer="openai", model={"price_in": 1, "price_out": 2})
    with pytest.raises(SettingsError, match="FIEL_OPENAI_ENDPOINT"):
        message("shop", "latest")
    with openai_server() as server:
        monkeypatch.setenv("FIEL_OPENAI_ENDPOINT", server.address)
        monkeypatch.setenv("FIEL_OPENAI_MODEL", "writer")
        monkeypatch.setenv("FIEL_OPENAI_KEY", "secret-key")
        first, second = message("shop", "latest"), message("shop", "latest")
    assert first["statuses"] == {"written": 2}
    assert (first["requests"], second["requests"]) == (2, 0)
    assert first["spent"] == "0.0010 USD"


def test_a_program_with_scores_alone_writes_to_its_population_in_its_own_language(
    in_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.message import message
    from flows.report import report as report_flow

    lake = Path(in_world.environment["FIEL_LAKE"])
    for name in (lake.name, f"{lake.name}.state"):
        shutil.copytree(lake.with_name(name), tmp_path / name)
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / lake.name))
    folder = quick_program(tmp_path / "programs")
    shutil.copy(ROOT / "deployments" / "programs" / "teomewhy-catalogue.csv", folder)
    monkeypatch.setenv("FIEL_PROGRAMS", str(folder))
    done = message("teomewhy", "latest")
    with opened("teomewhy") as context:
        scores = context.lake.read("out_scores", IN_WORLD)
        folder = context.lake.file_path("exports", IN_WORLD.isoformat(), "messages")
        lines = (context.lake.get(f"{folder}/messages.jsonl") or b"").decode().splitlines()
    known = scores.filter("in_population", pl.col("prob").is_not_null())
    assert 0 < done["messages"] == min(known.height, 1_000)
    first = json.loads(lines[0])
    assert (first["language"], first["operator"]["segment"]) == (
        "pt",
        known.filter(customer_id=first["customer_id"])["stage"].item(),
    )
    assert "Equipe Téo Me Why" in first["text"]
    report = report_flow("teomewhy", "latest")["report"]
    assert "What is written to customers" in Path(report).read_text("utf-8")


def test_the_flow_says_what_is_missing(shop: Path) -> None:
    from flows.message import message

    with pytest.raises(MessageError, match="nobody to write to as of 2025-09-01"):
        message("shop", "latest")
    content = yaml.safe_load((shop / "shop.yaml").read_text("utf-8"))
    del content["messages"]
    (shop / "shop.yaml").write_text(yaml.safe_dump(content), "utf-8")
    with pytest.raises(MessageError, match="no section `messages`"):
        message("shop", "latest")
