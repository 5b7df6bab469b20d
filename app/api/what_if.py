"""`POST /v1/{program}/what-if`: the same customer with other features, both scores, and the difference by reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import JsonRoute, about, id_of, problems, reply
from app.api.reasons import shown
from app.api.schemas import WhatIfAnswer, WhatIfRequest
from app.champions import Live
from app.dependencies import ProgramDep, ServiceDep
from app.problems import Problem
from app.scored import Scored
from app.scoring import (
    MANY,
    OUTSIDE,
    in_store,
    invalid_features,
    log_served,
    missing_columns,
    no_customer,
    row_values,
    score_mixed,
)
from app.service import Service
from app.unread import Unread
from fiel.errors import FeatureError, SchemaError
from fiel.models.what_if import compare
from fiel.program import Program

router = APIRouter(tags=["scores"], route_class=JsonRoute)


@router.post(
    "/v1/{program}/what-if",
    response_model=WhatIfAnswer,
    responses=problems(404, 409, 413, 415, 422),
    summary="What if",
    response_description="Both probabilities, and what each reason adds to the difference.",
)
async def what_if(request: Request, service: ServiceDep, program: ProgramDep, body: WhatIfRequest) -> Response:
    """The champion's probability before and after `changes`, for a customer of the store or for given features.

    Features that hang together are the caller's business: who changes one window of active days and not the others
    asks about a customer who cannot be. The answer says what the model makes of it, not what would come of an action.
    """
    return await in_store(service, MANY, _answer, service, program, id_of(request), body)


def _answer(service: Service, program: Program, request_id: str, body: WhatIfRequest) -> Response:
    live = service.champions.current(program.name)
    start, before, notes = _start(service, program, live, body)
    unread = Unread(service, program, live.model)
    before, unused = unread.without(before)
    changes, unchanged = unread.without(body.changes)
    try:
        found = compare(live.model, before, changes, program, body.language)
        after, _ = live.model.row_of({**before, **changes})
    except FeatureError as error:
        raise _refused(live, error, "changes" if error.field in body.changes else "features") from error
    changed = Scored(
        start.customer_id,
        prob=found.after,
        basis="given",
        as_of=start.as_of,
        model_version=live.model.version,
        model_digest=live.model.digest,
        inputs=live.model.inputs,
        values=after,
    )
    log_served(service, request_id, program, "what_if", [changed])
    return reply(
        {
            "request_id": request_id,
            **about(program),
            "customer_id": start.customer_id,
            "as_of": start.as_of,
            "model_version": live.model.version,
            "basis": "given" if start.row is None else "recomputed",
            "prob_before": found.before,
            "prob_after": found.after,
            "difference": found.after - found.before,
            "log_odds_difference": found.log_odds,
            "changes": [
                {"feature": name, "before": before.get(name), "after": changes.get(name)} for name in found.changed
            ],
            "by_reason": [shown(reason) for reason in found.by_reason],
            "missing": [name for name in live.model.inputs if name not in before],
            "unused": list(dict.fromkeys([*unused, *unchanged])),
            "note": " ".join(notes) or None,
        }
    )


def _start(
    service: Service, program: Program, live: Live, body: WhatIfRequest
) -> tuple[Scored, Mapping[str, Any], list[str]]:
    """The customer as it is: who, the values of the model's inputs by name, and what to bear in mind."""
    customer_id = None if body.customer_id is None else str(body.customer_id)
    if body.features is not None:
        return Scored(customer_id), body.features, []
    if customer_id is None:
        raise Problem(
            422,
            "invalid-input",
            "The input is wrong",
            "There is neither a customer nor features to start from.",
            field="customer_id",
            todo="Give customer_id, or features.",
        )
    (one,) = score_mixed(service, program, live, [customer_id])
    if one.row is None:
        raise no_customer(service, program)
    if one.error is not None:
        raise _unfit(one.error.message, one.error.todo)
    try:
        values = row_values(live, one.row) if one.values is None else one.values
    except SchemaError as error:
        raise _unfit(str(error), missing_columns(program, error).todo) from error
    if values is None:
        raise _unfit(
            "The features of this customer are not in the online store.",
            f"Give features, or publish them: `fiel run publish --program {program.name} --as-of latest`.",
        )
    return one, dict(zip(live.model.inputs, values, strict=True)), _notes(one)


def _notes(one: Scored) -> list[str]:
    if one.why == OUTSIDE:
        return [
            "The customer is outside the model's population, so the batch gives no probability; this is what the model "
            "makes of such features."
        ]
    if one.basis == "cross_fitted":
        return [
            "The champion has learned from this customer, so the stored probability is of models that have not; read "
            "the difference, not the level."
        ]
    return []


def _unfit(detail: str, todo: str | None) -> Problem:
    return Problem(409, "missing-columns", "The published features do not fit the model", detail, todo=todo)


def _refused(live: Live, error: FeatureError, where: str) -> Problem:
    failure = invalid_features(live.model, error)
    return Problem(
        422, failure.type, "The features are wrong", failure.message, field=f"{where}.{error.field}", todo=failure.todo
    )
