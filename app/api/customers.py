"""`GET /v1/{program}/customers/{customer_id}`: all that is known of one customer."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import JsonRoute, about, id_of, problems, reply
from app.api.reasons import published_reasons, reasons_of
from app.api.schemas import LONGEST_ID, CustomerAnswer, Language
from app.dependencies import ProgramDep, ServiceDep
from app.problems import Problem
from app.scoring import Scored, in_store, live_model, log_served, score_mixed, unknown_customer
from app.service import Service
from fiel.program import Program
from fiel.store.reader import CustomerRow

router = APIRouter(tags=["customers"], route_class=JsonRoute)

CustomerPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=LONGEST_ID,
        description="Id of a customer, as the program's source has it.",
        examples=["000ff655-fa9f-4baa-a108-47f581ec52a1"],
    ),
]

_SHOWN = frozenset(
    {"spans", "days", "next", "purchase", "segments", "probs", "reasons", "messages", "first_date", "last_date"}
)
"""Keys of a customer's document that have a place of their own in the answer; the others are its details."""


@router.get(
    "/v1/{program}/customers/{customer_id:path}",
    response_model=CustomerAnswer,
    responses=problems(404, 422),
    summary="One customer",
    response_description="Stage, score with reasons, value, segments, features, grants and messages.",
)
async def customer(
    request: Request,
    service: ServiceDep,
    program: ProgramDep,
    customer_id: CustomerPath,
    language: Annotated[Language, Query(description="Language of the reasons.")] = "en",
    live_reasons: Annotated[
        bool,
        Query(
            description="Ask the champion for the reasons now, with each feature's value and contribution, also where "
            "the batch told them (then as text only). Costs some milliseconds."
        ),
    ] = False,
) -> Response:
    """Stage and its history, features, score with reasons, p(alive), value, segments, grants and messages.

    The score is the champion's, now, from the published features, unless `basis` says otherwise; `published` is what
    the batch scored. Amounts are in the program's smallest unit.
    """
    return await in_store(service, 1, _answer, service, program, id_of(request), customer_id, language, live_reasons)


def _answer(
    service: Service, program: Program, request_id: str, customer_id: str, language: Language, live_reasons: bool
) -> Response:
    live = live_model(service, program)
    (one,) = score_mixed(service, program, live, [customer_id])
    row = one.row
    if row is None:
        failure = unknown_customer(program)
        raise Problem(
            404,
            failure.type,
            "There is no such customer",
            failure.message,
            field="customer_id",
            todo=failure.todo,
        )
    document: dict[str, Any] = orjson.loads(row.document) if row.document else {}
    reasons = [] if live_reasons else published_reasons(one, language, document)
    if not reasons:
        (reasons,) = reasons_of(live, program, [one], language)
    log_served(service, request_id, program, "customer", [one])
    return reply(
        {
            "request_id": request_id,
            "program": program.name,
            "customer_id": customer_id,
            "as_of": row.as_of,
            "model_version": one.model_version,
            "basis": one.basis,
            **_known(program, one, row, document, reasons),
            "grants": service.reader.grants_of(program.name, customer_id)[::-1],
            "held_out": service.reader.held_out_of(program.name, customer_id)[::-1],
            "messages": document.get("messages", []),
            "details": {name: content for name, content in document.items() if name not in _SHOWN},
        }
    )


def _known(
    program: Program, one: Scored, row: CustomerRow, document: dict[str, Any], reasons: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the store holds of the customer, with the score of now."""
    scores = row.scores
    after = document.get("next", {})
    return {
        "stage": {
            "now": scores["stage"] if program.has_stages else None,
            "next": after.get("stage", scores["next_stage"] if program.has_stages else None),
            "next_date": after.get("date", scores["next_stage_date"] if program.has_stages else None),
            "after_visit": after.get("after_visit", scores["stage_after_visit"] if program.has_stages else None),
            "history": document.get("spans", []),
        },
        "score": _score(program, one, row) | {"reasons": reasons},
        "published": {
            "prob": scores["prob"],
            "model_version": scores["model_version"],
            "is_cross_fitted": scores["is_cross_fitted"],
        },
        "alive_prob": scores["alive_prob"],
        "purchase": document.get("purchase"),
        "value": {
            "unit": program.value.unit,
            "unit_scale": program.value.scale,
            "value_cluster": scores["value_cluster"],
            "value": scores["value"],
            "value_at_stake": scores["value_at_stake"],
            "expected_profit": scores["expected_profit"],
        },
        "segment": scores["segment"],
        "segments": document.get("segments", {}),
        "probs": document.get("probs", {}),
        "features": _features(row),
        "days": document.get("days", []),
    }


def _score(program: Program, one: Scored, row: CustomerRow) -> dict[str, Any]:
    """The score of now; whether it is a gain or a loss is told by what the batch found the customer to be in."""
    scores = row.scores
    shown = about(program)
    del shown["program"]
    shown |= {
        "prob": one.prob,
        "gain_prob": one.prob if scores["gain_prob"] is not None else None,
        "loss_prob": 1 - one.prob if scores["loss_prob"] is not None and one.prob is not None else None,
        "basis": one.basis,
        "model_version": one.model_version,
        "model_digest": one.model_digest,
        "grade": scores["grade"],
        "risk": scores["risk"],
    }
    why = one.why if one.error is None else one.error.message
    return shown if why is None else shown | {"why": why}


def _features(row: CustomerRow) -> dict[str, Any] | None:
    if row.features is None:
        return None
    return dict(zip(row.feature_names, orjson.loads(row.features), strict=True))
