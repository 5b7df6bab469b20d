"""The frame of every page: templates by language, what the header needs, and the answer itself.

How to build a page (this is what the other page modules rely on):

- `render(request, "thing.html", program=…, section="ranking", title=_("…"), …)` gives the answer. Templates extend
  `base.html` and fill its blocks: `content` (required), `intro` (beside the title) and `scripts`.
- Every template has `_("text", name=…)` and `counted(n, "%(count)s day", "%(count)s days")`; the filters
  `number` (`x | number("percent")`), `units` (`x | units("BRL")`), `prose_date`, `day`,
  `said` (a text of the store in both languages), `unbroken`; the functions
  `static("file.css")` and `url(path, **query)`; and the value `language`.
- `{% import "macros.html" as m %}` brings `tile`, `tiles`, `table`, `figure`, `stage`, `badge`, `empty`, `note`,
  `change`, `field_csrf`; each says above it what it takes. They need no `with context`.
- `is_fragment(request)` tells whether htmx asks for a part; answer with a template that extends nothing.
- No inline script and no style attribute: the content security policy refuses both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse

from app.pages import words
from app.pages.assets import static
from app.pages.parts import parts_of
from app.pages.words import LANGUAGES, N_, TAGS, Language
from app.security import Caller, csrf
from fiel.program import Program

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

THEMES = {"system": N_("as the device"), "light": N_("light"), "dark": N_("dark")}
"""Colours that a reader may choose, and how each choice is named."""

THEME_COOKIE = "fiel_theme"

SECTIONS = {
    "program": (N_("Program"), ""),
    "ranking": (N_("Ranking"), "/ranking"),
    "rewards": (N_("Rewards"), "/rewards"),
}
"""Pages of a program, in the order of the header: name and end of the address."""

HTMX = {
    "allowEval": False,
    "allowScriptTags": False,
    "historyCacheSize": 0,  # no customer's page in the browser's storage
    "includeIndicatorStyles": False,
    "reportValidityOfForms": True,  # a field that cannot be sent says why
    "selfRequestsOnly": True,
    "timeout": 30_000,
}
"""htmx without eval, without injected styles, without other hosts."""


@cache
def environment(language: Language) -> jinja2.Environment:
    """The templates in `language`; compiled once for each."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.globals |= {
        "_": partial(_translated, language),
        "counted": partial(_counted, language),
        "language": language,
        "static": static,
        "url": url,
        "htmx_config": json.dumps(HTMX),
        "languages": LANGUAGES,
        "themes": THEMES,
        "sections": SECTIONS,
        "MISSING": "–",
    }
    found.filters |= {
        "number": lambda value, of="whole": words.number(value, language, of),
        "units": lambda value, unit: words.units(value, unit, language),
        "prose_date": lambda value: words.prose_date(value, language),
        "day": words.day,
        "minute": words.minute,
        "actor": lambda name: words.actor(name, language),
        "said": lambda text: words.said(text, language),
        "unbroken": unbroken,
        "translated": partial(_translated, language),
        "compact_json": compact_json,
    }
    return found


def _translated(language: Language, text: str, **values: Any) -> str:
    return words.translate(text, language, **values)


def _counted(language: Language, count: int, one: str, many: str) -> str:
    """`counted(2, "%(count)s day", "%(count)s days")`: the text for one or for many, with the number in it."""
    return words.translate(one if count == 1 else many, language, count=words.number(count, language))


def translator(request: Request) -> Callable[..., str]:
    """What page modules bind to `_`, so that they read as templates do: English in, the language of the reader out."""
    return partial(_translated, words.language_of(request))


def unbroken(text: str) -> str:
    """`text` with no-break spaces inside amounts and percentages, so that no line ends between number and unit."""
    return re.sub(r"(?<=[£$€]) (?=\d)|(?<=\d) (?=%)", "\u00a0", text)


def compact_json(value: Any) -> str:
    """`value` as JSON that is safe inside a script element of type application/json (mark it `safe` there)."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def url(path: str, **query: Any) -> str:
    """`path` with the `query` values that are not None.

    >>> url("/p/teomewhy/ranking", stage="fiel", cursor=None)
    '/p/teomewhy/ranking?stage=fiel'
    """
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(kept)}" if kept else path


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page (and not for a page whose history it lost)."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-history-restore-request") != "true"


def theme_of(request: Request) -> str:
    """The colours chosen: system, light or dark."""
    chosen = request.cookies.get(THEME_COOKIE, "system")
    return chosen if chosen in THEMES else "system"


def is_simulated(request: Request, program: Program) -> bool:
    """Whether the program's data are made up: its file says so, or the source that was published does."""
    if program.simulated:
        return True
    found = parts_of(request.app.state.service, program.name)
    return found is not None and bool(found.overview.get("simulated"))


def caller_in(request: Request) -> Caller | None:
    """Who reads the page; None on an open page without a session."""
    found: Caller | None = request.scope.get("state", {}).get("caller")
    return found


def programs_of(request: Request) -> list[Program]:
    """The programs that the reader may see, by title; none where nobody has signed in."""
    caller = caller_in(request)
    programs: Mapping[str, Program] = request.app.state.service.programs
    seen = [program for program in programs.values() if caller is not None and caller.may(program.name)]
    return sorted(seen, key=lambda program: program.title.casefold())


def render(
    request: Request,
    template: str,
    *,
    title: str = "",
    program: Program | None = None,
    section: str = "",
    as_of: date | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """`template` as the answer, in the reader's language.

    `title` is the page's heading (already translated), `section` one of `SECTIONS`, `as_of` the date whose figures are
    shown. Browsers keep no copy (`app.headers`): pages hold what only some may see.
    """
    language = words.language_of(request)
    body = (
        environment(language)
        .get_template(template)
        .render(
            request=request,
            lang=TAGS[language],
            theme=theme_of(request),
            title=title,
            program=program,
            is_simulated=program is not None and is_simulated(request, program),
            section=section,
            as_of=as_of,
            caller=caller_in(request),
            programs=programs_of(request),
            here=_here(request),
            csrf=csrf_token(request),
            has_charts=any(context.get(name) for name in ("charts", "figures", "figure")),
            **context,
        )
    )
    kept = {"Vary": "Accept-Language, Cookie, HX-Request"}
    return HTMLResponse(body, status, headers={**kept, "Content-Language": TAGS[language], **(headers or {})})


def _here(request: Request) -> str:
    """Path and query of this page, for the way back after a change of language or colours."""
    if request.method != "GET":
        return "/"
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return f"{request.url.path}?{urlencode(query)}" if query else request.url.path


def csrf_token(request: Request) -> str:
    """The token that forms of this reader carry."""
    return csrf.token(request)
