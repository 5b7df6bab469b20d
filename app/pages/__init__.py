"""The pages: HTML for people, rendered on the server, with htmx for parts and Vega-Lite for charts.

`layout` is the frame and says how to build a page; `words` has the languages; `assets` what browsers load; the other
modules are one page each, with a `router`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter

from app.pages.errors import error_page

__all__ = ["error_page", "router"]

MODULES = ("assets", "choices", "sign_in", "index", "program", "ranking", "customer", "rewards")

router = APIRouter(include_in_schema=False)
for _name in MODULES:
    if find_spec(f"app.pages.{_name}"):
        router.include_router(import_module(f"app.pages.{_name}").router)
