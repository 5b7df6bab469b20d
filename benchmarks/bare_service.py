"""The peer of the service's benchmark: a model behind FastAPI and nothing else. No key, no store, no log.

BENCH_MODEL=model.cbm uvicorn benchmarks.bare_service:app --port PORT
"""

from __future__ import annotations

import os
from typing import Any

from catboost import CatBoostClassifier
from fastapi import Body, FastAPI

MODEL = CatBoostClassifier().load_model(os.environ["BENCH_MODEL"], format="cbm")
NAMES = list(MODEL.feature_names_)
TEXTS = {NAMES[place] for place in MODEL.get_cat_feature_indices()}
app = FastAPI()


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "alive"}


@app.post("/predict")
async def predict(features: dict[str, Any] = Body()) -> dict[str, float]:  # noqa: B008
    """The probability of one customer, from all features of the model by name."""
    row = [features[name] if name in TEXTS else _number(features[name]) for name in NAMES]
    return {"prob": float(MODEL.predict_proba([row])[0, 1])}


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
