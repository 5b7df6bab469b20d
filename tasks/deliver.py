"""Applied grants to the points API, through the outbox."""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fiel.actions.delivery import deliver
from fiel.actions.merges import merges_of
from fiel.actions.points_api import PointsApi
from fiel.actions.reconciliation import reconcile_with_drop
from fiel.core import Core
from fiel.errors import SettingsError
from tasks.context import opened


@task(name="deliver", cache_policy=NO_CACHE)
def deliver_grants(program: str, as_of: date | None, rehearsal: bool) -> dict[str, Any]:
    """Settle open calls by the newest source version and by the API, then send what the API has not got, each once."""
    with opened(program) as context:
        settings = context.settings
        if settings.points_api_url is None:
            raise SettingsError("FIEL_POINTS_API_URL is not set: there is no points API to deliver to")
        core = Core.open(context.lake)
        merges = merges_of(core["customers"].collect())
        lines = core["event_lines"].collect()
        settled = reconcile_with_drop(context.store, context.program, lines, merges, core.known_through)
        log = get_run_logger()
        with PointsApi(settings.points_api_url, settings.points_api_token) as api:
            report = deliver(
                context.store,
                context.program,
                api,
                as_of,
                merges=merges,
                rehearsal=rehearsal,
                steps=lambda step: log.info("%s", step),
            )
        return {"settled_by_source": settled, **vars(report)}
