"""A program served as the flows would publish it: real features, a trained model, the batch's scores, documents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import polars as pl

from app.settings import ServeSettings
from fiel.features.snapshot import model_features
from fiel.models.classifier import model_bytes
from fiel.models.loaded import LoadedModel
from fiel.models.scoring import score
from fiel.serving.customers import Documents
from fiel.serving.ranking import ranking
from fiel.settings import Settings
from fiel.store import Store
from fiel.store.publishing import Publication
from tests.app import worlds
from tests.models import worlds as models
from tests.models.test_reasons import model_on
from tests.reports.conftest import make_customer_days
from tests.serving.conftest import AS_OF, LATER, make_club

PROGRAM = models.program()


@dataclass(frozen=True)
class Chain:
    """What was scored by the batch (`scores`, out_scores) and is served from `settings`."""

    settings: Settings
    snapshot: pl.DataFrame
    model: LoadedModel
    scores: pl.DataFrame

    def serve(self) -> ServeSettings:
        """Settings of a service over it."""
        return ServeSettings(fiel=self.settings)

    @property
    def probs(self) -> dict[str, float | None]:
        """The batch's probability of every customer."""
        return dict(self.scores.select("customer_id", "prob").iter_rows())


def served_chain(folder: Path, customers: int = 300) -> Chain:
    """The chain in `folder`: text, whole numbers, fractions and empty values among the features."""
    club = make_club(make_customer_days(customers, LATER), PROGRAM)
    snapshot = club.known.snapshot.collect()
    features = tuple(name for name in model_features(PROGRAM, snapshot.columns) if name in snapshot.columns)
    trained = model_on(snapshot.filter("in_population"), features)
    digest = hashlib.sha256(model_bytes(trained.model)).hexdigest()
    model = replace(trained, digest=digest)
    scores = score(snapshot, model, PROGRAM, table_versions={})
    known = replace(club.known, scores=scores)
    documents = Documents(known)
    settings = Settings(FIEL_LAKE=str(folder / "lake"))
    store = Store(settings.store_url)
    worlds.promote(store, PROGRAM.name, model)
    store.publish(
        Publication(
            program=PROGRAM.name,
            as_of=AS_OF,
            model_version=model.version,
            known_through=AS_OF - timedelta(days=1),
            scores=ranking(known),
            documents=pl.concat(list(documents)),
            feature_names=documents.feature_names,
        )
    )
    store.close()
    return Chain(settings, snapshot, model, scores)
