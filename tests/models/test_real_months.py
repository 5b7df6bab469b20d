"""Our classifier on the real month-ends (DOMAIN.md section 1: a plain one reaches .838, .826, .898 and .891)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from statistics import fmean

import polars as pl
import pytest

from fiel.models.bootstrap import auc_interval, compare
from fiel.models.cohorts import CohortSplit, break_days
from fiel.models.metrics import measure
from fiel.models.retraining import train
from fiel.program import Program, read_program
from fiel.settings import HOME
from tests.models import real_months

JUDGED = [date(2025, month, 1) for month in (8, 9, 10, 11)]
KNOWN_INTERVAL = (0.845, 0.884)


@pytest.mark.real_data
def test_the_real_months_are_predicted_as_well_as_is_known_to_be_possible(
    real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each month is judged by the model of all months before it; the same functions as in a retraining."""
    program = read_program(HOME / "deployments" / "programs" / "teomewhy.yaml")
    fields = program.model_dump()
    fields["training"] |= {"search_trials": 0, "threads": 1}
    fields["promotion"] |= {"bootstrap": 50}
    program = Program.model_validate(fields)
    rows = real_months.month_ends(real_data / "teomewhy" / "analytics", program)
    labels = real_months.labels(rows, JUDGED[-1])
    judged = pl.concat(_judged(rows, labels, day, program) for day in JUDGED)

    lines, ours, rule = [], [], []
    for (day,), part in sorted(judged.partition_by("as_of", as_dict=True).items()):
        label = part["label"].to_numpy()
        model, stages = measure(label, part["prob"].to_numpy()), measure(label, part["rule_prob"].to_numpy())
        ours.append(model)
        rule.append(stages)
        lines.append(
            f"{day} rows {model.rows} target {model.target_rate:.3f} AUC {model.auc:.3f} (rule {stages.auc:.3f}) "
            f"log loss {model.log_loss:.3f} (rule {stages.log_loss:.3f})"
        )
    label, prob, stages_prob = (judged[name].to_numpy() for name in ("label", "prob", "rule_prob"))
    customers = judged["customer_id"].to_numpy()
    interval = auc_interval(label, prob, customers, draws=500, confidence=0.95, seed=1)
    gain = compare(label, prob, stages_prob, customers, economics=None, draws=500, confidence=0.95, seed=1)
    mean_auc = fmean(model.auc or 0 for model in ours)
    with capsys.disabled():
        print("", *lines, f"mean AUC {mean_auc:.3f}; pooled {interval}", gain, sep="\n")  # noqa: T201

    assert [model.rows for model in ours] == [266, 725, 571, 418]
    assert KNOWN_INTERVAL[0] <= mean_auc
    assert fmean(model.log_loss or 9 for model in ours) < fmean(stages.log_loss or 0 for stages in rule) - 0.03
    assert gain.auc is not None
    assert gain.log_loss is not None
    assert gain.auc.low > 0.02
    assert gain.log_loss.high < 0


def _judged(rows: pl.DataFrame, labels: pl.DataFrame, day: date, program: Program) -> pl.DataFrame:
    before = sorted(month for month in rows["as_of"].unique() if month < day)
    breaks = tuple(month for month in before if break_days(month, program))
    split = CohortSplit(tuple(before[:-2]), tuple(before[-2:]), (day,), breaks=breaks)
    found = train(rows, labels, program, split=split, features=real_months.FEATURES)
    return found.predictions.filter(pl.col("split") == "oot")
