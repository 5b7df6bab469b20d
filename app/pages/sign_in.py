"""Signing in with an API key and signing out; the session is a cookie of `app.security.sessions`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.pages.layout import render, translator
from app.security import MaybeCaller
from app.security.gate import way_back
from app.service import Service

router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def sign_in_page(request: Request, caller: MaybeCaller, next: str | None = None) -> Response:  # noqa: A002
    """The form; who is signed in already goes on."""
    if caller is not None:
        return RedirectResponse(way_back(next), 303)
    return _form(request, way_back(next))


@router.post("/sign-in")
def sign_in(
    request: Request,
    key: Annotated[str, Form(max_length=300)] = "",
    next: Annotated[str | None, Form(max_length=2_000)] = None,  # noqa: A002
) -> Response:
    """Start a session for a valid key; the form again, with why, for any other text."""
    service: Service = request.app.state.service
    sessions = service.gate.sessions
    if not service.keys.is_known:
        service.keys.refresh()
    session = sessions.start(key)
    if session is None:
        return _form(request, way_back(next), is_wrong=True)
    answer = RedirectResponse(way_back(next), 303)
    answer.headers.append("set-cookie", sessions.cookie(session, request.url.scheme == "https"))
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session in this browser."""
    service: Service = request.app.state.service
    answer = RedirectResponse("/sign-in", 303)
    answer.headers.append("set-cookie", service.gate.sessions.ended_cookie(request.url.scheme == "https"))
    return answer


def _form(request: Request, back: str, is_wrong: bool = False) -> Response:
    _ = translator(request)
    return render(
        request, "sign_in.html", title=_("Sign in"), status=401 if is_wrong else 200, back=back, is_wrong=is_wrong
    )
