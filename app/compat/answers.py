"""What each door answers, in the shape that its callers know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from app.api.answers import is_id, reply
from app.api.schemas import LONGEST_ID
from app.problems import FieldError, Problem
from app.scored import Failure, Scored
from app.scoring import Given, live_model, log_served, score_mixed
from app.service import Service
from app.unread import Unread
from fiel.errors import FeatureError
from fiel.program import Program
from fiel.sources.published_features import translated

ID_NAMES = ("IdCliente", "idCliente", "id", "customer_id")
"""How callers name the customer, by preference."""

MOST_NAMED = 40
"""Missing or unused features that a header names at the most."""


def customers(value: Any, where: str, most: int) -> list[Mapping[str, Any]]:
    """The customers of a list; Problem where it is none, is empty or too long, or holds something else."""
    if not isinstance(value, list) or not value:
        raise _wrong(where, f"`{where}` is no list of customers", f'send {{"{where}": [{{…}}, …]}}')
    if len(value) > most:
        raise Problem(
            413,
            "too-many-customers",
            "Too many customers in one request",
            f"`{where}` holds {len(value):,} customers, {most:,} are the limit",
            field=where,
            todo="Send them in several requests.",
        )
    for place, one in enumerate(value):
        if not isinstance(one, Mapping):
            raise _wrong(f"{where}.{place}", "it is no object with a customer's features", "send one object each")
    return value


def scored(
    service: Service, program: Program, rows: Sequence[Mapping[str, Any]], request_id: str, door: str
) -> list[tuple[Any, Scored]]:
    """Each row's customer id as the caller wrote it, and the answer; in the order of the rows.

    A row with features is scored by them (published or our names), one with an id alone by the published features.
    """
    live = live_model(service, program)
    unread = None if live is None else Unread(service, program, live.model)
    unused: dict[int, list[str]] = {}
    ids = [id_of(row) for row in rows]
    asked: list[str | Given] = []
    refused: dict[int, FeatureError] = {}
    for place, (row, (name, customer_id)) in enumerate(zip(rows, ids, strict=True)):
        features = {key: value for key, value in row.items() if key != name}
        text = None if customer_id is None else str(customer_id)
        try:
            known = features if unread is None else translated(features, unread.model.inputs)
            if unread is not None and not known.keys() <= unread.inputs:
                others = unread.names(known)
                unused[place] = list(others.values())
                known = {name: value for name, value in known.items() if name not in others}
            is_described = bool(known) or bool(unused.get(place))
            if not is_described and text is None:
                raise FeatureError("the object is empty: give an id, or features", "IdCliente")
            asked.append((text, known) if is_described or text is None else text)
        except FeatureError as error:
            refused[place] = error
            asked.append((text, {}))
    found = score_mixed(service, program, live, [one for place, one in enumerate(asked) if place not in refused])
    log_served(service, request_id, program, door, found)
    answers = iter(found)
    told = [_refused(refused[place]) if place in refused else next(answers) for place in range(len(rows))]
    for place, names in unused.items():
        told[place].unused = names
    return [(customer_id, answer) for (_, customer_id), answer in zip(ids, told, strict=True)]


def one_or_problem(customer_id: Any, answer: Scored) -> dict[str, Any]:
    """`{"IdCliente", "score"}`, and beside an empty score why; Problem where there is no answer."""
    if answer.error is not None:
        status = 404 if answer.error.type in ("unknown-customer", "not-published") else 422
        raise Problem(
            status,
            answer.error.type,
            "The customer could not be scored",
            answer.error.message,
            field=answer.error.field,
            todo=answer.error.todo,
        )
    return one_of_many(customer_id, answer)


def one_of_many(customer_id: Any, answer: Scored) -> dict[str, Any]:
    """`{"IdCliente", "score"}`, and beside an empty score why."""
    found: dict[str, Any] = {"IdCliente": customer_id, "score": answer.prob}
    return found | _why(answer)


def prediction(answer: Scored, program: Program) -> dict[str, Any]:
    """What a model hub reads of one customer: `{"score_fiel": p}`, and beside an empty score why."""
    return {f"score_{program.target.name}": answer.prob} | _why(answer)


def told(content: Any, answers: Sequence[Scored]) -> Response:
    """The answer; headers name features that counted as empty because nobody sent them, and those that nobody reads.

    The shapes have no place for them.
    """
    response = reply(content)
    missing = sorted({name for one in answers for name in one.missing})
    unused = sorted({name for one in answers for name in one.unused})
    if missing:
        response.headers["Fiel-Missing-Features"] = _some(missing)
    if unused:
        response.headers["Fiel-Unused-Features"] = _some(unused)
    return response


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def id_of(row: Mapping[str, Any]) -> tuple[str | None, Any]:
    """The field that names the customer, and its value as the caller wrote it; None for none. Problem for no id."""
    for name in ID_NAMES:
        if name in row:
            value = row[name]
            if isinstance(value, bool) or not isinstance(value, str | int) or not is_id(str(value)):
                said = f"`{name}` is neither a text of 1 to {LONGEST_ID} characters nor a whole number"
                raise _wrong(name, said, "send the customer's id")
            return name, value
    return None, None


def _refused(error: FeatureError) -> Scored:
    return Scored(None, error=Failure("invalid-features", str(error), error.field))


def _why(answer: Scored) -> dict[str, Any]:
    if answer.error is not None:
        return {"error": answer.error.as_dict()}
    return {} if answer.why is None else {"why": answer.why}


def _wrong(field: str, message: str, todo: str) -> Problem:
    return Problem(422, "invalid-input", "The input is wrong", message, errors=[FieldError(field, message, todo)])
