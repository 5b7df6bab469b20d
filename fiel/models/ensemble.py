"""Several CatBoost models as one: their trees, each leaf times its model's weight, in one model.

The sum of trees is a model like any other: its log odds are the weighted sum of the members' log odds, and its SHAP
values the weighted sum of theirs. So an ensemble is scored, explained, calibrated and registered as one model is.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from catboost import CatBoostClassifier, sum_models

from fiel.models.recipe import Member, Recipe
from fiel.program import EnsembleRules


def drawn_members(base: Recipe, rules: EnsembleRules) -> tuple[Member, ...]:
    """Members of equal weight: the first may use every feature, each other a random share of them (Ho 1998), seeded.

    A member's features stand in the order of `base`, and every member has a seed of its own.
    """
    rng = np.random.default_rng(base.seed)
    count = max(1, math.ceil(rules.share * len(base.features)))
    places = [np.arange(len(base.features))]
    places += [np.sort(rng.choice(len(base.features), count, replace=False)) for _ in range(rules.members - 1)]
    return tuple(
        Member(tuple(base.features[place] for place in chosen), base.seed + number, base.iterations, 1 / rules.members)
        for number, chosen in enumerate(places)
    )


def summed(models: Sequence[CatBoostClassifier], weights: Sequence[float], bias: float) -> CatBoostClassifier:
    """One model whose log odds are bias + the sum of weight x log odds of each of `models`.

    All have to be fitted on the same columns of the same rows (features that a member may not use are ignored by its
    fit), so that their tables of categories are the same. Members without weight are left out; what a member says of
    its own making is dropped, as it names the moment.
    """
    used = [(model, weight) for model, weight in zip(models, weights, strict=True) if weight > 0]
    if not used:
        used = [(models[0], 0.0)]
    both = sum_models([model for model, _ in used], [weight for _, weight in used])
    metadata = both.get_metadata()
    for name in list(metadata.keys()):
        if ":" in name:
            del metadata[name]
    _, own_bias = both.get_scale_and_bias()
    both.set_scale_and_bias(1.0, float(own_bias) + bias)
    with tempfile.TemporaryDirectory() as folder:  # a sum is no classifier until it is read as one
        path = Path(folder) / "sum.cbm"
        both.save_model(str(path), format="cbm")
        found = CatBoostClassifier().load_model(str(path), format="cbm")
    # A sum has no parameters of its own. CatBoost complains of an empty text at every loading, and writes this one.
    found.get_metadata()["params"] = '{"flat_params":{}}'
    return found
