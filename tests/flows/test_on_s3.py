"""The whole chain with source and lake on S3: the same result, and nothing changes the second time."""

from __future__ import annotations

from pathlib import Path

import pytest

from fiel.lake import Lake
from tests.flows.conftest import AS_OF, World


def test_the_chain_runs_on_s3_and_gives_the_local_scores(
    world: World, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.loyalty import loyalty

    for name, value in {
        **world.environment,
        "FIEL_LAKE": f"{s3_bucket}/lake",
        "FIEL_DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}",
        "FIEL_MLFLOW_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
        "FIEL_MLFLOW_ARTIFACTS": f"{s3_bucket}/models",
    }.items():
        monkeypatch.setenv(name, value)
    source = Lake(f"{s3_bucket}/source", "files")
    for path in sorted(world.source.rglob("*.db")):
        source.put(f"{s3_bucket}/source/{path.relative_to(world.source)}", path.read_bytes())

    result = loyalty(program="teomewhy", as_of="latest", source=f"{s3_bucket}/source")
    lake, local = Lake(f"{s3_bucket}/lake", "teomewhy"), Lake(world.environment["FIEL_LAKE"], "teomewhy")
    columns = ["customer_id", "stage", "prob", "reason_1"]
    assert lake.read("out_scores", AS_OF).select(columns).equals(local.read("out_scores", AS_OF).select(columns))
    assert result["cycle"]["manifest"].startswith("s3://")
    manifest = lake.get(result["cycle"]["manifest"])
    assert manifest is not None

    versions = lake.versions()
    again = loyalty(program="teomewhy", as_of="latest", source=f"{s3_bucket}/source")
    assert again["cycle"]["changed"] is False
    assert lake.versions() == versions
    assert lake.get(again["cycle"]["manifest"]) == manifest
