"""What the guards let through and what they refuse, in every language."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from fiel.actions.messages.brief import Brief
from fiel.actions.messages.guards import Titles, first_fault
from fiel.actions.messages.speech import language_fault
from fiel.actions.messages.template import template_text
from fiel.program.messages import LANGUAGES, Language
from tests.actions.messages.openai_server import DRAFTS
from tests.actions.messages.worlds import brief, catalogue


def _is_plain(letter: str) -> bool:
    """One of a to z, with or without marks, or the sign of an ordinal."""
    return unicodedata.normalize("NFD", letter)[0].lower() in "abcdefghijklmnopqrstuvwxyzªº"


DRAFT_OF = dict(zip(("pt", "es", "en", "ru"), ("Portuguese", "Spanish", "English", "Russian"), strict=True))


def titles(language: Language) -> Titles:
    return Titles(catalogue()[f"title_{language}"], language, ["base", "premium", "emergentes"])


def draft(given: Brief, extra: str = "") -> str:
    """A good message of the brief with one more sentence at the end of its first line."""
    words = DRAFTS[DRAFT_OF[given.language]].format(
        engagement=given.engagement, first=given.titles[0], second=given.titles[1]
    )
    first, second = words.split("\n")
    lines = [f"{first} {extra}".strip(), second, given.offer, given.call_to_action, given.signature]
    return "\n".join(line for line in lines if line)


def guard(text: str, given: Brief) -> str | None:
    fault = first_fault(text, given, titles(given.language))
    return fault.guard if fault else None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("risk_group", ["low", "medium", "high", "critical"])
@pytest.mark.parametrize("engagement", [0, 0.4, 7, 50, 99.6, 100])
def test_every_template_passes_in_every_tone(language: Language, risk_group: str, engagement: float) -> None:
    given = brief(language, risk_group, engagement)
    assert guard(template_text(given), given) is None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("risk_group", ["low", "critical"])
def test_a_good_draft_passes(language: Language, risk_group: str) -> None:
    given = brief(language, risk_group)
    assert guard(draft(given), given) is None


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "I hope that you had a good Monday, and I'm glad to write to you!"),
        ("en", "- We listen: it is what we do."),
        ("pt", "Você é importante para nós, e a gente agradece a Você."),
        ("es", "¿Nos cuenta qué le parece? ¡Gracias!"),
        ("ru", "Мы ценим Вас и Ваше мнение, поэтому пишем вам."),
        ("en", "It's our customers' trust that we're here for... and that's all!"),
        ("es", "Le deseamos mucho éxito, y que le vaya muy bien."),
        ("pt", "Desejamos muito êxito para você e para a sua família."),
    ],
)
def test_usual_sentences_pass(language: Language, sentence: str) -> None:
    given = brief(language)
    assert guard(draft(given, sentence), given) is None


@pytest.mark.parametrize(
    ("language", "sentence", "refused_by"),
    [
        # placeholders
        ("en", "Dear {name}, welcome.", "placeholder"),
        ("en", "Dear {{ first_name }}, welcome.", "placeholder"),
        ("pt", "Prezado [Nome], obrigado.", "placeholder"),
        ("es", "Estimado <nombre>, gracias.", "placeholder"),
        ("ru", "Уважаемый ХХХ, спасибо вам.", "placeholder"),
        ("en", "Dear XXX, welcome.", "placeholder"),
        ("en", "Dear ____, welcome.", "placeholder"),
        ("en", "Dear %s, welcome.", "placeholder"),
        ("en", "Dear $customer, welcome.", "placeholder"),
        ("en", "Dear customer name, welcome.", "placeholder"),
        ("en", "Lorem ipsum to you and to us.", "placeholder"),
        ("en", "We wish you a good undefined.", "placeholder"),
        ("en", "**You** are with us.", "placeholder"),
        ("en", "Dear na\u200bme, welcome.", "characters"),
        ("en", "You are \x1b with us.", "characters"),
        # products
        ("en", "You will love the Galaxy Ultra too.", "products"),
        ("en", "You will love the “quiet lantern” too.", "products"),
        ("en", "You will love our new headphones too.", "products"),
        ("en", "You will love the iPhone too.", "products"),
        ("en", "You will love the blanket oak too.", "products"),
        ("pt", "Você também vai gostar do Relógio Sol.", "products"),
        ("pt", "Você também vai gostar do nosso novo celular.", "products"),
        ("es", "También le va a gustar el Reloj Sol.", "products"),
        ("es", "También le va a gustar nuestra nueva tableta.", "products"),
        ("ru", "Вам понравится и наш новый смартфон.", "products"),
        ("ru", "Вам понравится и Чайник Солнце.", "products"),
        # offers and prices
        ("en", "As a thank you there is a discount for you.", "offers"),
        ("en", "The first one is free for you.", "offers"),
        ("en", "You pay only half: € for you.", "offers"),
        ("en", "It is many per cent less for you.", "offers"),
        ("pt", "E você ganha um desconto.", "offers"),
        ("pt", "E tudo isso de graça para você.", "offers"),
        ("es", "Y además un regalo para usted.", "offers"),
        ("ru", "И ещё скидка для вас.", "offers"),
        ("ru", "И всё это вам бесплатно.", "offers"),
        # figures
        ("en", "You have been with us for 7 years.", "figures"),
        ("en", "Others are at 55 out of 100.", "figures"),
        ("en", "That is 72.5 out of 100 for you.", "figures"),
        ("en", "That is 172 out of 100 for you.", "figures"),
        ("pt", "Os outros estão em 55 de 100.", "figures"),
        ("en", "It is ² times what you had.", "figures"),
        # churn, probability, risk
        ("en", "We see that you are likely to leave.", "risk"),
        ("en", "Your churn probability is high.", "risk"),
        ("en", "You are in a group of critical customers.", "risk"),
        ("en", "We do not want to lose you.", "risk"),
        ("pt", "O seu risco de cancelar é alto.", "risk"),
        ("pt", "Não queremos perder você.", "risk"),
        ("es", "Su riesgo de darse de baja es alto.", "risk"),
        ("es", "La probabilidad de que nos deje es alta.", "risk"),
        ("ru", "Вы в группе риска.", "risk"),
        ("ru", "Есть вероятность, что вы хотите уйти.", "risk"),
        ("ru", "Ваш прогноз нам известен.", "risk"),
        ("en", "You belong to our premium people.", "risk"),
        ("pt", "Você está entre os nossos emergentes.", "risk"),
        # the same without the word: models, competitors, farewells
        ("en", "Our model says that you are unhappy.", "risk"),
        ("en", "You think of switching to another company.", "risk"),
        ("en", "Please do not go away.", "risk"),
        ("pt", "Sabemos que você pode sair.", "risk"),
        ("pt", "Não troque a gente por um concorrente.", "risk"),
        ("es", "No queremos que se vaya de aquí.", "risk"),
        ("es", "Puede que cambie a la competencia.", "risk"),
        ("ru", "Вы можете сменить оператора.", "risk"),
        ("ru", "Не бросайте нас.", "risk"),
        # words that are hidden: hyphens, letters set apart, letters of another script or style
        ("en", "We see your ch-urn in it.", "risk"),
        ("en", "A dis-count for you.", "offers"),
        ("en", "We see your c h u r n in it.", "characters"),
        ("en", "We see your c.h.u.r.n in it.", "characters"),
        ("en", "We see your ch\u0336urn in it.", "risk"),
        ("en", "We see your \u0441hurn.", "language"),
        ("en", "It is fr\u0259e for you.", "language"),
        ("ru", "Ваш\u0456 дела хороши.", "language"),
        ("ru", "Мы р\u0061ды вам.", "language"),
        ("en", "It is \uff46\uff52\uff45\uff45 for you.", "language"),
        ("en", "A \U0001f381 for you.", "characters"),
        # figures in words, in other digits, in other groupings
        ("en", "That is seventy-two for you.", "figures"),
        ("en", "You are among the top ten of our people.", "figures"),
        ("en", "That is 1 234 for you.", "figures"),
        ("en", "That is 1'234 for you.", "figures"),
        ("en", "That is \uff11\uff12 for you.", "figures"),
        ("en", "That is \u0663\u0664 for you.", "figures"),
        ("en", "That is \u216b for you.", "figures"),
        ("pt", "São doze anos com a gente.", "figures"),
        ("es", "Son veinte años con nosotros.", "figures"),
        ("ru", "Вам пять лет с нами.", "figures"),
        # prices and offers in words
        ("en", "You pay us later.", "offers"),
        ("en", "Buy one and take one more home, a two for one.", "offers"),
        ("pt", "Leve dois e pague um.", "offers"),
        ("es", "Usted no paga en todo el mes.", "offers"),
        ("ru", "Вы ничего не платите.", "offers"),
        # products in other spellings
        ("en", "You will love BLANKET OAK too.", "products"),
        ("en", "You will love blanketoak too.", "products"),
        ("en", "You will love blanket-oak too.", "products"),
        ("en", "You will love the ‘quiet lantern’ too.", "products"),
        ("en", "You will love the 'quiet lantern' too.", "products"),
        # names that nobody filled in
        ("en", "Dear @name, welcome.", "placeholder"),
        ("en", "Dear :name, welcome.", "placeholder"),
        ("en", "Dear (customer), welcome.", "placeholder"),
        ("en", "Dear 【name】, welcome.", "characters"),
        ("pt", "Prezado nome do cliente, obrigado.", "placeholder"),
        ("es", "Estimado nombre del cliente, gracias.", "placeholder"),
        ("ru", "Уважаемый имя клиента, спасибо вам.", "placeholder"),
        # links
        ("en", "Visit fiel.club for it.", "links"),
        ("en", "Visit fiel dot com for it.", "links"),
        ("en", "Write to help(at)us for it.", "links"),
        ("en", "Have a look at www.example.com for it.", "links"),
        ("en", "Write to us at help@example.com for it.", "links"),
        # language
        ("en", "Мы рады.", "language"),
        ("ru", "We are glad that you are with us.", "language"),
        ("en", "\nOlá, nós da equipe somos muito felizes com você e com a sua família.", "language"),
        ("pt", "\nNosotros y nuestra gente le damos las gracias a usted y a los suyos.", "language"),
        ("es", "\nNós e a nossa gente agradecemos muito a você e também aos seus.", "language"),
    ],
)
def test_what_no_message_may_say(language: Language, sentence: str, refused_by: str) -> None:
    given = brief(language)
    assert guard(draft(given, sentence), given) == refused_by


NUMERALS = [chr(code) for code in range(0x11000) if unicodedata.category(chr(code)).startswith("N")]
STRANGERS = [chr(code) for code in range(0x2000) if chr(code).isalpha() and not _is_plain(chr(code))]


@drawn(numeral=st.sampled_from(NUMERALS), place=st.integers(0, 40), language=st.sampled_from(LANGUAGES))
@settings(max_examples=150, deadline=None)
def test_no_numeral_of_any_script_passes_anywhere(numeral: str, place: int, language: Language) -> None:
    asked = brief(language)
    words = draft(asked).split(" ")
    words.insert(place % len(words) + 1, numeral)
    assert guard(" ".join(words), asked) is not None


@drawn(letter=st.sampled_from(STRANGERS), place=st.integers(0, 60), language=st.sampled_from(["pt", "es", "en"]))
@settings(max_examples=150, deadline=None)
def test_no_letter_of_another_script_passes_anywhere(letter: str, place: int, language: Language) -> None:
    asked = brief(language)
    text = draft(asked)
    at = text.index(" ", place)
    assert guard(text[:at] + letter + text[at:], asked) is not None


def test_a_low_probability_is_not_told_as_a_figure_either() -> None:
    given = brief("en")
    assert guard(draft(given, "You stand at 0.034 with us."), given) == "figures"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text, given: text.replace(given.titles[1], "the other one"),
        lambda text, given: text.replace(given.engagement, "high"),
        lambda text, given: text.replace(given.call_to_action, "Call us."),
        lambda text, given: text.replace(given.signature, "Your team"),
        lambda text, given: text + "\nP.S. We are there for you.",
        lambda text, given: text.replace(str(given.offer), "A small thing for you."),
        lambda text, given: text.replace("Dear customer, it", "It"),
    ],
    ids=["title", "engagement", "call to action", "signature", "postscript", "offer", "greeting"],
)
def test_what_every_message_has_to_say(spoil) -> None:
    given = brief("en", "high")
    assert guard(spoil(draft(given), given), given) == "elements"


def test_the_engagement_of_somebody_else_is_refused() -> None:
    assert guard(draft(brief("en", engagement=71)), brief("en", engagement=72)) == "elements"


def test_an_offer_is_only_said_in_its_own_words() -> None:
    given = brief("en", "high")
    assert given.offer == "Until Sunday, 10% off the Sky plan."
    assert guard(draft(given).replace("10%", "20%"), given) == "elements"
    assert guard(draft(given, "And 20% off the Sky plan."), given) == "figures"


@pytest.mark.parametrize("text", ["", "   \n ", "Hello."])
def test_a_text_that_is_too_short_is_refused(text: str) -> None:
    assert guard(text, brief("en")) == "length"


def test_a_text_that_is_too_long_is_refused() -> None:
    given = brief("en", max_chars=300)
    assert guard(draft(given), given) is None
    assert guard(draft(given, "We are glad that you are with us. " * 5), given) == "length"


def test_another_product_of_the_catalogue_is_refused_and_a_usual_word_is_not() -> None:
    given = brief("en")
    every = Titles(["Compass Reed", "Hello", "Services"], "en")
    assert first_fault(template_text(given), given, every) is None
    fault = first_fault(draft(given, "Or compass reed."), given, every)
    assert str(fault) == "products: 'compass reed' is not one of the two products"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("other", LANGUAGES)
def test_each_language_is_told_from_the_others(language: Language, other: Language) -> None:
    text = template_text(brief(other))
    assert (language_fault(text, language) is None) == (language == other)
