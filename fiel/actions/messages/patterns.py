"""Patterns of text that no message may hold, in any language."""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(
    r"""
      [{}<>\[\]|\\^~`]                             # {name}, [Name], <...>, <b>, \n as two characters
    | (?i:(?<!\w)[xх]{3,}(?!\w))                   # XXX, also in Cyrillic letters
    | (?<!\w)TODO(?!\w)                            # in capitals: in Spanish it is a word
    | (?i:(?<!\w)(?:tbd|lorem|ipsum|placeholder|undefined|null|none|nan|n/a)(?!\w))
    | (?i:\((?:name|nome|nombre|имя|title|date|product|customer|client|cliente?|клиент)\))
    | _{2,} | \*{2,} | \.{4,} | \#[a-zA-Z_] | %\w | \$\w*[a-z_]
    | (?<!\S)[:@&][^\W\d_]                       # :name, @name, &name
    | (?i:(?<!\w)(?:your|customer|client|user|first|last)[ _]name(?!\w))
    | (?i:(?<!\w)(?:nome\ d[oe]\ (?:cliente|usuário)|seu\ nome|nombre\ del\ (?:cliente|usuario)|su\ nombre)(?!\w))
    | (?i:(?<!\w)(?:имя\ (?:клиента|пользователя)|ваше\ имя|фио)(?!\w))
    | (?i:(?<!\w)insert\ (?!yourself))
    """,
    re.VERBOSE,
)
"""What is left when nobody filled a text in: braces, brackets, XXX, blanks to fill, words of templates and programs."""

NOT_PRINTED = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff\ufff9-\uffff]"
)
"""Control and format characters (line feeds aside): they hide words from guards and from readers."""

LINK = re.compile(
    r"(?i:https?://|www\.|\w@\w|(?<!\w)[\w-]+\.[a-z]{2,}(?!\w)|\(at\)"
    r"|(?<!\w)(?:dot|punto|ponto|точка)\ (?:com|net|org|br|es|ru|ком|ру)(?!\w))"
)
MONEY = re.compile(r"[%‰€£¥₽₴$¢]|(?i:\bR\$|\b(?:usd|eur|brl|rub|gbp)\b)")
QUOTED = re.compile("[“«„\"‹]([^“«„\"‹”»›\n]*)[”»“\"›]|(?<!\\w)['‘]([^'‘’\n]{2,})['’](?!\\w)")
"""Words in quotation marks, double ones or single ones (an apostrophe stands behind a letter)."""

ODD = re.compile("[^\\w\\s.,;:!?¡¿…'‘’\"“”«»„‹›()/–—&+\u25e6-]")
"""What the writer's own words are not made of: emoji, arrows, signs of mathematics, rare brackets and dots."""

SPACED = re.compile(r"(?:(?<!\w)[^\W\d_][\W_]{1,2}){4,}")
"""Letters set apart, as in c.h.u.r.n or c h u r n: nobody writes so but to pass a guard."""
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
