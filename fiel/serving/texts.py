"""A text in every language of the pages, as parts hold it: {"en": …, "pt": …}."""

from __future__ import annotations

from fiel import words

LANGUAGES = ("en", "pt")
"""Languages of the pages; the first is the one that the code is written in."""


def both(text: str) -> dict[str, str]:
    """`text`, which is English, in every language of the pages."""
    return {language: words.translate(text, language) if text else text for language in LANGUAGES}
