"""Reasons are sentences about the customer's own values, one for each topic, strongest first."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.features.snapshot import model_features
from fiel.models.classifier import fit, shap_values
from fiel.models.loaded import LoadedModel
from fiel.models.phrases import PHRASES, phrase_of, sentences
from fiel.models.reasons import REASONS, reasons, topics_of
from fiel.models.recipe import Recipe
from fiel.models.stage_rule import StageRule
from fiel.program import Program, load_program
from fiel.settings import Settings
from tests.models import worlds
from tests.models.snapshots import columns_of, made_up_labels, made_up_snapshot

PROGRAM = worlds.program()


def model_on(frame: pl.DataFrame, features: tuple[str, ...]) -> LoadedModel:
    categorical = tuple(name for name in features if frame.schema[name] == pl.String)
    rows = frame.join(made_up_labels(frame), on=["customer_id", "as_of"])
    recipe = Recipe(features, categorical, (("depth", 3), ("learning_rate", 0.1)), 30, 7, 1)
    return LoadedModel("3", "catboost", "d" * 64, fit(recipe, rows), features, categorical)


@pytest.mark.parametrize("value", [1e300, -3.4e38, float("inf"), float("nan")])
@pytest.mark.parametrize(
    "column", ["x_var3", "active_days_d28", "active_days_share_d28", "value_net_d28", "as_of_weekday"]
)
def test_a_number_that_nobody_means_still_has_a_sentence(column: str, value: float) -> None:
    (said,) = sentences(column, pl.Series([value]), pl.Series([True]), PROGRAM)
    assert said.endswith((" raises it", " raise it"))


@pytest.mark.parametrize(
    ("column", "value", "raises", "sentence"),
    [
        ("active_days_d28", 11, True, "11 active days in the last 28 days raise it"),
        ("active_days_d28", 1, True, "1 active day in the last 28 days raises it"),
        ("active_days_life", 0, False, "0 active days since joining lower it"),
        ("active_days_share_d28", 0.393, True, "being active on 39 % of the last 28 days raises it"),
        ("stage", "turista", False, "being turista now lowers it"),
        ("stage_d28", "fiel", True, "having been fiel 28 days ago raises it"),
        ("stage_d28", "none", True, "being too new for a stage 28 days ago raises it"),
        ("mean_gap_days_life", 3.25, True, "a mean gap of 3.2 days between active days since joining raises it"),
        ("mean_gap_days_d28", None, False, "no gap between active days in the last 28 days lowers it"),
        ("gap_days", None, False, "having one active day only lowers it"),
        ("gap_days", 9, False, "a 9-day gap before the last active day lowers it"),
        ("value_earned_d7", 250, True, "having earned 250 points in the last 7 days raises it"),
        ("value_earned_life", 12_345, True, "having earned 12,345 points since joining raises it"),
        ("transactions_life", 1_204, True, "1,204 events since joining raise it"),
        ("recency_days", 14, False, "14 days since the last active day lower it"),
        ("product_share_lista_de_presenca", 0.5, True, "50 % of the products being Lista de presença raises it"),
        ("course_share_sql_2025", None, False, "the course sql 2025 not being known yet lowers it"),
        ("as_of_weekday", 7, True, "the score being made for a Sunday raises it"),
        ("live_days_d28", 20, True, "20 days with live events among the last 28 raise it"),
        ("years_left", 7.9, True, "having 7.9 years left to the life expectancy raises it"),
        ("operated_ytd", 66, False, "a turnover of 66 points in the year so far lowers it"),
        (
            "operation_sum_mean_q2",
            50,
            True,
            "a mean of 50 points contributed a quarter in the last 2 quarters raises it",
        ),
        ("nonzero_num_op", 0, True, "0 figures of num_op other than 0 raise it"),
        ("some_new_column", 3, True, "some new column of 3 raises it"),
    ],
)
def test_a_value_becomes_a_sentence(column: str, value: object, raises: bool, sentence: str) -> None:
    assert sentences(column, pl.Series([value]), pl.Series([raises]), PROGRAM).to_list() == [sentence]


@pytest.mark.parametrize(
    ("pence", "shown"),
    [
        (0, "0"),
        (5, "0.05"),
        (590, "5.90"),
        (600, "6"),
        (12_345, "123"),
        (385_090, "3,851"),
        (123_456_789, "1,234,568"),
        (-28_001_200, "-280,012"),
    ],
)
def test_amounts_are_shown_in_the_programs_unit_as_people_write_them(pence: int, shown: str) -> None:
    cents = Program.model_validate({**PROGRAM.model_dump(), "value": {"unit": "GBP", "scale": 100}})
    found = sentences("value_earned_d28", pl.Series([pence]), pl.Series([True]), cents)
    assert found.to_list() == [f"having bought for {shown} GBP in the last 28 days raises it"]


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("days_since_last", 1, "1 day since the last purchase raises it"),
        ("days_since_last", None, "having no purchase that was not taken back raises it"),
        ("rfm_segment", "cannot_lose", "belonging to the segment cannot lose raises it"),
        ("revenue_net_d365", -500, "a net -5 GBP of purchases in the last 365 days raises it"),
        ("purchase_alive_prob", 0.77, "a chance of 77 % to be still a customer (purchase model) raises it"),
        ("purchase_prob_d90", 0.5, "a chance of 50 % of a purchase within the next 90 days (purchase model) raises it"),
        ("purchases_expected_d30", 1.23, "an expectation of 1.2 purchase days within the next 30 days raises it"),
        ("lifetime_value_d365", None, "no purchase model raises it"),
    ],
)
def test_purchases_are_said_in_words_of_a_shop(column: str, value: object, sentence: str) -> None:
    shop = load_program("retail", Settings())
    assert sentences(column, pl.Series([value]), pl.Series([True]), shop).to_list() == [sentence]


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("operations_q1", 1, "1 contribution in the last quarter raises it"),
        ("operations_mean_q4", 2.5, "a mean of 2.5 contributions a quarter in the last 4 quarters raises it"),
        ("operations_life", 40, "40 contributions since joining raise it"),
        ("operation_sum_q1", 150_000, "having contributed 1,500 RUB in the last quarter raises it"),
        ("operation_min_q1", None, "no known amount in the last quarter raises it"),
        ("contributed_ytd", 250, "having contributed 2.50 RUB in the year so far raises it"),
        ("season_sin", 0.0, "the quarter of the year raises it"),
        ("gender", -1, "being a woman raises it"),
        ("gender", None, "no gender on file raises it"),
        ("has_phone", False, "not having a phone number on file raises it"),
        ("has_email", True, "having an e-mail address on file raises it"),
        ("payment_type", "2", "the payment type 2 raises it"),
        ("usd_change_q4", -0.12, "a change of -12 % of the USD rate in a year raises it"),
        ("years_left", None, "no known life expectancy raises it"),
        ("embedding_3", -1.25, "the pattern of all figures together raises it"),
        ("x_num_var4", 3.0, "num_var4 being 3 raises it"),
        ("c_factor1", None, "factor1 being unknown raises it"),
    ],
)
def test_accounts_and_anonymous_columns_have_words_too(column: str, value: object, sentence: str) -> None:
    fund = load_program("pension", Settings())
    assert sentences(column, pl.Series([value]), pl.Series([True]), fund).to_list() == [sentence]


def test_anonymous_columns_are_topics_of_their_own() -> None:
    assert list(topics_of(("x_var3", "x_var15", "active_days_d28", "active_days_d7"))) == [
        "var3", "var15", "active days",
    ]  # fmt: skip


def test_every_column_that_a_model_may_use_has_a_phrase() -> None:
    usable = model_features(PROGRAM, list(columns_of(PROGRAM)))
    assert len(usable) > 60
    assert [name for name in usable if phrase_of(name) not in PHRASES] == []


def test_every_phrase_belongs_to_a_column() -> None:
    usable = [*model_features(PROGRAM, list(columns_of(PROGRAM))), "embedding_1"]
    assert [phrase.column for phrase in PHRASES if not any(phrase.match(name) for name in usable)] == []


@settings(deadline=None)
@given(value=st.one_of(st.none(), st.integers(0, 10**9)), raises=st.booleans())
def test_no_value_leaves_a_hole_in_a_sentence(value: int | None, raises: bool) -> None:
    for column, dtype in columns_of(PROGRAM).items():
        if dtype in (pl.Int64, pl.Float64):
            (said,) = sentences(column, pl.Series([value], dtype=dtype), pl.Series([raises]), PROGRAM)
            assert said is not None
            assert "{" not in said
            assert "None" not in said
            assert said.endswith((" it",))


def test_reasons_are_the_strongest_topics_of_the_shap_values() -> None:
    frame = made_up_snapshot(400, worlds.SEPTEMBER, PROGRAM)
    features = ("stage", "active_days_d28", "active_days_share_d28", "recency_days", "value_earned_d28")
    model = model_on(frame, features)
    told = reasons(frame, model, PROGRAM)
    values = shap_values(model.model, frame)
    topics = topics_of(features)
    assert topics["active days"] == [1, 2]
    sums = np.column_stack([values[:, columns].sum(axis=1) for columns in topics.values()])
    strongest = np.array(list(topics))[np.argmax(np.abs(sums), axis=1)]
    direction = sums[np.arange(len(sums)), np.argmax(np.abs(sums), axis=1)] > 0
    said = told["reason_1"].to_list()
    assert set(strongest) >= {"active days", "stage"}
    for row, sentence in enumerate(said):
        assert ("raise" in sentence) == direction[row], sentence
        if strongest[row] == "stage":
            assert sentence.startswith("being ")
        if strongest[row] == "active days":
            assert "active" in sentence


def test_no_topic_is_told_twice() -> None:
    frame = made_up_snapshot(300, worlds.SEPTEMBER, PROGRAM)
    features = tuple(name for name in columns_of(PROGRAM) if name.startswith(("active_days", "value_", "stage")))
    told = reasons(frame, model_on(frame, features), PROGRAM)
    assert told.height == 300
    assert told.filter(pl.any_horizontal(pl.col(REASONS[1:]) == pl.col("reason_1"))).is_empty()


def test_a_feature_without_influence_is_no_reason() -> None:
    frame = made_up_snapshot(300, worlds.SEPTEMBER, PROGRAM)
    told = reasons(frame, model_on(frame, ("active_days_d28",)), PROGRAM)
    assert told["reason_1"].null_count() == 0
    assert told["reason_2"].null_count() == told["reason_3"].null_count() == 300


def test_the_stage_rule_says_what_became_of_the_stage() -> None:
    rule = StageRule({"fiel": 0.712}, {"fiel": 10}, 0.25)
    frame = pl.DataFrame({"stage": ["fiel", "reborn"]})
    told = reasons(frame, LoadedModel("1", "stage_rule", "d", rule, ("stage",)), PROGRAM)
    assert told["reason_1"].to_list() == [
        "the stage is fiel: 71% of such customers were fiel 28 days later",
        "the stage is new to the rule: 25% of all customers were fiel 28 days later",
    ]
    assert told["reason_2"].null_count() == 2


@pytest.mark.parametrize(("kind", "then"), [("active", "were active within"), ("purchase", "bought within")])
def test_the_stage_rule_names_the_outcome_of_the_target(kind: str, then: str) -> None:
    program = PROGRAM.model_copy(update={"target": PROGRAM.target.model_copy(update={"kind": kind})})
    rule = StageRule({"fiel": 0.5}, {"fiel": 10}, 0.25)
    told = reasons(pl.DataFrame({"stage": ["fiel"]}), LoadedModel("1", "stage_rule", "d", rule, ("stage",)), program)
    assert told["reason_1"].item() == f"the stage is fiel: 50% of such customers {then} 28 days"


def test_no_rows_have_no_reasons() -> None:
    frame = made_up_snapshot(20, worlds.SEPTEMBER, PROGRAM)
    assert reasons(frame.clear(), model_on(frame, ("active_days_d28",)), PROGRAM).shape == (0, 3)
