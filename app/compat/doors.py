"""The routes of old clients: `/predict`, `/predict_many`, `/health_check`, each with and without a program."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import id_of, problems
from app.compat import answers, form
from app.compat.bodies import Asked, asked, parsed, unwrapped
from app.compat.meant import program_meant
from app.compat.purchases import alive
from app.compat.shapes import MANY_BODY, MANY_SHOWN, PREDICT_BODY, PREDICT_SHOWN
from app.dependencies import ProgramDep, ServiceDep
from app.problems import Problem
from app.scoring import in_store
from app.security import Access
from app.service import Service
from fiel.program import Program

router = APIRouter()


async def _body(request: Request) -> bytes:
    return await request.body()


BodyDep = Annotated[bytes, Depends(_body)]
_PREDICT: dict[str, Any] = {
    "responses": problems(400, 404, 413, 415, 422) | PREDICT_SHOWN,
    "openapi_extra": {"requestBody": PREDICT_BODY},
}
_MANY: dict[str, Any] = {
    "responses": problems(400, 404, 413, 415, 422) | MANY_SHOWN,
    "openapi_extra": {"requestBody": MANY_BODY},
}


@router.post("/compat/{program}/predict", summary="One address for four kinds of old clients", **_PREDICT)
async def predict(request: Request, service: ServiceDep, program: ProgramDep, body: BodyDep) -> Response:
    """Tells by content type and shape which kind of client asks, and answers in that client's shape.

    `{"data": {…}}` with features under the published Portuguese names or ours: `{"IdCliente", "score"}`.
    `{"values": [{"id": …, …}]}`: `{"predictions": {id: {"score_fiel": p}}}`. `{"frequency", "recency", "T"}` in days,
    as an object or as a JSON string that holds one: p(alive). A form with `client_id`: whether to apply the promotion.
    A body that fits none of them, or more than one, is refused.
    """
    return await _answered(request, service, program, asked(request.headers.get("content-type", ""), body))


@router.post("/predict", summary="The same, the program found by the kind of client", **_PREDICT)
async def predict_anywhere(request: Request, service: ServiceDep, caller: Access, body: BodyDep) -> Response:
    """As `/compat/{program}/predict`, for clients whose address cannot be changed.

    The program is the one that `FIEL_SERVE_DOORS` names for the kind of client, else the only published one that such
    a client can mean; where several could be meant the answer is 422.
    """
    found = asked(request.headers.get("content-type", ""), body)
    program = await in_store(service, 1, program_meant, service, caller, found.door)
    return await _answered(request, service, program, found)


@router.post("/compat/{program}/predict_many", summary="Many customers of an old client", **_MANY)
async def predict_many(request: Request, service: ServiceDep, program: ProgramDep, body: BodyDep) -> Response:
    """`{"data": [{…}, …]}` with published or our feature names: `{"result": [{"IdCliente", "score"}, …]}`, in order.

    A customer without an answer has a score of null and says why beside it.
    """
    rows = _many(service, body)
    return await in_store(service, len(rows), _data_many, service, program, rows, id_of(request))


@router.post("/predict_many", summary="The same, the program found by itself", **_MANY)
async def predict_many_anywhere(request: Request, service: ServiceDep, caller: Access, body: BodyDep) -> Response:
    """As `/compat/{program}/predict_many`, for the program that `/predict` would find."""
    rows = _many(service, body)
    program = await in_store(service, 1, program_meant, service, caller, "data")
    return await in_store(service, len(rows), _data_many, service, program, rows, id_of(request))


@router.head("/health_check", include_in_schema=False)
@router.get("/health_check", summary="Whether the service is alive, as old clients ask")
async def health_check() -> dict[str, str]:
    """`{"status": "ok"}` as long as the process answers; `/ready` says more."""
    return {"status": "ok"}


@router.get("/compat/{program}/health_check", summary="The same under the program's address")
async def health_check_of(program: ProgramDep) -> dict[str, str]:
    """`{"status": "ok"}` as long as the process answers for the program; `/ready` says more."""
    return {"status": "ok"}


# -- inside


async def _answered(request: Request, service: Service, program: Program, found: Asked) -> Response:
    request_id = id_of(request)
    if found.door == "form":
        return await in_store(service, 1, form.answered, request, service, program, found.content)
    if found.door == "purchase":
        return await in_store(service, 1, alive, service, program, found.content, request_id)
    _no_others(found)
    if found.door == "values":
        rows = answers.customers(found.content["values"], "values", service.settings.max_batch)
        return await in_store(service, len(rows), _values, service, program, rows, request_id)
    row = found.content["data"]
    if not isinstance(row, dict):
        raise Problem(
            422,
            "invalid-input",
            "The input is wrong",
            "`data` is no object with one customer's features",
            field="data",
            todo="Send one object, or a list to predict_many.",
        )
    return await in_store(service, 1, _data, service, program, row, request_id)


def _no_others(found: Asked) -> None:
    others = sorted(set(found.content) - {found.door})
    if others:
        raise Problem(
            422,
            "invalid-input",
            "The input is wrong",
            f"the body has a field beside `{found.door}`",
            field=others[0][:60],
            todo=f"Send `{found.door}` alone.",
        )


def _data(service: Service, program: Program, row: dict[str, Any], request_id: str) -> Response:
    ((customer_id, answer),) = answers.scored(service, program, [row], request_id, "data")
    return answers.told(answers.one_or_problem(customer_id, answer), [answer])


def _data_many(service: Service, program: Program, rows: list[Any], request_id: str) -> Response:
    found = answers.scored(service, program, rows, request_id, "data")
    content = {"result": [answers.one_of_many(customer_id, answer) for customer_id, answer in found]}
    return answers.told(content, [answer for _, answer in found])


def _values(service: Service, program: Program, rows: list[Any], request_id: str) -> Response:
    _check_ids(rows)
    found = answers.scored(service, program, rows, request_id, "values")
    predictions = {str(customer_id): answers.prediction(answer, program) for customer_id, answer in found}
    return answers.told({"predictions": predictions}, [answer for _, answer in found])


def _check_ids(rows: list[Any]) -> None:
    """Refuse customers without an id, or with one that is there twice: this door answers by id."""
    seen = set[str]()
    for place, row in enumerate(rows):
        _, customer_id = answers.id_of(row)
        if customer_id is None or str(customer_id) in seen:
            said = "has no id" if customer_id is None else "is there twice: answers are by id"
            raise Problem(
                422,
                "invalid-input",
                "The input is wrong",
                f"a customer of `values` {said}",
                field=f"values.{place}.id",
                todo="Give every customer an id of its own.",
            )
        seen.add(str(customer_id))


def _many(service: Service, body: bytes) -> list[Any]:
    content = unwrapped(parsed(body))
    if not isinstance(content, dict) or set(content) != {"data"}:
        raise Problem(
            422,
            "ambiguous-body",
            "Body not understood",
            'the body is not {"data": […]}',
            field="data",
            todo='Send {"data": [{"IdCliente": …, …}, …]}.',
        )
    return list(answers.customers(content["data"], "data", service.settings.max_batch))
