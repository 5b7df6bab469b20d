"""Ensemble, embedding, drawn negatives and random split through training, registry, reasons and promotion."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sklearn_metrics

from fiel.models import classifier, search
from fiel.models.alternatives import on_random_split
from fiel.models.comparison import evidence
from fiel.models.loaded import LoadedModel
from fiel.models.reasons import reasons
from fiel.models.record import as_training, evaluation_file, read_evaluation, training_fingerprint
from fiel.models.registry import Registry
from fiel.models.retraining import Learned, procedure_digest, refit, train, training_rows
from fiel.program import Program
from tests.models import frames, latent

WHOLE = {
    "ensemble": {"members": 3, "share": 0.5},
    "embedding": {"size": 2, "hidden": 4, "epochs": 3},
    "negatives_kept": 0.7,
    "random_split": True,
}
RULES = frames.program(training=WHOLE)
SPLIT = frames.split(RULES)
SNAPSHOTS, LABELS = latent.snapshots(80)
ROWS = training_rows(SNAPSHOTS, LABELS, SPLIT, RULES)
VALID, OOT = (ROWS.filter(pl.col("as_of").is_in(dates)) for dates in (SPLIT.valid, SPLIT.oot))


def learned(snapshots: pl.DataFrame = SNAPSHOTS, labels: pl.DataFrame = LABELS, rules: Program = RULES) -> Learned:
    """A training in which every embedding and ensemble helps, so that everything is in the model."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "helps", lambda row: True)
        return train(snapshots, labels, rules, split=frames.split(rules), features=latent.FEATURES)


@pytest.fixture(scope="module")
def once() -> Learned:
    return learned()


def logged(once: Learned, registry: Registry) -> LoadedModel:
    training = as_training(
        once,
        fingerprint="f" * 16,
        as_of=frames.TODAY,
        known_through=frames.TODAY,
        table_versions={"feat_snapshot": 1},
        example=SNAPSHOTS.head(5),
        files={},
    )
    return registry.load(registry.log_training(training).version)


def test_all_of_it_is_in_one_model(once: Learned) -> None:
    assert once.recipe.words == "ensemble of 3"
    assert once.recipe.embedding is not None
    assert once.recipe.negatives_kept == 0.7
    assert once.model.feature_names_[-2:] == ["embedding_1", "embedding_2"]
    assert set(once.psi_inputs["feature"]) == set(once.recipe.inputs)
    assert set(once.importances["feature"]) == set(once.recipe.features)


def test_training_twice_gives_equal_bytes_and_equal_tables(once: Learned) -> None:
    again = learned(SNAPSHOTS.sample(fraction=1, shuffle=True, seed=1))
    assert again.model_bytes == once.model_bytes
    assert evaluation_file(again) == evaluation_file(once)


def test_out_of_time_labels_are_read_only_to_judge(once: Learned) -> None:
    within = pl.col("as_of").is_in(SPLIT.oot)
    turned = LABELS.with_columns(
        label=pl.when(within).then(1 - pl.col("label")).otherwise(pl.col("label")).cast(pl.Int8)
    )
    other = learned(labels=turned)
    assert other.digest == once.digest
    assert other.search.ablation.equals(once.search.ablation)
    thresholds = (found.alternatives.table.filter(~pl.col("is_optimistic"))["f1_threshold"] for found in (once, other))
    assert next(thresholds).equals(next(thresholds))


def test_the_artifact_can_be_rebuilt_from_its_stored_recipe(once: Learned) -> None:
    stored = json.loads(json.dumps(once.recipe_json()))
    rows = ROWS.filter(pl.col("as_of").is_in(once.trained_as_of))
    assert classifier.model_digest(refit(stored, rows)) == once.digest


def test_drawn_negatives_leave_the_probabilities_as_they_are(once: Learned) -> None:
    oot = once.predictions.filter(pl.col("split") == "oot")
    assert oot["prob"].mean() == pytest.approx(oot["label"].mean(), abs=0.08)


def test_it_comes_back_from_the_registry_and_says_why(once: Learned, registry: Registry) -> None:
    loaded = logged(once, registry)
    assert loaded.digest == once.digest
    assert loaded.inputs == tuple(latent.FEATURES)
    assert loaded.features[-2:] == ("embedding_1", "embedding_2")
    oot = once.predictions.filter(pl.col("split") == "oot")
    assert np.array_equal(loaded.predict(OOT), oot["prob"].to_numpy())
    told = reasons(OOT, loaded, RULES)
    assert told["reason_1"].null_count() == 0
    every = pl.concat([told[name] for name in told.columns]).drop_nulls()
    assert every.str.starts_with("the pattern of all figures together").any()
    content = registry.run_file(registry.find("f" * 16).run_id, "tables/ablation.csv")  # type: ignore[union-attr]
    assert pl.read_csv(content)["what"].unique().sort().to_list() == ["calendar", "embedding", "ensemble"]


def test_it_is_compared_for_promotion_as_any_model_is(once: Learned, registry: Registry) -> None:
    loaded = logged(once, registry)
    found = evidence(SNAPSHOTS, LABELS, loaded, None, RULES)
    assert np.array_equal(found.rows["prob"].to_numpy(), loaded.predict(OOT))
    assert found.psi_inputs is not None
    assert set(found.psi_inputs["feature"]) == set(latent.FEATURES)


def test_a_champion_that_has_seen_too_much_is_refitted_with_all_of_it(once: Learned, registry: Registry) -> None:
    loaded = logged(once, registry)
    seen = LoadedModel(**{**loaded.__dict__, "trained_as_of": (*loaded.trained_as_of, *SPLIT.oot)})
    found = evidence(SNAPSHOTS, LABELS, loaded, seen, RULES)
    assert "refitted" in (found.champion_note or "")
    assert np.array_equal(found.rows["champion_prob"].to_numpy(), found.rows["prob"].to_numpy())


def test_the_models_stand_side_by_side_out_of_time(once: Learned) -> None:
    table = once.alternatives.table
    assert table.select("model", "judged_on", "is_registered", "is_optimistic").rows() == [
        ("ensemble of 3", "out of time", True, False),
        ("single model", "out of time", False, False),
        ("ensemble of 3", "random split", False, True),
    ]
    ours = table.row(0, named=True)
    labels, probs = OOT["label"].to_numpy(), classifier.predict(once.model, OOT)
    assert ours["rows"] == OOT.height
    assert ours["auc"] == pytest.approx(sklearn_metrics.roc_auc_score(labels, probs))
    assert ours["average_precision"] == pytest.approx(sklearn_metrics.average_precision_score(labels, probs))
    assert ours["f1"] == pytest.approx(sklearn_metrics.f1_score(labels, probs >= ours["f1_threshold"]))
    assert ours["auc_low"] < ours["auc"] < ours["auc_high"]


def test_the_threshold_of_f1_is_the_best_one_on_validation(once: Learned) -> None:
    valid = once.predictions.filter(pl.col("split") == "valid")
    labels, probs = valid["label"].to_numpy(), valid["prob"].to_numpy()
    scores = {value: sklearn_metrics.f1_score(labels, probs >= value) for value in np.unique(probs)}
    assert scores[once.alternatives.table["f1_threshold"][0]] == pytest.approx(max(scores.values()))


def test_differences_are_the_registered_model_minus_the_other(once: Learned) -> None:
    found = {row["metric"]: row for row in once.alternatives.differences.to_dicts()}
    ours, theirs = once.alternatives.table.head(2).to_dicts()
    assert set(found) == {"auc", "log_loss"}
    for metric, row in found.items():
        assert row["against"] == "single model"
        assert row["value"] == pytest.approx(ours[metric] - theirs[metric])
        assert row["low"] <= row["value"] <= row["high"]


def test_a_random_split_flatters_what_knows_the_customers() -> None:
    """Outcomes that are a customer's own: over a random split the same customers stand on both sides."""
    own = pl.col("customer_id").hash(seed=1) % 2
    rows = ROWS.with_columns(label=own.cast(pl.Int8), value_net_d1=pl.col("customer_id").rank("dense"))
    recipe = classifier.base_recipe(
        ["value_net_d1"], rows.schema, frames.program(training={"iterations": 400}).training
    )
    (row,) = on_random_split(recipe.with_params({"depth": 6, "learning_rate": 0.3}), rows, RULES).to_dicts()
    assert row["is_optimistic"]
    assert row["auc"] > 0.8
    strangers = rows.filter(pl.col("customer_id") >= "c00040"), rows.filter(pl.col("customer_id") < "c00040")
    model = classifier.fit(recipe, strangers[0])
    honest = sklearn_metrics.roc_auc_score(strangers[1]["label"], classifier.predict(model, strangers[1]))
    assert row["auc"] > honest + 0.2


def test_a_random_split_of_one_class_is_not_judged() -> None:
    lonely = ROWS.with_columns(label=(pl.int_range(pl.len()) == 3).cast(pl.Int8))
    recipe = classifier.base_recipe(["value_net_d1"], ROWS.schema, RULES.training)
    assert on_random_split(recipe, lonely, RULES).is_empty()


def test_a_program_that_asks_for_none_of_it_has_none_of_it() -> None:
    plain = frames.program()
    found = train(SNAPSHOTS, LABELS, plain, split=SPLIT, features=latent.FEATURES)
    assert found.alternatives.table.is_empty()
    assert set(read_evaluation(evaluation_file(found))) & {"alternatives", "alternative_differences"} == set()


@pytest.mark.parametrize(
    ("training", "is_same_procedure", "is_same_training"),
    [
        ({"random_split": True}, True, False),
        ({"ensemble": {"members": 3}}, False, False),
        ({"embedding": {"size": 3}}, False, False),
        ({"negatives_kept": 0.5}, False, False),
        ({"negatives_kept": 1.0, "ensemble": None}, True, True),
    ],
)
def test_what_is_asked_for_decides_what_counts_as_the_same(
    training: dict[str, object], is_same_procedure: bool, is_same_training: bool
) -> None:
    plain, asked = frames.program(), frames.program(training=training)
    assert (procedure_digest(plain) == procedure_digest(asked)) is is_same_procedure
    days = [date(2025, 1, 1)]
    prints = [training_fingerprint(program, "inputs", days) for program in (plain, asked)]
    assert (prints[0] == prints[1]) is is_same_training
