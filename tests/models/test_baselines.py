"""The purchase model as a baseline: where it comes from, how it is measured, and whom it stops."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from fiel.models.baselines import purchase_column, with_purchase_prob
from fiel.models.comparison import Evidence, evidence
from fiel.models.decision import Decision, decide
from fiel.models.evaluation import evaluate
from fiel.models.loaded import LoadedModel
from fiel.models.record import as_training, evaluation_file
from fiel.models.retraining import Learned, procedure_digest, train
from fiel.program import Program
from tests.models import frames, test_decision, test_evaluation, worlds
from tests.models.test_decision import CHALLENGER, CHAMPION, NEW_RECIPE, changed

PURCHASES = {"name": "back", "kind": "active", "horizon_days": 28}


def program(**target: object) -> Program:
    return frames.program(target=PURCHASES | target)


def with_column(share_empty: float = 0.0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Made-up snapshots whose labels the purchase model nearly knows; some customers have no purchase that stands."""
    rows, labels = frames.snapshots()
    rng = np.random.default_rng(4)
    known = rows.join(labels, on=["customer_id", "as_of"], maintain_order="left")["label"].to_numpy()
    prob = np.clip(0.3 + 0.4 * known + rng.normal(0, 0.1, len(known)), 0, 1)
    empty = rng.random(len(known)) < share_empty
    return rows.with_columns(purchase_prob_d28=pl.Series(np.where(empty, np.nan, prob)).fill_nan(None)), labels


# --------------------------------------------------------------------------------------------------- which column


def test_the_column_is_that_of_the_targets_horizon() -> None:
    columns = ["stage", "purchase_prob_d28", "purchase_prob_d90"]
    assert purchase_column(program(), columns) == "purchase_prob_d28"
    assert purchase_column(program(kind="purchase", horizon_days=90), columns) == "purchase_prob_d90"
    assert purchase_column(program(horizon_days=30), columns) is None


def test_being_in_a_stage_is_another_question_than_a_purchase() -> None:
    assert purchase_column(frames.program(), ["purchase_prob_d28"]) is None


def test_customers_without_a_purchase_that_stands_have_the_base_rate() -> None:
    rows = pl.DataFrame({"purchase_prob_d28": [0.0, None, 1.0]})
    assert with_purchase_prob(rows, rows, program(), 0.25)["purchase_prob"].to_list() == [0.0, 0.25, 1.0]


def test_rows_without_the_column_stay_as_they_are() -> None:
    rows = pl.DataFrame({"stage": ["fiel"]})
    assert with_purchase_prob(rows, rows, program(), 0.25).equals(rows)


# ------------------------------------------------------------------------------------------------------- measures


@pytest.fixture(scope="module")
def learned() -> Learned:
    snapshots, labels = with_column(share_empty=0.2)
    rules = program()
    return train(snapshots, labels, rules, split=frames.split(rules), features=frames.FEATURES)


def test_a_training_measures_the_purchase_model_beside_the_two_others(learned: Learned) -> None:
    found = learned.evaluation
    models = ["catboost", "stage_rule", "purchase_model"]
    assert found.metrics.filter(split="oot")["model"].to_list() == models
    assert found.cohorts["model"].unique(maintain_order=True).to_list() == models
    assert found.slices["model"].unique(maintain_order=True).to_list() == models
    assert found.reliability["model"].unique(maintain_order=True).to_list() == models
    planted, ours = found.value("oot", "auc", "purchase_model"), found.value("oot", "auc")
    assert planted is not None
    assert ours is not None
    assert planted > ours
    assert found.purchase_comparison is not None
    assert found.purchase_comparison.auc is not None
    assert found.purchase_comparison.auc.estimate == pytest.approx(ours - planted)


def test_the_base_rate_of_empty_ones_is_that_of_the_rows_that_were_learned_from(learned: Learned) -> None:
    snapshots, _ = with_column(share_empty=0.2)
    empty = snapshots.filter(pl.col("purchase_prob_d28").is_null()).select("customer_id", "as_of")
    found = learned.predictions.join(empty, on=["customer_id", "as_of"], how="semi")
    for split, parts in (("train", ["train"]), ("valid", ["train"]), ("oot", ["train", "valid"])):
        seen = learned.predictions.filter(pl.col("split").is_in(parts))["label"]
        rate = (seen.sum() + 1) / (seen.len() + 2)
        assert found.filter(split=split)["purchase_prob"].unique().to_list() == [pytest.approx(rate)]


def test_mlflow_gets_its_measures_and_the_interval_of_the_difference(learned: Learned) -> None:
    day = frames.TODAY
    training = as_training(
        learned, fingerprint="f", as_of=day, known_through=day, table_versions={}, example=pl.DataFrame(), files={}
    )
    metrics = training.metrics
    assert metrics["purchase_model.oot.auc"] == learned.evaluation.value("oot", "auc", "purchase_model")
    low, high = (metrics[f"purchase_model.oot.auc_difference_{bound}"] for bound in ("low", "high"))
    estimate = metrics["purchase_model.oot.auc_difference"]
    assert low is not None
    assert high is not None
    assert estimate is not None
    assert low < estimate < high < 0


def test_a_program_without_the_group_is_measured_as_before() -> None:
    snapshots, labels = with_column()
    rules = program()
    split = frames.split(rules)
    bare = train(snapshots.drop("purchase_prob_d28"), labels, rules, split=split, features=frames.FEATURES)
    stage = train(snapshots, labels, frames.program(), split=split, features=frames.FEATURES)
    assert bare.evaluation.purchase_comparison is None
    assert bare.evaluation.metrics["model"].unique().sort().to_list() == ["catboost", "stage_rule"]
    assert "purchase_prob" not in bare.predictions.columns
    assert evaluation_file(bare) == evaluation_file(stage)
    assert b"purchase" not in evaluation_file(bare)


def test_the_purchase_model_is_not_what_the_classifier_is_calibrated_by(learned: Learned) -> None:
    snapshots, labels = with_column()
    rules = program()
    bare = train(
        snapshots.drop("purchase_prob_d28"), labels, rules, split=frames.split(rules), features=frames.FEATURES
    )
    assert bare.model_bytes == learned.model_bytes


def test_its_rules_make_the_recipe_only_where_the_group_is_used() -> None:
    def digests(*groups: str) -> set[str]:
        features = frames.program().features.model_dump() | {"groups": ("activity", "life_cycle", *groups)}
        fields = [{}, {"purchases": {"time_unit": "weeks"}}]
        return {procedure_digest(frames.program(features=features, **field)) for field in fields}

    assert len(digests()) == 1
    assert len(digests("purchase")) == 2


def test_one_class_is_told_of_all_models() -> None:
    frame = test_evaluation.predictions(label=0).with_columns(purchase_prob=pl.lit(0.5))
    found = evaluate(frame, program())
    assert found.purchase_comparison is not None
    assert found.purchase_comparison.auc is None
    assert found.metrics["note"].str.contains("one class only").all()


# ----------------------------------------------------------------------------------------------------- promotion


def planted(knows: int) -> Decision:
    """A good challenger (it knows three of four traits) against a purchase model that knows the first `knows`."""
    frame, traits = test_decision._population(500, 3)
    found = changed(test_decision.evidence(3, 1), purchase_prob=pl.Series(test_decision.known(frame, traits, knows)))
    return decide(found, NEW_RECIPE, CHAMPION, worlds.program())


def planted_against(found: Evidence, **promotion: object) -> Decision:
    return decide(found, NEW_RECIPE, CHAMPION, worlds.program(**promotion))


def gate(decision: Decision) -> tuple[str, str]:
    (found,) = [gate for gate in decision.gates if gate.name == "AUC against the purchase model"]
    return found.outcome, found.note


def oracle(share: float) -> pl.Expr:
    """A probability that knows the outcome of a share of the rows."""
    knows = pl.int_range(pl.len()).mod(100) < 100 * share
    return pl.when(knows).then(0.01 + 0.98 * pl.col("label")).otherwise(pl.col("prob"))


def test_a_purchase_model_that_knows_less_stops_nobody() -> None:
    decision = planted(1)
    assert decision.action == "promote"
    assert gate(decision)[0] == "pass"
    assert gate(decision)[1].startswith("as good as the purchase model: AUC +0")


def test_a_better_purchase_model_stops_the_promotion() -> None:
    found = changed(test_decision.evidence(3, 1), purchase_prob=oracle(0.5))
    decision = decide(found, NEW_RECIPE, CHAMPION, worlds.program())
    assert decision.action == "keep"
    assert gate(decision)[0] == "fail"
    assert "is not as good as the purchase model: AUC -0" in decision.reason


def test_it_stops_the_first_classifier_too() -> None:
    rule = test_decision.Model("1", kind="stage_rule", digest="r", recipe_digest="stage_rule")
    found = changed(test_decision.evidence(), champion_prob=pl.col("rule_prob"))
    assert decide(found, CHALLENGER, rule, worlds.program()).action == "promote"
    stopped = decide(changed(found, purchase_prob=oracle(0.5)), CHALLENGER, rule, worlds.program())
    assert (stopped.action, gate(stopped)[0]) == ("keep", "fail")


def test_the_estimate_decides_and_the_lower_bound_warns() -> None:
    found = changed(test_decision.evidence(3, 1), purchase_prob=oracle(0.05))
    outcomes = []
    (seen,) = (gate for gate in planted_against(found).gates if gate.name == "AUC against the purchase model")
    assert seen.low is not None
    assert seen.value is not None
    assert seen.low < seen.value < 0
    for margin in (-seen.value - 1e-6, -seen.value + 1e-6, -seen.low - 1e-6, -seen.low + 1e-6):
        outcomes.append(gate(planted_against(found, baseline_margin=margin)))
    assert [outcome for outcome, _ in outcomes] == ["fail", "warn", "warn", "pass"]
    assert [note.split(" the purchase")[0] for _, note in outcomes] == [
        "not as good as",
        "not shown to be as good as",
        "not shown to be as good as",
        "as good as",
    ]


def test_the_margin_is_the_programs() -> None:
    found = changed(test_decision.evidence(3, 1), purchase_prob=oracle(0.5))
    lenient = decide(found, NEW_RECIPE, CHAMPION, worlds.program(baseline_margin=0.5))
    assert gate(lenient)[0] == "pass"


def test_the_ledger_keeps_its_figures_as_plain_json() -> None:
    metrics = planted(1).metrics
    assert metrics is not None
    assert metrics["purchase_model"]["auc"] < metrics["challenger"]["auc"]
    low_to_high = metrics["purchase_model_auc_difference"]
    assert low_to_high[1] < low_to_high[0] < low_to_high[2]
    assert json.loads(json.dumps(metrics)) == metrics


def test_without_a_purchase_model_there_is_no_such_gate() -> None:
    decision = decide(test_decision.evidence(3, 1), NEW_RECIPE, CHAMPION, worlds.program())
    assert not [gate.name for gate in decision.gates if "purchase" in gate.name]
    assert decision.metrics is not None
    assert not [name for name in decision.metrics if "purchase" in name]


def test_the_evidence_holds_the_purchase_models_probability_of_every_row() -> None:
    rules = Program.model_validate(worlds.program().model_dump() | {"target": PURCHASES})
    rows = pl.concat([worlds.rows(as_of_dates=worlds.TRAINED, seed=2), worlds.rows()])
    snapshots = rows.drop("label").with_columns(
        in_population=pl.lit(True),
        purchase_prob_d28=pl.when(pl.col("active_days_d28") > 3).then(pl.col("active_days_d28") / 20),
    )
    training = worlds.training()
    challenger = LoadedModel(
        "1", "catboost", "d", training.model, worlds.RECIPE.features, trained_as_of=worlds.TRAINED, oot_as_of=worlds.OOT
    )
    found = evidence(snapshots, rows.select("customer_id", "as_of", "label"), challenger, None, rules).rows
    trained = rows.filter(pl.col("as_of").is_in(worlds.TRAINED))["label"]
    base = (trained.sum() + 1) / (trained.len() + 2)
    expected = snapshots.filter(pl.col("as_of").is_in(worlds.OOT)).sort("as_of", "customer_id")["purchase_prob_d28"]
    assert found["purchase_prob"].to_list() == pytest.approx(expected.fill_null(base).to_list())
    assert expected.null_count() > 0


def test_a_hair_between_the_two_is_within_the_margin() -> None:
    found = changed(test_decision.evidence(3, 1), purchase_prob=pl.col("prob"))
    decision = decide(found, NEW_RECIPE, CHAMPION, worlds.program())
    assert gate(decision)[0] == "pass"
