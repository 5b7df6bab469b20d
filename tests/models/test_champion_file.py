"""The champion's file is in the store before the ledger names it, and the registered model says where it is served."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from fiel.errors import RegistryError
from fiel.models.champion_file import served_model_of
from fiel.models.decision import Decision
from fiel.models.promotion import promote, rollback
from fiel.models.registry import Registry, VersionInfo
from fiel.models.row_model import RowModel
from fiel.program import Program
from fiel.settings import Settings
from fiel.store import Store
from fiel.store.schema import SERVED_MODELS
from tests.models import worlds

AT = datetime(2025, 10, 1, 6, tzinfo=UTC)


class Killed(BaseException):
    """The process died here."""


def die(*args: object, **kwargs: object) -> None:
    raise Killed


@pytest.fixture
def registry(model_settings: Settings, ledger: Store) -> Registry:
    """An empty registry with a ledger."""
    return Registry(model_settings, worlds.program(), ledger)


def crown(registry: Registry, ledger: Store, info: VersionInfo) -> None:
    """Make a version champion, as if it had been compared."""
    rows = ledger.promotions("teomewhy")
    before = rows[-1].to_version if rows else None
    decision = Decision("promote", "because", "new_recipe", before, info.version, info.digest, info.fingerprint)
    promote(registry, ledger, decision, by="test", at=AT)


def forget(ledger: Store, digest: str) -> None:
    """Take a file out of the store: a champion of a Fiel that did not keep them."""
    with ledger.database.write("served_models") as connection:
        connection.execute(sa.delete(SERVED_MODELS).where(SERVED_MODELS.c.digest == digest))


def test_the_stored_file_is_the_registered_one_and_scores_the_same(registry: Registry, ledger: Store) -> None:
    info = registry.log_training(worlds.training())
    crown(registry, ledger, info)
    served = ledger.served_model(info.digest)
    assert served is not None
    rows = worlds.rows(count=40)
    model = RowModel.of(served)
    assert model.predict(rows.select(model.inputs).rows()) == registry.champion().predict(rows).tolist()
    assert served.facts["features"] == list(worlds.RECIPE.features)
    assert served.facts["categorical"] == ["stage"]
    assert served.facts["metrics"] == {"oot.auc": 0.81, "oot.log_loss": 0.4}
    assert served.facts["recipe"] == registry.champion().recipe
    assert model.loaded.trained_as_of == worlds.TRAINED
    assert model.loaded.oot_as_of == worlds.OOT


def test_the_stage_rule_is_stored_too(registry: Registry, ledger: Store) -> None:
    info = registry.log_training(worlds.training(worlds.stage_rule()))
    crown(registry, ledger, info)
    served = ledger.served_model(info.digest)
    assert served is not None
    assert RowModel.of(served).predict([["fiel"]]) == worlds.stage_rule().predict(["fiel"]).tolist()


@pytest.mark.parametrize("step", ["put_model", "append_promotion"])
def test_a_promotion_that_died_around_the_file_is_finished_by_the_next(
    registry: Registry, ledger: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    info = registry.log_training(worlds.training())
    with monkeypatch.context() as patch:
        patch.setattr(Store, step, die)
        with pytest.raises(Killed):
            crown(registry, ledger, info)
    assert ledger.promotions("teomewhy") == [], "nobody is told of a champion whose file may be missing"
    assert (ledger.served_model(info.digest) is not None) == (step == "append_promotion")
    crown(registry, ledger, info)
    assert [row.to_version for row in ledger.promotions("teomewhy")] == [info.version]
    assert ledger.served_model(info.digest) is not None


def test_a_rollback_brings_the_file_of_a_version_that_was_never_published(registry: Registry, ledger: Store) -> None:
    first = registry.log_training(worlds.training())
    second = registry.log_training(worlds.training(fingerprint="b" * 16, iterations=10))
    crown(registry, ledger, first)
    crown(registry, ledger, second)
    forget(ledger, first.digest)
    rollback(registry, ledger, by="test", at=AT, reason="complaints")
    served = ledger.served_model(first.digest)
    assert served is not None
    assert RowModel.of(served).predict([["fiel", 3, None]])[0] > 0


def test_a_damaged_file_in_the_store_is_mended_by_the_same_model(registry: Registry, ledger: Store) -> None:
    info = registry.log_training(worlds.training())
    crown(registry, ledger, info)
    with ledger.database.write("served_models") as connection:
        connection.execute(sa.update(SERVED_MODELS).values(content=b"damaged"))
    damaged = ledger.served_model(info.digest)
    assert damaged is not None
    assert not damaged.is_whole
    assert ledger.put_model(served_model_of(registry, info.version))
    mended = ledger.served_model(info.digest)
    assert mended is not None
    assert RowModel.of(mended).digest == info.digest
    assert not ledger.put_model(served_model_of(registry, info.version)), "what is whole is left alone"


def test_a_changed_artifact_never_reaches_the_store(
    registry: Registry, ledger: Store, model_settings: Settings
) -> None:
    info = registry.log_training(worlds.training())
    (path,) = model_settings.beside_lake.rglob("model.cb")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RegistryError, match="digest"):
        served_model_of(registry, info.version)
    with pytest.raises(RegistryError, match="digest"):
        crown(registry, ledger, info)
    assert ledger.served_model(info.digest) is None


class TestTags:
    """What a model hub reads on the registered model (DOMAIN.md section 1)."""

    def tags(self, registry: Registry) -> dict[str, str]:
        found: dict[str, str] = registry._tracking.client.get_registered_model(registry.name).tags
        return found

    def test_registering_says_where_the_features_are_and_who_answers(self, registry: Registry) -> None:
        registry.log_training(worlds.training())
        settings = registry._settings
        assert self.tags(registry) == {
            "feature_store": f"{settings.lake}/teomewhy/feat_snapshot",
            "uri": "http://127.0.0.1:8000/compat/teomewhy/predict",
        }

    def test_another_address_of_the_service_is_written_by_the_next_promotion(
        self, registry: Registry, ledger: Store, model_settings: Settings
    ) -> None:
        info = registry.log_training(worlds.training())
        moved = model_settings.model_copy(update={"public_url": "https://fiel.example.org/api/"})
        crown(Registry(moved, worlds.program(), ledger), ledger, info)
        assert self.tags(registry)["uri"] == "https://fiel.example.org/api/compat/teomewhy/predict"

    def test_a_training_that_is_logged_already_still_corrects_them(self, registry: Registry) -> None:
        registry.log_training(worlds.training())
        registry._tracking.client.set_registered_model_tag(registry.name, "uri", "http://elsewhere.example")
        registry.log_training(worlds.training())
        assert self.tags(registry)["uri"] == "http://127.0.0.1:8000/compat/teomewhy/predict"

    def test_tags_of_others_stay_and_right_ones_are_not_written_again(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry.log_training(worlds.training())
        client = registry._tracking.client
        client.set_registered_model_tag(registry.name, "owner", "someone")
        with monkeypatch.context() as patch:
            patch.setattr(type(client), "set_registered_model_tag", die)
            registry.announce()
        assert self.tags(registry)["owner"] == "someone"

    def test_a_further_target_has_features_and_no_door(self, model_settings: Settings, ledger: Store) -> None:
        again = worlds.program().target.model_dump() | {"name": "fiel_again"}
        program = Program.model_validate(worlds.program().model_dump() | {"more_targets": [again]})
        registry = Registry(model_settings, program.with_target("fiel_again"), ledger)
        registry.log_training(worlds.training())
        assert set(self.tags(registry)) == {"feature_store"}

    def test_before_anything_is_registered_there_is_nothing_to_say(self, registry: Registry) -> None:
        registry.announce()
        assert registry.versions() == []
