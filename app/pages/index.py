"""The first page: the programs, each with its first key figures, its champion and the age of its scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response

from app.pages.key_figures import KeyFigure, key_figures
from app.pages.layout import programs_of, render, translator
from app.pages.parts import parts_of
from app.pages.words import language_of
from app.security import PageCaller
from app.service import ProgramState, Service
from fiel.program import Program

router = APIRouter(include_in_schema=False)

SHOWN = 3
"""Key figures of each program on the first page; its own page has all."""


@dataclass(frozen=True)
class Card:
    """One program on the first page; `as_of` is None where nothing was published of it."""

    program: Program
    as_of: date | None
    figures: list[KeyFigure]
    version: str | None
    age_days: int | None
    is_stale: bool
    is_simulated: bool


@router.get("/")
def index(request: Request, caller: PageCaller) -> Response:
    """The programs that the reader may see."""
    service: Service = request.app.state.service
    states = {state.name: state for state in service.state().programs}
    cards = [_card(request, service, program, states.get(program.name)) for program in programs_of(request)]
    _ = translator(request)
    published = [card for card in cards if card.as_of is not None]
    return render(
        request,
        "index.html",
        title=_("Programs"),
        cards=published,
        waiting=[card.program for card in cards if card.as_of is None],
    )


def _card(request: Request, service: Service, program: Program, state: ProgramState | None) -> Card:
    parts = parts_of(service, program.name)
    if parts is None or not parts.overview:
        return Card(program, None, [], None, None, False, program.simulated)
    overview: dict[str, Any] = dict(parts.overview)
    shown = key_figures(overview, language_of(request))[:SHOWN]
    version = state.version if state is not None and state.version else overview.get("model_version")
    return Card(
        program,
        parts.as_of,
        shown,
        version,
        None if state is None else state.age_days,
        state is not None and state.is_stale,
        bool(overview.get("simulated")),
    )
