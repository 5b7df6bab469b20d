"""`GET /v1/{program}/customers/{customer_id}`: all that is known of one customer."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import orjson
from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import JsonRoute, about, id_of, plain_program, problems, quickly, reply
from app.api.reasons import can_be_explained, kept_reasons, published_reasons, reasons_of
from app.api.schemas import LONGEST_ID, CustomerAnswer, Language
from app.champions import Live
from app.dependencies import ProgramDep
from app.scored import Scored
from app.scoring import in_store, live_model, log_served, no_customer, read_score
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


async def _plain(request: Request) -> Response | None:
    """One customer without any wish."""
    customer_id = request.scope["path_params"]["customer_id"]
    if request.scope["query_string"] or not 0 < len(customer_id) <= LONGEST_ID:
        return None
    return await _shown(request, plain_program(request), customer_id, "en", False)


@router.get(
    "/v1/{program}/customers/{customer_id:path}",
    response_model=CustomerAnswer,
    responses=problems(404, 422),
    summary="One customer",
    response_description="Stage, score with reasons, value, segments, features, grants and messages.",
)
@quickly(_plain)
async def customer(
    request: Request,
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

    The score is the champion's of this moment: read where the champion has scored the published set (`basis` is
    published or cross_fitted), recomputed from the published features where another model had. `published` is what the
    batch scored. Amounts are in the program's smallest unit.
    """
    return await _shown(request, program, customer_id, language, live_reasons)


async def _shown(
    request: Request, program: Program, customer_id: str, language: Language, live_reasons: bool
) -> Response:
    service: Service = request.app.state.service
    live = live_model(service, program)
    found = await in_store(service, 1, _found, service, program, live, customer_id)
    reasons = None if live_reasons else _ready_reasons(live, program, found, language)
    if reasons is None:  # CatBoost prepares its trees for every such question: other requests do not wait for it
        (reasons,) = await run_in_threadpool(reasons_of, live, program, [found.one], language)
    log_served(service, id_of(request), program, "customer", [found.one])
    return reply(
        {
            "request_id": id_of(request),
            "program": program.name,
            "customer_id": customer_id,
            "as_of": found.row.as_of,
            "model_version": found.one.model_version,
            "basis": found.one.basis,
            **_known(program, found, reasons),
            "grants": found.grants,
            "held_out": found.held_out,
            "messages": found.document.get("messages", []),
            "details": {name: content for name, content in found.document.items() if name not in _SHOWN},
        }
    )


class _Found(NamedTuple):
    """A customer of the store: the score of now, what was published, and what the ledger holds."""

    one: Scored
    row: CustomerRow
    document: dict[str, Any]
    grants: list[dict[str, Any]]
    held_out: list[dict[str, Any]]


def _found(service: Service, program: Program, live: Live | None, customer_id: str) -> _Found:
    one = read_score(service, program, live, customer_id)
    if one.row is None:
        raise no_customer(service, program)
    is_granted, is_held_out = service.reader.in_ledger(program.name, customer_id)
    return _Found(
        one=one,
        row=one.row,
        document=orjson.loads(one.row.document) if one.row.document else {},
        grants=_oldest_first(service.reader.grants_of(program.name, customer_id)) if is_granted else [],
        held_out=_oldest_first(service.reader.held_out_of(program.name, customer_id)) if is_held_out else [],
    )


def _ready_reasons(
    live: Live | None, program: Program, found: _Found, language: Language
) -> list[dict[str, Any]] | None:
    """The reasons that need not be asked for now; None where the champion has to be asked."""
    one = found.one
    told = published_reasons(one, language, found.document)
    if told or live is None or not can_be_explained(live, one):
        return told
    return kept_reasons(live, program, one, language)


def _oldest_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in reversed(rows)]  # names of columns are no str


def _known(program: Program, found: _Found, reasons: list[dict[str, Any]]) -> dict[str, Any]:
    """What the store holds of the customer, with the score of now."""
    one, row, document = found.one, found.row, found.document
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
        "gain_prob": one.gain_prob,
        "loss_prob": one.loss_prob,
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
