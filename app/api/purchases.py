"""`POST /v1/{program}/purchases`: p(alive), expected purchases and value of any purchase history."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import JsonRoute, id_of, problems, reply
from app.api.schemas import PurchaseItem, PurchasesAnswer, PurchasesRequest
from app.dependencies import ProgramDep, ServiceDep
from app.limits import check_batch
from app.problems import Problem
from app.purchase_models import HistoryError, PurchaseCalculator, histories
from app.scored import Failure, Scored
from app.service import Service
from fiel.program import Program

router = APIRouter(tags=["purchases"], route_class=JsonRoute)

INPUTS = ("frequency", "recency_days", "age_days", "mean_value")
"""What the purchase models read of a history, as the log of answers keeps it."""

_NO_ANSWER = Failure("invalid-history", "no answer")

_TODO = {
    "frequency": "frequency counts the purchase days after the first one.",
    "recency_days": "recency_days go from the first to the last purchase day: 0 without a repeat purchase, at most "
    "age_days.",
    "age_days": "age_days go from the first purchase day to now.",
}


@router.post(
    "/v1/{program}/purchases",
    response_model=PurchasesAnswer,
    responses=problems(404, 413, 415, 422),
    summary="Purchases",
    response_description="One result for each history, in the order of the request.",
)
async def purchases(request: Request, service: ServiceDep, program: ProgramDep, body: PurchasesRequest) -> Response:
    """What the program's purchase model says of histories: p(alive), expected purchase days and value by horizon.

    Times are in days, values in the program's smallest unit, whatever the model's own units are. With the numbers of a
    published customer the answer is the published one, to the last bit. A history that cannot be fails alone.
    """
    check_batch(service.settings, len(body.customers), "customers")
    return await run_in_threadpool(_answer, service, program, id_of(request), body)


def calculator_of(service: Service, program: Program) -> PurchaseCalculator:
    """The purchase models that were published for the program; Problem 404 where none were."""
    part = service.reader.part(program.name, "purchase_model")
    if part is None:
        raise Problem(
            404,
            "no-purchase-model",
            "The program has no purchase model",
            f"No purchase model was published for {program.name}.",
            field="program",
            todo="Ask a program whose has_purchase_model is true (GET /v1/programs), or add the feature group purchase "
            "to this one and publish it.",
        )
    return PurchaseCalculator.of(part)


def log_purchases(
    service: Service,
    request_id: str,
    program: Program,
    door: str,
    calculator: PurchaseCalculator,
    answered: Sequence[tuple[str | None, float | None, Sequence[Any]]],
) -> None:
    """Put p(alive) of histories into the log of answers: id, probability (None: no answer) and values of `INPUTS`."""
    part = calculator.part
    facts = {name: part[name] for name in ("name", "parameters", "time_unit")}
    digest = hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()
    service.served.add(
        request_id,
        program.name,
        "alive",
        door,
        [
            Scored(
                customer_id,
                prob,
                basis="given",
                model_version=f"{part['name']} of {part['fitted_as_of']}",
                model_digest=digest,
                inputs=INPUTS,
                values=values,
                error=_NO_ANSWER if prob is None else None,
            )
            for customer_id, prob, values in answered
        ],
    )


def _answer(service: Service, program: Program, request_id: str, body: PurchasesRequest) -> Response:
    calculator = calculator_of(service, program)
    horizons = sorted(set(body.horizons_days or calculator.horizons_days))
    results = _results(calculator, body.customers, horizons)
    answered = [
        (shown["customer_id"], shown["alive_prob"], (one.frequency, one.recency_days, one.age_days, one.mean_value))
        for shown, one in zip(results, body.customers, strict=True)
    ]
    log_purchases(service, request_id, program, "purchases", calculator, answered)
    part = calculator.part
    computed = sum(one["status"] == "computed" for one in results)
    return reply(
        {
            "request_id": request_id,
            "program": program.name,
            "as_of": part["fitted_as_of"],
            "unit": program.value.unit,
            "unit_scale": program.value.scale,
            "model": {name: part[name] for name in ("name", "fitted_as_of", "time_unit", "parameters")}
            | {"is_identified": part.get("is_identified")},
            "computed": computed,
            "failed": len(results) - computed,
            "results": results,
        }
    )


def _results(
    calculator: PurchaseCalculator, customers: Sequence[PurchaseItem], horizons: Sequence[int]
) -> list[dict[str, Any]]:
    results = [
        {
            "position": position,
            "customer_id": None if one.customer_id is None else str(one.customer_id),
            "status": "failed",
            "alive_prob": None,
            "purchases_expected": None,
            "purchase_probs": None,
            "value_expected": None,
        }
        | _impossible(one)
        for position, one in enumerate(customers)
    ]
    possible = [position for position, shown in enumerate(results) if "error" not in shown]
    if possible:
        figures = _figures(calculator, [customers[position] for position in possible], horizons)
        for position, found in zip(possible, figures, strict=True):
            results[position] |= found
    return results


def _impossible(one: PurchaseItem) -> dict[str, Any]:
    """The error of a history that cannot be; nothing for one that can."""
    try:
        histories(one.frequency, one.recency_days, one.age_days)
    except HistoryError as error:
        found = {"type": "invalid-history", "message": str(error), "field": error.field}
        return {"error": found | ({"todo": _TODO[error.field]} if error.field in _TODO else {})}
    return {}


def _figures(
    calculator: PurchaseCalculator, customers: Sequence[PurchaseItem], horizons: Sequence[int]
) -> list[dict[str, Any]]:
    """What the models say of each history that can be; an error where that is no number."""
    history = ([one.frequency for one in customers], [one.recency_days for one in customers],
               [one.age_days for one in customers])  # fmt: skip
    valued = np.array([calculator.has_value and (one.mean_value is not None or not one.frequency) for one in customers])
    with np.errstate(all="ignore"):  # what is no number is said so below
        alive = calculator.alive(*history)
        expected = {str(days): calculator.expected(days, *history) for days in horizons}
        bought = {str(days): calculator.purchase_prob(days, *history) for days in horizons}
        worth: dict[str, Any] = {}
        if valued.any():
            # the value of a history without a mean is not read; 1 only stands in for it
            means = [one.mean_value if one.mean_value is not None else 1.0 for one in customers]
            worth = {str(days): calculator.value_expected(days, *history, means) for days in horizons}
    return [
        _shown(
            {
                "alive_prob": float(alive[place]),
                "purchases_expected": {days: float(values[place]) for days, values in expected.items()},
                "purchase_probs": {days: float(values[place]) for days, values in bought.items()},
                "value_expected": {days: float(values[place]) for days, values in worth.items()}
                if valued[place]
                else None,
            }
        )
        for place in range(len(customers))
    ]


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    numbers = [found["alive_prob"]]
    for name in ("purchases_expected", "purchase_probs", "value_expected"):
        numbers += (found[name] or {}).values()
    if np.isfinite(numbers).all():
        return {"status": "computed", **found}
    return {
        "error": {
            "type": "not-computable",
            "message": "the model has no number for such a history",
            "todo": "Check frequency, recency_days and age_days: they are far from what the model was fitted on.",
        }
    }
