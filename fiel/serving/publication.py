"""Everything that is published of one program at one as_of: scores, documents and the parts of its pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from fiel.models.parts import CustomerParts
from fiel.reports.data import ReportData
from fiel.serving.champion import champion
from fiel.serving.customers import Documents, Known
from fiel.serving.figures import figures
from fiel.serving.overview import overview
from fiel.serving.purchase_model import purchase_model
from fiel.serving.ranking import ranking
from fiel.serving.rewards import rewards
from fiel.store import CycleRow, PromotionRow
from fiel.store.publishing import Publication


@dataclass(frozen=True)
class Ledger:
    """What the ledgers say: promotions by target (oldest first), and the cycle of as_of with its export's manifest.

    `kinds` are those of the champions (stage_rule or catboost) by target.
    """

    promotions: Mapping[str, Sequence[PromotionRow]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    cycle: CycleRow | None = None
    manifest: bytes | None = None


def publication(
    known: Known, data: ReportData, ledger: Ledger, fits: pl.DataFrame | None, parts: CustomerParts | None = None
) -> Publication:
    """What the service shows of the program at as_of.

    `data` is the content of its report, `fits` feat_purchase_fits of as_of; `parts` as in `ranking`.
    """
    documents = Documents(known)
    return Publication(
        program=known.program.name,
        as_of=known.as_of,
        model_version=str(known.scores["model_version"].first()),
        known_through=known.as_of - timedelta(days=1),
        scores=ranking(known, parts),
        documents=documents,
        feature_names=documents.feature_names,
        parts=page_parts(known, data, ledger, fits),
    )


def page_parts(known: Known, data: ReportData, ledger: Ledger, fits: pl.DataFrame | None) -> dict[str, Any]:
    """The parts of the program's pages by name: plain JSON, and no part that the program has nothing for."""
    drawn = figures(data)
    every = {known.program.target.name: data.model, **data.more_models}
    cards = {name: card for name, card in every.items() if card is not None}
    made = {
        "overview": overview(data, known),
        "figures": drawn,
        "champion": champion(known.program, cards, ledger.promotions, ledger.kinds, drawn),
        "rewards": rewards(data, ledger.cycle, ledger.manifest),
        "purchase_model": None if fits is None else purchase_model(fits, known.program, known.as_of),
    }
    return {name: _plain(content) for name, content in made.items() if content is not None}


def _plain(content: Any) -> Any:
    """`content` as JSON knows it: a date or anything else left over would be a defect, and fails here."""
    return json.loads(json.dumps(content, allow_nan=True))
