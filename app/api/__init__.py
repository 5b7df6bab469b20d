"""The API: what operates the service (`health`), what describes it (`description`), and version 1 of its questions."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import customers, description, health, programs, purchases, score, what_if

router = APIRouter()
for _module in (programs, customers, score, what_if, purchases, health, description):
    router.include_router(_module.router)
