"""The top reasons of a score, in words: what in a customer's own values raises or lowers it.

The contributions are CatBoost's SHAP values in log odds (Lundberg and Lee 2017). Contributions of features that say
nearly the same thing are summed by topic; the strongest topics are told, each by its strongest feature.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from fiel import words
from fiel.models.classifier import shap_values, with_embedding
from fiel.models.loaded import LoadedModel
from fiel.models.metrics import Array
from fiel.models.phrases import sentences, topic_of
from fiel.models.stage_rule import StageRule
from fiel.program import Program

REASONS = ("reason_1", "reason_2", "reason_3")
CHUNK = 50_000
"""Rows explained at once, so that memory stays bounded."""

SMALLEST = 1e-6
"""Contributions below this (log odds) are no reason."""


def reasons(frame: pl.DataFrame, model: LoadedModel, program: Program, language: str = "en") -> pl.DataFrame:
    """One row (reason_1, reason_2, reason_3) for each row of `frame`, in its order; empty where there is no reason.

    The stage rule's one reason is the stage and what became of such customers in train. Where they are wanted in more
    than one language, `in_language` says them again without explaining the scores again.
    """
    return in_language(_english(frame, model, program), language)


def in_language(told: pl.DataFrame, language: str) -> pl.DataFrame:
    """`told` with its columns reason_1, reason_2 and reason_3 (English, as scored) in `language`; others stay.

    A reason that the catalogue does not know stays English.

    >>> in_language(pl.DataFrame({"reason_1": ["being fiel now raises it"]}), "pt")["reason_1"].item()
    'estar agora no estágio fiel aumenta a chance'
    """
    return told.with_columns(words.translate_series(told[name], language) for name in REASONS if name in told.columns)


def _english(frame: pl.DataFrame, model: LoadedModel, program: Program) -> pl.DataFrame:
    if frame.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(REASONS, pl.String))
    if isinstance(model.model, StageRule):
        return _stage_reasons(frame["stage"], model.model, program)
    aligned = with_embedding(model.model, model.aligned(frame))
    chunks = [_chunk_reasons(aligned.slice(start, CHUNK), model, program) for start in range(0, aligned.height, CHUNK)]
    return pl.concat(chunks)


def _chunk_reasons(frame: pl.DataFrame, model: LoadedModel, program: Program) -> pl.DataFrame:
    values = shap_values(model.model, frame)
    topics = topics_of(model.features)
    features, strengths = strongest(values, topics)
    picked = pl.DataFrame(
        {
            "row": np.tile(np.arange(frame.height), features.shape[1]),
            "rank": np.repeat(np.arange(features.shape[1]), frame.height),
            "feature": features.T.ravel(),
            "strength": strengths.T.ravel(),
        }
    ).filter(pl.col("strength").abs() > SMALLEST)
    told = [
        part.select(
            "row",
            "rank",
            sentence=sentences(name, frame[name].gather(part["row"]), part["strength"] > 0, program),
        )
        for name, part in (
            (model.features[index], part) for (index,), part in picked.partition_by("feature", as_dict=True).items()
        )
    ]
    rows = pl.DataFrame({"row": np.arange(frame.height)})
    if not told:
        return rows.select(pl.lit(None, pl.String).alias(name) for name in REASONS)
    every = pl.concat(told)
    for rank, name in enumerate(REASONS):
        of_rank = every.filter(pl.col("rank") == rank).select("row", pl.col("sentence").alias(name))
        rows = rows.join(of_rank, on="row", how="left", maintain_order="left")
    return rows.select(REASONS)


def topics_of(features: tuple[str, ...]) -> dict[str, list[int]]:
    """Positions of the features by topic, in the order of the features."""
    found: dict[str, list[int]] = {}
    for position, name in enumerate(features):
        found.setdefault(topic_of(name), []).append(position)
    return found


def strongest(values: Array, topics: dict[str, list[int]]) -> tuple[Array, Array]:
    """For each row the features that speak for its strongest topics, and the strength (log odds) of those topics.

    Both are rows x (up to 3), strongest first; ties go to the earlier topic.
    """
    members = list(topics.values())
    sums = np.column_stack([values[:, columns].sum(axis=1) for columns in members])
    speakers = np.column_stack(
        [
            np.array(columns)[np.argmax(values[:, columns] * np.sign(sums[:, [place]]), axis=1)]
            for place, columns in enumerate(members)
        ]
    )
    order = np.argsort(-np.abs(sums), axis=1, kind="stable")[:, : len(REASONS)]
    return np.take_along_axis(speakers, order, axis=1), np.take_along_axis(sums, order, axis=1)


def _stage_reasons(stages: pl.Series, rule: StageRule, program: Program) -> pl.DataFrame:
    target = program.target
    then = {
        "stage": f"were {target.stage} {target.horizon_words} later",
        "closed": f"were closed within {target.horizon_words}",
        "purchase": f"bought within {target.horizon_words}",
        "label": "reached the target",
    }.get(target.kind, f"were active within {target.horizon_words}")
    if not program.has_stages:
        rate = next(iter(rule.probs.values()), rule.base_prob)
        became = then if program.is_quarterly else f"are {program.target.name.replace('_', ' ')}"
        who = "accounts" if program.is_quarterly else "customers"
        base = [f"nothing is known but the base rate: {rate:.1%} of all {who} {became}"] * len(stages)
        return pl.DataFrame(
            {"reason_1": base, "reason_2": None, "reason_3": None}, schema=dict.fromkeys(REASONS, pl.String)
        )
    told = {stage: f"the stage is {stage}: {prob:.0%} of such customers {then}" for stage, prob in rule.probs.items()}
    default = f"the stage is new to the rule: {rule.base_prob:.0%} of all customers {then}"
    return pl.DataFrame(
        {
            "reason_1": stages.replace_strict(told, default=default, return_dtype=pl.String),
            "reason_2": pl.Series([None] * len(stages), dtype=pl.String),
            "reason_3": pl.Series([None] * len(stages), dtype=pl.String),
        }
    )
