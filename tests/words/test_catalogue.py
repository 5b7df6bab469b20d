"""The catalogue says finished English texts in Portuguese, with their values; what it does not know stays."""

from __future__ import annotations

import re
from datetime import date
from importlib import resources

import polars as pl
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from fiel import words
from fiel.errors import FielError

_HOLE = re.compile(r"\{[a-z0-9_]+\}")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    with (resources.files("fiel.words") / "pt.po").open("rb") as file:
        return read_po(file, locale="pt_BR")


def test_every_message_is_said_and_none_is_doubtful(catalog: Catalog) -> None:
    assert len(catalog) > 1_000
    assert [message.id for message in catalog if message.id and (not message.string or message.fuzzy)] == []


def test_a_translation_has_the_placeholders_of_its_message(catalog: Catalog) -> None:
    wrong = [
        message.id
        for message in catalog
        if message.id and set(_HOLE.findall(str(message.id))) != set(_HOLE.findall(str(message.string)))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Active customers", "Clientes ativos"),
        ("champion", "campeão"),
        ("Champion", "Campeão"),
        ("as of 2025-09-01, 1,204 customers", "em 2025-09-01, 1.204 clientes"),
        ("customers by reason, as of 2025-03-01, 1,479 customers (simulated)",
         "clientes por motivo, em 2025-03-01, 1.479 clientes (dados simulados)"),
        ("0.862 (0.840 to 0.881)", "0,862 (0,840 a 0,881)"),
        ("1,204 (32.2 %)", "1.204 (32,2%)"),
        ("1,650 points", "1.650 pontos"),
        ("−R$ 16,101", "−R$ 16.101"),
        ("< 0.1 %", "< 0,1%"),
        ("2017Q4", "2017T4"),
        ("2025-09-01", "2025-09-01"),
        ("1 September 2025", "1º de setembro de 2025"),
        ("recency_days", "recency_days"),
        ("active days, 28 days", "dias ativos, 28 dias"),
        ("In the newest week 7 customers were new. The most in a week were 1,014.",
         "Na semana mais recente, 7 clientes eram novos. O maior número em uma semana foi 1.014."),
        ("Customers who are granted nothing: held out 189 and grade 18,142.",
         "Clientes que não recebem nada: no grupo de controle 189 e faixa de lucro 18.142."),
        ("The features that move the score most: var15, active days, 28 days and stage now.",
         "As variáveis que mais movem o score: var15, dias ativos, 28 dias e estágio agora."),
        ("Version 1, a new recipe, replaces version 2 (the stage rule): superior to the champion: AUC +0.098 (+0.079 "
         "to +0.116), on 1,899 out-of-time rows of 2025-08-01, 2025-09-01; all gates passed",
         "A versão 1, uma receita nova, substitui a versão 2 (a regra do estágio): é superior ao campeão: AUC +0,098 "
         "(+0,079 a +0,116), em 1.899 linhas fora do tempo de 2025-08-01, 2025-09-01; todos os critérios foram "
         "cumpridos"),
    ],
)  # fmt: skip
def test_a_finished_text_is_said_with_its_values(text: str, said: str) -> None:
    assert words.translate(text, "pt") == said
    assert words.translate(text, "en") == text


def test_a_text_that_nobody_translated_stays_and_is_told() -> None:
    assert words.translate("Quokkas by night", "pt") == "Quokkas by night"
    assert words.find("Quokkas by night", "pt") is None
    assert words.find("Active customers. Quokkas by night.", "pt") is None


def test_another_language_is_refused() -> None:
    with pytest.raises(FielError, match="'fr': choose one of en, pt"):
        words.translate("customers", "fr")


def test_a_template_is_filled_by_who_knows_the_values() -> None:
    assert words.filled("{n} customers", "pt", n="1.204") == "1.204 clientes"
    assert words.filled("{n} customers", "en", n="1,204") == "1,204 customers"


@pytest.mark.parametrize(
    ("value", "unit", "english", "portuguese"),
    [
        (1_204, "points", "1,204 points", "1.204 pontos"),
        (-1_204.5, "BRL", "−R$ 1,204", "−R$ 1.204"),
        (0.2, "GBP", "£ 0", "£ 0"),
        (None, "GBP", "–", "–"),
        (12, "RUB", "RUB 12", "RUB 12"),
    ],
)
def test_money_is_written_as_each_language_writes_it(
    value: float | None, unit: str, english: str, portuguese: str
) -> None:
    assert (words.money(value, unit, "en"), words.money(value, unit, "pt")) == (english, portuguese)


def test_dates_in_prose_have_no_leading_zero_and_an_ordinal_first() -> None:
    assert words.date_in_words(date(2026, 3, 9), "pt") == "9 de março de 2026"
    assert words.date_in_words(date(2026, 3, 1), "pt") == "1º de março de 2026"


@given(st.floats(-1e12, 1e12))
def test_numbers_of_both_languages_say_the_same(value: float) -> None:
    english, portuguese = words.number(value, "en"), words.number(value, "pt")
    assert english.translate(str.maketrans(",.", ".,")) == portuguese


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.builds("{} active days in the last {} days raise it".format, st.integers(0, 40), st.integers(1, 90)),
            st.builds("having earned {:,} points since joining lowers it".format, st.integers(0, 10**7)),
            st.builds("a net {:,.2f} GBP of purchases in the last 365 days raises it".format, st.floats(0, 1e6)),
            st.builds("{} days with live events among the last 28 raise it".format, st.integers(2, 28)),
            st.builds("a {}-day gap before the last active day lowers it".format, st.integers(1, 3)),
            st.builds("num_var{} being {} raises it".format, st.integers(1, 40), st.integers(0, 9)),
            st.just("quokkas by night 3"),
        ),
        max_size=60,
    )
)
def test_a_long_column_says_what_each_of_its_texts_says(texts: list[str | None]) -> None:
    column = pl.Series("reason", texts, dtype=pl.String)
    said = words.translate_series(column, "pt")
    assert said.name == "reason"
    assert said.to_list() == [None if text is None else words.translate(text, "pt") for text in texts]
