"""The ranking of a program's customers: sorted, filtered, searched, paged both ways, and exported.

The address says what is shown, so it can be shared; htmx swaps only the table, and without JavaScript every link and
the form load the page. Pages follow one another by a cursor (the place of a row), so that the last of a million
customers costs as little as the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from app.dependencies import ProgramDep, ServiceDep
from app.pages import export, ranking_view
from app.pages.layout import is_fragment, render
from app.pages.ranking_view import SIZES, Asked
from app.pages.voice import Voice
from app.pages.words import language_of
from app.problems import Problem
from app.security import PageCaller
from fiel.errors import CursorError
from fiel.program import Program
from fiel.store.ranking import RankingPage
from fiel.store.reader import Reader

router = APIRouter(include_in_schema=False)

NUMERIC = ("percent", "amount", "money", "whole")


@router.get("/p/{program}/ranking")
def ranking(request: Request, program: ProgramDep, service: ServiceDep, caller: PageCaller) -> Response:
    """The page, or for htmx its table."""
    voice = Voice(language_of(request), program)
    newest = service.reader.newest_set(program.name)
    title = voice.say("Ranking")
    if newest is None:
        return render(request, "ranking.html", title=title, program=program, section="ranking", set=None)
    asked = Asked.of(request.query_params, program)
    page, asked, problem = _page(service.reader, asked, program, voice)
    customers, scored = ranking_view.customers_and_scored(newest.counts)
    context = {
        **_table(page, asked, problem, voice, _base_prob(service.reader, page, program)),
        "set": newest,
        "customers": customers,
        "scored": scored,
        "stages": ranking_view.choices(newest.counts, "stage", asked.stage, voice) if program.has_stages else [],
        "segments": ranking_view.choices(newest.counts, "segment", asked.segment, voice),
        "sizes": SIZES,
        "many": voice.many,
        "is_fragment": is_fragment(request),
    }
    template = "ranking_rows.html" if is_fragment(request) else "ranking.html"
    return render(
        request, template, title=title, program=program, section="ranking", as_of=newest.as_of,
        headers={"HX-Push-Url": asked.address(program.name)} if is_fragment(request) else None, **context,
    )  # fmt: skip


@router.get("/p/{program}/ranking.csv")
def ranking_csv(request: Request, program: ProgramDep, service: ServiceDep, caller: PageCaller) -> Response:
    """The whole filtered ranking as CSV."""
    newest = service.reader.newest_set(program.name)
    if newest is None:
        raise Problem(
            404, "not-published", "Nothing to export", "No scores of this program have been published yet.",
            todo=f"Run: fiel run loyalty --program {program.name}",
        )  # fmt: skip
    asked = replace(Asked.of(request.query_params, program), cursor=None)
    rows = service.reader.ranking_rows(program.name, asked.query)
    return StreamingResponse(
        export.begun(export.lines(rows, newest.as_of, language_of(request))),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{export.file_name(program.name, newest.as_of)}"',
            "Cache-Control": "private, no-cache",
        },
    )


def _page(reader: Reader, asked: Asked, program: Program, voice: Voice) -> tuple[RankingPage, Asked, str]:
    """The page asked for; the first one, with a word on it, where the cursor means nothing (any more)."""
    try:
        return reader.ranking(program.name, asked.query), asked, ""
    except CursorError:
        first = replace(asked, cursor=None, first=1)
        return reader.ranking(program.name, first.query), first, voice.say("This page is not there; here is the first.")


def _base_prob(reader: Reader, page: RankingPage, program: Program) -> float | None:
    """The mean probability of a pension fund's accounts, as each scored account's document holds it."""
    scored = next((row for row in page.rows if row["prob"] is not None), None)
    if not program.is_quarterly or scored is None:
        return None
    found = reader.customer(program.name, scored["customer_id"])
    level = orjson.loads(found.document).get("level") if found is not None and found.document else None
    return level["base_prob"] if level else None


def _table(page: RankingPage, asked: Asked, problem: str, voice: Voice, base_prob: float | None) -> dict[str, Any]:
    name, rows = voice.program.name, page.rows
    last = asked.first + len(rows) - 1
    after = replace(asked, cursor=page.next_cursor, first=last + 1)
    before = replace(asked, cursor=page.previous_cursor, first=max(1, asked.first - asked.size))
    top = replace(asked, cursor=None, first=1)
    return {
        "asked": asked,
        "problem": problem,
        "rows": ranking_view.cells(rows, voice, base_prob),
        "headings": ranking_view.headings(asked, voice),
        "said": _said(asked, page, last, voice),
        "is_narrowed": any(asked.filters.values()),
        "everyone": replace(top, stage=None, segment=None, scored=None, search=None).address(name),
        "export": asked.address(name, "ranking.csv"),
        "next": after.address(name) if page.next_cursor else None,
        "previous": before.address(name) if page.previous_cursor else None,
        "top": top.address(name),
        "numeric": NUMERIC,
    }


def _said(asked: Asked, page: RankingPage, last: int, voice: Voice) -> str:
    """What the table shows, in words: also read aloud when it changes."""
    _ = voice.say
    if not page.rows:
        return _("Nobody is found.")
    rows = {"first": voice.whole(asked.first), "last": voice.whole(last), "many": voice.many}
    if page.total is None:
        return _("%(first)s to %(last)s of the %(many)s found", **rows)
    return _("%(first)s to %(last)s of %(total)s %(many)s", total=voice.whole(page.total), **rows)
