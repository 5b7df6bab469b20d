"""Feature names that the teomewhy community has published, and what they are called here.

The names are those of the public feature stores `fs_transacional`, `fs_life_cycle` and `fs_education`, which people
already send to a model's address. Letter case and accents differ between their copies, so neither counts. Where a
published number is counted differently from ours it is converted: points spent are negative there, the age is a
fraction of days there, stages carry a number (`02-FIEL`).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from fiel.errors import FeatureError
from fiel.program import STAGES

WINDOWS = {"vida": "life", "d7": "d7", "d14": "d14", "d28": "d28", "d56": "d56"}
"""Endings of published names, and the windows that they mean."""

_WINDOWED = {
    "qtdeativacao": "active_days",
    "qtdetransacao": "transactions",
    "saldo": "value_net",
    "qtdepontospos": "value_earned",
    "qtdepontosneg": "value_spent",
    "qtdetransacoesdia": "transactions_per_day",
    "qtdetransacaodia": "transactions_per_day",
    "qtdehoras": "hours",
}

_PLAIN = {
    "idadedias": "age_days",
    "qtdetransacaomanha": "transactions_morning_life",
    "qtdetransacaotarde": "transactions_afternoon_life",
    "qtdetransacaonoite": "transactions_night_life",
    "pcttransacaomanha": "transactions_morning_share",
    "pcttransacaotarde": "transactions_afternoon_share",
    "pcttransacaonoite": "transactions_night_share",
    "pctativacaomau": "active_days_share_d28",
    "avgintervalodiasvida": "mean_gap_days_life",
    "avgintervalodiasd28": "mean_gap_days_d28",
    "qtdechatmessage": "product_share_chat_message",
    "qtdeairflowlover": "product_share_airflow_lover",
    "qtderlover": "product_share_r_lover",
    "qtderesgatarponei": "product_share_resgatar_ponei",
    "qtdelistadepresenca": "product_share_lista_de_presenca",
    "qtdepresencastreak": "product_share_presenca_streak",
    "qtdetrocastreamelements": "product_share_troca_stream_elements",
    "qtdereembolsostreamelements": "product_share_reembolso_stream_elements",
    "qtderpg": "category_share_rpg",
    "qtdechurnmodel": "category_share_churn_model",
    "qtdfrequencia": "active_days_d28",
    "qtdefrequencia": "active_days_d28",
    "desclifecycleatual": "stage",
    "desclifecycled28": "stage_d28",
    "desclifecycled38": "stage_d28",  # a slip of the pen in the published table: it holds the stage 28 days ago
    "pctcurioso": "stage_share_curioso",
    "pctfiel": "stage_share_fiel",
    "pctturista": "stage_share_turista",
    "pctdesencantada": "stage_share_desencantado",
    "pctdesencantado": "stage_share_desencantado",
    "pctzumbi": "stage_share_zumbi",
    "pctreconquistado": "stage_share_reconquistado",
    "pctreborn": "stage_share_reborn",
    "avgfreqgrupo": "stage_mean_active_days_d28",
    "ratiofreqgrupo": "active_days_ratio_d28",
    "qtdecursoscompleto": "courses_finished",
    "qtdecursoscompletos": "courses_finished",
    "qtdecursosincompletos": "courses_begun",
    "qtdediasultiatividade": "learning_recency_days",
}

_SECOND = frozenset({"qtdfrequencia", "qtdefrequencia"})
"""The same feature twice in the published tables, from two of them: the other one counts where both are given."""

_MOST_DAYS = 2**53
"""From here on a float has no fraction, and a whole number soon more digits than JSON's readers take."""

IGNORED = frozenset({"dtref", "dtreferencia", "flfiel", "ramdomcol"})
"""Columns of the published tables that are no features: dates, the outcome, a random number. They are passed over."""


def our_names(inputs: tuple[str, ...]) -> Mapping[str, str]:
    """Published name, in small letters without accents, to our name, for those of `inputs` that have one.

    Courses are named by their slug there (`estatistica2024`), so the names come from the model's own inputs.
    """
    return _our_names(inputs)


def our_name(name: str, known: tuple[str, ...]) -> str | None:
    """Our name of the feature `name`, which may be ours already, among `known`; None where it means none of them."""
    return name if name in known else our_names(known).get(_plain(name))


def translated(given: Mapping[str, Any], inputs: tuple[str, ...]) -> dict[str, Any]:
    """`given` under our names, its values counted as ours; names that are ours already stay, unknown ones too.

    FeatureError for two names that mean the same feature with different values, and for a value that cannot be
    converted.

    >>> translated({"qtdeAtivacaoD28": 4, "descLifeCycleAtual": "02-FIEL"}, ("active_days_d28", "stage"))
    {'active_days_d28': 4, 'stage': 'fiel'}
    """
    known = our_names(inputs)
    found: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, given_value in sorted(given.items(), key=lambda item: _plain(item[0]) in _SECOND):
        plain = _plain(name)
        if name not in inputs and plain in IGNORED:
            continue
        ours = name if name in inputs else known.get(plain, name)
        value = given_value if ours == name else _converted(name, ours, given_value)
        if ours in found and plain in _SECOND:
            continue
        if ours in found and found[ours] != value:
            raise FeatureError(f"fields `{sources[ours]}` and `{name}` both mean {ours}: give one of them", field=name)
        found[ours], sources[ours] = value, name
    return found


@cache
def _our_names(inputs: tuple[str, ...]) -> Mapping[str, str]:
    windowed = {
        f"{name}{end}": f"{ours}_{window}" for name, ours in _WINDOWED.items() for end, window in WINDOWS.items()
    }
    courses = {
        name.removeprefix("course_share_").replace("_", ""): name for name in inputs if name.startswith("course_share_")
    }
    return {name: ours for name, ours in (courses | windowed | _PLAIN).items() if ours in inputs}


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return letters.lower()


def _converted(name: str, ours: str, value: Any) -> Any:
    if value is None:
        return None
    if ours in ("stage", "stage_d28"):
        return _stage(name, value)
    if ours == "age_days":
        return _number(name, value, lambda days: math.ceil(days) if abs(days) < _MOST_DAYS else days)
    if ours.startswith("value_spent_"):
        return _number(name, value, lambda points: _spent(name, points))
    return value


def _stage(name: str, value: Any) -> str:
    stage = re.sub(r"^\d+-", "", _plain(value)) if isinstance(value, str) else ""
    if stage not in (*STAGES, "none"):
        raise FeatureError(f"field `{name}` is no stage: give one of {', '.join(STAGES)}, with or without number", name)
    return stage


def _spent(name: str, points: float) -> float:
    if points > 0:
        raise FeatureError(f"field `{name}` is a sum of negative points, so it cannot be above 0", name)
    return -points


def _number(name: str, value: Any, convert: Callable[[float], float]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FeatureError(f"field `{name}` is no number: give one, or null", name)
    return convert(value)
