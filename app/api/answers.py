"""What the routes of the API share: how a body is read, how an answer is written, which problems it may be instead."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import orjson
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.api.schemas import LONGEST_ID, ProblemDetails
from app.dependencies import find_program
from app.problems import MEDIA_TYPE
from app.scored import Scored
from fiel.program import Program

_PROBLEMS = {
    401: ("An API key is needed.", "no-access", "An API key is needed"),
    403: ("The key is not made for this program.", "out-of-scope", "This program is not in the key's scope"),
    404: ("There is no such program, customer or model.", "unknown-program", "There is no such program"),
    409: (
        "What was published does not fit: publish again.",
        "missing-columns",
        "The published features do not fit the model",
    ),
    413: ("The body, or the number of customers, is above the limit.", "too-large", "The request is too large"),
    415: ("The body does not say that it is JSON.", "unsupported-media-type", "Content type not understood"),
    422: ("The input is wrong; `errors` says which field, and what to do.", "invalid-input", "The input is wrong"),
    429: ("Too many requests; `Retry-After` says when to come again.", "too-many-requests", "Too many requests"),
    503: ("The store or the model cannot be used right now.", "store-unavailable", "The store cannot be used"),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route for OpenAPI, each with an example; those of every route and the given ones."""
    return {
        status: {
            "model": ProblemDetails,
            "description": about,
            "content": {MEDIA_TYPE: {"example": _example(status, kind, title, about)}},
        }
        for status, (about, kind, title) in _PROBLEMS.items()
        if status in (401, 403, 429, 503, *statuses)
    }


class _Request(Request):
    """A request whose JSON is read by orjson: quick, strict (no NaN, no half characters), and never deep."""

    async def json(self) -> Any:
        return orjson.loads(await self.body())


Quick = Callable[[Request], Coroutine[Any, Any, Response | None]]
"""Answers a plain request, or None: then the endpoint is asked, with everything that FastAPI checks."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def quickly(quick: Quick) -> Callable[[Endpoint], Endpoint]:
    """Marks an endpoint that `quick` answers for where a request is plain.

    Half of the time of a look-up by id is FastAPI's, which solves the same dependencies again for every request.
    `quick` has to answer as the endpoint would, to the last byte; a test holds every one of them to that.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.quick = quick  # type: ignore[attr-defined]
        return endpoint

    return mark


class JsonRoute(APIRoute):
    """A route that reads its body with orjson, and answers plain requests without a detour (`quickly`)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, with a request that reads JSON by itself."""
        handler = super().get_route_handler()
        quick: Quick | None = getattr(self.endpoint, "quick", None)

        async def handle(request: Request) -> Response:
            own = _Request(request.scope, request.receive)
            answer = None if quick is None else await quick(own)
            return await handler(own) if answer is None else answer

        return handle


def plain_program(request: Request) -> Program:
    """The program of the path, as `app.dependencies.program_of` finds it."""
    scope = request.scope
    return find_program(request.app.state.service, scope["state"].get("caller"), scope["path_params"]["program"])


def is_id(customer_id: str) -> bool:
    """Whether the text can be a customer's id: what `CustomerText` (app/api/schemas.py) takes."""
    return 0 < len(customer_id) <= LONGEST_ID and "\0" not in customer_id


def reply(content: Any) -> Response:
    """The answer as JSON; floats in the fewest digits that are read back to the same float."""
    return Response(orjson.dumps(content), media_type="application/json")


def id_of(request: Request) -> str:
    """The id of the request."""
    found: str = request.scope["state"]["request_id"]
    return found


def about(program: Program) -> dict[str, Any]:
    """What every answer says of the program: its name, and what is predicted."""
    return {"program": program.name, "target": program.target.name, "horizon": horizon(program)}


def horizon(program: Program) -> str | None:
    """From as_of to the outcome, in words; None for an undated program, whose label has none."""
    return None if program.is_table else program.target.horizon_words


def result(position: int, one: Scored) -> dict[str, Any]:
    """One customer of an answer to `score`."""
    found: dict[str, Any] = {
        "position": position,
        "customer_id": one.customer_id,
        "status": one.status,
        "prob": one.prob,
        "basis": one.basis,
        "as_of": one.as_of,
        "model_version": one.model_version,
    }
    if one.why is not None:
        found["why"] = one.why
    if one.missing:
        found["missing"] = list(one.missing)
    if one.unused:
        found["unused"] = list(one.unused)
    if one.error is not None:
        found["error"] = one.error.as_dict()
    return found


def _example(status: int, kind: str, title: str, detail: str) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": f"urn:fiel:problem:{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "urn:fiel:request:6c6e2b5f0c9c4f1d",
        "errors": [],
    }
    if status == 422:
        example["errors"] = [{"field": "customers", "message": "Field required", "todo": "Send this field."}]
    return example
