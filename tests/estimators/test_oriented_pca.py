from __future__ import annotations

import json

import numpy as np
import pytest

from fiel.errors import EstimatorError
from fiel.estimators.oriented_pca import OrientedPCA


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(400, 6)) @ np.diag([5, 4, 3, 2, 1, 0.5]) @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    outcome = (points @ rng.normal(size=6) + rng.normal(size=400) > 4).astype(float)
    return points, outcome


def test_components_are_the_eigenvectors_of_the_covariance(table) -> None:
    points, outcome = table
    model = OrientedPCA(components=4).fit(points, outcome)
    values, vectors = np.linalg.eigh(np.cov(points.T))
    order = np.argsort(values)[::-1][:4]
    for axis, wanted in zip(model.axes_, vectors[:, order].T, strict=True):
        assert abs(axis @ wanted) == pytest.approx(1)
    assert model.explained_ratio_ == pytest.approx(values[order] / values.sum())
    expected = (points - points.mean(axis=0)) @ model.axes_.T
    assert model.transform(points) == pytest.approx(expected)


def test_higher_means_less_of_the_outcome_on_the_rows_of_the_fit(table) -> None:
    points, outcome = table
    for turned in (points, -points):
        scores = OrientedPCA(components=6).fit(turned, outcome).transform(turned)
        assert (scores[outcome == 1].mean(axis=0) < scores[outcome == 0].mean(axis=0)).all()


def test_an_outcome_of_one_kind_leaves_a_sign_that_does_not_hang_on_the_library(table) -> None:
    points, _ = table
    model = OrientedPCA(components=3).fit(points, np.zeros(len(points)))
    assert not model.is_oriented_.any()
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in model.axes_)


def test_a_row_depends_on_no_other_row(table) -> None:
    points, outcome = table
    model = OrientedPCA(components=3).fit(points, outcome)
    assert (model.transform(points[7:8]) == model.transform(points)[7:8]).all()


def test_a_missing_number_counts_as_the_mean_of_the_fit(table) -> None:
    points, outcome = table
    model = OrientedPCA(components=3).fit(points, outcome)
    missing = points[:1].copy()
    missing[0, 2] = np.nan
    filled = missing.copy()
    filled[0, 2] = points[:, 2].mean()
    assert model.transform(missing) == pytest.approx(model.transform(filled))


def test_it_comes_back_from_json_to_the_last_bit(table) -> None:
    points, outcome = table
    model = OrientedPCA(components=3).fit(points, outcome)
    again = OrientedPCA.from_parameters(json.loads(json.dumps(model.to_parameters())))
    assert (again.transform(points) == model.transform(points)).all()


def test_columns_that_repeat_one_another_give_fewer_components(table) -> None:
    points, outcome = table
    model = OrientedPCA(components=6).fit(np.hstack([points[:, :2], points[:, :2]]), outcome)
    assert len(model.axes_) == 2


@pytest.mark.parametrize(
    ("points", "outcome", "told"),
    [
        (np.zeros((3, 2)), [0, 1], "outcome has the shape"),
        (np.zeros((2, 2)), [0, 2], "outcome row 1 is neither 0 nor 1"),
        (np.zeros((1, 2)), [0], "at least 2"),
        (np.zeros((3, 2)), [0, 1, 0], "every row is the same"),
        ([[1.0, np.nan], [2.0, np.nan]], [0, 1], "column 1 has no number"),
        ([[1.0, np.inf], [2.0, 1.0]], [0, 1], "row 0 column 1 is infinite"),
        (np.zeros(3), [0, 1, 0], "need rows and columns"),
    ],
)
def test_what_cannot_be_fitted_says_so(points, outcome, told) -> None:
    with pytest.raises(EstimatorError, match=told):
        OrientedPCA().fit(points, outcome)


def test_another_number_of_columns_is_refused(table) -> None:
    points, outcome = table
    model = OrientedPCA(components=2).fit(points, outcome)
    with pytest.raises(EstimatorError, match="5 columns, the components 6"):
        model.transform(points[:, :5])
    with pytest.raises(EstimatorError, match="components is 0"):
        OrientedPCA(components=0).fit(points, outcome)
