"""Which program an old address means, where the address does not say it."""

from __future__ import annotations

from collections.abc import Callable

from app.compat.bodies import Door
from app.dependencies import find_program
from app.problems import Problem
from app.security import Caller
from app.service import Service
from fiel.program import Program

_ANSWERS: dict[Door, Callable[[Service, Program], bool]] = {
    "data": lambda _, program: program.source.format == "teomewhy",
    "values": lambda _, program: program.source.format == "teomewhy",
    "purchase": lambda service, program: service.reader.part(program.name, "purchase_model") is not None,
    "form": lambda _, program: program.is_table and program.economics is not None,
}
"""Which kind of program each door was made for."""


def program_meant(service: Service, caller: Caller, door: Door) -> Program:
    """The program that the door's callers mean: the one that is set, else the only published one of its kind.

    Problem 422 where several could be meant, 404 where there is none.
    """
    named = service.settings.doors.get(door)
    if named is not None:
        return find_program(service, caller, named)
    published = set(service.reader.programs())
    fits = [
        program
        for name, program in service.programs.items()
        if name in published and caller.may(name) and _ANSWERS[door](service, program)
    ]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise Problem(
            422,
            "ambiguous-program",
            "The address does not say which program is meant",
            "Several programs answer such a body: " + ", ".join(sorted(program.name for program in fits)),
            todo=f'Send it to /compat/NAME/predict, or set FIEL_SERVE_DOORS to {{"{door}": "NAME"}}.',
        )
    raise Problem(
        404,
        "no-program-for-door",
        "No program answers such a body",
        "No program that this key may ask, of the kind that such a body is for, was published.",
        todo="Publish one: fiel run loyalty --program NAME, or use a key for it.",
    )
