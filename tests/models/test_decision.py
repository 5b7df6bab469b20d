"""The decision of a promotion, as a table of cases on made-up rows whose true probabilities are known."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.models.calibration import CohortSpread
from fiel.models.comparison import Evidence
from fiel.models.decision import Decision, decide
from fiel.models.gates import Gate
from fiel.program import Program
from fiel.store import PromotionRow
from tests.models import worlds

WEIGHTS = (1.6, 1.0, 0.8, 0.05)
"""What four hidden traits add to the log odds: a model that knows more of them is better, and every one calibrated."""

STAGE_ODDS = {"fiel": 0.2, "turista": -1.4, "curioso": -1.0}


@dataclass(frozen=True)
class Model:
    version: str
    kind: str = "catboost"
    digest: str = ""
    fingerprint: str = ""
    recipe_digest: str = "old recipe"
    as_of: date | None = date(2025, 10, 1)


CHAMPION = Model("3", digest="c" * 64)
CHALLENGER = Model("4", digest="d" * 64)
NEW_RECIPE = replace(CHALLENGER, recipe_digest="new recipe")


@cache
def _population(customers: int, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frames, traits = [], []
    for as_of in worlds.OOT:
        stage = rng.choice(list(STAGE_ODDS), customers)
        trait = rng.integers(0, 2, (customers, len(WEIGHTS)))
        odds = np.vectorize(STAGE_ODDS.get)(stage) + (trait - 0.5) @ np.array(WEIGHTS)
        frames.append(
            pl.DataFrame(
                {
                    "customer_id": [f"c{number:05d}" for number in range(customers)],
                    "as_of": [as_of] * customers,
                    "label": (rng.random(customers) < 1 / (1 + np.exp(-odds))).astype(np.int8),
                    "stage": stage,
                    "age_days": rng.integers(1, 60, customers).astype(np.int64),
                    "is_seen": rng.random(customers) < 0.6,
                    "is_break": [False] * customers,
                }
            )
        )
        traits.append(trait)
    return pl.concat(frames), np.concatenate(traits)


def known(frame: pl.DataFrame, traits: np.ndarray, count: int) -> np.ndarray:
    """The exact probability for someone who knows the stage and the first `count` traits."""
    base = np.array([STAGE_ODDS[stage] for stage in frame["stage"]])
    base = base + (traits[:, :count] - 0.5) @ np.array(WEIGHTS[:count])
    hidden = list(itertools.product((-0.5, 0.5), repeat=len(WEIGHTS) - count))
    return np.mean([1 / (1 + np.exp(-(base + np.dot(row, WEIGHTS[count:])))) for row in hidden], axis=0)


def evidence(challenger: int = 3, champion: int = 2, customers: int = 500, seed: int = 3) -> Evidence:
    frame, traits = _population(customers, seed)
    rows = frame.with_columns(
        prob=known(frame, traits, challenger),
        champion_prob=known(frame, traits, champion),
        rule_prob=known(frame, traits, 0),
    )
    return Evidence(rows, psi_scores=0.05)


def changed(found: Evidence, **columns: pl.Expr | object) -> Evidence:
    return replace(found, rows=found.rows.with_columns(**columns))  # type: ignore[arg-type]


def jitter() -> Evidence:
    """Two models that differ by a hair."""
    found = evidence(3, 3)
    return changed(found, prob=pl.col("prob") + pl.int_range(pl.len()).mod(7) * 1e-7)


def shifted(log_odds: float) -> pl.Expr:
    odds = (pl.col("prob") / (1 - pl.col("prob"))).log() + log_odds
    return 1 / (1 + (-odds).exp())


def worse_in(stage: str) -> Evidence:
    """Better than the champion but for one stage, where the challenger knows nothing."""
    good, found = evidence(3, 0).rows["prob"], evidence(0, 0)
    there = pl.col("stage") == stage
    return changed(
        found,
        prob=pl.when(there).then("rule_prob").otherwise(good),
        champion_prob=pl.when(there).then(good).otherwise("champion_prob"),
    )


def ledger_row(action: str, from_version: str | None, to: Model, reason: str = "why") -> PromotionRow:
    return PromotionRow(
        program="teomewhy",
        at=datetime(2025, 9, 2, tzinfo=UTC),
        by="test",
        action=action,  # type: ignore[arg-type]
        from_version=from_version,
        to_version=to.version,
        digest=to.digest,
        fingerprint=to.fingerprint,
        reason=reason,
    )


ROLLED_BACK = [
    ledger_row("first", None, CHAMPION),
    ledger_row("promote", "3", CHALLENGER),
    ledger_row("rollback", "4", CHAMPION, "too many complaints"),
]

CASES: dict[str, tuple[Callable[[], Evidence], Model, str, str]] = {
    # name: evidence, challenger, action, what the reason says
    "worse, same recipe": (
        lambda: evidence(1, 3),
        CHALLENGER,
        "keep",
        "not shown to be as good as the champion: AUC -0",
    ),
    "worse, new recipe": (lambda: evidence(1, 3), NEW_RECIPE, "keep", "not shown to be superior"),
    "equal, same recipe": (jitter, CHALLENGER, "promote", "the same recipe on newer data, replaces version 3"),
    "equal, new recipe": (jitter, NEW_RECIPE, "keep", "not shown to be superior to the champion: AUC"),
    "tiny gain, same recipe": (lambda: evidence(4, 3), CHALLENGER, "promote", "as good as"),
    "tiny gain, new recipe": (lambda: evidence(4, 3), NEW_RECIPE, "keep", "not shown to be superior"),
    "clear gain, new recipe": (lambda: evidence(3, 1), NEW_RECIPE, "promote", "a new recipe, replaces version 3"),
    "clear gain, same recipe": (lambda: evidence(3, 1), CHALLENGER, "promote", "all gates passed"),
    "identical bytes": (evidence, replace(CHALLENGER, digest="c" * 64), "keep", "identical model"),
    "identical predictions": (lambda: evidence(3, 3), CHALLENGER, "keep", "identical predictions on all 1,500"),
    "the champion itself": (evidence, replace(CHAMPION, fingerprint="x"), "keep", "is the champion already"),
    "nobody reached the target": (
        lambda: changed(evidence(), label=pl.lit(0, pl.Int8)),
        CHALLENGER,
        "keep",
        "none of the 1,500 out-of-time rows reached the target",
    ),
    "everybody reached the target": (
        lambda: changed(evidence(), label=pl.lit(1, pl.Int8)),
        CHALLENGER,
        "keep",
        "all of the 1,500",
    ),
    "no rows": (lambda: replace(evidence(), rows=evidence().rows.clear()), CHALLENGER, "keep", "no out-of-time rows"),
    "one cohort in a break": (
        lambda: changed(evidence(), is_break=pl.col("as_of") == worlds.SEPTEMBER),
        CHALLENGER,
        "promote",
        "2025-09-01 meets a planned break",
    ),
    "all cohorts in a break": (
        lambda: changed(evidence(), is_break=pl.lit(True)),
        CHALLENGER,
        "keep",
        "every out-of-time cohort",
    ),
    "bad mean": (lambda: changed(evidence(), prob=shifted(0.8)), CHALLENGER, "keep", "not calibrated: calibration in"),
    "scores have moved": (lambda: replace(evidence(), psi_scores=0.31), CHALLENGER, "keep", "not stable"),
    "worse in one stage": (
        lambda: worse_in("turista"),
        CHALLENGER,
        "keep",
        "worse than the champion in slice stage turista",
    ),
    "no better than the stage rule": (
        lambda: changed(evidence(), prob=pl.col("rule_prob"), champion_prob=pl.col("rule_prob") * 0.999),
        CHALLENGER,
        "keep",
        "not shown to be better than the stage rule",
    ),
    "trained for a past date": (
        lambda: evidence(3, 1),
        replace(CHALLENGER, as_of=date(2025, 6, 1)),
        "keep",
        "version 4 was trained for 2025-06-01, the champion for 2025-10-01: older data",
    ),
    "a refitted champion": (
        lambda: replace(evidence(), champion_note="version 3 was refitted"),
        CHALLENGER,
        "promote",
        "version 3 was refitted",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_case_ends_as_it_should(case: str) -> None:
    found, challenger, action, words = CASES[case]
    decision = decide(found(), challenger, CHAMPION, worlds.program())
    assert (decision.action, words in decision.reason) == (action, True), decision.reason
    _is_readable(decision)


def _is_readable(decision: Decision) -> None:
    assert decision.reason.startswith("Version ")
    assert decision.reason.count(". ") == 0
    assert "nan" not in decision.reason
    assert "None" not in decision.reason
    assert len(decision.reason) < 500


class TestFirstChampion:
    def test_the_stage_rule_is_promoted(self) -> None:
        decision = decide(evidence(), Model("1", kind="stage_rule"), None, worlds.program())
        assert (decision.action, decision.rule, decision.from_version) == ("promote", "first", None)

    def test_nothing_else_is(self) -> None:
        decision = decide(evidence(), CHALLENGER, None, worlds.program())
        assert decision.action == "keep"
        assert "first champion is the stage rule" in decision.reason

    def test_a_model_has_to_beat_it(self) -> None:
        rule = Model("1", kind="stage_rule", digest="r", recipe_digest="stage_rule")
        better = changed(evidence(), champion_prob=pl.col("rule_prob"))
        assert decide(better, CHALLENGER, rule, worlds.program()).action == "promote"


class TestRollback:
    def test_a_version_that_was_rolled_back_stays_back(self) -> None:
        decision = decide(evidence(3, 1), CHALLENGER, CHAMPION, worlds.program(), ROLLED_BACK)
        assert decision.action == "keep"
        assert "rolled back on 2025-09-02 (too many complaints)" in decision.reason

    def test_so_does_the_same_model_under_another_number(self) -> None:
        again = replace(CHALLENGER, version="9", fingerprint="other")
        assert decide(evidence(3, 1), again, CHAMPION, worlds.program(), ROLLED_BACK).action == "keep"

    def test_another_training_may_replace_the_champion(self) -> None:
        other = Model("5", digest="e" * 64)
        assert decide(evidence(3, 1), other, CHAMPION, worlds.program(), ROLLED_BACK).action == "promote"


class TestGates:
    def gates(self, found: Evidence, program: Program | None = None) -> dict[str, Gate]:
        decision = decide(found, CHALLENGER, CHAMPION, program or worlds.program())
        return {gate.name: gate for gate in decision.gates}

    def test_a_small_slice_is_reported_and_not_gated(self) -> None:
        few = (
            pl.when(pl.col("stage") != "turista")
            .then("stage")
            .otherwise(pl.when(pl.int_range(pl.len()).over("stage") < 40).then("stage").otherwise(pl.lit("curioso")))
        )
        gates = self.gates(changed(worse_in("turista"), stage=few))
        assert gates["slice stage turista"].outcome == "info"
        assert "too few to judge" in gates["slice stage turista"].note

    def test_an_input_that_moved_only_warns(self) -> None:
        moved = pl.DataFrame({"feature": ["recency_days", "age_days"], "psi": [0.4, 0.9], "warns": [True, False]})
        found = replace(evidence(), psi_inputs=moved)
        assert self.gates(found)["PSI of recency_days"].outcome == "warn"
        assert "PSI of age_days" not in self.gates(found)
        assert decide(found, CHALLENGER, CHAMPION, worlds.program()).action == "promote"

    def test_the_calibration_tolerance_is_the_programs(self) -> None:
        found = changed(evidence(), prob=shifted(0.25))
        strict = worlds.program(calibration_intercept_tolerance=0.0)
        loose = worlds.program(calibration_intercept_tolerance=0.3)
        assert self.gates(found, strict)["calibration intercept"].outcome == "fail"
        assert self.gates(found, loose)["calibration intercept"].outcome == "pass"

    def test_a_bad_month_is_not_held_against_a_model_where_months_differ(self) -> None:
        found = changed(evidence(), prob=shifted(0.4))
        apart = replace(found, spread=CohortSpread(0.0, 0.3, 7))
        assert self.gates(found)["calibration intercept"].outcome == "fail"
        assert self.gates(apart)["calibration intercept"].outcome == "pass"

    def test_a_month_that_moved_everyone_only_warns(self) -> None:
        """Where the champion is at least as far off on the same rows, keeping it would mend nothing."""
        found = changed(evidence(), prob=shifted(0.4))
        worse = changed(found, champion_prob=shifted(0.6))
        gate = self.gates(worse)["calibration intercept"]
        assert gate.outcome == "warn"
        assert "the champion has" in gate.note
        assert self.gates(found)["calibration intercept"].outcome == "fail"

    def test_a_slice_may_lose_as_much_as_the_margin(self) -> None:
        found = worse_in("turista")
        assert self.gates(found)["slice stage turista"].outcome == "fail"
        loose = worlds.program(slice_margin=0.5)
        assert self.gates(found, loose)["slice stage turista"].outcome == "pass"

    def test_the_gates_are_a_table(self) -> None:
        decision = decide(evidence(), CHALLENGER, CHAMPION, worlds.program())
        assert decision.gate_table().height == len(decision.gates)
        assert set(decision.gate_table()["outcome"]) <= {"pass", "fail", "warn", "info"}

    def test_the_ledger_gets_plain_numbers(self) -> None:
        decision = decide(evidence(), CHALLENGER, CHAMPION, worlds.program())
        assert decision.metrics is not None
        assert decision.metrics["challenger"]["auc"] > decision.metrics["champion"]["auc"]
        assert decision.metrics["cohorts"] == ["2025-07-01", "2025-08-01", "2025-09-01"]


class TestEconomics:
    """Where the program knows what an action earns, a new recipe has to earn more."""

    def program(self, benefit: float) -> Program:
        fields = worlds.program().model_dump()
        return Program.model_validate({**fields, "economics": {"benefit": benefit, "cost": 10.0}})

    def test_more_profit_is_promoted(self) -> None:
        decision = decide(evidence(3, 0), NEW_RECIPE, CHAMPION, self.program(20.0))
        assert decision.action == "promote"
        assert "profit for each customer +" in decision.reason

    def test_the_same_recipe_on_newer_data_is_promoted_unless_it_is_shown_to_earn_less(self) -> None:
        decision = decide(jitter(), CHALLENGER, CHAMPION, self.program(20.0))
        (gate,) = [gate for gate in decision.gates if gate.name == "profit against the champion"]
        assert (decision.action, gate.outcome, gate.limit) == ("promote", "pass", "high >= 0")

    def test_the_same_recipe_that_ranks_as_well_and_earns_less_is_not(self) -> None:
        # With a treatment that pays above .5, log odds that are too low treat too few; the ranking stays as it is.
        shy = changed(evidence(3, 3), prob=shifted(-2.0))
        decision = decide(shy, CHALLENGER, CHAMPION, self.program(10.0))
        (gate,) = [gate for gate in decision.gates if gate.name == "profit against the champion"]
        assert (decision.action, gate.outcome) == ("keep", "fail")
        assert "is earning less than the champion: profit for each customer -" in decision.reason

    def test_better_ranking_that_earns_nothing_is_not(self) -> None:
        decision = decide(evidence(3, 1), NEW_RECIPE, CHAMPION, self.program(100_000.0))
        assert decision.action == "keep"
        assert "profit" in decision.reason


@settings(deadline=None)
@given(margin=st.floats(0.0, 0.2), seed=st.integers(0, 5), challenger=st.integers(1, 4))
def test_a_wider_margin_never_turns_a_promotion_into_a_refusal(margin: float, seed: int, challenger: int) -> None:
    found = evidence(challenger, 2, customers=60, seed=seed)
    narrow, wide = (
        decide(found, CHALLENGER, CHAMPION, worlds.program(bootstrap=50, non_inferiority_margin=size))
        for size in (margin, margin + 0.1)
    )
    if narrow.action == "promote":
        assert wide.action == "promote"


def test_a_decision_is_the_same_each_time() -> None:
    first, second = (decide(evidence(), CHALLENGER, CHAMPION, worlds.program()) for _ in range(2))
    assert first == second


def test_the_dates_of_the_cohorts_are_in_the_reason() -> None:
    reason = decide(evidence(), CHALLENGER, CHAMPION, worlds.program()).reason
    assert all(str(day) in reason for day in (date(2025, 7, 1), date(2025, 8, 1), date(2025, 9, 1)))
