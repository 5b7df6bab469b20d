"""A customer's page: what happened, what is next, why the score is what it is, and what would change it.

The id in the address is text of any kind. `POST` to the same address answers "what if": the whole page without
JavaScript, its part for htmx. Grants are read live from the ledger; everything else is as of the published date.
"""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from app.dependencies import ProgramDep, ServiceDep
from app.pages import customer_account, customer_model, customer_view
from app.pages.customer_links import can_exist, customer_href
from app.pages.layout import is_fragment, render
from app.pages.voice import Voice
from app.pages.what_if_answer import answer
from app.pages.words import language_of
from app.scored import Scored
from app.scoring import is_published, live_model, score_id
from app.security import PageCaller
from app.service import Service
from fiel.program import Program

router = APIRouter(include_in_schema=False)

MOST_FIELDS = 100
"""Fields of a form that are read."""


@router.get("/p/{program}/customers")
def customer_by_query(
    request: Request,
    program: ProgramDep,
    service: ServiceDep,
    caller: PageCaller,
    id: str = "",  # noqa: A002
) -> Response:
    """The page of the customer `?id=`, under its own address where that can be one."""
    href = customer_href(program.name, id)
    if "?" not in href:
        return RedirectResponse(href, 303)
    return _answer(request, program, service, id, None)


@router.get("/p/{program}/customers/{customer_id:path}")
def customer(
    request: Request, program: ProgramDep, service: ServiceDep, caller: PageCaller, customer_id: str
) -> Response:
    """The page of the customer."""
    return _answer(request, program, service, customer_id, None)


@router.post("/p/{program}/customers")
async def what_if_by_query(
    request: Request,
    program: ProgramDep,
    service: ServiceDep,
    caller: PageCaller,
    id: str = "",  # noqa: A002
) -> Response:
    """What if, for ids that cannot stand in a path."""
    form = dict(await request.form(max_fields=MOST_FIELDS))
    return await run_in_threadpool(_answer, request, program, service, id, form)


@router.post("/p/{program}/customers/{customer_id:path}")
async def what_if(
    request: Request, program: ProgramDep, service: ServiceDep, caller: PageCaller, customer_id: str
) -> Response:
    """What if: the customer with the features that the form says."""
    form = dict(await request.form(max_fields=MOST_FIELDS))
    return await run_in_threadpool(_answer, request, program, service, customer_id, form)


def _answer(
    request: Request, program: Program, service: Service, customer_id: str, form: dict[str, Any] | None
) -> Response:
    voice = Voice(language_of(request), program)
    scored = score_id(service, program, customer_id) if can_exist(customer_id) else None
    if scored is None or scored.row is None:
        return _unknown(request, voice, customer_id)
    live = live_model(service, program)
    fields = customer_model.what_if_fields(scored, live, voice)
    asked = None
    if form is not None and live is not None and fields:
        asked = customer_model.ask(form, fields, scored, live, voice)
    context: dict[str, Any] = {
        "voice": voice,
        "scored": scored,
        "fields": fields,
        "asked": asked,
        "answer": None if asked is None else answer(asked, fields, scored, voice),
        "here_href": customer_href(program.name, customer_id),
        "form_name": customer_model.form_name,
    }
    if is_fragment(request) and form is not None:
        return render(request, "customer_what_if_answer.html", program=program, **context)
    status = 422 if asked is not None and asked.errors else 200
    return render(
        request, "customer.html", title=_title(customer_id, voice), program=program, section="ranking",
        as_of=scored.row.as_of, status=status, customer_id=customer_id,
        **context, **_shown(service, voice, scored, live, customer_id),
    )  # fmt: skip


def _title(customer_id: str, voice: Voice) -> str:
    return voice.say("Account %(id)s" if voice.program.is_quarterly else "Customer %(id)s", id=customer_id)


def _unknown(request: Request, voice: Voice, customer_id: str) -> Response:
    """404: nobody has this id, and what to do."""
    service: Service = request.app.state.service
    if not is_published(service, voice.program):
        return render(
            request, "program_empty.html", title=_title(customer_id, voice), program=voice.program, section="ranking",
            status=404,
        )  # fmt: skip
    return render(
        request, "customer_unknown.html", title=voice.say("Nobody has this id"), program=voice.program,
        section="ranking", status=404, customer_id=customer_id, voice=voice,
    )  # fmt: skip


def _shown(service: Service, voice: Voice, scored: Scored, live: Any, customer_id: str) -> dict[str, Any]:
    """Everything on the page but what is asked of the model by the form."""
    row, program = scored.row, voice.program
    assert row is not None
    document: dict[str, Any] = orjson.loads(row.document) if row.document else {}
    scores = row.scores | {"prob": scored.prob, "gain_prob": scored.gain_prob, "loss_prob": scored.loss_prob}
    values = orjson.loads(row.features) if row.features else []
    facts, expected = customer_view.purchases(document, voice)
    granted = service.reader.grants_of(program.name, customer_id)
    held_out = service.reader.held_out_of(program.name, customer_id)
    by_rule = customer_model.targets_by_rule(service, program)
    published = customer_view.published_by(scored, voice)
    return {
        "scores": scores,
        "document": document,
        "tiles": customer_view.key_figures(scores, document, voice, by_rule, published),
        "disagreement": customer_view.disagreement(scores, document, voice, by_rule),
        "groups": customer_view.groups(scores, document, voice, published),
        "promotion": customer_view.promotion(scores, voice),
        "already": customer_view.already(granted, held_out, row.as_of, voice),
        "account": customer_account.account(document, voice),
        "charts": customer_view.charts(document, row.as_of, voice),
        "ahead": customer_view.ahead(document, voice),
        "purchase_facts": facts,
        "purchase_table": expected,
        "reasons": customer_model.reasons(scored, live, document, voice),
        "basis": customer_view.basis(scored, voice),
        "grants": customer_view.grants(granted, held_out, voice),
        "messages": document.get("messages") or [],
        "features": customer_view.features(row.feature_names, values, voice) if values else None,
    }
