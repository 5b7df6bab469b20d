"""What the API is: `/openapi.json`. The page `/docs` shows the same to people, without a script from elsewhere."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import Response

from app.api.examples import ANSWERS
from app.api.schemas import ProblemDetails
from app.paths import is_open
from app.problems import MEDIA_TYPE
from app.security import Access

router = APIRouter(tags=["operating"])

SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "fiel_ID_SECRET",
        "description": "An API key; an operator makes one with `fiel key create NAME`.",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in its own header."},
}
_METHODS = ("get", "put", "post", "delete", "patch")


@router.get("/openapi.json", summary="The description of this API", include_in_schema=False)
async def openapi(request: Request, access: Access) -> Response:
    """The OpenAPI description, with examples."""
    body: bytes | None = getattr(request.app.state, "openapi_body", None)
    if body is None:
        body = request.app.state.openapi_body = orjson.dumps(schema(request.app))
    return Response(body, media_type="application/json")


def schema(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI schema of the application; made once.

    Every operation needs a key but the open ones, and answers problem details for whatever goes wrong.
    """
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        parts = found.setdefault("components", {})
        parts["securitySchemes"] = SECURITY
        schemas = parts.setdefault("schemas", {})
        if "ProblemDetails" not in schemas:
            made = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= made.pop("$defs", {}) | {"ProblemDetails": made}
        found["security"] = [{name: []} for name in SECURITY]
        for path, operations in found["paths"].items():
            for method in _METHODS:
                if method in operations:
                    _complete(path, operations[method])
                    example = ANSWERS.get(f"{method} {path}")
                    if example is not None:
                        operations[method]["responses"]["200"]["content"]["application/json"]["example"] = example
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        app.openapi_schema = found
    return app.openapi_schema


def _complete(path: str, operation: dict[str, Any]) -> None:
    if is_open(path):
        operation["security"] = [{}, *({name: []} for name in SECURITY)] if path == "/ready" else []
    problem = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
    for status, response in operation["responses"].items():
        if status.isdecimal() and int(status) >= 400:
            example = response.get("content", {}).get(MEDIA_TYPE, {})
            response["content"] = {MEDIA_TYPE: {**example, **problem}}
    operation["responses"].setdefault(
        "default", {"description": "Any other problem.", "content": {MEDIA_TYPE: problem}}
    )
