"""The bodies and answers of the doors as OpenAPI shows them, with examples."""

from __future__ import annotations

from typing import Any

_ROW: dict[str, Any] = {
    "type": "object",
    "description": "A customer: `IdCliente` (or id, customer_id) and features. With the id alone, the published "
    "features count.",
    "additionalProperties": {
        "anyOf": [{"type": "number"}, {"type": "string", "maxLength": 500}, {"type": "boolean"}, {"type": "null"}]
    },
}
_ROWS: dict[str, Any] = {"type": "array", "minItems": 1, "items": _ROW}
_DAYS: dict[str, Any] = {
    "type": "object",
    "required": ["frequency", "recency", "T"],
    "properties": {
        "frequency": {"type": "integer", "minimum": 0, "description": "Repeat purchase days."},
        "recency": {"type": "number", "minimum": 0, "description": "Days from the first to the last purchase."},
        "T": {"type": "number", "minimum": 0, "description": "Days since the first purchase."},
    },
}
_ONE_EXAMPLE = {"data": {"IdCliente": "000ff655", "qtdeAtivacaoD28": 11, "descLifeCycleAtual": "02-FIEL"}}

PREDICT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [
                    {
                        "type": "object",
                        "required": ["data"],
                        "properties": {"data": _ROW},
                        "additionalProperties": False,
                    },
                    {
                        "type": "object",
                        "required": ["values"],
                        "properties": {"values": _ROWS},
                        "additionalProperties": False,
                    },
                    _DAYS,
                    {"type": "string", "description": "JSON text that holds one of these objects."},
                ]
            },
            "examples": {
                "data": {"summary": "A community's model server", "value": _ONE_EXAMPLE},
                "values": {
                    "summary": "A model hub",
                    "value": {"values": [{"id": "000ff655", "qtdeAtivacaoD28": 11}, {"id": "001aa021"}]},
                },
                "purchase": {"summary": "A purchase model", "value": {"frequency": 3, "recency": 120, "T": 200}},
            },
        },
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["client_id"],
                "properties": {"client_id": {"type": "string", "pattern": "^[0-9]{1,18}$"}},
            },
            "examples": {"form": {"summary": "A bank's page", "value": {"client_id": "42"}}},
        },
    },
}
MANY_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["data"],
                "properties": {"data": _ROWS},
                "additionalProperties": False,
            },
            "examples": {"data": {"value": {"data": [_ONE_EXAMPLE["data"], {"IdCliente": "001aa021"}]}}},
        }
    },
}

_SCORE: dict[str, Any] = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]}
_SCORED: dict[str, Any] = {
    "type": "object",
    "required": ["IdCliente", "score"],
    "properties": {
        "IdCliente": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        "score": _SCORE,
        "why": {"type": "string"},
        "error": {"type": "object"},
    },
}
PREDICT_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "In the shape of the client that asked.",
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        _SCORED,
                        {
                            "type": "object",
                            "required": ["predictions"],
                            "properties": {
                                "predictions": {"type": "object", "additionalProperties": {"type": "object"}}
                            },
                        },
                        {
                            "type": "object",
                            "required": ["code", "status", "data"],
                            "properties": {
                                "code": {"const": 200},
                                "status": {"const": "success"},
                                "data": {
                                    "type": "object",
                                    "required": ["prob_alive"],
                                    "properties": {"prob_alive": {"type": "string"}},
                                },
                            },
                        },
                        {"type": "object", "required": ["client_id", "is_applied"]},
                    ]
                },
                "examples": {
                    "data": {"value": {"IdCliente": "000ff655", "score": 0.83}},
                    "values": {"value": {"predictions": {"000ff655": {"score_fiel": 0.83}}}},
                    "purchase": {"value": {"code": 200, "status": "success", "data": {"prob_alive": "0.87"}}},
                    "form": {"value": {"client_id": 42, "is_applied": True, "prob": 0.21}},
                },
            },
            "text/html": {"schema": {"type": "string"}},
        },
    }
}
MANY_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One answer for each customer, in the order of the request.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["result"],
                    "properties": {"result": {"type": "array", "items": _SCORED}},
                },
                "example": {"result": [{"IdCliente": "000ff655", "score": 0.83}]},
            }
        },
    }
}
