from __future__ import annotations

import polars as pl
import pytest

from fiel.errors import SegmentError
from fiel.segments.risk import RISK_GROUPS, RiskCuts, risk_group


@pytest.mark.parametrize(
    ("prob", "group"),
    [
        (0.0, "low"),
        (0.05, "low"),
        (0.0500001, "medium"),
        (0.1, "medium"),
        (0.1000001, "high"),
        (0.3, "high"),
        (0.3000001, "critical"),
        (1.0, "critical"),
        (None, None),
        (float("nan"), None),
    ],
)
def test_the_upper_end_belongs_to_the_group(prob, group) -> None:
    frame = pl.DataFrame({"prob": [prob]}, schema={"prob": pl.Float64})
    assert frame.select(risk_group(pl.col("prob"))).item() == group


def test_other_cuts_give_other_groups() -> None:
    frame = pl.DataFrame({"prob": [0.05, 0.15, 0.25, 0.35]})
    found = frame.select(risk_group(pl.col("prob"), RiskCuts(0.1, 0.2, 0.3))).to_series().to_list()
    assert found == list(RISK_GROUPS)


@pytest.mark.parametrize("cuts", [(0.1, 0.1, 0.3), (-0.1, 0.1, 0.3), (0.1, 0.2, 1.0)])
def test_cuts_that_do_not_rise_are_refused(cuts) -> None:
    with pytest.raises(SegmentError, match="have to rise"):
        RiskCuts(*cuts)
