"""The decision on the real month-ends: a real training against the stage rule, and the month after against it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fiel.models.cohorts import split_cohorts
from fiel.models.comparison import evidence
from fiel.models.decision import Decision, decide
from fiel.models.loaded import LoadedModel
from fiel.models.retraining import Learned, train
from fiel.program import Program
from tests.models import real_months, worlds

pytestmark = pytest.mark.real_data

OCTOBER, NOVEMBER = date(2025, 10, 1), date(2025, 11, 1)


@pytest.fixture(scope="module")
def program() -> Program:
    fields = worlds.program(bootstrap=200).model_dump()
    fields["training"] |= {"search_trials": 0}
    return Program.model_validate(fields)


@pytest.fixture(scope="module")
def months(real_data: Path, program: Program) -> pl.DataFrame:
    return real_months.month_ends(real_data / "teomewhy" / "analytics", program)


def loaded(version: str, learned: Learned) -> LoadedModel:
    recipe = learned.recipe
    return LoadedModel(
        version=version,
        kind="catboost",
        digest=learned.digest,
        model=learned.model,
        features=recipe.features,
        categorical=recipe.categorical,
        recipe_digest=learned.procedure,
        recipe=learned.recipe_json(),
        trained_as_of=learned.trained_as_of,
        oot_as_of=learned.split.oot,
        spread=learned.spread,
    )


def trained(months: pl.DataFrame, program: Program, as_of: date) -> tuple[Learned, pl.DataFrame]:
    dates = [day for day in months["as_of"].unique().sort() if day < as_of]
    labels = real_months.labels(months, dates[-1])
    split = split_cohorts(dates, program, as_of)
    return train(months, labels, program, split=split, features=real_months.FEATURES), labels


def test_a_real_training_replaces_the_stage_rule_and_the_next_month_replaces_it(
    months: pl.DataFrame, program: Program
) -> None:
    first, labels = trained(months, program, OCTOBER)
    rule = LoadedModel("1", "stage_rule", "r", first.stage_rule, ("stage",), trained_as_of=first.trained_as_of)
    october = _decided(months, labels, loaded("2", first), rule, program)
    assert october.action == "promote", october.reason
    assert october.rule == "new_recipe"
    second, labels = trained(months, program, NOVEMBER)
    november = _decided(months, labels, loaded("3", second), loaded("2", first), program)
    assert november.action == "promote", november.reason
    assert november.rule == "same_recipe"


def _decided(
    months: pl.DataFrame, labels: pl.DataFrame, challenger: LoadedModel, champion: LoadedModel, program: Program
) -> Decision:
    return decide(evidence(months, labels, challenger, champion, program), challenger, champion, program)
