"""The bank's form page: an integer client id in, whether to apply the promotion out.

`GET /compat/{program}/form` shows it, its POST answers on the same page; a client of old sends the same form to
`/predict` and gets JSON unless it asks for HTML.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import id_of, reply
from app.compat.bodies import FORM_FIELDS
from app.dependencies import ProgramDep, ServiceDep
from app.pages import customer_view
from app.pages.layout import render, translator
from app.pages.voice import Voice
from app.pages.words import language_of
from app.problems import Problem
from app.scored import Scored
from app.scoring import in_store, log_served, score_id
from app.service import Service
from fiel.models.profit import threshold, worth
from fiel.program import Economics, Program

router = APIRouter(include_in_schema=False)

_WHOLE = re.compile(r"[0-9]{1,18}")


@router.get("/compat/{program}/form")
async def form_page(request: Request, program: ProgramDep) -> Response:
    """The empty form."""
    return _page(request, program, _economics(program))


@router.post("/compat/{program}/form")
async def form_answer(
    request: Request, service: ServiceDep, program: ProgramDep, client_id: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """The form with the answer for a client above it."""
    economics = _economics(program)
    if _number(client_id) is None:
        return _page(request, program, economics, client_id, is_wrong=True)
    return await in_store(service, 1, _on_page, request, service, program, economics, client_id)


def answered(request: Request, service: Service, program: Program, content: dict[str, str]) -> Response:
    """The answer to a form that was sent to `/predict`."""
    economics = _economics(program)
    given = next((content[name] for name in FORM_FIELDS if name in content), None)
    if given is None or _number(given) is None:
        raise Problem(
            422,
            "invalid-input",
            "The input is wrong",
            "`client_id` is no whole number of 0 or more",
            field="client_id",
            todo="Send the client's number, digits only.",
        )
    if "text/html" in request.headers.get("accept", ""):
        return _on_page(request, service, program, economics, given)
    found = _scored(request, service, program, given)
    if found.error is not None:
        raise Problem(
            404,
            found.error.type,
            "There is no such client",
            f"There is no client {_number(given)}.",
            field="client_id",
            todo=found.error.todo,
        )
    return reply({"client_id": _number(given)} | decision(found, economics))


def decision(found: Scored, economics: Economics) -> dict[str, Any]:
    """Whether treating the customer pays, and what it rests on; amounts in the currency of the economics.

    Applied where the expected profit is above 0 (fiel.models.profit), so never without a probability.
    """
    right, wrong = worth(economics)
    profit = None if found.prob is None else found.prob * right + (1 - found.prob) * wrong
    return {
        "is_applied": profit is not None and profit > 0,
        "prob": found.prob,
        "basis": found.basis,
        "threshold": threshold(economics),
        "expected_profit": profit,
        "currency": economics.currency,
        "model_version": found.model_version,
    } | ({} if found.why is None else {"why": found.why})


def _on_page(request: Request, service: Service, program: Program, economics: Economics, given: str) -> Response:
    found = _scored(request, service, program, given)
    if found.error is not None:
        return _page(request, program, economics, given, is_unknown=True)
    answer = decision(found, economics)
    if found.row is None:
        return _page(request, program, economics, given, answer=answer)
    customer_id, reader = str(_number(given)), service.reader
    already = customer_view.already(
        reader.grants_of(program.name, customer_id),
        reader.held_out_of(program.name, customer_id),
        found.row.as_of,
        Voice(language_of(request), program),
    )
    return _page(request, program, economics, given, answer=answer, as_of=found.row.as_of, already=already)


def _scored(request: Request, service: Service, program: Program, given: str) -> Scored:
    found = score_id(service, program, str(_number(given)))
    log_served(service, id_of(request), program, "form", [found])
    return found


def _page(
    request: Request,
    program: Program,
    economics: Economics,
    given: str = "",
    answer: dict[str, Any] | None = None,
    *,
    is_wrong: bool = False,
    is_unknown: bool = False,
    as_of: date | None = None,
    already: str = "",
) -> Response:
    _ = translator(request)
    status = 422 if is_wrong else 404 if is_unknown else 200
    return render(
        request,
        "promotion.html",
        title=_("Apply the promotion?"),
        program=program,
        as_of=as_of,
        status=status,
        given=given,
        answer=answer,
        already=already,
        economics=economics,
        outcome=Voice(language_of(request), program).outcome(program.target),
        is_wrong=is_wrong,
        is_unknown=is_unknown,
    )


def _economics(program: Program) -> Economics:
    if program.economics is None:
        raise Problem(
            404,
            "no-economics",
            "This program has no promotion to decide on",
            f"{program.name} has no economics, so nothing says what a promotion is worth.",
            todo="Add `economics` to the program file, or ask another program.",
        )
    return program.economics


def _number(text: str) -> int | None:
    stripped = text.strip()
    return int(stripped) if _WHOLE.fullmatch(stripped) else None
