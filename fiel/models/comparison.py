"""What a promotion is decided on: the out-of-time rows with the probabilities of challenger, champion and stage rule.

And of the purchase model, where the program has one for the target's horizon.

The rows are predicted from the registered artifacts, so a decision can be made again without training again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import polars as pl

from fiel.errors import CohortError, SchemaError
from fiel.models.baselines import in_population, with_purchase_prob
from fiel.models.calibration import CohortSpread
from fiel.models.classifier import predict
from fiel.models.cohorts import break_days, part_rows
from fiel.models.drift import psi, psi_inputs
from fiel.models.labels import matures_on
from fiel.models.loaded import LoadedModel
from fiel.models.metrics import Array
from fiel.models.parts import OOT, TRAIN, VALID, CustomerParts
from fiel.models.retraining import refit as refit_recipe
from fiel.models.stage_rule import StageRule
from fiel.models.versions import VersionInfo
from fiel.program import Program

Predict = Callable[[pl.DataFrame], Array]
Refit = Callable[[LoadedModel, pl.DataFrame], Predict]


@dataclass(frozen=True)
class Evidence:
    """Out-of-time rows (see fiel.models.gates) and what has moved since train.

    `spread` is how far calibration lies apart from month to month, as the training measured it. `champion_note` says
    what stands in for the champion where it cannot be compared as it is.
    """

    rows: pl.DataFrame
    psi_scores: float | None = None
    psi_inputs: pl.DataFrame | None = None
    champion_note: str | None = None
    spread: CohortSpread | None = None


def evidence(
    snapshots: pl.DataFrame,
    labels: pl.DataFrame,
    challenger: LoadedModel,
    champion: LoadedModel | None,
    program: Program,
    refit: Refit | None = None,
) -> Evidence:
    """The evidence on the challenger's out-of-time cohorts.

    `snapshots` hold the challenger's training and out-of-time cohorts, `labels` their outcomes. The stage rule is
    fitted on the rows that the challenger was trained on. A champion that has seen outcomes from after the first
    out-of-time cohort is not comparable: its recipe is refitted (`refit`) on the challenger's training rows. A champion
    whose columns are gone is stood in for by the stage rule. CohortError when cohorts are missing, or when the
    challenger itself has seen the rows that judge it.
    """
    if has_seen(challenger, challenger.oot_as_of, program, challenger.parts):
        raise CohortError(
            f"version {challenger.version} was trained on outcomes from after its first out-of-time cohort "
            f"{min(challenger.oot_as_of)}: nothing it does there can be believed; train it on earlier cohorts"
        )
    labelled = snapshots.filter(in_population(program)).join(labels, on=["customer_id", "as_of"], how="inner")
    trained = _cohorts(labelled, challenger, challenger.trained_as_of, "training", TRAIN, VALID)
    oot = _cohorts(labelled, challenger, challenger.oot_as_of, program.judged_on, OOT)
    rule = StageRule.fit(trained["stage"], trained["label"])
    probs = challenger.predict(oot)
    rule_probs = rule.predict(oot["stage"])
    champion_probs, note = rule_probs, None
    if champion is not None:
        champion_probs, note = _champion_probs(champion, challenger, trained, oot, rule_probs, program, refit)
    quiet = [day for day in challenger.oot_as_of if not break_days(day, program)]
    outside = oot.filter(pl.col("as_of").is_in(quiet))
    rows = oot.select(
        "customer_id",
        "as_of",
        "label",
        "stage",
        "age_days" if "age_days" in oot.columns else pl.lit(None, pl.Int64).alias("age_days"),
        is_seen=pl.col("customer_id").is_in(trained["customer_id"].unique().implode()),
        is_break=~pl.col("as_of").is_in(quiet),
        prob=pl.Series(probs, dtype=pl.Float64),
        champion_prob=pl.Series(champion_probs, dtype=pl.Float64),
        rule_prob=pl.Series(rule_probs, dtype=pl.Float64),
    )
    rows = with_purchase_prob(rows, oot, program, rule.base_prob)
    if outside.is_empty() or challenger.kind == "stage_rule":
        return Evidence(rows, champion_note=note, spread=challenger.spread)
    return Evidence(
        rows=rows,
        psi_scores=psi(challenger.predict(trained), challenger.predict(outside)),
        psi_inputs=psi_inputs(
            challenger.aligned(trained), challenger.aligned(outside), challenger.inputs, program.promotion.warn_psi
        ),
        champion_note=note,
        spread=challenger.spread,
    )


def has_seen(
    model: LoadedModel | VersionInfo, oot: tuple[date, ...], program: Program, parts: CustomerParts | None = None
) -> bool:
    """Whether the model learned from outcomes that were known only after the first of these cohorts began.

    With `parts` (the test part of an undated program judges): whether it learned from customers of that test part. A
    model of the same parts did not, whatever source version it was trained on; of a model of other parts it is assumed.
    """
    if parts is not None:
        return model.parts != parts
    return bool(oot) and any(matures_on(day, program) > min(oot) for day in model.trained_as_of)


def _champion_probs(
    champion: LoadedModel,
    challenger: LoadedModel,
    trained: pl.DataFrame,
    oot: pl.DataFrame,
    rule_probs: Array,
    program: Program,
    refit: Refit | None,
) -> tuple[Array, str | None]:
    try:
        if not has_seen(champion, challenger.oot_as_of, program, challenger.parts):
            return champion.predict(oot), None
        honest = (refit or refitted)(champion, trained)
        seen = "under another split by customer" if challenger.parts else "on out-of-time cohorts"
        without = "on the training part of this one" if challenger.parts else "without them"
        return honest(oot), f"version {champion.version} was trained {seen}, so its recipe was refitted {without}"
    except SchemaError as error:
        baseline = program.baseline_words
        return rule_probs, f"{baseline} stands in for the champion, which cannot be computed any more: {error}"


def refitted(champion: LoadedModel, rows: pl.DataFrame) -> Predict:
    """The champion's recipe on other rows."""
    if champion.kind == "stage_rule":
        rule = StageRule.fit(rows["stage"], rows["label"])
        return lambda frame: rule.predict(frame["stage"])
    model = refit_recipe(champion.recipe, champion.aligned(rows))
    return lambda frame: predict(model, champion.aligned(frame))


def _cohorts(
    rows: pl.DataFrame, challenger: LoadedModel, dates: tuple[date, ...], what: str, *names: str
) -> pl.DataFrame:
    found = part_rows(rows, dates, challenger.parts, *names).sort("as_of", "customer_id")
    missing = sorted(set(dates) - set(found["as_of"].unique()))
    if missing or not dates:
        named = ", ".join(map(str, missing)) or "none was named"
        raise CohortError(
            f"{what} cohorts have no labelled rows of the population ({named}): build their features, then retrain"
        )
    return found
