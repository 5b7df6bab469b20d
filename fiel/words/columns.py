"""Long columns of texts in another language: what differs in its numbers only is recognised once."""

from __future__ import annotations

import re

import polars as pl

from fiel.words import figures
from fiel.words.catalogue import checked, find, translate, translate_all

FEW = 32
"""Texts up to which each is recognised by itself: a live score tells three."""

_MARKS = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")


def translate_series(texts: pl.Series, language: str, context: str = "") -> pl.Series:
    """Each text of a long column in `language`, in its order; null stays null.

    Texts that differ in their numbers only are recognised once: the numbers are taken out, and put back as the
    language writes them.
    """
    if checked(language) == "en" or texts.is_empty():
        return texts
    if texts.len() <= FEW:
        said_each = [None if text is None else translate(text, language, context) for text in texts]
        return pl.Series(texts.name, said_each, dtype=pl.String)
    # A message may be another one for a single day, so a 1 is no number like any other.
    is_one = pl.col("text").str.extract_all(_MARKS.pattern).list.eval((pl.element() == "1").cast(pl.String))
    frame = pl.DataFrame({"text": texts.drop_nulls().unique(maintain_order=True)}).with_columns(
        shape=pl.col("text").str.replace_all(_MARKS.pattern, "#"), ones=is_one.list.join(",")
    )
    said = [
        _of_shape(part["text"], language, context) for part in frame.partition_by("shape", "ones", maintain_order=True)
    ]
    known = pl.concat(said) if said else pl.DataFrame(schema={"text": pl.String, "said": pl.String})
    joined = texts.to_frame("text").join(known, on="text", how="left", maintain_order="left")
    return joined["said"].alias(texts.name)


def _of_shape(texts: pl.Series, language: str, context: str) -> pl.DataFrame:
    """The columns text and said of `texts`, which differ in their numbers only."""
    first: str = texts[0]
    parts = _shape_said(first, language, context) if texts.len() > 1 else None
    if parts is None:
        return pl.DataFrame({"text": texts, "said": translate_all(texts.to_list(), language, context)},
                            schema={"text": pl.String, "said": pl.String})  # fmt: skip
    numbers = pl.col("text").str.extract_all(_MARKS.pattern)
    pieces = [
        pl.lit(part)
        if isinstance(part, str)
        else numbers.list.get(part).str.replace_all(",", "\x00", literal=True).str.replace_all(".", ",", literal=True)
        .str.replace_all("\x00", ".", literal=True)
        for part in parts
    ]  # fmt: skip
    return texts.to_frame("text").with_columns(said=pl.concat_str(pieces))


def _shape_said(text: str, language: str, context: str) -> list[str | int] | None:
    """The translation of `text` as literals and positions of its numbers; None where that cannot be told."""
    marks = _MARKS.findall(text)
    stand_ins = [str(7_000_001 + 11 * place) for place in range(len(marks))]
    given = iter(stand_ins)
    said = find(_MARKS.sub(lambda _: next(given), text), language, context)
    if said is None or any(said.count(mark) != 1 for mark in stand_ins):
        return None
    pieces = re.split(f"({'|'.join(stand_ins)})", said) if stand_ins else [said]
    parts = [stand_ins.index(piece) if piece in stand_ins else piece for piece in pieces]
    # A number may belong to the message (`of 5`): then the stand-ins were understood otherwise.
    shown = [figures.localised(mark, language) or mark for mark in marks]
    again = "".join(part if isinstance(part, str) else shown[part] for part in parts)
    return parts if again == find(text, language, context) else None
