"""The application: `create_app()` is the factory that uvicorn calls in every worker."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from types import ModuleType

from fastapi import FastAPI

from app import logs, problems
from app.frame import Frame
from app.service import Service
from app.settings import ServeSettings, load_serve_settings
from fiel.version import package_version

_DESCRIPTION = """Who is loyal, who is leaving, and what it pays to do about it: scores with their reasons, customers,
purchases, for every program that was published."""

ROOMS = ("app.api", "app.compat", "app.pages")
"""Packages with a `router`; pages also bring `error_page`."""


def create_app(settings: ServeSettings | None = None) -> FastAPI:
    """The service as an ASGI application; `app.state.service` holds what its routes need.

    Without `settings` those of the environment, and logs go to standard error as JSON lines.
    """
    is_worker = settings is None
    if settings is None:
        settings = load_serve_settings()
        logs.configure()
    app = framed(settings, is_worker=is_worker)
    for room in load_rooms():
        app.include_router(room.router)
        if hasattr(room, "error_page"):
            app.state.error_page = room.error_page
    return app


def load_rooms() -> list[ModuleType]:
    """The packages that have routes; imported when an application is made, for they import what this module makes."""
    return [import_module(name) for name in ROOMS]


def framed(settings: ServeSettings, *, is_worker: bool = False) -> FastAPI:
    """The application without a route: what every request passes through, and the service behind it.

    A worker process (`is_worker`) sets what it has loaded aside from the search for garbage: going through libraries,
    programs and models takes 50 ms and more, and every request of that moment would wait for it.
    """
    service = Service.of(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.start()
        if is_worker:
            gc.collect()
            gc.freeze()
        try:
            yield
        finally:
            service.stop()

    app = FastAPI(
        title="Fiel",
        version=package_version(),
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.install(app)
    app.add_middleware(Frame, service=service)
    return app
