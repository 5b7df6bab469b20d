from __future__ import annotations

import json

import numpy as np
import pytest

from fiel.errors import SegmentError
from fiel.segments.engagement import SEGMENTS, Engagement, ValueSegments, customer_value


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(1)
    return rng.normal(size=(500, 5)), rng.beta(1, 20, size=500)


def test_engagement_is_the_weighted_sum_scaled_by_the_training_rows(people) -> None:
    components, _ = people
    fitted = Engagement.fit(components)
    total = 0.5 * components[:, 0] + 0.3 * components[:, 1] + 0.15 * components[:, 2] + 0.05 * components[:, 3]
    expected = 100 * (total - total.min()) / (total.max() - total.min())
    assert fitted(components) == pytest.approx(expected)
    assert (fitted(components).min(), fitted(components).max()) == (0.0, 100.0)


def test_others_are_clipped(people) -> None:
    fitted = Engagement.fit(people[0])
    assert fitted([[99, 0, 0, 0], [-99, 0, 0, 0]]).tolist() == [100.0, 0.0]


@pytest.mark.parametrize("components", [np.zeros((5, 4)), np.zeros((0, 4))])
def test_rows_that_do_not_differ_cannot_scale(components) -> None:
    with pytest.raises(SegmentError, match="do not differ"):
        Engagement.fit(components)


def test_too_few_components_are_refused() -> None:
    with pytest.raises(SegmentError, match="needs 4 components"):
        Engagement.fit(np.zeros((5, 3)))


def test_value_falls_with_the_probability_of_leaving() -> None:
    assert customer_value([0.0, 0.25, 1.0], [80.0, 80.0, 80.0]).tolist() == [80_000.0, 60_000.0, 0.0]


@pytest.mark.parametrize("prob", [1.1, -0.1, float("nan")])
def test_value_wants_a_probability(prob) -> None:
    with pytest.raises(SegmentError, match="row 1 has none"):
        customer_value([0.5, prob], [1.0, 1.0])


def test_the_four_segments_are_named_by_their_median_value(people) -> None:
    components, prob = people
    engagement = Engagement.fit(components)(components)
    names = ValueSegments.fit(engagement, prob, seed=1)(engagement, prob)
    value = customer_value(prob, engagement)
    medians = [np.median(value[names == name]) for name in SEGMENTS]
    assert medians == sorted(medians)
    assert set(names) == set(SEGMENTS)


def test_each_customer_is_in_the_segment_of_the_nearest_centre_on_a_standard_scale(people) -> None:
    components, prob = people
    engagement = Engagement.fit(components)(components)
    fitted = ValueSegments.fit(engagement, prob, seed=1)
    points = np.column_stack([engagement, prob, customer_value(prob, engagement)])
    scaled = points / points.std(axis=0)
    centres = {name: np.array(centre) / points.std(axis=0) for name, centre in fitted.centres.items()}
    nearest = [min(centres, key=lambda name: ((row - centres[name]) ** 2).sum()) for row in scaled]
    assert fitted(engagement, prob).tolist() == nearest


def test_the_order_of_the_rows_does_not_matter(people) -> None:
    components, prob = people
    engagement = Engagement.fit(components)(components)
    order = np.random.default_rng(2).permutation(len(prob))
    names = ValueSegments.fit(engagement, prob, seed=1)(engagement, prob)
    again = ValueSegments.fit(engagement[order], prob[order], seed=1)(engagement, prob)
    assert names.tolist() == again.tolist()


def test_everything_comes_back_from_json(people) -> None:
    components, prob = people
    scale = Engagement.fit(components)
    engagement = scale(components)
    segments = ValueSegments.fit(engagement, prob, seed=1)
    again = ValueSegments.from_parameters(json.loads(json.dumps(segments.to_parameters())))
    assert again(engagement, prob).tolist() == segments(engagement, prob).tolist()
    assert Engagement.from_parameters(json.loads(json.dumps(scale.to_parameters()))) == scale


def test_one_probability_for_all_still_gives_segments(people) -> None:
    engagement = Engagement.fit(people[0])(people[0])
    names = ValueSegments.fit(engagement, np.full(500, 0.03), seed=1)(engagement, np.full(500, 0.03))
    assert set(names) == set(SEGMENTS)


def test_too_few_customers_are_refused() -> None:
    with pytest.raises(SegmentError, match="too few or too alike for 4 segments"):
        ValueSegments.fit([1.0, 2.0, 3.0, 4.0], [0.1, 0.1, 0.1, 0.1], seed=1)
