"""The decision of a promotion: pure, from the evidence and the ledger's history (DESIGN.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, Protocol

import polars as pl

from fiel.models import gates as g
from fiel.models.baselines import PURCHASE_MODEL, PURCHASE_PROB
from fiel.models.bootstrap import Comparison
from fiel.models.comparison import Evidence
from fiel.models.gates import Gate
from fiel.models.metrics import measure
from fiel.models.wording import spoken
from fiel.program import Program
from fiel.store import PromotionRow

Rule = Literal["first", "same_recipe", "new_recipe", "none"]


class Candidate(Protocol):
    """What a decision needs to know of a model: a `VersionInfo` and a `LoadedModel` are candidates."""

    @property
    def version(self) -> str:
        """Version in the registry."""
        ...

    @property
    def kind(self) -> str:
        """stage_rule or catboost."""
        ...

    @property
    def digest(self) -> str:
        """Digest of the artifact."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of the training's inputs, recipe and code."""
        ...

    @property
    def recipe_digest(self) -> str:
        """Digest of how it is made, whatever the data."""
        ...

    @property
    def as_of(self) -> date | None:
        """The date that it was trained for."""
        ...


@dataclass(frozen=True)
class Decision:
    """Whether the challenger replaces the champion, the one sentence that says why, and every gate.

    `rule` is the kind of comparison. `comparison` is challenger minus champion; `metrics` what the ledger keeps.
    """

    action: Literal["promote", "keep"]
    reason: str
    rule: Rule
    from_version: str | None
    to_version: str
    digest: str
    fingerprint: str
    gates: tuple[Gate, ...] = ()
    comparison: Comparison | None = None
    metrics: dict[str, Any] | None = None

    def gate_table(self) -> pl.DataFrame:
        """The gates as a frame: name, outcome, value, low, high, limit, note."""
        fields = {"name": pl.String, "outcome": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
        rows = [vars(gate) for gate in self.gates]
        return pl.DataFrame(rows, schema={**fields, "limit": pl.String, "note": pl.String})


def decide(
    found: Evidence,
    challenger: Candidate,
    champion: Candidate | None,
    program: Program,
    history: Sequence[PromotionRow] = (),
) -> Decision:
    """Promote or keep, from the evidence alone. `history` are the program's ledger rows, oldest first.

    The first champion is the stage rule. After it, the challenger has to be another model than the champion, trained
    for no earlier date, never rolled back before, comparable (both classes, a cohort outside planned breaks), and to
    pass every gate: not inferior where the recipe is the champion's, superior where it is new; better than the stage
    rule; not worse than the purchase model, where there is one; calibrated; stable scores; worse in no slice.
    """
    blank = Decision(
        action="keep",
        reason="",
        rule="none",
        from_version=champion.version if champion else None,
        to_version=challenger.version,
        digest=challenger.digest,
        fingerprint=challenger.fingerprint,
    )
    if champion is None:
        return spoken(_first(blank, challenger), program)
    settled = _without_comparison(found.rows, challenger, champion, history)
    if settled is not None:
        return spoken(replace(blank, reason=settled), program)
    rule: Rule = "same_recipe" if challenger.recipe_digest == champion.recipe_digest else "new_recipe"
    compared = g.paired(found.rows, "champion_prob", program)
    purchases = g.paired(found.rows, PURCHASE_PROB, program) if PURCHASE_PROB in found.rows.columns else None
    against_champion = g.not_inferior if rule == "same_recipe" else g.superior
    gates = (
        *_trained_for_the_past(challenger, champion),
        *g.breaks(found.rows),
        *_rolled_back(challenger, history),
        *against_champion(compared, program),
        *g.better_than_rule(found.rows, program),
        *g.as_good_as_purchase_model(purchases, program),
        *g.calibrated(found.rows, program, found.spread),
        *g.stable_scores(found.psi_scores, program),
        *g.no_worse_slice(found.rows, program),
        *g.stable_inputs(found.psi_inputs, program),
    )
    failed = [gate for gate in gates if gate.outcome == "fail"]
    return spoken(
        replace(
            blank,
            action="keep" if failed else "promote",
            reason=_reason(rule, failed, gates, found, challenger, champion),
            rule=rule,
            gates=gates,
            comparison=compared,
            metrics=_metrics(found, compared, purchases, program),
        ),
        program,
    )


def _first(blank: Decision, challenger: Candidate) -> Decision:
    if challenger.kind == "stage_rule":
        reason = f"Version {challenger.version}, the stage rule, is the first champion: every model has to beat it"
        return replace(blank, action="promote", rule="first", reason=reason)
    return replace(blank, reason="There is no champion to compare with: the first champion is the stage rule")


def _without_comparison(
    rows: pl.DataFrame, challenger: Candidate, champion: Candidate, history: Sequence[PromotionRow]
) -> str | None:
    """Why the champion stays without any comparison, or None."""
    stays = f"Version {champion.version} stays champion"
    if challenger.version == champion.version:
        since = f": {history[-1].reason}" if history else ""
        return f"Version {champion.version} is the champion already{since}"
    if challenger.digest == champion.digest:
        return f"{stays}: version {challenger.version} is the identical model"
    if rows.is_empty():
        return f"{stays}: there are no out-of-time rows to compare version {challenger.version} on"
    positives, count = int(rows["label"].sum()), rows.height
    if positives in (0, count):
        which = "none" if positives == 0 else "all"
        return (
            f"{stays}: {which} of the {count:,} out-of-time rows reached the target, and with one class only "
            f"version {challenger.version} cannot be compared"
        )
    if rows["prob"].equals(rows["champion_prob"]):
        return f"{stays}: version {challenger.version} gives identical predictions on all {count:,} out-of-time rows"
    return None


def _trained_for_the_past(challenger: Candidate, champion: Candidate) -> list[Gate]:
    """A retraining for a past date shows what would have been; it does not take the champion back to older data."""
    if challenger.as_of is None or champion.as_of is None or challenger.as_of >= champion.as_of:
        return []
    note = (
        f"version {challenger.version} was trained for {challenger.as_of}, the champion for {champion.as_of}: older "
        "data replace newer ones only by a forced promotion with a reason"
    )
    return [Gate("trained for the past", "fail", None, None, None, f">= {champion.as_of}", note)]


def _rolled_back(challenger: Candidate, history: Sequence[PromotionRow]) -> list[Gate]:
    """A model that was rolled back is not promoted again by itself, also under another version number."""
    digests = {row.to_version: row.digest for row in history}
    for row in reversed(history):
        if row.action == "rollback" and digests.get(row.from_version or "") == challenger.digest:
            note = (
                f"this model was rolled back on {row.at:%Y-%m-%d} ({row.reason}): another training, or a forced "
                "promotion with a reason, can replace the champion"
            )
            return [Gate("not rolled back", "fail", None, None, None, "never rolled back", note)]
    return []


def _reason(
    rule: Rule,
    failed: Sequence[Gate],
    gates: Sequence[Gate],
    found: Evidence,
    challenger: Candidate,
    champion: Candidate,
) -> str:
    recipe = "the same recipe on newer data" if rule == "same_recipe" else "a new recipe"
    dates = [str(day) for day in found.rows["as_of"].unique().sort()]
    where = f"{found.rows.height:,} out-of-time rows of {', '.join(dates)}"
    flagged = [gate.note for gate in gates if gate.name == "planned breaks" and gate.outcome == "warn"]
    extra = "".join(f"; {note}" for note in [*flagged, *([found.champion_note] if found.champion_note else [])])
    if failed:
        others = len(failed) - 1
        more = f" (and {others} more gate{'s' if others > 1 else ''} failed)" if others else ""
        why = (
            f"version {challenger.version}, {recipe}, is {failed[0].note}" if _is_verdict(failed[0]) else failed[0].note
        )
        return f"Version {champion.version}{_kind(champion)} stays champion: {why}{more}, on {where}{extra}"
    (first, *_) = [gate.note for gate in gates if gate.name.endswith("against the champion")]
    replaced = f"version {champion.version}{_kind(champion)}"
    return f"Version {challenger.version}, {recipe}, replaces {replaced}: {first}, on {where}; all gates passed{extra}"


def _kind(champion: Candidate) -> str:
    """Says so where the champion is the stage rule."""
    return " (the stage rule)" if champion.kind == "stage_rule" else ""


def _is_verdict(gate: Gate) -> bool:
    """Whether the gate's note continues a sentence about the challenger (`… is not superior to …`)."""
    return gate.name.endswith(
        ("against the champion", "against the stage rule", "against the purchase model")
    ) or gate.name.startswith(("calibration", "slice"))


def _metrics(found: Evidence, compared: Comparison, purchases: Comparison | None, program: Program) -> dict[str, Any]:
    """What the ledger keeps of a comparison, as plain JSON."""
    rows = found.rows
    labels = rows["label"].to_numpy().astype(float)
    kept: dict[str, Any] = {
        "rows": rows.height,
        "customers": compared.customers,
        "cohorts": [day.isoformat() for day in rows["as_of"].unique().sort()],
        "psi_scores": found.psi_scores,
    }
    models = {"challenger": "prob", "champion": "champion_prob", "stage_rule": "rule_prob"}
    if purchases is not None:
        models[PURCHASE_MODEL] = PURCHASE_PROB
    for name, column in models.items():
        measured = measure(labels, rows[column].to_numpy(), program.economics)
        kept[name] = {"auc": measured.auc, "log_loss": measured.log_loss, "brier": measured.brier}
        if measured.profit is not None:
            kept[name]["profit"] = measured.profit
    for name in ("auc", "log_loss", "profit"):
        interval = getattr(compared, name)
        if interval is not None:
            kept[f"{name}_difference"] = [interval.estimate, interval.low, interval.high]
        against = getattr(purchases, name, None)
        if against is not None:
            kept[f"{PURCHASE_MODEL}_{name}_difference"] = [against.estimate, against.low, against.high]
    return kept
