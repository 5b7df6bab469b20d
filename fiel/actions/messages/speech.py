"""Which language a text is in, as far as a guard needs it: by its letters, and by the small words of each language.

A message is a few sentences in one of four languages that we know, so counting stop words tells them apart; a text that
is in none of them has too few.
"""

from __future__ import annotations

import unicodedata

from fiel.actions.messages.languages import fold, language_words
from fiel.actions.messages.patterns import WORD
from fiel.program.messages import LANGUAGES, Language

FEWEST = 3
SHARE = 0.12
"""Stop words in a text of the language: at least so many, and at least this share of the words."""

MARGIN = 1.5
"""How many times as many stop words the language needs as any other one."""

LATIN, RUSSIAN = frozenset("abcdefghijklmnopqrstuvwxyzªº"), frozenset("абвгдежзиклмнопрстуфхцчшщъыьэюя")
"""Letters without their marks. Letters that only look like them hide words from every list."""

LINE_WORDS = 6
"""A line with so many words has to be in the language by itself."""


def language_fault(text: str, language: Language) -> str | None:
    """Why the text is not in the language; None if it is.

    >>> language_fault("Здравствуйте! Мы рады, что вы с нами и что вам это по душе.", "ru")
    >>> language_fault("Hello, we are glad that you are with us and hope you like it.", "pt")
    'it reads as en, not as pt'
    """
    alphabet = RUSSIAN if language == "ru" else LATIN
    strange = next((letter for letter in text if letter.isalpha() and _base(letter) not in alphabet), None)
    if strange is not None:
        return f"the letter {strange!r} is not of the alphabet of {language}"
    counts = _stop_words(text)
    words = len(WORD.findall(text))
    if counts[language] < max(FEWEST, SHARE * words) or not _leads(counts, language, MARGIN):
        best = max(LANGUAGES, key=lambda other: counts[other])
        return f"it reads as {best}, not as {language}" if best != language else f"it hardly reads as {language}"
    for line in text.splitlines():
        found = _stop_words(line)
        if len(WORD.findall(line)) >= LINE_WORDS and not _leads(found, language, 1):
            return f"a line does not read as {language}: {line.strip()[:60]!r}"
    return None


def _leads(counts: dict[Language, int], language: Language, margin: float) -> bool:
    return all(counts[language] >= margin * counts[other] for other in LANGUAGES if other != language)


def _stop_words(text: str) -> dict[Language, int]:
    words = [fold(word) for word in WORD.findall(text)]
    return {language: sum(word in language_words(language).stop_set for word in words) for language in LANGUAGES}


def _base(letter: str) -> str:
    """The letter in lower case and without its marks: `é` is e, `Й` is и."""
    return unicodedata.normalize("NFD", letter)[0].lower()
