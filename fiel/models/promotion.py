"""Promotion and rollback: a decision applied through the append-only ledger (DESIGN.md section 5).

The ledger is the truth and the alias follows it. A change puts the model's file into the store, so that the service
finds it, then writes its ledger row, then moves the alias; a run that dies between is finished by whoever reads the
champion next (`Registry.reconcile`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fiel.errors import RegistryError
from fiel.models.champion_file import served_model_of
from fiel.models.decision import Decision, decide
from fiel.models.registry import CHALLENGER, CHAMPION, Registry
from fiel.store import PromotionRow, Store

__all__ = ["Applied", "Decision", "champions", "decide", "promote", "rollback"]


@dataclass(frozen=True)
class Applied:
    """What `promote` or `rollback` did: the version that is champion now and the ledger row, None if none was added."""

    champion: str
    row: PromotionRow | None


def promote(
    registry: Registry, ledger: Store, decision: Decision, *, by: str, at: datetime, override: str | None = None
) -> Applied:
    """Apply a decision; running it again adds no row and moves no alias.

    `override` is a person's reason to promote although the decision is to keep; it is recorded. RegistryError when the
    champion is no longer the one that the challenger was compared with, or the challenger's artifact is not what was
    compared.
    """
    if decision.action == "keep" and override is not None and not override.strip():
        raise RegistryError("a forced promotion needs a reason: it is kept in the ledger")
    newest = registry.reconcile()
    current = newest.to_version if newest else None
    if current == decision.to_version:
        return Applied(decision.to_version, None)
    if current != decision.from_version:
        raise RegistryError(
            f"the champion of {registry.name} is version {current}, but version {decision.to_version} was compared "
            f"with {decision.from_version}: someone promoted meanwhile; run retrain again"
        )
    if decision.action == "keep" and override is None:
        registry.describe(decision.to_version, decision.reason)
        registry.set_alias(CHALLENGER, decision.to_version)
        return Applied(current or "", None)
    row = PromotionRow(
        program=registry.program.ledger_name,
        at=at,
        by=by,
        action="first" if current is None else "promote",
        from_version=current,
        to_version=decision.to_version,
        digest=decision.digest,
        fingerprint=decision.fingerprint,
        reason=decision.reason,
        metrics=decision.metrics or {},
        override=override if decision.action == "keep" else None,
    )
    return _apply(registry, ledger, row)


def rollback(registry: Registry, ledger: Store, *, by: str, at: datetime, reason: str) -> Applied:
    """Point the champion back to the version before it; each further rollback goes one version further back.

    A rollback that died before it moved the alias is finished, not repeated. RegistryError without a reason, or where
    there is nothing to go back to.
    """
    if not reason.strip():
        raise RegistryError("a rollback needs a reason: it is kept in the ledger")
    before = registry.alias(CHAMPION)
    newest = registry.reconcile()
    if newest and newest.action == "rollback" and newest.reason == reason and before != newest.to_version:
        return Applied(newest.to_version, None)
    rows = ledger.promotions(registry.program.ledger_name)
    line = champions(rows)
    if len(line) < 2:
        raise RegistryError(
            f"{registry.name} has no version to roll back to (champions so far: {len(line)}): retrain, or promote "
            "another version with a reason"
        )
    current, previous = line[-1], line[-2]
    row = PromotionRow(
        program=registry.program.ledger_name,
        at=at,
        by=by,
        action="rollback",
        from_version=current.to_version,
        to_version=previous.to_version,
        digest=previous.digest,
        fingerprint=previous.fingerprint,
        reason=reason,
    )
    return _apply(registry, ledger, row)


def champions(rows: Sequence[PromotionRow]) -> list[PromotionRow]:
    """The line of champions that are in force, oldest first: each rollback takes the last one off."""
    line: list[PromotionRow] = []
    for row in rows:
        if row.action == "rollback":
            line.pop()
        else:
            line.append(row)
    return line


def _apply(registry: Registry, ledger: Store, row: PromotionRow) -> Applied:
    """Check the artifact and give the service its file, then the ledger row (the promotion), then the aliases.

    The file comes first, so that whoever reads the row finds the model. A run that dies between leaves a file that
    nobody asks for, and the next one writes the row.
    """
    model = served_model_of(registry, row.to_version)
    if model.digest != row.digest:
        raise RegistryError(
            f"version {row.to_version} of {registry.name} has digest {model.digest[:12]}, not {row.digest[:12]} as "
            "when it was compared: nothing was promoted; run retrain again"
        )
    ledger.put_model(model)
    registry.announce()
    registry.describe(row.to_version, row.reason if row.override is None else f"{row.reason}; forced: {row.override}")
    added = ledger.append_promotion(row)
    registry.set_alias(CHAMPION, row.to_version)
    if registry.alias(CHALLENGER) == row.to_version:
        registry.set_alias(CHALLENGER, None)
    return Applied(row.to_version, row if added else None)
