"""`GET /v1/programs` and `/v1/programs/{program}`: what is served, by which model, since when and why."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from app.api.answers import JsonRoute, horizon, problems, reply
from app.api.schemas import ProgramDetails, ProgramList
from app.champions import Live
from app.dependencies import ProgramDep, ServiceDep
from app.security import Access
from app.service import Service
from fiel.program import STAGES, Program
from fiel.store import PromotionRow

router = APIRouter(tags=["programs"], route_class=JsonRoute)


@router.get(
    "/v1/programs",
    response_model=ProgramList,
    responses=problems(),
    summary="Programs",
    response_description="The programs in the caller's scope, by name.",
)
async def programs(service: ServiceDep, access: Access) -> Response:
    """Every program that the key is made for: what it predicts, as of when, and with which model."""
    names = [name for name in sorted(service.programs) if access.may(name)]
    found = await asyncio.to_thread(lambda: [_shown(service, service.programs[name]) for name in names])
    return reply({"programs": found})


@router.get(
    "/v1/programs/{program}",
    response_model=ProgramDetails,
    responses=problems(404, 422),
    summary="One program",
    response_description="The program, its champions with their measures, and every promotion.",
)
async def program(service: ServiceDep, program: ProgramDep) -> Response:
    """One program: its champions with measures and inputs, how old its scores are, and the history of promotions."""
    return reply(await asyncio.to_thread(_details, service, program))


def _details(service: Service, program: Program) -> dict[str, Any]:
    targets = [program.with_target(name) for name in program.target_names]
    live = {one.program.target.name: one for one in service.champions.all() if one.program.name == program.name}
    ledgers = {target.ledger_name: target.target.name for target in targets}
    rows = [(name, row) for ledger, name in ledgers.items() for row in service.reader.promotions(ledger)]
    newest = service.reader.newest_set(program.name)
    main = live.get(program.target.name)
    return _shown(service, program) | {
        "stages": list(STAGES) if program.has_stages else [],
        "champions": [_champion(live[target.target.name]) for target in targets if target.target.name in live],
        "refused": {name: service.champions.problems[ledger] for ledger, name in ledgers.items()
                    if ledger in service.champions.problems},
        "promotions": [_promotion(name, row) for name, row in sorted(rows, key=lambda found: found[1].at)],
        "counts": [] if newest is None else newest.counts,
        "inputs": [] if main is None else list(main.model.inputs),
    }  # fmt: skip


def _shown(service: Service, program: Program) -> dict[str, Any]:
    newest = service.reader.newest_set(program.name)
    target = program.target
    live = next((one for one in service.champions.all() if one.program.ledger_name == program.ledger_name), None)
    return {
        "program": program.name,
        "title": program.title,
        "kind": program.kind,
        "simulated": program.simulated or (None if newest is None else _is_simulated(service, program)),
        "target": {
            "name": target.name,
            "kind": target.kind,
            "horizon": horizon(program),
            "horizon_days": None if program.is_table or target.horizon_months else target.horizon_days,
            "horizon_months": target.horizon_months,
        },
        "unit": program.value.unit,
        "unit_scale": program.value.scale,
        "as_of": newest and newest.as_of,
        "known_through": newest and newest.known_through,
        "published_at": newest and newest.published_at,
        "customers": newest and newest.customers,
        "model_version": live and live.model.version,
        "has_purchase_model": service.reader.part(program.name, "purchase_model") is not None,
    }


def _is_simulated(service: Service, program: Program) -> bool:
    """Whether the published figures were made of made-up files, whatever the program file says."""
    overview = service.reader.part(program.name, "overview")
    return bool(overview and overview.get("simulated"))


def _champion(live: Live) -> dict[str, Any]:
    model, row = live.model, live.promotion
    return {
        "target": live.program.target.name,
        "version": model.version,
        "kind": model.kind,
        "digest": model.digest,
        "promoted_at": row.at,
        "promoted_by": row.by,
        "reason": row.reason,
        "features": len(model.features),
        "trained_as_of": [day.isoformat() for day in model.loaded.trained_as_of],
        "oot_as_of": [day.isoformat() for day in model.loaded.oot_as_of],
        "metrics": dict(row.metrics),
    }


def _promotion(target: str, row: PromotionRow) -> dict[str, Any]:
    return {
        "target": target,
        "at": row.at,
        "by": row.by,
        "action": row.action,
        "from_version": row.from_version,
        "to_version": row.to_version,
        "digest": row.digest,
        "reason": row.reason,
        "override": row.override,
        "metrics": dict(row.metrics),
    }
