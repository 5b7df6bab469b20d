"""Scores of customers by id or by features: what every door of the service answers with.

A customer outside the model's population has no probability, and is told why. A customer from whom the champion has
learned keeps the stored probability of models that had not (`cross_fitted`); for everyone else the champion is asked
now, with the published features (`recomputed`), or with those that the caller gives (`given`). Where there is no model
in service, or no features were published, the stored score stands (`published`), as long as it is there.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from starlette.concurrency import run_in_threadpool

from app import metrics
from app.problems import Problem
from app.scored import Failure, Scored
from app.unread import Unread
from fiel.errors import FeatureError, NoChampionError, SchemaError
from fiel.program import Program

if TYPE_CHECKING:
    from app.champions import Live
    from app.service import Service
    from fiel.models.row_model import Row, RowModel
    from fiel.store.reader import CustomerRow

T = TypeVar("T")

AT_ONCE = 8
"""Customers up to which a request on SQLite is answered without a thread: a look-up and a prediction take less time
than a change of threads; more would hold up the other requests."""

MANY = AT_ONCE + 1
"""As much work as is never done without a thread: an explanation takes some milliseconds."""

MOST_COMPARED = 20
"""Unknown names of a request that are looked for among the known ones: a thousand would take seconds."""

OUTSIDE = "the customer is outside the model's population: it was not trained on such customers"


Given = tuple[str | None, Mapping[str, Any]]
"""A customer by features: an id to repeat in the answer, and values by name."""


def live_model(service: Service, program: Program) -> Live | None:
    """The champion of the program's main target that is in service; None where there is none."""
    try:
        return service.champions.current(program.name)
    except NoChampionError:
        return None


def score_id(service: Service, program: Program, customer_id: str) -> Scored:
    """The answer for one customer of the store: one query, at most one prediction."""
    return score_ids(service, program, [customer_id])[0]


def score_ids(service: Service, program: Program, customer_ids: Sequence[str]) -> list[Scored]:
    """The answers for customers of the store, in the given order; a customer may be there twice."""
    return _by_id(service, program, live_model(service, program), customer_ids, with_documents=False)


def read_score(service: Service, program: Program, live: Live | None, customer_id: str) -> Scored:
    """The answer of `live` for one customer of the store, read where the set was scored by that very model.

    The stored probability has the bits that the model would give again; only where another model had scored the set is
    the champion asked.
    """
    found = _of_row(live, program, customer_id, service.reader.customer(program.name, customer_id))
    if live is None or found.row is None or found.basis != "recomputed":
        return found
    if found.row.scores["model_digest"] == live.model.digest:
        found.prob, found.basis = found.row.scores["prob"], "published"
    else:
        _predict(live.model, [found])
    return found


def score_features(service: Service, program: Program, given: Sequence[Given]) -> list[Scored]:
    """The answers for customers that a caller describes by features, in the given order.

    Features that the model does not know, and values that cannot be, fail for their customer; those that are not given
    count as empty and are named in `missing`, those that only the published set knows are named in `unused`. A stage
    outside the population has no probability.
    """
    return _by_features(service, program, live_model(service, program), given)


def score_mixed(
    service: Service,
    program: Program,
    live: Live | None,
    asked: Sequence[str | Given],
    *,
    with_documents: bool = False,
) -> list[Scored]:
    """The answers of `live` for customers by id (text) and by features, in the given order.

    Without documents their rows may lack them: only reasons that the batch told need them.
    """
    ids = [one for one in asked if isinstance(one, str)]
    if len(ids) == len(asked):
        return _by_id(service, program, live, ids, with_documents)
    by_id = iter(_by_id(service, program, live, ids, with_documents) if ids else ())
    by_features = iter(_by_features(service, program, live, [one for one in asked if not isinstance(one, str)]))
    return [next(by_id if isinstance(one, str) else by_features) for one in asked]


def row_values(live: Live, row: CustomerRow) -> Row | None:
    """The values of the model's inputs of a published customer; None where no features were published.

    SchemaError where the published set lacks a column that the model needs.
    """
    if row.features is None:
        return None
    return _reader(live.model, row.feature_names)(orjson.loads(row.features))


def log_served(service: Service, request_id: str, program: Program, door: str, scored: Sequence[Scored]) -> None:
    """Put the answers into the log of answers, and count them. Neither waits nor fails."""
    counts = Counter((one.model_version or "", one.basis or "") for one in scored if one.error is None)
    for (version, basis), count in counts.items():
        metrics.SCORES.labels(program.name, version, basis).inc(count)
    service.served.add(request_id, program.name, program.target.name, door, scored)


async def in_store(service: Service, customers: int, work: Callable[..., T], *args: Any) -> T:
    """`work(*args)`, which asks the store for `customers`: here where that is quick, else in a thread.

    A file database answers one customer in less time than a change of threads takes; a server has to be waited for,
    and a large batch would hold up everyone else.
    """
    if customers <= AT_ONCE and service.reader.is_local:
        return work(*args)
    return await run_in_threadpool(work, *args)


# -- inside


def _by_id(
    service: Service, program: Program, live: Live | None, customer_ids: Sequence[str], with_documents: bool
) -> list[Scored]:
    if len(customer_ids) == 1:
        only = service.reader.customer(program.name, customer_ids[0])
        found = [_of_row(live, program, customer_ids[0], only)]
    else:
        rows = service.reader.customers(program.name, customer_ids, with_documents=with_documents)
        found = [_of_row(live, program, customer_id, rows.get(customer_id)) for customer_id in customer_ids]
    if found and all(one.row is None for one in found) and not is_published(service, program):
        for one in found:
            one.error = not_published(program)
    if live is not None:
        _predict(live.model, found)
    return found


def _by_features(service: Service, program: Program, live: Live | None, given: Sequence[Given]) -> list[Scored]:
    compared = set[str]()
    unread = None if live is None else Unread(service, program, live.model)
    found = [_given(unread, program, customer_id, features, compared) for customer_id, features in given]
    if live is not None:
        _predict(live.model, found)
    return found


def _of_row(live: Live | None, program: Program, customer_id: str, row: CustomerRow | None) -> Scored:
    """The answer as far as it stands without asking the model; `_predict` does the rest."""
    if row is None:
        return Scored(customer_id, error=unknown_customer(program))
    scores = row.scores
    found = Scored(
        customer_id,
        prob=scores["prob"],
        basis="published",
        as_of=row.as_of,
        model_version=scores["model_version"],
        model_digest=scores["model_digest"],
        row=row,
    )
    if not scores["in_population"]:
        found.why = OUTSIDE
        return found
    if live is None:
        found.why = None if found.prob is not None else "no model is in service, and none had scored the customer"
        return found
    model = live.model
    try:
        values = row_values(live, row)
    except SchemaError as error:
        return Scored(customer_id, as_of=row.as_of, row=row, error=missing_columns(program, error))
    if values is None:
        return found
    found.inputs, found.values = model.inputs, values
    if scores["is_cross_fitted"] and scores["model_digest"] == model.digest:
        found.basis = "cross_fitted"
        return found
    found.prob, found.basis = None, "recomputed"
    found.model_version, found.model_digest = model.version, model.digest
    return found


def _given(
    unread: Unread | None, program: Program, customer_id: str | None, features: Mapping[str, Any], compared: set[str]
) -> Scored:
    """The answer before the model is asked; `compared`: unknown names that were looked for among the known ones."""
    if unread is None:
        return Scored(customer_id, error=_no_model(program))
    model, stage = unread.model, features.get("stage")
    unused: Sequence[str] = ()
    try:
        if not features.keys() <= unread.inputs:
            features, unused = unread.without(features)
        values, missing = model.row_of(features)
    except FeatureError as error:
        if len(compared) < MOST_COMPARED:
            compared.add(error.field or "")
        return Scored(customer_id, error=invalid_features(model, error, is_compared=error.field in compared))
    found = Scored(
        customer_id,
        basis="given",
        model_version=model.version,
        model_digest=model.digest,
        missing=missing,
        unused=unused,
        inputs=model.inputs,
        values=values,
    )
    if program.has_stages and stage in program.target.exclude_stages:
        found.why = f"customers in stage {stage} are outside the model's population"
    return found


def _predict(model: RowModel, found: Sequence[Scored]) -> None:
    """Ask the model for those that wait for it, in one call where their values allow it."""
    waiting = [
        one
        for one in found
        if one.error is None and one.values is not None and one.why is None and one.basis in ("recomputed", "given")
    ]
    if not waiting:
        return
    try:
        probs = model.predict([one.values for one in waiting if one.values is not None])
    except FeatureError as error:
        if len(waiting) == 1:
            _fail(waiting[0], invalid_features(model, error))
            return
        for one in waiting:  # one of them cannot be read: only that one fails
            _predict(model, [one])
        return
    for one, prob in zip(waiting, probs, strict=True):
        one.prob = prob


def _fail(one: Scored, failure: Failure) -> None:
    one.error, one.prob, one.basis, one.model_version, one.model_digest = failure, None, None, None, None


_READERS: dict[tuple[str, tuple[str, ...]], Callable[[Row], Row]] = {}
_MOST_READERS = 64


def _reader(model: RowModel, names: tuple[str, ...]) -> Callable[[Row], Row]:
    """How the published columns `names` become a row of the model; made once for each model and set of columns."""
    key = (model.digest, names)
    found = _READERS.get(key)
    if found is None:
        if len(_READERS) >= _MOST_READERS:
            _READERS.clear()
        found = _READERS[key] = model.reader(names)
    return found


# -- what is said where there is no answer


def unknown_customer(program: Program) -> Failure:
    """What is said of an id that no customer of the newest published set has."""
    return Failure(
        "unknown-customer",
        f"no customer of {program.name} has this id in the newest published scores",
        "customer_id",
        "Check the id as the program's source writes it; customers who came since appear when scores are published "
        "again.",
    )


def is_published(service: Service, program: Program) -> bool:
    """Whether any scores of the program were published."""
    return service.reader.newest_set(program.name) is not None


def not_published(program: Program) -> Failure:
    """What is said of customers of a program of which nothing was published."""
    return Failure(
        "not-published",
        f"nothing is published of {program.name} yet",
        None,
        f"Run `fiel run loyalty --program {program.name}`: it ends with publishing.",
    )


def no_customer(service: Service, program: Program) -> Problem:
    """404 for an id of which the store holds nothing: no such customer, or nothing of the program at all."""
    if not is_published(service, program):
        failure = not_published(program)
        return Problem(404, failure.type, "Nothing is published yet", failure.message, todo=failure.todo)
    failure = unknown_customer(program)
    return Problem(
        404, failure.type, "There is no such customer", failure.message, field=failure.field, todo=failure.todo
    )


def _no_model(program: Program) -> Failure:
    return Failure(
        "no-model",
        f"{program.name} has no model in service, so features cannot be scored",
        None,
        f"Run `fiel run retrain --program {program.name}`, then "
        f"`fiel run publish --program {program.name} --as-of latest`.",
    )


def missing_columns(program: Program, error: SchemaError) -> Failure:
    """What is said where the published set lacks a column that the champion reads."""
    todo = f"Publish again with the present champion: `fiel run publish --program {program.name} --as-of latest`."
    return Failure("missing-columns", str(error), None, todo)


def invalid_features(model: RowModel, error: FeatureError, *, is_compared: bool = True) -> Failure:
    """What is said of features that the model does not know, or of values that cannot be.

    `is_compared`: whether an unknown name is looked for among the known ones, which takes milliseconds for hundreds.
    """
    is_unknown = error.field is not None and error.field not in model.inputs
    near = _nearest(error.field or "", tuple(model.inputs)) if is_unknown and is_compared else None
    todo = f"Did you mean {near}?" if near else "GET /v1/programs/{program} lists the model's features in `inputs`."
    return Failure("invalid-features", str(error), error.field, todo)


@lru_cache(maxsize=256)
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)
