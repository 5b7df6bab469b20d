"""What a reader chooses for all pages: the language and the colours, each kept in a cookie."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from app.pages import words
from app.pages.layout import THEME_COOKIE, THEMES

router = APIRouter(include_in_schema=False)

YEAR = 365 * 24 * 3600


def local(address: str) -> str:
    """`address` where it is a path of this server, else the first page: nobody is sent elsewhere.

    >>> local("/p/teomewhy?stage=fiel"), local("//elsewhere.example/"), local("https://elsewhere.example/")
    ('/p/teomewhy?stage=fiel', '/', '/')
    """
    is_path = address.startswith("/") and not address.startswith("//")
    return address if is_path and not any(sign in address for sign in "\\\r\n\t") else "/"


def _kept(request: Request, cookie: str, value: str, back: str) -> RedirectResponse:
    answer = RedirectResponse(local(back), 303)
    answer.set_cookie(cookie, value, max_age=YEAR, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


@router.get("/language")
def language(request: Request, set: str = "en", next: str = "/") -> RedirectResponse:  # noqa: A002
    """Keep the language `set` and go back to `next`."""
    return _kept(request, words.COOKIE, set if set in words.LANGUAGES else "en", next)


@router.get("/theme")
def theme(request: Request, set: str = "system", next: str = "/") -> RedirectResponse:  # noqa: A002
    """Keep the colours `set` and go back to `next`."""
    return _kept(request, THEME_COOKIE, set if set in THEMES else "system", next)
