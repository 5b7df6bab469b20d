"""Keys, sessions, forms: who may ask what.

A route asks for its caller as `access: Access`. The frame (`app.frame`) has already refused whoever has none, for every
path that `app.paths` does not name as open, so a route that forgets to ask is not open either.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from app.problems import Problem
from app.security.caller import OPEN, Caller

__all__ = ["OPEN", "Access", "Caller", "MaybeCaller", "PageCaller", "caller_of", "maybe_caller_of"]


async def maybe_caller_of(request: Request) -> Caller | None:
    """The caller, None on an open path without a key."""
    found: Caller | None = request.scope["state"].get("caller")
    return found


async def caller_of(request: Request) -> Caller:
    """The caller; on an open path that asks for one, 401 without a key."""
    found: Caller | None = request.scope["state"].get("caller")
    if found is None:
        raise Problem(401, "no-access", "An API key is needed", "The request carries no valid API key.")
    return found


Access = Annotated[Caller, Depends(caller_of)]
"""Dependency: who asks. `access.may(program)` says whether a program is in scope."""

PageCaller = Access
"""Dependency of pages: the same; the frame has sent people without a session to /sign-in."""

MaybeCaller = Annotated[Caller | None, Depends(maybe_caller_of)]
"""Dependency of open paths: who asks, None without a key."""
