"""Make the server's deployments equal to prefect.yaml: what was deleted from the file goes from the server too.

`prefect deploy` adds and changes, but leaves deployments and schedules that the file no longer has, and those would go
on running.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

TAG = "fiel"
"""The tag of every deployment of ours; others on the server are left alone."""


def reconcile(path: Path) -> list[str]:
    """Delete our deployments and schedules that `path` does not have; a line for each thing done."""
    wanted = {entry["name"]: entry for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]}
    done: list[str] = []
    with get_client(sync_client=True) as client:
        ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
        for deployment in client.read_deployments(deployment_filter=ours):
            entry = wanted.get(deployment.name)
            if entry is None:
                client.delete_deployment(deployment.id)
                done.append(f"removed deployment {deployment.name}: it is not in {path.name}")
            else:
                done += _reconcile_schedules(client, deployment, entry, path.name)
    return done


def _reconcile_schedules(client: SyncPrefectClient, deployment: Any, entry: dict[str, Any], file: str) -> list[str]:
    slugs = {schedule["slug"] for schedule in entry.get("schedules") or []}
    done = []
    for schedule in deployment.schedules:
        if schedule.slug not in slugs:
            client.delete_deployment_schedule(deployment.id, schedule.id)
            done.append(f"removed schedule {schedule.slug or schedule.id} of {deployment.name}: it is not in {file}")
    return done
