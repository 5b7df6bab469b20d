from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from fiel.errors import SegmentError
from fiel.models.bootstrap import Interval
from fiel.segments.qini import Qini
from fiel.segments.uplift import (
    CURVE,
    OBSERVED,
    arms_alike,
    observed_uplift,
    uplift_decile,
    uplift_findings,
    uplift_statement,
)

SEGMENTS = ("base", "premium")


@pytest.fixture(scope="module")
def customers() -> pl.DataFrame:
    rng = np.random.default_rng(6)
    uplift = rng.normal(0.05, 0.1, 600)
    return pl.DataFrame(
        {
            "customer_id": [f"c{number:04}" for number in range(600)],
            "segment": rng.choice(SEGMENTS, 600).tolist(),
            "uplift": uplift,
        }
    ).with_columns(uplift_decile=uplift_decile(pl.col("uplift")))


@pytest.fixture(scope="module")
def labels(customers) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    treated = rng.random(600) < 0.6
    left = rng.random(600) < np.clip(0.3 - customers["uplift"].to_numpy() * treated, 0, 1)
    return customers.select("customer_id").with_columns(
        label=pl.Series(left.astype(int)), is_treated=pl.Series(treated)
    )


def find(customers, labels, note=""):
    return uplift_findings(
        customers, labels, Interval(0.5, 0.48, 0.52), note, SEGMENTS, confidence=0.95, draws=100, seed=1
    )


def wilson(successes: int, number: int) -> tuple[float, float]:
    z, rate = 1.959963984540054, successes / number
    middle, width = rate + z**2 / (2 * number), z * math.sqrt(rate * (1 - rate) / number + z**2 / (4 * number**2))
    return (middle - width) / (1 + z**2 / number), (middle + width) / (1 + z**2 / number)


def test_rates_and_newcombes_interval_are_those_of_the_textbook() -> None:
    # Newcombe (1998), table II, (a): 56/70 against 48/80, method 10: .0524 to .3339.
    rows = [(True, label) for label in [1] * 48 + [0] * 32] + [(False, label) for label in [1] * 56 + [0] * 14]
    frame = pl.DataFrame(rows, schema=["is_treated", "label"], orient="row").with_columns(group=pl.lit("all"))
    row = observed_uplift(frame, "group").row(0, named=True)
    assert (row["treated"], row["control"]) == (80, 70)
    assert row["uplift"] == pytest.approx(0.2)
    assert (row["low"], row["high"]) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_an_arm_without_customers_has_no_rate_and_no_uplift() -> None:
    frame = pl.DataFrame({"is_treated": [True, True], "label": [0, 1], "group": ["a", "a"]})
    row = observed_uplift(frame, "group").row(0, named=True)
    assert (row["rate_treated"], row["rate_control"], row["uplift"], row["low"]) == (0.5, None, None, None)


def test_confidence_has_to_be_one() -> None:
    with pytest.raises(SegmentError, match=r"confidence is 1\.5"):
        observed_uplift(pl.DataFrame({"is_treated": [True], "label": [0], "group": ["a"]}), "group", 1.5)


def test_deciles_are_a_tenth_each_and_equal_uplifts_stay_together() -> None:
    frame = pl.DataFrame({"uplift": [float(number) for number in range(100)]})
    found = frame.with_columns(decile=uplift_decile(pl.col("uplift")))
    assert found.group_by("decile").len()["len"].to_list() == [10] * 10
    assert found.filter(pl.col("uplift") >= 90)["decile"].unique().to_list() == [1]
    same = pl.DataFrame({"uplift": [0.0] * 30}).with_columns(decile=uplift_decile(pl.col("uplift")))
    assert same["decile"].unique().to_list() == [1]


class TestFindings:
    def test_every_group_counts_each_customer_once(self, customers, labels) -> None:
        observed = find(customers, labels).observed
        assert dict(observed.schema) == OBSERVED
        for by in ("all", "segment", "decile"):
            assert observed.filter(pl.col("by") == by)["customers"].sum() == 600
        assert observed.filter(pl.col("by") == "segment").sort("position")["group"].to_list() == list(SEGMENTS)
        deciles = observed.filter(pl.col("by") == "decile").sort("position")
        assert deciles["group"].to_list() == [str(number) for number in range(1, 11)]
        assert deciles["predicted_uplift"].is_sorted(descending=True)

    def test_rates_are_those_of_counting(self, customers, labels) -> None:
        observed = find(customers, labels).observed
        joined = customers.join(labels, on="customer_id")
        for row in observed.filter(pl.col("by") == "segment").to_dicts():
            for arm, name in ((True, "treated"), (False, "control")):
                some = joined.filter(pl.col("segment") == row["group"], pl.col("is_treated") == arm)
                assert row[name] == some.height
                assert row[f"rate_{name}"] == pytest.approx(some["label"].mean())
                low, high = wilson(int(some["label"].sum()), some.height)
                assert low < row[f"rate_{name}"] < high

    def test_customers_without_outcome_or_treatment_do_not_count(self, customers, labels) -> None:
        holes = labels.with_columns(
            label=pl.when(pl.int_range(pl.len()) >= 50).then("label"),
            is_treated=pl.when(pl.int_range(pl.len()) < 500).then("is_treated"),
        )
        assert find(customers, holes).observed.filter(pl.col("by") == "all")["customers"].item() == 450

    def test_one_arm_alone_says_that_nothing_can_be_said(self, customers, labels) -> None:
        found = find(customers, labels.with_columns(is_treated=pl.lit(value=True)))
        assert found.observed.is_empty()
        assert found.curve.is_empty()
        assert "Nothing can be said about a treatment" in found.statement[0]
        assert found.as_dict()["qini"] is None

    def test_without_models_there_is_no_ranking_but_there_are_rates(self, customers, labels) -> None:
        unknown = customers.with_columns(uplift=pl.lit(None, pl.Float64), uplift_decile=pl.lit(None, pl.Int64))
        found = find(unknown, labels, "all of the 9 control customers have one outcome")
        assert set(found.observed["by"]) == {"all", "segment"}
        assert found.curve.is_empty()
        assert "all of the 9 control customers have one outcome" in found.statement[0]

    def test_the_curve_is_numbered_and_the_card_has_its_figures(self, customers, labels) -> None:
        found = find(customers, labels)
        assert dict(found.curve.schema) == CURVE
        assert found.curve["point"].to_list() == list(range(101))
        card = found.as_dict()
        assert card["qini"]["gain"][0] == pytest.approx(found.curve["gain"][-1])
        assert card["statement"] == list(found.statement)


def qini(coefficient: tuple[float, float, float], gain: tuple[float, float, float]) -> Qini:
    return Qini(pl.DataFrame(), Interval(*coefficient), Interval(*gain), 100, 100, 0.95)


@pytest.mark.parametrize(
    ("coefficient", "gain", "alike", "said"),
    [
        ((0.1, 0.05, 0.2), (0.02, 0.01, 0.03), (0.5, 0.48, 0.52), ["left less often", "beats treating at random",
                                                                   "do not tell who was treated"]),
        ((0.1, -0.1, 0.2), (0.02, -0.01, 0.03), (0.53, 0.51, 0.55), ["cannot be told", "do not choose customers by it",
                                                                     "a little of who was treated"]),
        ((-0.1, -0.2, -0.05), (-0.02, -0.03, -0.01), (0.8, 0.78, 0.82), ["left more often", "worse than none",
                                                                         "the operator chose"]),
    ],
)  # fmt: skip
def test_the_statement_says_no_more_than_the_intervals(coefficient, gain, alike, said) -> None:
    sentences = uplift_statement(qini(coefficient, gain), Interval(*alike))
    for sentence, words in zip(sentences, said, strict=False):
        assert words in sentence
    assert "no customer's own uplift is known" in sentences[3]
    assert "no dates" in sentences[4]


def test_how_alike_the_arms_are_is_an_auc_with_its_interval() -> None:
    rng = np.random.default_rng(3)
    treated = rng.random(300) < 0.5
    frame = pl.DataFrame(
        {"customer_id": [str(n) for n in range(300)], "is_treated": treated, "prob": treated + rng.normal(0, 0.5, 300)}
    )
    found = arms_alike(frame, draws=100)
    assert found is not None
    assert 0.8 < found.low < found.estimate < found.high
    assert arms_alike(frame.filter("is_treated"), draws=100) is None
