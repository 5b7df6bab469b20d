"""The API: what operates the service (`health`), what describes it (`description`), and version 1 of its questions."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter

MODULES = ("health", "description", "programs", "customers", "score", "what_if", "purchases")

router = APIRouter()
for _name in MODULES:
    if find_spec(f"app.api.{_name}"):
        router.include_router(import_module(f"app.api.{_name}").router)
