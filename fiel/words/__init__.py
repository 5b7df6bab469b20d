"""Everything that Fiel says, in English and in Brazilian Portuguese: one catalogue (`pt.po`), read once.

English is the language of the code: every text is made in English, and `translate` turns a finished text into another
language. Messages with values are templates with named placeholders (`{n} active days {when}`); a finished text is
recognised by its template, and the values in it are said as the language writes them (`1,204` as `1.204`).
"""

from fiel.words.amounts import money
from fiel.words.catalogue import LANGUAGES, Language, filled, find, translate, translate_all
from fiel.words.columns import translate_series
from fiel.words.figures import date_in_words, localised, number, percent

__all__ = [
    "LANGUAGES",
    "Language",
    "date_in_words",
    "filled",
    "find",
    "localised",
    "money",
    "number",
    "percent",
    "translate",
    "translate_all",
    "translate_series",
]
