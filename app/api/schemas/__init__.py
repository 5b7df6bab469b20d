"""What callers of the API send and get, as OpenAPI shows it: one model for every request and every answer.

Requests are checked against these models. Answers are made by hand (app/api/*.py), because a customer's document comes
from the store as finished JSON; tests hold them to these models.
"""

from __future__ import annotations

from app.api.schemas.base import (
    LONGEST_ID,
    MOST_FEATURES,
    Basis,
    CustomerId,
    CustomerText,
    Features,
    FeatureValue,
    Given,
    Language,
    Prob,
    ProblemDetails,
    ProblemField,
    Told,
)
from app.api.schemas.customers import (
    CustomerAnswer,
    CustomerScore,
    CustomerValue,
    GrantShown,
    PublishedScore,
    StageShown,
)
from app.api.schemas.programs import (
    ChampionShown,
    ProgramDetails,
    ProgramList,
    ProgramShown,
    PromotionShown,
    TargetShown,
)
from app.api.schemas.purchases import (
    PurchaseItem,
    PurchaseModelShown,
    PurchaseResult,
    PurchasesAnswer,
    PurchasesRequest,
)
from app.api.schemas.scores import (
    ItemError,
    ReasonShown,
    ScoreAnswer,
    ScoreItem,
    ScoreRequest,
    ScoreResult,
    WhatIfAnswer,
    WhatIfChange,
    WhatIfRequest,
)

__all__ = [
    "LONGEST_ID",
    "MOST_FEATURES",
    "Basis",
    "ChampionShown",
    "CustomerAnswer",
    "CustomerId",
    "CustomerScore",
    "CustomerText",
    "CustomerValue",
    "FeatureValue",
    "Features",
    "Given",
    "GrantShown",
    "ItemError",
    "Language",
    "Prob",
    "ProblemDetails",
    "ProblemField",
    "ProgramDetails",
    "ProgramList",
    "ProgramShown",
    "PromotionShown",
    "PublishedScore",
    "PurchaseItem",
    "PurchaseModelShown",
    "PurchaseResult",
    "PurchasesAnswer",
    "PurchasesRequest",
    "ReasonShown",
    "ScoreAnswer",
    "ScoreItem",
    "ScoreRequest",
    "ScoreResult",
    "StageShown",
    "TargetShown",
    "Told",
    "WhatIfAnswer",
    "WhatIfChange",
    "WhatIfRequest",
]
