"""The gates of a promotion: what each one looks at, its value, its limit and how it ended (DESIGN.md section 5).

All work on one frame of out-of-time rows: customer_id, as_of, label, stage, age_days, is_seen, is_break, prob (the
challenger), champion_prob, rule_prob (the stage rule) and, where the program has one for the horizon, purchase_prob
(the purchase model). Intervals decide, not bare estimates: at a few hundred rows chance alone moves every figure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from fiel.models.bootstrap import Comparison, Interval, compare
from fiel.models.calibration import CalibrationCheck, CohortSpread, check_calibration, log_odds
from fiel.models.metrics import Array
from fiel.program import Program

_WEEK_DAYS = 7

Outcome = Literal["pass", "fail", "warn", "info"]


@dataclass(frozen=True)
class Gate:
    """One gate. `fail` keeps the champion, `warn` and `info` are reported; `note` is a sentence for people."""

    name: str
    outcome: Outcome
    value: float | None
    low: float | None
    high: float | None
    limit: str
    note: str


def paired(rows: pl.DataFrame, against: str, program: Program, confidence: float | None = None) -> Comparison:
    """Challenger minus the probabilities in column `against`, bootstrapped by customer as the program says."""
    rules = program.promotion
    return compare(
        _labels(rows),
        rows["prob"].to_numpy(),
        rows[against].to_numpy(),
        rows["customer_id"].to_numpy(),
        economics=program.economics,
        draws=rules.bootstrap,
        confidence=confidence or rules.confidence,
        seed=program.training.seed,
    )


def not_inferior(compared: Comparison, program: Program) -> list[Gate]:
    """The same recipe on newer data: the lower bound of the AUC difference lies above minus the margin.

    And, where the program has economics, the profit is not shown to be lower: its interval does not lie below zero.
    """
    margin = program.promotion.non_inferiority_margin
    assert compared.auc is not None, "both classes are there"
    passed = compared.auc.low > -margin
    verdict = "as good as" if passed else "not shown to be as good as"
    note = f"{verdict} the champion: AUC {difference(compared.auc)}, margin {margin:.3f}"
    found = [_gate("AUC against the champion", passed, compared.auc, f"low > {-margin:.3f}", note)]
    if compared.profit is not None:
        assert program.economics is not None
        earns = compared.profit.high >= 0
        amount = f"{difference(compared.profit, 2)} {program.economics.currency}"
        words = (
            f"{'earning as much as' if earns else 'earning less than'} the champion: profit for each customer {amount}"
        )
        found.insert(0, _gate("profit against the champion", earns, compared.profit, "high >= 0", words))
    return found


def superior(compared: Comparison, program: Program) -> list[Gate]:
    """A new recipe: profit above the champion's where there is economics, else AUC and log loss both better.

    Better: the whole interval of the difference lies on the right side of zero (above for profit and AUC, below for
    log loss).
    """
    if compared.profit is not None:
        assert program.economics is not None
        passed = compared.profit.low > 0
        note = (
            f"{_superior(passed)} to the champion: profit for each customer "
            f"{difference(compared.profit, 2)} {program.economics.currency}"
        )
        return [_gate("profit against the champion", passed, compared.profit, "low > 0", note)]
    assert compared.auc is not None, "both classes are there"
    assert compared.log_loss is not None
    ranks, fits = compared.auc.low > 0, compared.log_loss.high < 0
    return [
        _gate(
            "AUC against the champion",
            ranks,
            compared.auc,
            "low > 0",
            f"{_superior(ranks)} to the champion: AUC {difference(compared.auc)}",
        ),
        _gate(
            "log loss against the champion",
            fits,
            compared.log_loss,
            "high < 0",
            f"{_superior(fits)} to the champion: log loss {difference(compared.log_loss)}",
        ),
    ]


def better_than_rule(rows: pl.DataFrame, program: Program) -> list[Gate]:
    """Better than the stage rule: the intervals of the AUC and of the log loss difference both exclude zero."""
    compared = paired(rows, "rule_prob", program)
    assert compared.auc is not None, "both classes are there"
    assert compared.log_loss is not None
    ranks, fits = compared.auc.low > 0, compared.log_loss.high < 0
    return [
        _gate(
            "AUC against the stage rule",
            ranks,
            compared.auc,
            "low > 0",
            f"{_better(ranks)} than the stage rule: AUC {difference(compared.auc)}",
        ),
        _gate(
            "log loss against the stage rule",
            fits,
            compared.log_loss,
            "high < 0",
            f"{_better(fits)} than the stage rule: log loss {difference(compared.log_loss)}",
        ),
    ]


def as_good_as_purchase_model(compared: Comparison | None, program: Program) -> list[Gate]:
    """Not worse than the purchase model: fails where the AUC difference is below minus `promotion.baseline_margin`.

    Where only the lower bound is, it is a warning: the purchase model is fitted without labels and is never champion,
    so a challenger is held to its estimate, not to a proof. Log loss is reported, not gated, as the purchase model is
    not calibrated. `compared` is challenger minus purchase model; no gate without one.
    """
    if compared is None:
        return []
    margin = program.promotion.baseline_margin
    assert compared.auc is not None, "both classes are there"
    passed, sure = compared.auc.estimate >= -margin, compared.auc.low >= -margin
    verdict = ("as good as" if sure else "not shown to be as good as") if passed else "not as good as"
    note = f"{verdict} the purchase model: AUC {difference(compared.auc)}, margin {margin:.3f}"
    gate = _gate("AUC against the purchase model", passed, compared.auc, f"estimate >= {-margin:.3f}", note)
    return [gate if sure or not passed else replace(gate, outcome="warn")]


def calibrated(rows: pl.DataFrame, program: Program, spread: CohortSpread | None = None) -> list[Gate]:
    """Slope and intercept: their intervals meet 1 and 0, give or take what the program tolerates.

    Where the champion is at least as far off on the same rows, the month has moved and not the model: a warning.

    `spread` widens the intervals by how far one month lies from another, so that a month's luck is not held against a
    model (on the real month-ends of 2025 single months have intercepts from -.6 to +.85). Nothing is gated where a
    slope does not exist (all predictions equal, classes separated).
    """
    rules = program.promotion
    check, champion = _calibration(rows, "prob", program, spread), _calibration(rows, "champion_prob", program, spread)
    gates = []
    for name, found, theirs, ideal, tolerance in (
        ("calibration slope", check.slope, champion.slope, 1.0, rules.calibration_slope_tolerance),
        ("calibration intercept", check.intercept, champion.intercept, 0.0, rules.calibration_intercept_tolerance),
    ):
        limit = f"meets {ideal - tolerance:g} to {ideal + tolerance:g}"
        if found is None:
            gates.append(Gate(name, "info", None, None, None, limit, f"{name} is not defined: {check.note}"))
            continue
        passed = found.low <= ideal + tolerance and found.high >= ideal - tolerance
        words = f"{name} {found.estimate:.2f} ({found.low:.2f} to {found.high:.2f})"
        note = words if passed else f"not calibrated: {words}, tolerated {ideal - tolerance:g} to {ideal + tolerance:g}"
        gate = _gate(name, passed, found, limit, note)
        if not passed and theirs is not None and abs(theirs.estimate - ideal) >= abs(found.estimate - ideal):
            gate = replace(
                gate, outcome="warn", note=f"{note}; the champion has {theirs.estimate:.2f} on the same rows"
            )
        gates.append(gate)
    return gates


def stable_scores(psi: float | None, program: Program) -> list[Gate]:
    """PSI of the challenger's scores, its training rows to the out-of-time rows outside planned breaks."""
    limit = program.promotion.max_psi
    if psi is None:
        return [Gate("PSI of scores", "info", None, None, None, f"<= {limit:g}", "PSI of scores was not computed")]
    passed = psi <= limit
    note = f"scores are {'stable' if passed else 'not stable'} from train to out of time: PSI {psi:.3f}"
    return [Gate("PSI of scores", "pass" if passed else "fail", psi, None, None, f"<= {limit:g}", note)]


def stable_inputs(psi: pl.DataFrame | None, program: Program) -> list[Gate]:
    """One warning for each input whose PSI is above the program's limit (life-to-date columns never warn)."""
    if psi is None:
        return []
    limit = program.promotion.warn_psi
    return [
        Gate(f"PSI of {name}", "warn", value, None, None, f"<= {limit:g}", f"input {name} has moved: PSI {value:.3f}")
        for name, value in psi.filter(pl.col("warns")).select("feature", "psi").iter_rows()
    ]


def no_worse_slice(rows: pl.DataFrame, program: Program) -> list[Gate]:
    """In no slice worse than the champion: fails where the log loss difference is above the margin at its lower bound.

    Slices by stage, first days as a customer and seen in training; none for an undated program, which knows none of
    them. The level is corrected for their number (Bonferroni); slices with fewer rows than `promotion.min_slice` are
    reported, not gated.
    """
    slices, margin = _slices(rows, program), program.promotion.slice_margin
    gated = sum(part.height >= program.promotion.min_slice for _, part in slices)
    confidence = 1 - (1 - program.promotion.confidence) / max(1, gated)
    gates = []
    for name, part in slices:
        if part.height < program.promotion.min_slice:
            note = f"slice {name} has {part.height} rows: too few to judge"
            gates.append(Gate(f"slice {name}", "info", None, None, None, f"low <= {margin:g}", note))
            continue
        found = paired(part, "champion_prob", program, confidence).log_loss
        assert found is not None, "the slice has rows"
        passed = found.low <= margin
        note = f"{'not worse' if passed else 'worse'} than the champion in slice {name}: log loss {difference(found)}"
        gates.append(_gate(f"slice {name}", passed, found, f"low <= {margin:g}", note))
    return gates


def breaks(rows: pl.DataFrame) -> list[Gate]:
    """Cohorts whose outcome meets a planned break are flagged; where all of them do, nothing is decided."""
    dates = rows.filter("is_break")["as_of"].unique().sort().to_list()
    if not dates:
        return []
    named = ", ".join(map(str, dates))
    if rows["is_break"].all():
        note = f"every out-of-time cohort ({named}) meets a planned break, which says nothing about other months"
        return [Gate("planned breaks", "fail", len(dates), None, None, "one cohort outside", note)]
    return [
        Gate("planned breaks", "warn", len(dates), None, None, "one cohort outside", f"{named} meets a planned break")
    ]


def difference(found: Interval, digits: int = 3) -> str:
    """An interval of a difference in words: `+0.012 (+0.003 to +0.021)`."""
    estimate, low, high = (f"{value:+z.{digits}f}" for value in (found.estimate, found.low, found.high))
    return f"{estimate} ({low} to {high})"


def _calibration(rows: pl.DataFrame, column: str, program: Program, spread: CohortSpread | None) -> CalibrationCheck:
    return check_calibration(
        _labels(rows),
        log_odds(rows[column].to_numpy()),
        rows["customer_id"].to_numpy(),
        confidence=program.promotion.confidence,
        cohorts=rows["as_of"].n_unique(),
        spread=spread,
    )


def _slices(rows: pl.DataFrame, program: Program) -> list[tuple[str, pl.DataFrame]]:
    if program.is_table:
        return []
    days = program.life_cycle.new_max_age
    is_new = pl.col("age_days") <= days
    stages: list[str] = rows["stage"].unique().sort().to_list() if program.has_stages else []
    named = [(f"stage {stage}", pl.col("stage") == stage) for stage in stages]
    early = "first year" if program.is_quarterly else "first week" if days == _WEEK_DAYS else f"first {days} days"
    named += [(early, is_new), ("later", ~is_new)]
    named += [("in training", pl.col("is_seen")), ("never in training", ~pl.col("is_seen"))]
    found = [(name, rows.filter(condition)) for name, condition in named]
    return [(name, part) for name, part in found if not part.is_empty()]


def _gate(name: str, passed: bool, found: Interval, limit: str, note: str) -> Gate:
    return Gate(name, "pass" if passed else "fail", found.estimate, found.low, found.high, limit, note)


def _superior(passed: bool) -> str:
    return "superior" if passed else "not shown to be superior"


def _better(passed: bool) -> str:
    return "better" if passed else "not shown to be better"


def _labels(rows: pl.DataFrame) -> Array:
    return rows["label"].to_numpy().astype(float)
