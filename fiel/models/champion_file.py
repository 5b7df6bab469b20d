"""A registered model's file as the online store keeps it for the service, with the facts to use it by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fiel.models.loaded import LoadedModel
from fiel.store.models import ServedModel

if TYPE_CHECKING:
    from fiel.models.registry import Registry


def served_model_of(registry: Registry, version: str) -> ServedModel:
    """The file of a registered version with its facts, ready for `Store.put_model`.

    The content is the registered file, byte for byte, so its SHA-256 is the digest of the promotion ledger.
    RegistryError where the file is missing or not what was registered.
    """
    model, content = registry.load_file(version)
    return served_model(model, content, registry.program.ledger_name, registry.metrics(version))


def served_model(
    model: LoadedModel, content: bytes, ledger_name: str, metrics: Mapping[str, float] | None = None
) -> ServedModel:
    """The row of a model and its file's bytes. `metrics`: those of its training, named `split.measure`."""
    return ServedModel(
        digest=model.digest,
        ledger_name=ledger_name,
        version=model.version,
        kind=model.kind,
        content=content,
        facts=_facts(model, metrics or {}),
        stored_at=datetime.now(UTC),
    )


def _facts(model: LoadedModel, metrics: Mapping[str, float]) -> dict[str, Any]:
    return {
        "features": list(model.features),
        "categorical": list(model.categorical),
        "inputs": list(model.inputs),
        "recipe": dict(model.recipe),
        "trained_as_of": [day.isoformat() for day in model.trained_as_of],
        "oot_as_of": [day.isoformat() for day in model.oot_as_of],
        "metrics": dict(metrics),
    }
