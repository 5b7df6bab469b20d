"""What prefect.yaml promises: every deployment loads, explains itself, and cannot run over itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONTENT = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = CONTENT["deployments"]
NAMES = [entry["name"] for entry in DEPLOYMENTS]


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Parameter schema of every entrypoint, loaded as a worker does, from another working directory."""
    code = (
        "import json, sys\n"
        "from prefect.flows import load_flow_from_entrypoint\n"
        "from prefect.utilities.callables import parameter_schema\n"
        "root, *points = sys.argv[1:]\n"
        "flows = {p: load_flow_from_entrypoint(root + '/' + p) for p in points}\n"
        "print(json.dumps({p: parameter_schema(flow).model_dump() for p, flow in flows.items()}))"
    )
    points = sorted({entry["entrypoint"] for entry in DEPLOYMENTS})
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), *points],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("entry", DEPLOYMENTS, ids=NAMES)
def test_a_deployment_has_everything_that_operating_it_needs(entry: dict[str, Any]) -> None:
    for field in ("description", "version", "entrypoint", "work_pool", "tags", "parameters"):
        assert entry.get(field), field
    assert "fiel" in entry["tags"]
    assert entry["concurrency_limit"]["limit"] == 1
    for schedule in entry["schedules"]:
        assert {"slug", "cron", "timezone", "active"} <= schedule.keys()


@pytest.mark.parametrize("entry", DEPLOYMENTS, ids=NAMES)
def test_a_schedule_that_is_on_has_a_source_to_read(entry: dict[str, Any]) -> None:
    path = ROOT / "deployments" / "programs" / f"{entry['parameters']['program']}.yaml"
    source = yaml.safe_load(path.read_text(encoding="utf-8"))["source"]
    if any(schedule["active"] for schedule in entry["schedules"]):
        assert source.get("path") or source.get("kaggle"), "without a source every run of it would fail"


def test_the_chain_is_daily_daily_daily_monthly_and_reward_follows_the_scores() -> None:
    crons = {entry["name"]: [s["cron"] for s in entry["schedules"]] for entry in DEPLOYMENTS}
    assert crons["teomewhy-ingest"] == ["0 6 * * *"]
    assert crons["teomewhy-features"] == ["30 6 * * *"]
    assert crons["teomewhy-score"] == ["0 7 * * *"]
    assert [cron.split()[2] for cron in crons["teomewhy-retrain"]] == ["1"]
    for name in ("teomewhy-features", "teomewhy-score", "teomewhy-retrain"):
        entry = next(entry for entry in DEPLOYMENTS if entry["name"] == name)
        assert entry["parameters"]["as_of"] == "latest", "a late drop makes a late date, not a failed morning"
    trigger = next(entry for entry in DEPLOYMENTS if entry["name"] == "teomewhy-reward")["triggers"][0]
    assert trigger["expect"] == ["fiel.scored"]
    assert trigger["parameters"]["as_of"] == "{{ event.payload.as_of }}"


@pytest.mark.parametrize("entry", DEPLOYMENTS, ids=NAMES)
def test_every_parameter_of_the_form_explains_itself(entry: dict[str, Any], schemas: dict[str, dict[str, Any]]) -> None:
    properties = schemas[entry["entrypoint"]]["properties"]
    assert set(entry["parameters"]) <= set(properties)
    for name, field in properties.items():
        assert len(field.get("description", "")) > 20, f"{entry['name']}: {name}"


def test_no_flow_file_is_named_like_a_library() -> None:
    """A file entrypoint puts `flows/` first on sys.path."""
    names = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__"}
    assert not names & set(sys.stdlib_module_names)


def test_flow_files_read_like_a_sentence() -> None:
    for path in (ROOT / "flows").glob("*.py"):
        if "@flow" in path.read_text(encoding="utf-8"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 80, path.name
