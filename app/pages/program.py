"""The page of a program: how it is doing, and the model that scores its customers.

Charts come into the page when they are seen: a specification with its data is an answer of its own
(`/p/{program}/figures/{name}.json`), and so is its table (`/p/{program}/figures/{name}`, a page, or a part for htmx).
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.dependencies import ProgramDep, ServiceDep
from app.pages.champion_card import champion_cards
from app.pages.groups import groups_of
from app.pages.key_figures import key_figures
from app.pages.layout import is_fragment, render, translator
from app.pages.parts import FigureHead, parts_of
from app.pages.words import N_, language_of
from app.problems import Problem
from app.security import PageCaller
from fiel.program import Program

router = APIRouter(include_in_schema=False)

GROUPS = {
    "stages": N_("Stages"),
    "activity": N_("Activity"),
    "value": N_("Value"),
    "segments": N_("Segments"),
    "model": N_("The model"),
}
"""Groups of figures in the order of the page; `money` is on the page of the rewards."""


@router.get("/p/{program}")
def program_page(request: Request, program: ProgramDep, service: ServiceDep, caller: PageCaller) -> Response:
    """Key figures with their change, figures by group, the champion's card."""
    language = language_of(request)
    parts = parts_of(service, program.name)
    if parts is None or not parts.overview:
        return render(request, "program_empty.html", title=program.title, program=program, section="program")
    state = next((state for state in service.state().programs if state.name == program.name), None)
    figures = {group: parts.of_group(group) for group in GROUPS}
    return render(
        request,
        "program.html",
        title=program.title,
        program=program,
        section="program",
        as_of=parts.as_of,
        overview=parts.overview,
        known_through=parts.known_through,
        published_at=parts.published_at,
        state=state,
        key_figures=key_figures(parts.overview, language),
        groups=groups_of(parts.overview, language),
        group_titles=GROUPS,
        figures=figures,
        cards=champion_cards(service, program, parts, language),
        figure_address=lambda figure: figure_address(program, parts.version, figure),
    )


def figure_address(program: Program, version: str, figure: FigureHead) -> str:
    """The path of a figure's own page; its specification is at the same path with `.json`."""
    return f"/p/{program.name}/figures/{figure.name}"


@router.get("/p/{program}/figures/{name}.json")
def figure_spec(request: Request, program: ProgramDep, name: str, service: ServiceDep, caller: PageCaller) -> Response:
    """A figure's Vega-Lite specification with its data, in the reader's language."""
    figure = _figure(service, program, name)
    return Response(figure.spec(language_of(request)), media_type="application/json")


@router.get("/p/{program}/figures/{name}")
def figure_page(request: Request, program: ProgramDep, name: str, service: ServiceDep, caller: PageCaller) -> Response:
    """A figure with its table; for htmx the table alone."""
    language = language_of(request)
    figure = _figure(service, program, name)
    parts = parts_of(service, program.name)
    table = figure.table(language)
    if is_fragment(request):
        return render(request, "figure_table.html", program=program, figure=figure, table=table)
    return render(
        request,
        "figure.html",
        title=translator(request)(figure.title if isinstance(figure.title, str) else figure.title[language]),
        program=program,
        section="rewards" if figure.group == "money" else "program",
        as_of=None if parts is None else parts.as_of,
        figure=figure,
        table=table,
    )


def _figure(service: ServiceDep, program: Program, name: str) -> FigureHead:
    parts = parts_of(service, program.name)
    figure = None if parts is None else parts.figure(name)
    if figure is None:
        raise Problem(
            404,
            "unknown-figure",
            "There is no such figure",
            "No figure of this program has this name.",
            field="name",
            todo=f"Choose from the figures on /p/{program.name}.",
        )
    return figure
