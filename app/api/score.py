"""`POST /v1/{program}/score`: the champion's probability for one or many customers, by id or by features."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import (
    JsonRoute,
    about,
    id_of,
    is_id,
    plain_program,
    problems,
    quickly,
    reply,
    result,
)
from app.api.reasons import reasons_of
from app.api.schemas import ScoreAnswer, ScoreItem, ScoreRequest
from app.champions import Live
from app.dependencies import ProgramDep, ServiceDep
from app.limits import check_batch
from app.problems import Problem
from app.scored import Scored
from app.scoring import MANY, Given, in_store, live_model, log_served, score_mixed
from app.service import Service
from fiel.program import Program

router = APIRouter(tags=["scores"], route_class=JsonRoute)


async def _plain(request: Request) -> Response | None:
    """One customer by id and nothing else: what most requests ask."""
    if request.headers.get("content-type") != "application/json":
        return None
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None
    match content:
        case {"customers": [str(customer_id)], **more} if not more and is_id(customer_id):
            program = plain_program(request)
            return await _scored(request, program, [customer_id], ScoreRequest.model_construct(customers=[customer_id]))
    return None


@router.post(
    "/v1/{program}/score",
    response_model=ScoreAnswer,
    response_model_exclude_unset=True,
    responses=problems(404, 413, 415, 422),
    summary="Score customers",
    response_description="One result for each customer, in the order of the request.",
)
@quickly(_plain)
async def score(request: Request, service: ServiceDep, program: ProgramDep, body: ScoreRequest) -> Response:
    """The probability of the program's target for customers by id (features from the store) or by features.

    One customer that cannot be scored fails alone: `results` says which and why, `failed` counts them, and the others
    have their answers. Every answer is kept in the log of answers (`out_served`) with its model and features.
    """
    check_batch(service.settings, len(body.customers), "customers")
    asked = [_asked(position, one) for position, one in enumerate(body.customers)]
    return await _scored(request, program, asked, body)


async def _scored(request: Request, program: Program, asked: list[str | Given], body: ScoreRequest) -> Response:
    service: Service = request.app.state.service
    effort = MANY if body.reasons else len(asked)
    return await in_store(service, effort, _answer, service, program, id_of(request), asked, body)


def _asked(position: int, one: str | int | ScoreItem) -> str | Given:
    """What is asked for one customer: an id, or an id with features."""
    if not isinstance(one, ScoreItem):
        return str(one)
    customer_id = None if one.customer_id is None else str(one.customer_id)
    if one.features is not None:
        return customer_id, one.features
    if customer_id is None:
        raise Problem(
            422,
            "invalid-input",
            "The input is wrong",
            "A customer has neither an id nor features.",
            field=f"customers.{position}",
            todo="Give customer_id, features, or both.",
        )
    return customer_id


def _answer(
    service: Service, program: Program, request_id: str, asked: list[str | Given], body: ScoreRequest
) -> Response:
    live = live_model(service, program)
    scored = score_mixed(service, program, live, asked, with_documents=body.reasons)
    results = [result(position, one) for position, one in enumerate(scored)]
    if body.reasons:
        told = reasons_of(live, program, scored, body.language)
        for shown, reasons in zip(results, told, strict=True):
            shown["reasons"] = reasons
    log_served(service, request_id, program, "score", scored)
    return reply(_heading(program, live, request_id, scored) | {"results": results})


def _heading(program: Program, live: Live | None, request_id: str, scored: list[Scored]) -> dict[str, Any]:
    states = [one.status for one in scored]
    return {
        "request_id": request_id,
        **about(program),
        "as_of": next((one.as_of for one in scored if one.as_of is not None), None),
        "model_version": None if live is None else live.model.version,
        "scored": states.count("scored"),
        "not_scored": states.count("not_scored"),
        "failed": states.count("failed"),
    }
