"""From a registered challenger to a settled champion: everything that follows a training, in one call."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from fiel.models.artifact import Training
from fiel.models.baselines import in_population
from fiel.models.cohorts import part_rows
from fiel.models.comparison import Evidence, Refit, evidence
from fiel.models.decision import Decision, decide
from fiel.models.metrics import measure
from fiel.models.parts import OOT, TRAIN, VALID
from fiel.models.promotion import Applied, promote
from fiel.models.registry import Registry, VersionInfo
from fiel.models.stage_rule import StageRule
from fiel.program import Program
from fiel.store import Store

STAGE_RULE_RECIPE = "stage_rule"


@dataclass(frozen=True)
class Settlement:
    """What became of a challenger. `champion` is the version in force after it; `evidence` what was decided on."""

    decision: Decision
    applied: Applied
    champion: str
    challenger: VersionInfo
    evidence: Evidence


def settle(
    registry: Registry,
    ledger: Store,
    challenger_version: str,
    snapshots: pl.DataFrame,
    labels: pl.DataFrame,
    program: Program,
    *,
    by: str,
    at: datetime,
    override: str | None = None,
    refit: Refit | None = None,
) -> Settlement:
    """Compare a registered challenger with the champion and promote it or not; running it again changes nothing.

    `snapshots` and `labels` (customer_id, as_of, label) hold the challenger's training and out-of-time cohorts. Where
    nobody is champion yet, the stage rule of the same training rows becomes the first one. `by` and `at` go into the
    ledger; `override` is a person's reason to promote whatever the gates say.
    """
    info = registry.version(challenger_version)
    if registry.reconcile() is None:
        _first_champion(registry, ledger, info, snapshots, labels, program, by=by, at=at)
    champion = registry.champion()
    challenger = registry.load(challenger_version)
    found = evidence(snapshots, labels, challenger, champion, program, refit)
    decision = decide(found, challenger, champion, program, ledger.promotions(program.ledger_name))
    applied = promote(registry, ledger, decision, by=by, at=at, override=override)
    return Settlement(decision, applied, applied.champion, info, found)


def retold(
    registry: Registry,
    ledger: Store,
    settled: Settlement,
    snapshots: pl.DataFrame,
    labels: pl.DataFrame,
    program: Program,
    refit: Refit | None = None,
) -> Settlement:
    """`settled` as it was when its challenger became champion, compared again with the champion before it.

    For a run that died between the promotion and what tells of it: the same rows give the same gates and the same
    reason. `settled` itself where the challenger is not champion, or did not replace anybody.
    """
    rows = ledger.promotions(program.ledger_name)
    version = settled.challenger.version
    places = [place for place, row in enumerate(rows) if row.action == "promote" and row.to_version == version]
    if settled.champion != version or not places:
        return settled
    promoted = rows[places[-1]]
    before, challenger = registry.load(str(promoted.from_version)), registry.load(version)
    found = evidence(snapshots, labels, challenger, before, program, refit)
    decision = decide(found, challenger, before, program, rows[: places[-1]])
    return replace(settled, decision=decision, evidence=found, applied=Applied(version, promoted))


def _first_champion(
    registry: Registry,
    ledger: Store,
    info: VersionInfo,
    snapshots: pl.DataFrame,
    labels: pl.DataFrame,
    program: Program,
    *,
    by: str,
    at: datetime,
) -> None:
    rows = snapshots.filter(in_population(program)).join(labels, on=["customer_id", "as_of"], how="inner")
    trained = part_rows(rows, info.trained_as_of, info.parts, TRAIN, VALID)
    oot = part_rows(rows, info.oot_as_of, info.parts, OOT)
    rule = StageRule.fit(trained["stage"], trained["label"])
    measured = measure(oot["label"].to_numpy().astype(float), rule.predict(oot["stage"]), program.economics)
    logged = registry.log_training(
        Training(
            model=rule,
            fingerprint=hashlib.sha256(f"stage_rule {info.fingerprint}".encode()).hexdigest()[:16],
            recipe_digest=STAGE_RULE_RECIPE,
            as_of=info.as_of,
            known_through=info.known_through,
            trained_as_of=info.trained_as_of,
            oot_as_of=info.oot_as_of,
            parts=info.parts,
            table_versions=info.table_versions,
            example=trained,
            recipe={"kind": STAGE_RULE_RECIPE},
            metrics={f"oot.{name}": value for name, value in measured.row().items() if name != "note"},
        )
    )
    decision = decide(Evidence(oot), logged, None, program)
    promote(registry, ledger, decision, by=by, at=at)
