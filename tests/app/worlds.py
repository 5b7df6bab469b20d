"""A small published store, made from code: what the service serves in tests, without any pipeline.

Two programs of the repository's own files: `teomewhy` with a CatBoost champion and customers of every stage, `retail`
with a stage rule and a purchase model.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from app.settings import ServeSettings
from fiel.models.classifier import model_bytes
from fiel.models.loaded import LoadedModel
from fiel.models.stage_rule import StageRule
from fiel.settings import Settings
from fiel.store import PromotionRow, Store
from fiel.store.models import ServedModel
from fiel.store.publishing import Publication
from tests.models import worlds as models

AS_OF = date(2025, 10, 1)
BEFORE = date(2025, 9, 1)
KNOWN_THROUGH = date(2025, 9, 30)
CUSTOMERS = 60
ZUMBIS = 6
"""The last customers are out of the population: no probability."""

FEATURES = ("stage", "active_days_d28", "mean_gap_days_life")
CDNOW = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
CDNOW_VALUE = {"p": 6.25, "q": 3.74, "v": 15.45}


@dataclass(frozen=True)
class World:
    """A published store. `customers` are the ids of teomewhy's, `snapshot` the features that they were scored by."""

    folder: Path
    settings: Settings
    customers: tuple[str, ...]
    snapshot: pl.DataFrame
    models: dict[str, LoadedModel]

    @property
    def address(self) -> str:
        """SQLAlchemy address of the store."""
        return self.settings.store_url

    def serve(self, **fields: Any) -> ServeSettings:
        """Settings of a service over this store; `fields` change some."""
        return ServeSettings(fiel=self.settings, **{"poll_seconds": 0.05, **fields})


def published(folder: Path, database_url: str | None = None) -> World:
    """The world in `folder` (its store in SQLite below it, or at `database_url`)."""
    extra = {} if database_url is None else {"database_url": database_url}
    settings = Settings(FIEL_LAKE=str(folder / "lake"), **extra)
    store = Store(settings.store_url)
    found = {
        "teomewhy": _loaded(models.fitted(), "3", "catboost"),
        "retail": _loaded(models.stage_rule(), "1", "stage_rule"),
    }
    snapshot = customers()
    for program, model in found.items():
        promote(store, program, model)
        store.publish(publication(program, model, snapshot, BEFORE))
        store.publish(publication(program, model, snapshot, AS_OF))
    store.close()
    return World(folder, settings, tuple(snapshot["customer_id"]), snapshot, found)


def copied(world: World, folder: Path) -> World:
    """The same world with a store of its own in `folder`."""
    shutil.copytree(world.folder, folder, dirs_exist_ok=True)
    return replace(world, folder=folder, settings=Settings(FIEL_LAKE=str(folder / "lake")))


def customers(count: int = CUSTOMERS) -> pl.DataFrame:
    """Customers with the features that the models read; the last ones are zumbis."""
    rows = models.rows(count, (AS_OF,), seed=5).drop("label")
    is_gone = pl.int_range(pl.len()) >= count - ZUMBIS
    return rows.with_columns(
        stage=pl.when(is_gone).then(pl.lit("zumbi")).otherwise("stage"),
        mean_gap_days_life=pl.when(pl.int_range(pl.len()) == 3).then(None).otherwise("mean_gap_days_life"),
    )


def unpublished(folder: Path) -> World:
    """A world whose store has its tables and nothing in them."""
    settings = Settings(FIEL_LAKE=str(folder / "lake"))
    Store(settings.store_url).close()
    return World(folder, settings, (), customers(), {})


def promote(store: Store, program: str, model: LoadedModel, is_stored: bool = True, **fields: Any) -> None:
    """Put the model into the store (unless not `is_stored`) and make it the champion, as a promotion does.

    `fields` change the row of the promotion ledger.
    """
    if is_stored:
        store.put_model(served(program, model))
    earlier = store.promotions(program)
    row = {
        "program": program,
        "at": datetime(2025, 10, 1, 6, tzinfo=UTC) + timedelta(days=len(earlier)),
        "by": "the test",
        "action": "promote" if earlier else "first",
        "from_version": earlier[-1].to_version if earlier else None,
        "to_version": model.version,
        "digest": model.digest,
        "fingerprint": f"fingerprint of {model.version}",
        "reason": "better than the stage rule",
        "metrics": {"oot.auc": 0.81},
    }
    store.append_promotion(PromotionRow(**{**row, **fields}))


def served(program: str, model: LoadedModel) -> ServedModel:
    """The model's file as the store keeps it."""
    return ServedModel(
        digest=model.digest,
        ledger_name=program,
        version=model.version,
        kind=model.kind,
        content=_content(model.model),
        facts={
            "features": list(model.features),
            "categorical": list(model.categorical),
            "inputs": list(model.inputs),
            "recipe": dict(model.recipe),
            "trained_as_of": [day.isoformat() for day in model.trained_as_of],
            "oot_as_of": [day.isoformat() for day in model.oot_as_of],
            "metrics": {"oot.auc": 0.81},
        },
        stored_at=datetime(2025, 10, 1, 6, tzinfo=UTC),
    )


def publication(program: str, model: LoadedModel, snapshot: pl.DataFrame, as_of: date) -> Publication:
    """Scores, documents and parts of the customers, as the publish flow would give them."""
    in_population = snapshot["stage"] != "zumbi"
    probs = pl.Series("prob", model.predict(snapshot))
    frame = snapshot.select("customer_id", "stage").with_columns(
        as_of=pl.lit(as_of),
        next_stage=pl.lit("turista"),
        next_stage_date=pl.lit(as_of + timedelta(days=5)),
        stage_after_visit=pl.lit("fiel"),
        value_cluster=pl.Series([("00-20", "80-100")[row % 2] for row in range(snapshot.height)]),
        in_population=in_population,
        prob=pl.when(in_population).then(probs),
        gain_prob=pl.when(in_population & (snapshot["stage"] != "fiel")).then(probs),
        loss_prob=pl.when(in_population & (snapshot["stage"] == "fiel")).then(1 - probs),
        reason_1=pl.when(in_population).then(pl.lit("active on many days")),
        reason_2=pl.lit(None, pl.String),
        reason_3=pl.lit(None, pl.String),
        model_version=pl.lit(model.version),
        model_digest=pl.lit(model.digest),
        segment=pl.Series([("00-20", "80-100")[row % 2] for row in range(snapshot.height)]),
        value_at_stake=pl.when(in_population).then(probs * 1_000),
        expected_profit=pl.lit(None, pl.Float64),
        value=pl.int_range(snapshot.height).cast(pl.Float64),
    )
    return Publication(
        program=program,
        as_of=as_of,
        model_version=model.version,
        known_through=as_of - timedelta(days=1),
        scores=frame,
        documents=_documents(snapshot, as_of),
        feature_names=FEATURES,
        parts=_parts(program, as_of, snapshot, model),
    )


def _documents(snapshot: pl.DataFrame, as_of: date) -> pl.DataFrame:
    rows = [
        {
            "customer_id": row["customer_id"],
            "features": json.dumps([row[name] for name in FEATURES]),
            "document": json.dumps(_document(row, as_of)),
        }
        for row in snapshot.to_dicts()
    ]
    return pl.DataFrame(rows)


def _document(row: dict[str, Any], as_of: date) -> dict[str, Any]:
    first, last = as_of - timedelta(days=100), as_of - timedelta(days=1)
    days = [as_of - timedelta(days=back) for back in (60, 31, 9, 1)]
    return {
        "first_date": first.isoformat(),
        "last_date": last.isoformat(),
        "spans": [
            ["curioso", first.isoformat(), (first + timedelta(days=27)).isoformat()],
            [row["stage"], (first + timedelta(days=28)).isoformat(), as_of.isoformat()],
        ],
        "days": [[day.isoformat(), 3, 10 * number] for number, day in enumerate(days)],
        "reasons": {"en": ["active on many days"], "pt": ["ativo em muitos dias"]},
        "next": {
            "stage": "turista",
            "date": (as_of + timedelta(days=5)).isoformat(),
            "after_visit": "fiel",
        },
        "segments": {"value_cluster": "80-100"},
    }


def _parts(program: str, as_of: date, snapshot: pl.DataFrame, model: LoadedModel) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "overview": {
            "as_of": as_of.isoformat(),
            "previous_as_of": BEFORE.isoformat() if as_of == AS_OF else None,
            "known_through": (as_of - timedelta(days=1)).isoformat(),
            "source_version": "tests-1",
            "simulated": True,
            "customers": snapshot.height,
            "unit": "points",
            "scale": 1,
            "currency": "points",
            "model_version": model.version,
            "key_figures": [
                {
                    "key": "customers",
                    "label": {"en": "customers", "pt": "clientes"},
                    "value": snapshot.height,
                    "before": snapshot.height - 2,
                    "kind": "count",
                    "note": None,
                }
            ],
            "grouping": "stage",
            "groups": [],
        }
    }
    if program == "retail":
        parts["purchase_model"] = {
            "name": "bg_nbd",
            "time_unit": "weeks",
            "days_a_unit": 7,
            "parameters": CDNOW,
            "standard_errors": dict.fromkeys(CDNOW, 0.01),
            "customers": 2357,
            "repeaters": 946,
            "is_identified": True,
            "value_model": CDNOW_VALUE,
            "value_unit": "GBP",
            "value_scale": 100,
            "horizons_days": [28, 90],
            "lifetime_days": 365,
            "discount_rate_year": 0.1,
            "fitted_as_of": as_of.isoformat(),
        }
    return parts


def _loaded(model: Any, version: str, kind: Any) -> LoadedModel:
    is_rule = isinstance(model, StageRule)
    return LoadedModel(
        version=version,
        kind=kind,
        digest=hashlib.sha256(_content(model)).hexdigest(),
        model=model,
        features=("stage",) if is_rule else FEATURES,
        categorical=("stage",),
        recipe={} if is_rule else models.RECIPE.to_dict(),
        trained_as_of=models.TRAINED,
        oot_as_of=models.OOT,
    )


def _content(model: Any) -> bytes:
    return model.to_json().encode() if isinstance(model, StageRule) else model_bytes(model)


def another_model(version: str, iterations: int) -> LoadedModel:
    """A further CatBoost model, for promotions while the service runs."""
    return _loaded(models.fitted(iterations=iterations), version, "catboost")
