from __future__ import annotations

import itertools

import numpy as np
import pytest

from fiel.errors import SegmentError
from fiel.segments.qini import qini_curve


def by_hand(label, treated, uplift, share):
    """Gain of treating the first `share` of the customers, counted one by one (no ties)."""
    order = sorted(range(len(label)), key=lambda row: -uplift[row])[: round(share * len(label))]
    arms = {arm: [label[row] for row in order if treated[row] == arm] for arm in (0, 1)}
    if not arms[0]:
        return 0.0
    return (len(arms[1]) * sum(arms[0]) / len(arms[0]) - sum(arms[1])) / sum(treated)


@pytest.fixture(scope="module")
def trial():
    rng = np.random.default_rng(4)
    uplift = rng.normal(0.05, 0.1, size=400)
    treated = (rng.random(400) < 0.7).astype(int)
    label = (rng.random(400) < np.clip(0.3 - uplift * treated, 0, 1)).astype(int)
    return label, treated, uplift


def test_the_curve_is_what_counting_gives(trial) -> None:
    label, treated, uplift = trial
    curve = qini_curve(label, treated, uplift, draws=20).curve
    for share, gain in curve.select("share", "gain").iter_rows():
        if (share * 400) % 1 < 1e-9:
            assert gain == pytest.approx(by_hand(label, treated, uplift, share)), share


def test_it_ends_at_the_average_effect_and_the_random_line_goes_there(trial) -> None:
    label, treated, uplift = trial
    found = qini_curve(label, treated, uplift, draws=20)
    effect = label[treated == 0].mean() - label[treated == 1].mean()
    assert found.gain.estimate == pytest.approx(effect)
    assert found.curve["random"].to_list() == pytest.approx(np.linspace(0, effect, 101).tolist())


def test_the_coefficient_is_the_area_between_them(trial) -> None:
    found = qini_curve(*trial, draws=20)
    height = (found.curve["gain"] - found.curve["random"]).to_numpy()
    trapezoids = sum((left + right) / 2 / 100 for left, right in itertools.pairwise(height))
    assert found.coefficient.estimate == pytest.approx(trapezoids)


def test_a_true_ranking_beats_its_reverse() -> None:
    rng = np.random.default_rng(4)
    uplift = rng.normal(0.05, 0.15, size=4_000)
    treated = (rng.random(4_000) < 0.7).astype(int)
    label = (rng.random(4_000) < np.clip(0.4 - uplift * treated, 0, 1)).astype(int)
    assert qini_curve(label, treated, uplift, draws=200).ranks
    worse = qini_curve(label, treated, -uplift, draws=200)
    assert worse.coefficient.high < 0
    assert not worse.ranks


def test_a_ranking_that_knows_nothing_is_the_straight_line() -> None:
    label, treated = np.tile([0, 1, 0, 0], 50), np.tile([0, 0, 1, 1], 50)
    found = qini_curve(label, treated, np.zeros(200), draws=50)
    assert found.curve["gain"].to_list() == pytest.approx(found.curve["random"].to_list())
    assert found.coefficient.estimate == pytest.approx(0)


def test_the_order_of_the_rows_does_not_matter(trial) -> None:
    label, treated, uplift = trial
    order = np.random.default_rng(1).permutation(400)
    one, other = qini_curve(*trial, draws=30), qini_curve(label[order], treated[order], uplift[order], draws=30)
    assert one.curve.equals(other.curve)
    assert one.coefficient == other.coefficient


def test_the_interval_covers_a_known_effect_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(60):
        treated = (rng.random(500) < 0.5).astype(int)
        label = (rng.random(500) < np.where(treated, 0.2, 0.3)).astype(int)
        covered += qini_curve(label, treated, rng.random(500), draws=200, confidence=0.9).gain.holds(0.1)
    assert 46 <= covered <= 60


@pytest.mark.parametrize(
    ("label", "treated", "uplift", "told"),
    [
        ([0, 1], [1, 1], [0.1, 0.2], "2 of 2 customers are treated"),
        ([0, 1], [0, 0], [0.1, 0.2], "0 of 2 customers are treated"),
        ([0, 1], [0, 1], [0.1, float("nan")], "a finite uplift"),
        ([0, 1], [0, 1], [0.1], "for each customer"),
    ],
)
def test_what_cannot_be_compared_says_so(label, treated, uplift, told) -> None:
    with pytest.raises(SegmentError, match=told):
        qini_curve(label, treated, uplift)
