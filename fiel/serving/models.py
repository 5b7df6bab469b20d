"""The file of a champion as the store keeps it for the service, with the facts that the service needs to use it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fiel.errors import RegistryError
from fiel.models.loaded import LoadedModel
from fiel.store.models import ServedModel


def served_model(
    model: LoadedModel, content: bytes, ledger_name: str, metrics: Mapping[str, Any] | None = None
) -> ServedModel:
    """The row of `served_models`; `content` are the bytes of the model's file, whose sha256 is the ledger's digest.

    `metrics` are those of the promotion. RegistryError where the bytes are not those that were registered.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != model.digest:
        raise RegistryError(
            f"version {model.version} of {ledger_name} was registered with digest {model.digest[:12]}, but its file "
            f"comes to {digest[:12]}: restore the artifact, or roll back to an earlier version"
        )
    return ServedModel(
        digest=digest,
        ledger_name=ledger_name,
        version=model.version,
        kind=model.kind,
        content=content,
        facts={
            "features": list(model.features),
            "categorical": list(model.categorical),
            "inputs": list(model.inputs),
            "recipe": dict(model.recipe),
            "trained_as_of": [day.isoformat() for day in model.trained_as_of],
            "oot_as_of": [day.isoformat() for day in model.oot_as_of],
            "metrics": dict(metrics or {}),
        },
        stored_at=datetime.now(UTC),
    )
