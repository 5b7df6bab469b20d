"""What every part of a program is made of: strict models, checked types, the names of the stages."""

from __future__ import annotations

import difflib
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=1, le=3_650)]

STAGES = ("curioso", "fiel", "reconquistado", "reborn", "turista", "desencantado", "zumbi")
"""The life-cycle stages in the order in which they are always shown (LOOK.md, best to gone)."""


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{name!r} is no IANA time zone, such as America/Sao_Paulo or UTC") from error
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]


def _stage(name: str) -> str:
    if name not in STAGES:
        near = difflib.get_close_matches(name, STAGES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"no such stage: {hint}known are {', '.join(STAGES)}")
    return name


StageName = Annotated[str, AfterValidator(_stage)]


class Strict(BaseModel):
    """A model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
