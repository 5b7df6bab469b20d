"""Scores: a row for every customer, probabilities in the population, reasons for whom they are wanted."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from fiel.errors import SchemaError
from fiel.models.loaded import LoadedModel
from fiel.models.reasons import REASONS
from fiel.models.scoring import add_reasons, grantable, score
from fiel.models.stage_rule import StageRule
from fiel.program import Program
from fiel.tables import TABLES
from tests.models import worlds
from tests.models.snapshots import made_up_snapshot
from tests.models.test_reasons import model_on

PROGRAM = worlds.program()
FEATURES = ("stage", "active_days_d28", "recency_days", "course_share_sql_2025")
VERSIONS = {"feat_snapshot": 7, "core_events": 3}


@pytest.fixture(scope="module")
def snapshot() -> pl.DataFrame:
    return made_up_snapshot(500, worlds.SEPTEMBER, PROGRAM)


@pytest.fixture(scope="module")
def model(snapshot: pl.DataFrame) -> LoadedModel:
    return model_on(snapshot, FEATURES)


@pytest.fixture(scope="module")
def scores(snapshot: pl.DataFrame, model: LoadedModel) -> pl.DataFrame:
    return score(snapshot, model, PROGRAM, table_versions=VERSIONS)


def with_target(**fields: object) -> Program:
    target = {**PROGRAM.target.model_dump(), **fields}
    return Program.model_validate({**PROGRAM.model_dump(), "target": target})


def with_policy(**fields: object) -> Program:
    policy = {**PROGRAM.incentive.model_dump(), **fields}
    return Program.model_validate({**PROGRAM.model_dump(), "incentive": policy})


def with_value_policy(**fields: object) -> Program:
    policy = {
        "by": "value_at_stake",
        "value_buckets": [
            {"product": "a", "from_value": 100, "to_value": 200, "points": 5},
            {"product": "b", "from_value": 200, "points": 10},
        ],
    }
    content = PROGRAM.model_dump() | {"incentive": policy | fields, "purchases": {"horizons_days": [28]}}
    content["features"]["groups"] = (*content["features"]["groups"], "purchase")
    return Program.model_validate(content)


def test_every_customer_of_the_snapshot_has_one_row(scores: pl.DataFrame, snapshot: pl.DataFrame) -> None:
    TABLES["out_scores"].check(scores.schema)
    assert scores["customer_id"].to_list() == sorted(snapshot["customer_id"])
    carried = ["customer_id", "stage", "next_stage", "next_stage_date", "value_cluster", "in_population"]
    assert scores.select(carried).equals(snapshot.select(carried).sort("customer_id"))


def test_the_probabilities_are_the_models(scores: pl.DataFrame, snapshot: pl.DataFrame, model: LoadedModel) -> None:
    population = snapshot.filter("in_population").sort("customer_id")
    found = scores.filter("in_population")["prob"].to_numpy()
    assert np.array_equal(found, model.predict(population))


def test_outside_the_population_there_is_no_probability_and_no_reason(scores: pl.DataFrame) -> None:
    outside = scores.filter(~pl.col("in_population"))
    assert outside.height > 100
    empty = outside.select("prob", "gain_prob", "loss_prob", *REASONS)
    assert empty.null_count().row(0) == (outside.height,) * 6


def test_gain_is_for_those_who_are_not_fiel_and_loss_for_those_who_are(scores: pl.DataFrame) -> None:
    inside = scores.filter("in_population")
    fiel, others = inside.filter(pl.col("stage") == "fiel"), inside.filter(pl.col("stage") != "fiel")
    assert fiel["gain_prob"].null_count() == fiel.height > 0
    assert np.allclose(fiel["loss_prob"], 1 - fiel["prob"])
    assert others["loss_prob"].null_count() == others.height > 0
    assert others["gain_prob"].equals(others["prob"], check_names=False)


def test_for_an_active_target_now_means_active_within_the_last_horizon(
    snapshot: pl.DataFrame, model: LoadedModel
) -> None:
    program = with_target(kind="active")
    joined = score(snapshot, model, program, table_versions={}, reasons_for="none").join(
        snapshot.select("customer_id", "recency_days"), on="customer_id"
    )
    inside = joined.filter("in_population")
    assert inside.filter(pl.col("recency_days") <= 28)["gain_prob"].is_null().all()
    assert inside.filter(pl.col("recency_days") > 28)["loss_prob"].is_null().all()
    assert inside.filter(pl.col("recency_days") > 28).height > 0


def test_model_and_table_versions_are_in_every_row(scores: pl.DataFrame, model: LoadedModel) -> None:
    assert scores["model_version"].unique().to_list() == ["3"]
    assert scores["model_digest"].unique().to_list() == [model.digest]
    assert [json.loads(text) for text in scores["table_versions"].unique()] == [VERSIONS]


def test_a_purchase_counts_from_the_last_one_that_stands(snapshot: pl.DataFrame, model: LoadedModel) -> None:
    days = pl.when(pl.col("recency_days") > 20).then("recency_days")  # those who came since took it back
    joined = score(
        snapshot.with_columns(days_since_last=days), model, with_target(kind="purchase"), table_versions={}
    ).join(snapshot.select("customer_id", "recency_days"), on="customer_id")
    inside = joined.filter("in_population")
    stays = inside.filter(pl.col("recency_days").is_between(21, 28))
    assert stays.height > 0
    assert stays["loss_prob"].null_count() == 0
    assert inside.filter(~pl.col("recency_days").is_between(21, 28))["gain_prob"].null_count() == 0


class TestValueAtStake:
    def test_it_is_what_a_customer_who_stays_away_would_cost(self, snapshot: pl.DataFrame, model: LoadedModel) -> None:
        worth = snapshot.select("customer_id", value="value_if_alive_d28")
        found = score(snapshot, model, PROGRAM, table_versions={}).join(worth, on="customer_id")
        inside, outside = found.filter("in_population"), found.filter(~pl.col("in_population"))
        expected = (1 - inside["prob"].to_numpy()) * inside["value"].to_numpy()
        assert np.array_equal(inside["value_at_stake"].to_numpy(), expected)
        assert outside["value_at_stake"].null_count() == outside.height > 0

    def test_it_is_empty_where_the_purchase_model_knows_nothing(
        self, snapshot: pl.DataFrame, model: LoadedModel
    ) -> None:
        unknown = snapshot.with_columns(value_if_alive_d28=pl.lit(None, pl.Float64))
        assert score(unknown, model, PROGRAM, table_versions={})["value_at_stake"].is_null().all()

    def test_it_is_that_of_the_targets_horizon(self, snapshot: pl.DataFrame, model: LoadedModel) -> None:
        other = snapshot.rename({"value_if_alive_d28": "value_if_alive_d90"})
        assert score(other, model, PROGRAM, table_versions={})["value_at_stake"].is_null().all()

    def test_who_could_be_granted_is_decided_by_it_within_the_range_of_scores(self) -> None:
        program = with_value_policy(from_prob=0.2, to_prob=0.6)
        frame = pl.DataFrame(
            {
                "customer_id": ["c0", "c1", "c2", "c3", "c4", "c5"],
                "stage": ["fiel"] * 6,
                "prob": [0.2, 0.1999, 0.6, 0.5, 0.5, 0.5],
                "value_at_stake": [100.0, 100.0, 100.0, 99.0, 1e9, None],
            }
        )
        found = frame.select(found=grantable(program))["found"].to_list()
        assert found == [True, False, False, False, True, False]


class TestReasons:
    def test_by_default_those_who_could_be_granted_have_them(self, scores: pl.DataFrame) -> None:
        could = (pl.col("prob") >= 0.5).fill_null(False)
        assert scores.filter(could).height > 10
        assert scores.filter(could)["reason_1"].null_count() == 0
        assert scores.filter(~could)["reason_1"].is_null().all()

    def test_on_request_the_whole_population_has_them(self, snapshot: pl.DataFrame, model: LoadedModel) -> None:
        found = score(snapshot, model, PROGRAM, table_versions={}, reasons_for="all")
        assert found["reason_1"].is_not_null().equals(found["in_population"], check_names=False)

    def test_or_nobody(self, snapshot: pl.DataFrame, model: LoadedModel) -> None:
        found = score(snapshot, model, PROGRAM, table_versions={}, reasons_for="none")
        assert found["reason_1"].is_null().all()

    def test_others_can_be_added_later(self, scores: pl.DataFrame, snapshot: pl.DataFrame, model: LoadedModel) -> None:
        low = scores.filter(pl.col("prob") < 0.5)["customer_id"].head(3)
        outside = scores.filter(~pl.col("in_population"))["customer_id"].head(1)
        found = add_reasons(scores, snapshot, model, PROGRAM, pl.concat([low, outside]))
        added = found.filter(pl.col("customer_id").is_in(low.implode()))
        assert added["reason_1"].null_count() == 0
        rest = ~pl.col("customer_id").is_in(low.implode())
        assert found.filter(rest).equals(scores.filter(rest))

    @pytest.mark.parametrize(
        ("program", "granted"),
        [
            (PROGRAM, [False, False, True, True, False]),
            (with_policy(penalties=True), [True, True, True, True, False]),
            (with_policy(exclude_customers=("c3",)), [False, False, True, False, False]),
            (with_policy(exclude_stages=("fiel",)), [False, False, False, True, False]),
            (with_policy(buckets=()), [False] * 5),
        ],
    )
    def test_who_could_be_granted(self, program: Program, granted: list[bool]) -> None:
        frame = pl.DataFrame(
            {
                "customer_id": ["c0", "c1", "c2", "c3", "c4"],
                "stage": ["turista", "fiel", "fiel", "turista", "turista"],
                "prob": [0.1, 0.4999, 0.5, 1.0, None],
            }
        )
        assert frame.select(found=grantable(program))["found"].to_list() == granted


class TestColumns:
    def test_a_course_that_the_snapshot_lacks_counts_as_empty_and_is_counted(
        self, snapshot: pl.DataFrame, model: LoadedModel, caplog: pytest.LogCaptureFixture
    ) -> None:
        without = score(snapshot.drop("course_share_sql_2025"), model, PROGRAM, table_versions={})
        empty = snapshot.with_columns(course_share_sql_2025=pl.lit(None, pl.Float64))
        assert without.equals(score(empty, model, PROGRAM, table_versions={}))
        assert "1 columns of model version 3 are not in the snapshot" in caplog.text

    def test_a_column_that_the_model_does_not_know_changes_nothing(
        self, snapshot: pl.DataFrame, model: LoadedModel, scores: pl.DataFrame
    ) -> None:
        wider = snapshot.with_columns(course_share_new=pl.lit(0.5))
        assert score(wider, model, PROGRAM, table_versions=VERSIONS).equals(scores)

    def test_any_other_missing_column_is_refused_by_name(self, snapshot: pl.DataFrame, model: LoadedModel) -> None:
        with pytest.raises(SchemaError, match=r"model version 3 was trained with .* lacks: active_days_d28, recency"):
            score(snapshot.drop("active_days_d28", "recency_days"), model, PROGRAM, table_versions={})

    def test_a_snapshot_without_stages_is_refused(self, snapshot: pl.DataFrame, model: LoadedModel) -> None:
        with pytest.raises(SchemaError, match="lacks the columns stage, next_stage"):
            score(snapshot.drop("stage", "next_stage"), model, PROGRAM, table_versions={})


def test_the_stage_rule_scores_too(snapshot: pl.DataFrame) -> None:
    rule = StageRule({"fiel": 0.7, "turista": 0.2}, {"fiel": 9, "turista": 9}, 0.4)
    found = score(snapshot, LoadedModel("1", "stage_rule", "d", rule, ("stage",)), PROGRAM, table_versions={})
    assert found.filter(pl.col("stage") == "fiel")["prob"].unique().to_list() == [0.7]
    assert found.filter(pl.col("stage") == "fiel")["reason_1"].str.starts_with("the stage is fiel: 70%").all()


def test_nobody_in_the_population_is_no_error(snapshot: pl.DataFrame, model: LoadedModel) -> None:
    empty = snapshot.with_columns(in_population=pl.lit(False))
    assert score(empty, model, PROGRAM, table_versions={})["prob"].is_null().all()


def test_scoring_is_the_same_each_time_and_in_any_order(
    snapshot: pl.DataFrame, model: LoadedModel, scores: pl.DataFrame
) -> None:
    shuffled = snapshot.sample(fraction=1, shuffle=True, seed=3)
    assert score(shuffled, model, PROGRAM, table_versions=VERSIONS).equals(scores)


def test_the_scores_keep_the_as_of_of_the_snapshot(scores: pl.DataFrame) -> None:
    assert scores["as_of"].unique().to_list() == [worlds.SEPTEMBER]
    assert (scores["next_stage_date"].drop_nulls() == worlds.SEPTEMBER + timedelta(days=3)).all()
