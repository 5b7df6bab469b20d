"""What prefect.yaml no longer has goes from the server; what is not ours stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule

from deployments.reconcile import reconcile

YAML = """
deployments:
  - name: kept
    schedules: [{slug: daily, cron: "0 6 * * *", timezone: UTC, active: true}]
"""


@flow
def anything() -> None:
    """A flow to deploy."""


def _schedule(slug: str) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(schedule=CronSchedule(cron="0 6 * * *", timezone="UTC"), slug=slug, active=True)


def _names(client: SyncPrefectClient) -> set[str]:
    return {deployment.name for deployment in client.read_deployments()}


@pytest.mark.usefixtures("prefect_server")
def test_the_server_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "prefect.yaml"
    file.write_text(YAML, encoding="utf-8")
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(anything)
        kept = client.create_deployment(
            flow_id, "kept", tags=["fiel"], schedules=[_schedule("daily"), _schedule("forgotten")]
        )
        client.create_deployment(flow_id, "dropped", tags=["fiel"])
        client.create_deployment(flow_id, "someone else's", tags=["other"])

        done = reconcile(file)

        assert sorted(done) == [
            "removed deployment dropped: it is not in prefect.yaml",
            "removed schedule forgotten of kept: it is not in prefect.yaml",
        ]
        assert _names(client) == {"kept", "someone else's"}
        assert [schedule.slug for schedule in client.read_deployment(kept).schedules] == ["daily"]
        assert reconcile(file) == []
