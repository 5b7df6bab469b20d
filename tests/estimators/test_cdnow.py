"""The published fits of the CDNOW sample (weeks)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fiel.estimators import BGNBD, MBGNBD, GammaGamma, PooledBGNBD
from fiel.estimators.btyd import PurchaseModel

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def cdnow(real_data: Path) -> pl.DataFrame:
    return pl.read_csv(real_data / "cdnow" / "cdnow_customers_summary_with_transactions.csv")


@pytest.mark.parametrize(
    ("model", "parameters", "log_likelihood", "digits"),
    [
        (BGNBD, {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, -9582.4, 1),
        (MBGNBD, {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}, -9582.13, 2),
    ],
)
def test_the_published_parameters_come_out(
    cdnow: pl.DataFrame,
    model: type[PurchaseModel],
    parameters: dict[str, float],
    log_likelihood: float,
    digits: int,
) -> None:
    fitted = model("weeks").fit(cdnow["x"], cdnow["t_x"], cdnow["T"])
    assert {name: round(value, 3) for name, value in fitted.parameters_.items()} == parameters
    assert round(fitted.log_likelihood_, digits) == log_likelihood
    assert fitted.converged_
    assert fitted.is_identified_, fitted.identification_note_
    assert (fitted.customers_, fitted.repeaters_) == (2357, 946)


def test_gamma_gamma_has_the_published_parameters(cdnow: pl.DataFrame) -> None:
    fitted = GammaGamma().fit(cdnow["x"], cdnow["zbar"])
    assert {name: round(value, 2) for name, value in fitted.parameters_.items()} == {"p": 6.25, "q": 3.74, "v": 15.45}
    assert round(fitted.log_likelihood_, 2) == -4055.92
    assert fitted.customers_ == 946
    assert fitted.is_identified_, fitted.identification_note_


def test_one_probability_for_all_fits_worse_there(cdnow: pl.DataFrame) -> None:
    own = BGNBD("weeks").fit(cdnow["x"], cdnow["t_x"], cdnow["T"])
    common = PooledBGNBD("weeks").fit(cdnow["x"], cdnow["t_x"], cdnow["T"])
    assert common.aic_ > own.aic_ + 10
