"""How a model is made, as one digest: what counts as the same recipe on newer rows."""

from __future__ import annotations

import hashlib
import json

from fiel.models.classifier import DEFAULT_PARAMS
from fiel.models.search_tables import SEARCH_SPACE
from fiel.program import Program
from fiel.program import Training as TrainingRules

PROCEDURE = 1
"""Version of the learning procedure. Raise it when a change of code makes another kind of model of equal rows."""

_RULES_OF_GROUPS = {"rfm": "rfm", "purchase": "purchases", "attributes": "attributes"}
"""Feature groups with rules of their own in the program file; a program without the group has no such rules."""

_LEFT_OUT_AT_DEFAULT = ("ensemble", "embedding", "negatives_kept")
"""Rules that came later: a program that does not use them makes its models as it always did."""


def procedure_digest(program: Program) -> str:
    """Hex digest (16 characters) of how a model is made: two trainings with the same one differ in their rows only.

    It covers target, life cycle, features, training rules and the search space, not what a search found in one
    month's rows: "the same recipe on newer data" of DESIGN.md section 5 is an equal procedure.
    """
    left_out = {"threads", "random_split"} | (set() if program.is_table else {"shares"})
    for name in _LEFT_OUT_AT_DEFAULT:
        if getattr(program.training, name) == TrainingRules.model_fields[name].default:
            left_out.add(name)
    rules = program.training.model_dump(mode="json", exclude=left_out)
    names = ["target", "life_cycle", "features", "value_clusters", "parts_of_day", "operator_events"]
    names += [part for group, part in _RULES_OF_GROUPS.items() if group in program.features.groups]
    parts = program.digest(*names)
    content = {
        "procedure": PROCEDURE,
        "program": parts,
        "training": rules,
        "space": SEARCH_SPACE,
        "default": DEFAULT_PARAMS,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
