"""The purchase door: frequency, recency and T in days, as a purchase model's server has always been asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from app.api.answers import reply
from app.api.purchases import calculator_of, log_purchases
from app.compat.bodies import PURCHASE_FIELDS
from app.problems import FieldError, Problem
from app.purchase_models import HistoryError
from app.service import Service
from fiel.program import Program

_OURS = {"recency_days": "recency", "age_days": "T"}
"""How this door names what the models name otherwise."""


def alive(service: Service, program: Program, content: Mapping[str, Any], request_id: str) -> Response:
    """`{"code": 200, "status": "success", "data": {"prob_alive": "…"}}`: the probability as text, on this door only.

    Problem 422 names each field that is missing, unknown or wrong.
    """
    calculator = calculator_of(service, program)
    wrong = [
        FieldError(
            name,
            "the field is missing",
            "send a number of days" if name != "frequency" else "send the number of repeat purchase days",
        )
        for name in PURCHASE_FIELDS
        if name not in content
    ]
    wrong += [
        FieldError(name[:60], "the field is not known here", f"send {', '.join(PURCHASE_FIELDS)} only")
        for name in sorted(set(content) - set(PURCHASE_FIELDS))
    ]
    wrong += [
        FieldError(name, "the field is no number", "send a number, without quotes")
        for name in PURCHASE_FIELDS
        if name in content and (isinstance(content[name], bool) or not isinstance(content[name], int | float))
    ]
    if wrong:
        raise Problem(422, "invalid-input", "The input is wrong", f"{wrong[0].field}: {wrong[0].message}", errors=wrong)
    history = tuple(float(content[name]) for name in PURCHASE_FIELDS)
    try:
        prob = calculator.alive_one(*history)
    except HistoryError as error:
        field = _OURS.get(error.field, error.field)
        said = str(error)
        for ours, theirs in _OURS.items():
            said = said.replace(ours, theirs)
        raise Problem(422, "invalid-input", "The input is wrong", said, field=field, todo="check the field") from error
    log_purchases(service, request_id, program, "purchase", calculator, [(None, prob, (*history, None))])
    text = orjson.dumps(prob).decode()
    return reply({"code": 200, "status": "success", "data": {"prob_alive": text}})
