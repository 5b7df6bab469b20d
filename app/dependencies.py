"""What routes ask for: the service, the program of the path (known, in scope), the caller."""

from __future__ import annotations

import difflib
from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request

from app.problems import Problem
from app.security import Caller
from app.service import Service
from fiel.program import Program


async def service_of(request: Request) -> Service:
    """The service of this worker."""
    found: Service = request.app.state.service
    return found


async def program_of(
    request: Request, program: Annotated[str, Path(description="Name of a program.", examples=["teomewhy"])]
) -> Program:
    """The program of the path: 404 where there is none of that name, 403 where it is not in the caller's scope."""
    service: Service = request.app.state.service
    caller: Caller | None = request.scope["state"].get("caller")
    return find_program(service, caller, program)


def find_program(service: Service, caller: Caller | None, name: str) -> Program:
    """As `program_of`, for a name that came by another way."""
    if caller is None or not caller.may(name):  # a program out of scope and one that is not there look the same
        raise Problem(
            403,
            "out-of-scope",
            "This program is not in the key's scope",
            "The key is not made for this program.",
            field="program",
            todo="Ask the operator for a key that names it: fiel key create NAME --program PROGRAM",
        )
    found = service.programs.get(name)
    if found is None:
        raise _unknown(service, caller, name)
    return found


def _unknown(service: Service, caller: Caller, name: str) -> Problem:
    known = [known for known in service.programs if caller.may(known)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    return Problem(
        404, "unknown-program", "There is no such program", "No program has this name.", field="program", todo=hint
    )


ServiceDep = Annotated[Service, Depends(service_of)]
ProgramDep = Annotated[Program, Depends(program_of)]
