"""The pages: HTML for people, rendered on the server, with htmx for parts and Vega-Lite for charts.

`layout` is the frame and says how to build a page; `words` has the languages; `assets` what browsers load; the other
modules are one page each, with a `router`, or what such a page is made of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from app.pages import assets, choices, customer, index, program, ranking, reference, rewards, sign_in
from app.pages.errors import error_page
from app.pages.warm import warm_up

__all__ = ["error_page", "router"]


@asynccontextmanager
async def _warmed(app: FastAPI) -> AsyncIterator[None]:
    warm_up(app.state.service)
    yield


router = APIRouter(include_in_schema=False, lifespan=_warmed)
for _page in (assets, choices, sign_in, index, program, ranking, customer, rewards, reference):
    router.include_router(_page.router)
