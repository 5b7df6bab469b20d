"""The page that describes the API to people: what `/openapi.json` says, as a list of its operations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup, escape

from app.api.description import schema
from app.pages.layout import render, translator
from app.security import PageCaller

router = APIRouter(include_in_schema=False)

_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One operation as it is shown. `parameters` and `answers` are rows of a table."""

    method: str
    path: str
    name: str
    summary: str
    about: tuple[Markup, ...]
    parameters: list[list[str]]
    answers: list[list[str]]
    requests: list[tuple[str, str]]
    """Examples of bodies: name and JSON."""

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return self.method + self.path.replace("/", "-").replace("{", "").replace("}", "")


@router.get("/docs")
def reference(request: Request, caller: PageCaller) -> Response:
    """Every operation of the API by its group."""
    _ = translator(request)
    found = schema(request.app)
    groups: dict[str, list[Operation]] = {}
    for path, operations in found["paths"].items():
        for method in _METHODS:
            if method in operations:
                group = (operations[method].get("tags") or ["other"])[0]
                groups.setdefault(group, []).append(_operation(found, path, method, operations[method]))
    return render(
        request, "reference.html", title=_("The API"), groups=groups, version=found["info"]["version"],
        is_open=request.app.state.service.gate.is_open,
    )  # fmt: skip


def _operation(found: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    return Operation(
        method=method.upper(),
        path=path,
        name=operation["operationId"],
        summary=operation.get("summary", path),
        about=tuple(_with_code(paragraph) for paragraph in operation.get("description", "").split("\n\n")),
        parameters=[
            [parameter["name"], parameter["in"], parameter.get("description", ""), _type(parameter.get("schema", {}))]
            for parameter in operation.get("parameters", ())
        ],
        answers=[
            [status, _with_code(answer["description"])] for status, answer in sorted(operation["responses"].items())
        ],
        requests=list(_examples(found, operation)),
    )


def _with_code(text: str) -> Markup:
    """The text with what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


def _type(given: Mapping[str, Any]) -> str:
    kinds = [one.get("type", "") for one in given.get("anyOf", (given,))]
    values = given.get("enum") or [value for one in given.get("anyOf", ()) for value in one.get("enum", ())]
    shown = ", ".join(str(value) for value in values) or " or ".join(kind for kind in kinds if kind and kind != "null")
    return shown if given.get("default") is None else f"{shown} (default {given['default']})"


def _examples(found: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    bodies: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    body: Mapping[str, Any] = next(iter(bodies.values()), {})
    if "example" in body:
        yield "", json.dumps(body["example"], indent=1, ensure_ascii=False)
    for name, example in body.get("examples", {}).items():
        yield example.get("summary", name), json.dumps(example.get("value"), indent=1, ensure_ascii=False)
    reference = body.get("schema", {}).get("$ref", "")
    if reference:
        of_schema = found["components"]["schemas"][reference.rpartition("/")[2]]
        for example in of_schema.get("examples", ()):
            yield "", json.dumps(example, indent=1, ensure_ascii=False)
