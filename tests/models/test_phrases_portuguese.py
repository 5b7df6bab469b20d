"""Every phrase of a reason has its Portuguese sentence, complete and with the numbers of the country."""

from __future__ import annotations

import re
from itertools import product

import polars as pl
import pytest

from fiel import words
from fiel.models.loaded import LoadedModel
from fiel.models.phrases import PHRASES, WEEKDAYS, sentences, topic_of
from fiel.models.reasons import REASONS, in_language, reasons
from fiel.models.stage_rule import StageRule
from fiel.program import Program, load_program
from fiel.reports.labels import feature_label
from fiel.settings import Settings
from tests.models import worlds

POINTS = worlds.program()
PENCE = Program.model_validate({**POINTS.model_dump(), "value": {"unit": "GBP", "scale": 100}})

_ENGLISH = re.compile(
    r"\b(the|of|and|days?|having|being|since|raises?|lowers?|last|with|quarters?|unknown|none|points|Monday)\b"
)
_FRAMES = ("aumenta a chance", "aumentam a chance", "reduz a chance", "reduzem a chance")


def columns() -> list[str]:
    """A column of each family, for each kind of window that it has."""
    found = []
    for phrase in PHRASES:
        key = "fiel" if phrase.column.startswith("stage") else "num_var4"
        named = phrase.column.replace("{key}", key).replace(r"\d+", "3")
        named = re.sub(r"\((\w+)\|\w+\)", r"\1", named)
        is_when = any("{when}" in text or "{days}" in text for text in (phrase.many, phrase.empty))
        windows = ("life", "d28", "q1", "q4") if is_when else ("d28", "d365")
        found += [named.replace("{w}", window) for window in windows] if "{w}" in named else [named]
    return found


VALUES = {
    "count": [None, 0, 1, 2, 1_204],
    "number": [None, 0.0, 1.0, 3.25, 1_234.5],
    "value": [None, 5.0, 590.0, 12_345.0, -28_001_200.0],
    "share": [None, 0.0, 0.393, 1.0],
    "text": [None, "none", "1", "cannot_lose", "true", "-1"],
    "weekday": list(range(1, 8)),
}


@pytest.mark.parametrize("column", columns())
@pytest.mark.parametrize("program", [POINTS, PENCE], ids=["points", "money"])
def test_every_phrase_becomes_a_portuguese_sentence(column: str, program: Program) -> None:
    phrase = next(phrase for phrase in PHRASES if phrase.match(column))
    pairs = list(product(VALUES[phrase.form], [True, False]))
    values, raises = pl.Series([value for value, _ in pairs]), pl.Series([rises for _, rises in pairs])
    english = sentences(column, values, raises, program).to_list()
    for text, said in zip(english, sentences(column, values, raises, program, "pt"), strict=True):
        assert said.endswith(_FRAMES), (text, said)
        assert not _ENGLISH.search(said), (text, said)
        assert "{" not in said, (text, said)
        shown = [number.translate(str.maketrans(",.", ".,")) for number in re.findall(r"\d[\d,.]*\d|\d", text)]
        assert sorted(re.findall(r"\d[\d,.]*\d|\d", said)) == sorted(shown), (text, said)


@pytest.mark.parametrize(
    ("column", "value", "rises", "said"),
    [
        ("active_days_d28", 1, True, "1 dia ativo nos últimos 28 dias aumenta a chance"),
        ("active_days_life", 1_204, False, "1.204 dias ativos desde a entrada reduzem a chance"),
        ("active_days_share_d28", 0.393, True, "estar ativo em 39% dos últimos 28 dias aumenta a chance"),
        ("mean_gap_days_life", 3.25, True,
         "um intervalo médio de 3,2 dias entre dias ativos desde a entrada aumenta a chance"),
        ("stage_d28", "fiel", True, "ter estado no estágio fiel há 28 dias aumenta a chance"),
        ("value_earned_d7", 250, True, "ter ganho 250 pontos nos últimos 7 dias aumenta a chance"),
        ("product_share_lista_de_presenca", 0.5, True,
         "ter Lista de presença em 50% dos produtos aumenta a chance"),
        ("as_of_weekday", 7, True, "o score ser calculado para um domingo aumenta a chance"),
        ("value_cluster", "esforcado", True, "pertencer ao grupo de valor esforçado aumenta a chance"),
        ("gap_days", 1, False, "um intervalo de 1 dia antes do último dia ativo reduz a chance"),
        ("gender", -1, True, "ser mulher aumenta a chance"),
        ("has_phone", False, False, "não ter telefone no cadastro reduz a chance"),
        ("some_new_column", 3, True, "some new column igual a 3 aumenta a chance"),
    ],
)  # fmt: skip
def test_reasons_read_like_portuguese(column: str, value: object, rises: bool, said: str) -> None:
    assert sentences(column, pl.Series([value]), pl.Series([rises]), POINTS, "pt").to_list() == [said]


def test_money_stands_behind_its_symbol() -> None:
    shop = load_program("retail", Settings())
    said = sentences("value_earned_d28", pl.Series([123_456_789]), pl.Series([True]), shop, "pt").item()
    assert said == "ter comprado £ 1.234.568 nos últimos 28 dias aumenta a chance"


@pytest.mark.parametrize("name", ["teomewhy", "retail", "santander", "telecom", "pension", "cdnow", "online_retail"])
def test_the_stage_rule_speaks_portuguese_in_every_program(name: str) -> None:
    program = load_program(name, Settings())
    for target in program.target_names:
        rule = StageRule({"fiel": 0.712}, {"fiel": 10}, 0.25)
        told = reasons(
            pl.DataFrame({"stage": ["fiel", "reborn"]}), LoadedModel("1", "stage_rule", "d", rule, ("stage",)),
            program.with_target(target), "pt",
        )  # fmt: skip
        for said in told["reason_1"]:
            assert not _ENGLISH.search(said), said
            assert re.search(r"\d%|\d,\d%", said), said
        assert told["reason_2"].null_count() == 2


def test_reasons_that_were_scored_in_english_are_said_again_in_portuguese() -> None:
    scored = pl.DataFrame({
        "customer_id": ["a", "b"],
        "reason_1": ["11 active days in the last 28 days raise it", "being turista now lowers it"],
        "reason_2": [None, "a reason of nobody"],
        "reason_3": pl.Series([None, None], dtype=pl.String),
    })  # fmt: skip
    told = in_language(scored, "pt")
    assert told.columns == ["customer_id", *REASONS]
    assert told.rows() == [
        ("a", "11 dias ativos nos últimos 28 dias aumentam a chance", None, None),
        ("b", "estar agora no estágio turista reduz a chance", "a reason of nobody", None),
    ]
    assert in_language(scored, "en").equals(scored)


def test_every_topic_and_every_weekday_has_a_word() -> None:
    topics = {topic_of(column) for column in columns()} - {"num_var4"}
    assert [name for name in sorted(topics) if words.find(name, "pt") is None] == []
    assert [name for name in WEEKDAYS if words.find(name, "pt", "reason") is None] == []


@pytest.mark.parametrize("text", ["raises it", "a; b: c, d and e", "x raises it lowers", "1 1 1", "of of of " * 400])
def test_a_value_may_look_like_anything(text: str) -> None:
    said = sentences("payment_type", pl.Series([text]), pl.Series([True]), POINTS, "pt").item()
    assert said == f"o tipo de pagamento {text} aumenta a chance"


def test_every_feature_of_a_snapshot_has_a_label_in_a_few_portuguese_words() -> None:
    labels = {feature_label(column) for column in columns() if not re.search("_q[14]$", column)}
    assert [label for label in sorted(labels) if words.find(label, "pt") is None] == []
