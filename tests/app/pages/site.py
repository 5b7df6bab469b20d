"""A small published store for the pages: the world of `tests.app.worlds`, with odd ids, and the other three programs.

Santander, pension and telecom are served by the base rate, so nothing has to be trained for them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from app.settings import ServeSettings
from fiel.models.loaded import LoadedModel
from fiel.models.stage_rule import StageRule
from fiel.store import Store
from fiel.store.publishing import Publication
from fiel.store.schema import CYCLES, GRANTS, HOLD_OUTS
from tests.app import worlds
from tests.app.worlds import World

ODD = ("a/b c", "ção-日本", "<b>&\"'", "=1+1", "50%25#x?y")
"""Ids of the first customers of teomewhy: a slash, other alphabets, markup, a formula, signs of addresses."""

DOTS = ".."
"""An id that no path can hold."""

GRANTED, HELD_OUT = "c00010", "c00011"

BASE = 0.04


@dataclass(frozen=True)
class Site:
    """The world, with the rows that were published by program."""

    world: World
    published: dict[str, pl.DataFrame]

    @property
    def settings(self) -> ServeSettings:
        """Settings of a service over it."""
        return self.world.serve()


def publish(folder: Path) -> Site:
    """The site in `folder`."""
    world = worlds.published(folder)
    store = Store(world.address)
    found = {"teomewhy": _odd(world, store)}
    for program, publication in _others().items():
        rule = LoadedModel(
            "1", "stage_rule", "", StageRule({"none": BASE}, {"none": 100}, BASE), ("stage",), ("stage",)
        )
        content = rule.model.to_json().encode()
        model = LoadedModel("1", "stage_rule", hashlib.sha256(content).hexdigest(), rule.model, ("stage",), ("stage",))
        worlds.promote(store, program, model)
        publication = _of_model(publication, model)
        store.publish(publication)
        found[program] = publication.scores
    store.close()
    _rewards(world)
    return Site(world, found)


def _rewards(world: World) -> None:
    """One cycle of teomewhy: a grant to one customer, another one held out."""
    engine = sa.create_engine(world.address)
    at = datetime(2025, 10, 1, 8, tzinfo=UTC)
    mine = {"program": "teomewhy", "as_of": worlds.AS_OF, "product": "fiel-score-1", "points": 100}
    with engine.begin() as connection:
        connection.execute(
            CYCLES.insert().values(
                program="teomewhy", as_of=worlds.AS_OF, entry=0, policy_version="1", model_version="3",
                plan_digest="0" * 64, applied_at=at, applied_by="the test", fiel_version="0", summary={},
            )
        )  # fmt: skip
        connection.execute(
            GRANTS.insert().values(
                **mine, grant_id="g1", entry=1, kind="grant", customer_id=GRANTED, sequence=1, rank=1, prob=0.9,
                reason="its bucket", made_by="the test", at=at,
            )
        )  # fmt: skip
        connection.execute(HOLD_OUTS.insert().values(**mine, customer_id=HELD_OUT, season="2026"))
    engine.dispose()


def _odd(world: World, store: Store) -> pl.DataFrame:
    """Teomewhy once more, its first customers with odd ids, and all of it a month later."""
    snapshot = world.snapshot
    names = dict(zip(snapshot["customer_id"], (*ODD, DOTS), strict=False))
    renamed = snapshot.with_columns(pl.col("customer_id").replace(names))
    publication = worlds.publication("teomewhy", world.models["teomewhy"], renamed, worlds.AS_OF)
    store.publish(publication)
    return publication.scores


def _of_model(publication: Publication, model: LoadedModel) -> Publication:
    scores = publication.scores.with_columns(
        model_version=pl.lit(model.version), model_digest=pl.lit(model.digest), stage=pl.lit("none")
    )
    fields = {name: getattr(publication, name) for name in ("program", "as_of", "known_through", "documents", "parts")}
    return Publication(
        **fields, scores=scores, model_version=model.version, feature_names=("stage", "balance")
    )  # fmt: skip


def _scores(as_of: date, ids: list[str], **columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": ids, **columns}).with_columns(
        as_of=pl.lit(as_of),
        stage=pl.lit("none"),
        next_stage=pl.lit(None, pl.String),
        next_stage_date=pl.lit(None, pl.Date),
        stage_after_visit=pl.lit("none"),
        value_cluster=pl.lit("none"),
        in_population=pl.lit(value=True),
        gain_prob=pl.lit(None, pl.Float64),
        loss_prob=pl.lit(None, pl.Float64),
        reason_1=pl.lit(None, pl.String),
        reason_2=pl.lit(None, pl.String),
        reason_3=pl.lit(None, pl.String),
        model_version=pl.lit(""),
        model_digest=pl.lit(""),
        is_cross_fitted=pl.lit(value=True),
    )


def _publication(program: str, scores: pl.DataFrame, as_of: date, document: dict[str, dict[str, Any]]) -> Publication:
    documents = pl.DataFrame(
        {
            "customer_id": scores["customer_id"],
            "features": [json.dumps(["none", 10])] * scores.height,
            "document": [json.dumps(document[name]) for name in scores["customer_id"]],
        }
    )
    return Publication(program, as_of, "", as_of - timedelta(days=1), scores, documents, ("stage", "balance"))


def _others() -> dict[str, Publication]:
    day = date(2023, 4, 1)
    bank = _scores(
        day, ["7", "8"], prob=[0.4, 0.05], expected_profit=[30.0, -5.0], grade=[1, 2], segment=["grade 1", "grade 2"]
    )
    fund = _scores(day, ["A1", "A2"], prob=[0.9, 0.01], value=[123_450.0, 100.0])
    operator = _scores(
        day, ["1", "2"], prob=[0.4, 0.02], value=[20_000.0, 70_000.0], segment=["base", "premium"],
        risk=["critical", "low"],
    )  # fmt: skip
    level = {
        "quarter": "2023-06-30",
        "prob": 0.9,
        "loyalty": 0.1,
        "word": "low",
        "relative": "raised",
        "base_prob": 0.03,
    }
    account = {
        "client": {"id": "C9", "accounts": [["A2", "2021-03-31", 10_000, "high"]]},
        "account": {"opened": "2020-03-31", "balance": 123_450, "payment_type": "2"},
        "quarters": [["2022-03-31", 2, 150_000, 0, 0], ["2022-12-31", 1, 50_000, 1, 700]],
        "operations": {"contributions": [3, 200_000], "incomes": [1, 700]},
        "level": level,
    }
    other = {"level": {**level, "prob": 0.01, "loyalty": 0.99, "word": "high", "relative": "calm"}}
    message = {
        "as_of": day.isoformat(), "channel": "file", "language": "es", "tone": "warning_signs",
        "text": "Hola:\nGracias por <seguir> con nosotros.", "status": "written",
    }  # fmt: skip
    engaged = {
        "segments": {"segment": "base", "engagement": 41.5, "uplift": 0.02, "risk": "critical"},
        "messages": [message],
    }
    return {
        "santander": _publication(
            "santander", bank, day, {"7": {"segments": {"grade": 1}}, "8": {"segments": {"grade": 2}}}
        ),
        "pension": _publication("pension", fund, day, {"A1": account, "A2": other}),
        "telecom": _publication("telecom", operator, day, {"1": engaged, "2": {"segments": {"segment": "premium"}}}),
    }
