"""Is it alive, is it ready, what has it counted: `/health`, `/ready`, `/metrics`."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from app import scrape
from app.dependencies import ServiceDep
from app.problems import Problem
from app.security import Access, MaybeCaller
from app.service import describe
from fiel.version import package_version

router = APIRouter(tags=["operating"])


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Alive", response_description="The process answers.")
async def health() -> Response:
    """The process is alive. It asks nothing of the store; `/ready` does. No key is needed."""
    return _json({"status": "alive", "version": package_version()})


@router.head("/ready", include_in_schema=False)
@router.get("/ready", summary="Ready", response_description="Requests can be answered.")
async def ready(service: ServiceDep, caller: MaybeCaller) -> Response:
    """200 when the store can be read and a model is loaded, 503 else.

    `status` is `ready`; `degraded` where scores are older than the limit or a model was refused (the one before it is
    served on, and taking this instance out would help nobody, so the answer is still 200); `not ready` with 503. With a
    key the answer says more: each program in scope with the age of its scores, and what is wrong.
    """
    state = await service.state_soon()
    status = "not ready" if not state.is_ready else "degraded" if state.is_degraded else "ready"
    found: dict[str, Any] = {"status": status}
    if caller is not None:
        found["store"] = "up" if state.is_store_up else "down"
        found["programs"] = describe(state, caller.may)
        if caller.may_all:
            found["models"] = [
                {
                    "program": model.program,
                    "target": model.target,
                    "version": model.version,
                    "digest": model.digest[:12],
                }
                for model in state.models
            ]
            found["problems"] = state.problems
    return _json(found, 200 if state.is_ready else 503, None if state.is_ready else {"Retry-After": "2"})


@router.get(
    "/metrics",
    summary="Metrics",
    response_class=PlainTextResponse,
    response_description="Metrics in Prometheus' text format.",
)
async def prometheus(service: ServiceDep, access: Access) -> Response:
    """Counters, histograms and states of all workers. Needs a key for every program (`*`)."""
    if not access.may_all:
        raise Problem(
            403,
            "out-of-scope",
            "Metrics are of all programs",
            "The key is not made for every program.",
            todo="Ask the operator for a key without --program.",
        )
    return Response(await asyncio.to_thread(scrape.exposition, service), media_type=scrape.CONTENT_TYPE)


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
