"""A registered version as it is described in MLflow: what its tags say, and how they are written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

from fiel.models.artifact import Training
from fiel.models.calibration import CohortSpread
from fiel.models.loaded import Kind
from fiel.models.parts import CustomerParts
from fiel.program import Program
from fiel.settings import Settings
from fiel.version import code_version


@dataclass(frozen=True)
class VersionInfo:
    """A registered version, without its model."""

    version: str
    kind: Kind
    digest: str
    fingerprint: str
    recipe_digest: str
    run_id: str
    as_of: date
    known_through: date
    table_versions: Mapping[str, int]
    trained_as_of: tuple[date, ...]
    oot_as_of: tuple[date, ...]
    created_at: datetime
    address: str
    tags: Mapping[str, str]

    @property
    def parts(self) -> CustomerParts | None:
        """Which customers the version learned from, for an undated program."""
        return CustomerParts.parse(self.tags.get("customer_parts", ""))


def facts(training: Training, program: Program) -> dict[str, str]:
    """The tags of a training: everything that `version_info` reads back, but the digest of the artifact."""
    return {
        "kind": training.kind,
        "program": program.name,
        "target": program.target.name,
        "fingerprint": training.fingerprint,
        "recipe_digest": training.recipe_digest,
        "as_of": training.as_of.isoformat(),
        "known_through": training.known_through.isoformat(),
        "trained_as_of": ",".join(day.isoformat() for day in training.trained_as_of),
        "oot_as_of": ",".join(day.isoformat() for day in training.oot_as_of),
        **({} if training.parts is None else {"customer_parts": str(training.parts)}),
        "table_versions": json.dumps(dict(training.table_versions), sort_keys=True),
        "code_version": code_version(),
        "simulated": str(program.simulated).lower(),
        **training.tags,
    }


def hub_tags(settings: Settings, program: Program) -> dict[str, str]:
    """The tags of the registered model that a model hub reads (DOMAIN.md section 1).

    `feature_store` is the table of the features, `uri` the service's door for the program; a further target has no
    `uri`, as the door answers for the main one.
    """
    tags = {"feature_store": f"{settings.lake}/{program.name}/feat_snapshot"}
    if program.ledger_name == program.name:
        tags["uri"] = f"{settings.public_address}/compat/{program.name}/predict"
    return tags


def version_info(item: Any) -> VersionInfo:
    """The version that MLflow describes."""
    tags: dict[str, str] = dict(item.tags)
    return VersionInfo(
        version=str(item.version),
        kind=tags["kind"],  # type: ignore[arg-type]
        digest=tags["digest"],
        fingerprint=tags["fingerprint"],
        recipe_digest=tags["recipe_digest"],
        run_id=item.run_id,
        as_of=date.fromisoformat(tags["as_of"]),
        known_through=date.fromisoformat(tags["known_through"]),
        table_versions=json.loads(tags["table_versions"]),
        trained_as_of=_dates(tags["trained_as_of"]),
        oot_as_of=_dates(tags["oot_as_of"]),
        created_at=datetime.fromtimestamp(item.creation_timestamp / 1_000, UTC),
        address=item.source,
        tags=tags,
    )


def spread_of(tags: Mapping[str, str]) -> CohortSpread | None:
    """The spread that the training measured; None for a version of a Fiel that measured it otherwise."""
    found = json.loads(tags.get("calibration_spread", "{}"))
    known = {field.name for field in fields(CohortSpread)}
    return CohortSpread(**found) if set(found) == known else None


def _dates(text: str) -> tuple[date, ...]:
    return tuple(date.fromisoformat(day) for day in text.split(",") if day)
