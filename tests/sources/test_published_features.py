"""The feature names that the community has published, against ours."""

from __future__ import annotations

import orjson
import pytest

from fiel.errors import FeatureError
from fiel.sources.published_features import our_names, translated

INPUTS = (
    "active_days_d28",
    "age_days",
    "value_earned_d7",
    "value_net_life",
    "value_spent_d28",
    "stage",
    "stage_d28",
    "product_share_lista_de_presenca",
    "course_share_trampar_lakehouse_2024",
    "courses_finished",
)


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("qtdeAtivacaoD28", "active_days_d28"),
        ("qtdFrequencia", "active_days_d28"),
        ("saldoVida", "value_net_life"),
        ("qtdePontosPosD7", "value_earned_d7"),
        ("qtdeListadepresenca", "product_share_lista_de_presenca"),
        ("qtdeListaDePresença", "product_share_lista_de_presenca"),
        ("tramparLakehouse2024", "course_share_trampar_lakehouse_2024"),
        ("qtdeCursosCompleto", "courses_finished"),
    ],
)
def test_a_published_name_means_our_feature_whatever_its_case_and_accents(published: str, ours: str) -> None:
    assert translated({published: 3}, INPUTS) == {ours: 3}


def test_our_own_names_stay_with_their_values() -> None:
    assert translated({"value_spent_d28": 40, "stage": "fiel"}, INPUTS) == {"value_spent_d28": 40, "stage": "fiel"}


def test_a_name_that_nobody_knows_stays_for_the_caller_to_refuse() -> None:
    assert translated({"qtdeNada": 1}, INPUTS) == {"qtdeNada": 1}


def test_a_published_name_of_a_feature_that_the_model_does_not_use_stays_unknown() -> None:
    assert translated({"qtdeHorasD7": 1}, INPUTS) == {"qtdeHorasD7": 1}


def test_dates_outcomes_and_random_numbers_of_the_published_tables_are_passed_over() -> None:
    assert translated({"dtRef": "2025-08-31", "flFiel": 1, "RamdomCol": 2, "qtdFrequencia": 1}, INPUTS) == {
        "active_days_d28": 1
    }


@pytest.mark.parametrize(
    ("label", "stage"),
    [("01-CURIOSO", "curioso"), ("02-FIEL", "fiel"), ("05-ZUMBI", "zumbi"), ("fiel", "fiel"), (None, None)],
)
def test_a_stage_loses_its_number(label: str | None, stage: str | None) -> None:
    assert translated({"descLifeCycleAtual": label, "descLifeCycleD38": label}, INPUTS) == {
        "stage": stage,
        "stage_d28": stage,
    }


def test_points_spent_are_negative_there_and_positive_here() -> None:
    assert translated({"qtdePontosNegD28": -250}, INPUTS) == {"value_spent_d28": 250}


def test_a_fraction_of_a_day_counts_as_the_day_that_has_begun() -> None:
    assert translated({"idadeDias": 9.4}, INPUTS) == {"age_days": 10}
    assert translated({"idadeDias": 9}, INPUTS) == {"age_days": 9}


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"descLifeCycleAtual": "06-NADA"}, "descLifeCycleAtual", "no stage"),
        ({"descLifeCycleAtual": 2}, "descLifeCycleAtual", "no stage"),
        ({"qtdePontosNegD28": 10}, "qtdePontosNegD28", "cannot be above 0"),
        ({"idadeDias": "nine"}, "idadeDias", "no number"),
        ({"idadeDias": True}, "idadeDias", "no number"),
        ({"idadeDias": float("nan")}, "idadeDias", "no number"),
        ({"qtdeAtivacaoD28": 1, "active_days_d28": 2}, "active_days_d28", "both mean active_days_d28"),
    ],
)
def test_a_wrong_value_is_refused_by_its_published_name(given: dict[str, object], field: str, says: str) -> None:
    with pytest.raises(FeatureError, match=says) as refused:
        translated(given, INPUTS)
    assert refused.value.field == field


def test_the_second_count_of_active_days_yields_to_the_first() -> None:
    assert translated({"qtdFrequencia": 5, "qtdeAtivacaoD28": 4}, INPUTS) == {"active_days_d28": 4}


def test_only_features_of_the_model_have_a_published_name() -> None:
    assert set(our_names(INPUTS).values()) <= set(INPUTS)


def test_an_age_that_nobody_has_is_still_a_number_that_json_can_say() -> None:
    for days in (1e308, 2.0**53, 9e15 + 0.5):
        assert orjson.dumps(translated({"idadeDias": days}, ("age_days",)))
