"""Both targets of `retail` on the real file: the classifier keeps up with the purchase model, out of time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from fiel.core import Core
from fiel.features.snapshot import build_snapshots
from fiel.lake import Lake
from fiel.models.cohorts import cohort_starts, split_cohorts
from fiel.models.labels import outcome
from fiel.models.retraining import Learned, train
from fiel.program import load_program
from fiel.settings import Settings
from fiel.sources.ingest import ingest

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def retail(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Core:
    settings = Settings(FIEL_LAKE=str(tmp_path_factory.mktemp("lake")))
    program = load_program("retail", settings)
    lake = Lake(settings.lake, program.name)
    ingest(program, lake, settings, str(real_data / "online_retail"), {})
    return Core.open(lake)


def learned(core: Core, target: str) -> Learned:
    """The training of one target at the last as_of, on the snapshots of the program."""
    main = load_program("retail", Settings())
    program, as_of = main.with_target(target), core.known_through + timedelta(days=1)
    split = split_cohorts(cohort_starts(core.first_day, as_of, program), program, as_of)
    snapshots = pl.concat([frames["feat_snapshot"] for _, frames in build_snapshots(core, split.dates, main)])
    return train(snapshots, outcome(core, split.dates, program), program, split=split)


@pytest.mark.parametrize(("target", "known"), [("purchase_90", 0.733), ("purchase_30", 0.715)])
def test_the_classifier_is_not_worse_than_the_purchase_model(retail: Core, target: str, known: float) -> None:
    found = learned(retail, target).evaluation
    baseline = found.value("oot", "auc", "purchase_model")
    assert baseline == pytest.approx(known, abs=0.01)
    assert found.purchase_comparison is not None
    assert found.purchase_comparison.auc is not None
    assert found.purchase_comparison.log_loss is not None
    assert found.purchase_comparison.auc.estimate > -0.01
    assert found.purchase_comparison.log_loss.high < 0, "its probabilities are better, too"
    assert found.comparison.auc is not None
    assert found.comparison.auc.low > 0
