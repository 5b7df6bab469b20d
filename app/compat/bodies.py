"""Which door a body is meant for: told by its content type and its shape, never guessed.

Four kinds of callers send to `/predict`. What they send differs: an object under `data` (a community's model server),
a list under `values` (a model hub), frequency, recency and T (a purchase model's server; the object, or a JSON string
that holds one), or a form with a client's number (a bank's page). A body that fits none of them, or more than one, is
refused with the list of what would fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

import orjson

from app.problems import Problem

Door = Literal["data", "values", "purchase", "form"]

PURCHASE_FIELDS = ("frequency", "recency", "T")
FORM_FIELDS = ("client_id", "id", "ID")
FORM_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 20
"""Fields of a form at the most."""

_SHAPES = (
    'send {"data": {…}}, {"values": [{"id": …, …}]}, {"frequency": …, "recency": …, "T": …} (or a JSON string that '
    "holds it) as application/json, or client_id as application/x-www-form-urlencoded"
)


@dataclass(frozen=True)
class Asked:
    """A body that was understood: the door that it is meant for, and its content."""

    door: Door
    content: Any


def asked(content_type: str, body: bytes) -> Asked:
    """The door and the content of a body; Problem 415 for another content type, 422 for a body that fits no door."""
    kind = content_type.split(";", 1)[0].strip().lower()
    if kind == FORM_TYPE:
        return Asked("form", _form(body))
    if kind not in ("application/json", ""):
        raise Problem(
            415,
            "unsupported-media-type",
            "Content type not understood",
            f"a body of type {kind[:60]} is not understood here",
            todo=_SHAPES,
        )
    content = unwrapped(parsed(body))
    doors = doors_of(content)
    if len(doors) != 1:
        said = "it fits more than one door: " + " and ".join(doors) if doors else "it fits no door"
        raise Problem(
            422, "ambiguous-body", "Body not understood", f"the body does not say what is asked: {said}", todo=_SHAPES
        )
    return Asked(doors[0], content)


def parsed(body: bytes) -> Any:
    """The JSON value of a body; Problem 400 where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(
            400,
            "bad-json",
            "Body is no JSON",
            f"the body cannot be read as JSON: {error}",
            todo="send one JSON value in UTF-8",
        ) from None


def unwrapped(content: Any) -> Any:
    """The object inside a JSON string, where the string is the whole body; anything else as it is.

    Old clients of the purchase door encode twice. The text is parsed as JSON once more and never evaluated.
    """
    if not isinstance(content, str):
        return content
    inner = parsed(content.encode())
    if isinstance(inner, str):
        raise Problem(
            422, "ambiguous-body", "Body not understood", "the body is a JSON string inside a JSON string", todo=_SHAPES
        )
    return inner


def doors_of(content: Any) -> list[Door]:
    """The doors whose shape the JSON value has."""
    if not isinstance(content, Mapping):
        return []
    found: list[Door] = []
    if "data" in content:
        found.append("data")
    if "values" in content:
        found.append("values")
    if any(name in content for name in PURCHASE_FIELDS):
        found.append("purchase")
    return found


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise Problem(
            422,
            "bad-form",
            "Form not understood",
            f"the form cannot be read: {error}",
            field="client_id",
            todo=f"send one field client_id, {MOST_FIELDS} fields at most",
        ) from None
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise Problem(
            422,
            "bad-form",
            "Form not understood",
            "a field of the form is there twice",
            field=next(name for name in names if names.count(name) > 1)[:60],
            todo="send each field once",
        )
    return dict(pairs)
