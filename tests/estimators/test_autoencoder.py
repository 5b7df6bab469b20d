"""The two embeddings and their scaling, against numerical derivatives, scikit-learn and curves that bend."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.decomposition import PCA

from fiel.errors import EstimatorError
from fiel.estimators.autoencoder import (
    Autoencoder,
    Components,
    Embedding,
    _layers,
    _slopes,
    _started,
    embedding_from,
    weighted_sums,
)
from fiel.estimators.scaling import TailScaling

KINDS = [Components(size=2), Autoencoder(size=2, epochs=3, seed=4)]


def curved(rows: int = 3_000, seed: int = 1) -> np.ndarray:
    """Ten columns that bend along one hidden number: one straight component cannot follow them."""
    rng = np.random.default_rng(seed)
    hidden = rng.uniform(-3, 3, rows)
    columns = [np.sin(hidden * turn / 2 + turn) for turn in range(1, 6)]
    columns += [np.cos(hidden * turn / 2 - turn) for turn in range(1, 6)]
    return np.column_stack(columns) + rng.normal(scale=0.02, size=(rows, 10))


def test_the_derivatives_are_those_of_the_error() -> None:
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(7, 5)), _started(rng, (5, 4, 2, 4, 5))

    def error() -> float:
        return float(np.mean((_layers(rows, weights)[-1] - rows) ** 2))

    for weight, slope in zip(weights, _slopes(rows, weights), strict=True):
        for place in np.ndindex(weight.shape):
            kept = weight[place]
            weight[place] = kept + 1e-6
            above = error()
            weight[place] = kept - 1e-6
            below = error()
            weight[place] = kept
            assert slope[place] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_components_span_what_scikit_learn_finds_on_the_scaled_columns() -> None:
    points = np.random.default_rng(2).normal(size=(500, 6)) @ np.random.default_rng(3).normal(size=(6, 6))
    ours = Components(size=3).fit(points)
    theirs = PCA(3, svd_solver="full").fit_transform(TailScaling().fit(points).transform(points))
    assert np.abs(ours.transform(points)) == pytest.approx(np.abs(theirs), abs=1e-5)


def test_a_network_follows_a_curve_that_a_straight_component_cannot() -> None:
    points = curved()
    network = Autoencoder(size=1, epochs=30, seed=7).fit(points)
    assert network.error_ < 0.6 * Components(size=1).fit(points).error_


@pytest.mark.parametrize("together", [2, 4, 5, 255, 256, 257, 600])
def test_a_row_has_the_same_sums_alone_and_among_others(together: int) -> None:
    rng = np.random.default_rng(5)
    rows, weights = rng.normal(size=(600, 45)) * 10.0 ** rng.integers(-9, 9, (600, 45)), rng.normal(size=(45, 32))
    alone = np.concatenate([weighted_sums(rows[place : place + 1], weights) for place in range(600)])
    found = [weighted_sums(rows[start : start + together], weights) for start in range(0, 600, together)]
    assert np.array_equal(np.concatenate(found), alone)
    assert alone == pytest.approx(rows @ weights, rel=1e-9, abs=1e-3)


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model.kind)
def test_what_was_fitted_survives_json_to_the_byte_and_is_the_same_again(model: Embedding) -> None:
    points = curved(400)
    text = json.dumps(model.fit(points).to_parameters(), sort_keys=True)
    assert np.array_equal(embedding_from(json.loads(text)).transform(points), model.transform(points))
    assert json.dumps(model.fit(points).to_parameters(), sort_keys=True) == text


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model.kind)
def test_a_rows_embedding_does_not_depend_on_the_other_rows(model: Embedding) -> None:
    points = curved(400)
    whole = model.fit(points).transform(points)
    alone = np.concatenate([model.transform(points[[row]]) for row in range(50)])
    assert alone == pytest.approx(whole[:50], abs=1e-6)


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model.kind)
def test_missing_numbers_count_as_the_median(model: Embedding) -> None:
    points = curved(400)
    model.fit(points)
    gaps, filled = points[:3].copy(), points[:3].copy()
    gaps[:, 4], filled[:, 4] = np.nan, np.median(points[:, 4])
    assert np.array_equal(model.transform(gaps), model.transform(filled))


def test_a_wild_row_moves_nothing_but_itself_far() -> None:
    points = curved(400)
    wild = np.vstack([points, np.full((1, 10), 1e12)])
    found = Autoencoder(size=2, epochs=3).fit(wild).transform(wild)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model.kind)
@pytest.mark.parametrize(
    ("points", "told"),
    [(np.zeros((10, 2)), "more than 2"), (np.zeros((2, 5)), "more than 2"), (np.full((9, 5), np.inf), "infinite")],
)
def test_too_little_is_refused(model: Embedding, points: np.ndarray, told: str) -> None:
    with pytest.raises(EstimatorError, match=told):
        model.fit(points)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(EstimatorError, match="'magic' is not known"):
        embedding_from({"kind": "magic"})


def test_scaling_is_linear_near_the_median_and_logarithmic_in_the_tails() -> None:
    values = np.concatenate([np.linspace(-1, 1, 101), [1e6]])[:, None]
    scaling = TailScaling().fit(values)
    spread = float(scaling.spread_[0])
    found = scaling.transform([[scaling.center_[0] + 0.01 * spread], [1e6], [1e7]])[:, 0]
    assert found[0] == pytest.approx(0.01, abs=1e-5)
    assert found[2] - found[1] == pytest.approx(np.log(10), abs=1e-3)


def test_columns_that_do_not_vary_or_have_no_number_are_zero() -> None:
    points = np.column_stack([np.full(5, 3.0), np.full(5, np.nan), np.arange(5.0)])
    assert TailScaling().fit(points).transform(points)[:, :2].tolist() == [[0.0, 0.0]] * 5
