"""A frame around a few tiny routes: what the tests of the frame ask, whatever the real routes do."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Form
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse

from app.api import health
from app.dependencies import ProgramDep
from app.main import framed
from app.problems import Problem
from app.security import Access
from app.settings import ServeSettings
from fiel.errors import StoreUnavailableError


class Given(BaseModel):
    """A body with one number."""

    model_config = ConfigDict(extra="forbid")

    number: int


def tiny(settings: ServeSettings) -> FastAPI:
    """The service's frame with tiny routes; `app.state.release` lets the waiting ones go on."""
    app = framed(settings)
    app.state.release = threading.Event()
    app.include_router(health.router)
    app.include_router(_routes(app))
    return app


def _routes(app: FastAPI) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/hello")
    async def hello() -> dict[str, str]:
        return {"said": "hello"}

    @router.get("/v1/me")
    async def me(access: Access) -> dict[str, Any]:
        return {"name": access.name, "by": access.by}

    @router.get("/v1/{program}/name")
    async def name(program: ProgramDep) -> dict[str, str]:
        return {"name": program.name}

    @router.post("/v1/number")
    async def number(given: Given) -> dict[str, int]:
        return {"number": given.number}

    @router.post("/v1/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @router.get("/v1/customers/{customer}")
    async def customer(customer: str) -> None:
        raise KeyError(f"secret of {customer}")

    @router.get("/v1/problem")
    async def problem() -> None:
        raise Problem(409, "taken", "It is taken", "The name is taken.", field="name", todo="Choose another.")

    @router.get("/v1/store")
    async def store() -> None:
        raise StoreUnavailableError("postgresql://fiel@db.internal/fiel does not answer", retry_after=3)

    @router.get("/v1/waits")
    def waits() -> dict[str, bool]:
        return {"released": app.state.release.wait(20)}

    @router.get("/v1/broken-off")
    async def broken_off() -> StreamingResponse:
        async def pieces() -> Any:
            yield b"half"
            raise ValueError("secret")

        return StreamingResponse(pieces())

    @router.get("/page")
    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(f"<p>{request.state.csrf_token}</p>")

    @router.post("/page")
    async def sent(text: Annotated[str, Form()]) -> HTMLResponse:
        return HTMLResponse(f"<p>{len(text)}</p>")

    @router.post("/sign-in")
    async def sign_in(key: Annotated[str, Form()]) -> HTMLResponse:
        sessions = app.state.service.gate.sessions
        value = sessions.start(key)
        headers = {} if value is None else {"Set-Cookie": sessions.cookie(value, is_https=False)}
        return HTMLResponse("", 401 if value is None else 204, headers)

    @router.post("/v1/anything")
    async def anything(content: Annotated[Any, Body()]) -> dict[str, bool]:
        return {"is_list": isinstance(content, list)}

    return router
