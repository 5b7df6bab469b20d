"""Errors as answers: RFC 9457 problem details for machines, a page for people; one shape for all of them.

A problem says what was wrong, which field, and what to do. It never holds a stack trace, a key, a body or a customer
id that the caller did not send in this very request.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import metrics
from app.paths import kind_of
from fiel import errors

_LOG = logging.getLogger("app.problems")

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:fiel:problem:"


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong in a request: where, what, and what to do."""

    field: str
    message: str
    todo: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Without what is not said."""
        found = {"field": self.field, "message": self.message}
        return found if self.todo is None else {**found, "todo": self.todo}


class Problem(HTTPException):
    """Raise it anywhere in a request; it becomes the answer.

    `type` is a short name in kebab case (`unknown-program`), `title` the same for every problem of the type, `detail`
    what is wrong this time. `field` and `todo` make one entry of `errors`; give `errors` for several.
    """

    def __init__(
        self,
        status: int,
        type: str,  # noqa: A002 - the name of RFC 9457
        title: str,
        detail: str,
        field: str | None = None,
        todo: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.type = type
        self.title = title
        self.todo = todo
        self.errors = tuple(errors) or ((FieldError(field, detail, todo),) if field is not None else ())

    def as_dict(self, instance: str | None) -> dict[str, Any]:
        """The members of the problem details; `instance` is the request's id."""
        found: dict[str, Any] = {
            "type": TYPES + self.type,
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
        }
        if instance:
            found["instance"] = f"urn:fiel:request:{instance}"
        if self.todo is not None and not self.errors:
            found["todo"] = self.todo
        found["errors"] = [error.as_dict() for error in self.errors]
        return found

    def response(self, instance: str | None) -> Response:
        """The answer for machines."""
        body = orjson.dumps(self.as_dict(instance))
        return Response(body, self.status_code, self.headers, media_type=MEDIA_TYPE)


ErrorPage = Callable[[Request, Problem], Response]
"""Makes the page that shows a problem to a person; `app.pages.error_page`, put at `app.state.error_page`."""

_BY_ERROR: tuple[tuple[type[errors.FielError], int, str, str], ...] = (
    (errors.NoChampionError, 404, "no-champion", "No model is in service"),
    (errors.RegistryError, 503, "model-refused", "The model cannot be used"),
    (errors.ProgramError, 404, "unknown-program", "There is no such program"),
    (errors.FeatureError, 422, "invalid-features", "The features are wrong"),
    (errors.EstimatorError, 422, "invalid-input", "The input is wrong"),
    (errors.SchemaError, 422, "invalid-input", "The input is wrong"),
    (errors.TimeError, 422, "invalid-input", "The input is wrong"),
    (errors.CursorError, 400, "invalid-cursor", "The place in the list cannot be found again"),
    (errors.StoreError, 503, "store-unavailable", "The store cannot be used"),
    (errors.FielError, 500, "internal", "Something went wrong here"),
)


def problem_of(error: Exception) -> Problem:
    """Any exception as a problem. What we did not raise on purpose says nothing of itself."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _of_validation(error)
    if isinstance(error, ResponseValidationError):
        return unexpected()
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, errors.FielError):
        return _of_fiel(error)
    return unexpected()


def unexpected() -> Problem:
    """What a caller gets to see of a defect of ours."""
    return Problem(
        500,
        "internal",
        "Something went wrong here",
        "The service failed to answer this request. Nothing was changed.",
        todo="Try again; if it stays, tell the operator the request id.",
    )


def answer(request: Request, problem: Problem) -> Response:
    """The problem as an answer: HTML where a person looks, problem details elsewhere."""
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is not None and wants_html(request.scope):
        try:
            response = page(request, problem)
        except Exception as error:  # the page of an error may not make another one: tell it plainly
            _LOG.error("the page of a problem cannot be made", exc_info=error)
            return problem.response(request.scope["state"].get("request_id"))
        for name, value in (problem.headers or {}).items():
            response.headers[name] = value
        return response
    return problem.response(request.scope["state"].get("request_id"))


def wants_html(scope: Mapping[str, Any]) -> bool:
    """Whether a person asked: a path of a page, from something that takes HTML."""
    if kind_of(scope["path"]) != "page":
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def install(app: FastAPI) -> None:
    """Make every exception of a route a problem; what is unexpected is left to the frame, which logs it."""

    async def handle(request: Request, error: Exception) -> Response:
        if isinstance(error, errors.FielError):
            request.scope["state"]["error"] = type(error).__name__
            if isinstance(error, errors.StoreError) and not isinstance(error, errors.CursorError):
                metrics.STORE_ERRORS.inc()
        return answer(request, problem_of(error))

    for kind in (HTTPException, RequestValidationError, errors.FielError):
        app.add_exception_handler(kind, handle)


def _of_fiel(error: errors.FielError) -> Problem:
    status, name, title = next(known[1:] for known in _BY_ERROR if isinstance(error, known[0]))
    if status == 500:
        return unexpected()
    if name == "store-unavailable":
        seconds = str(math.ceil(getattr(error, "retry_after", None) or 2))
        return Problem(  # the error's own text names the database; that is for the log
            503,
            name,
            title,
            "The online store cannot be reached or used right now.",
            todo="Try again in a few seconds.",
            headers={"Retry-After": seconds},
        )
    field = error.field if isinstance(error, errors.FeatureError) else None
    return Problem(status, name, title, str(error), field, headers={"Retry-After": "5"} if status == 503 else None)


_TITLES = {
    404: ("not-found", "There is nothing at this address", "Look at /openapi.json for what there is."),
    405: ("method-not-allowed", "This address does not answer that method", "Use one of the methods in Allow."),
    400: ("bad-request", "The request cannot be read", "Check the request's body and headers."),
}


def _of_http(error: HTTPException) -> Problem:
    status = error.status_code
    if status not in _TITLES:
        phrase = HTTPStatus(status).phrase
        return Problem(status, phrase.lower().replace(" ", "-"), phrase, str(error.detail), headers=error.headers)
    name, title, todo = _TITLES[status]
    detail = title + "." if error.detail == HTTPStatus(status).phrase else str(error.detail)
    return Problem(status, name, title, detail, todo=todo, headers=error.headers)


def _of_validation(error: RequestValidationError) -> Problem:
    if isinstance(error.body, bytes):  # FastAPI reads no body that does not say it is JSON
        return Problem(
            415,
            "unsupported-media-type",
            "Content type not understood",
            "The body does not say that it is JSON.",
            field="Content-Type",
            todo="Send the header Content-Type: application/json.",
        )
    found = list(dict.fromkeys(_field_error(item, error.body) for item in error.errors()[:20]))
    where = ", ".join(dict.fromkeys(item.field for item in found))
    return Problem(
        422, "invalid-input", "The input is wrong", f"The request does not fit its schema: {where}.", errors=found
    )


def _field_error(item: Mapping[str, Any], body: Any) -> FieldError:
    place = [str(part) for part in item["loc"]]
    if item["type"] == "json_invalid":
        why = item.get("ctx", {}).get("error", "it cannot be read")
        return FieldError("body", f"This is no JSON (position {place[-1]}): {why}", "Send valid JSON.")
    is_body = len(place) > 1 and place[0] == "body"
    shown = _place_in(body, item["loc"][1:], is_missing=item["type"] == "missing") if is_body else place
    todo = {
        "missing": "Send this field.",
        "extra_forbidden": "Leave this field out, or correct its name.",
    }.get(item["type"])
    return FieldError(".".join(shown), str(item["msg"]), todo)


def _place_in(body: Any, place: Sequence[str | int], *, is_missing: bool) -> list[str]:
    """The place as the caller wrote it: without the names of the kinds of value that were tried there."""
    found, here = list[str](), body
    for part in place:
        is_there = (isinstance(here, Mapping) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        )
        if is_there:
            here = here[part]
            found.append(str(part))
    if is_missing or not found:
        found.append(str(place[-1]))
    return found
