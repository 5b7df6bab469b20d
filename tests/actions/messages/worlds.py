"""Small programs, catalogues and customers for the tests of messages."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from fiel.actions.messages.brief import Brief, briefs, checked
from fiel.actions.messages.catalogue import catalogue_of
from fiel.program import Messages, Program

AS_OF = date(2025, 9, 1)

SIGNATURE = {"pt": "Equipe Aurora", "es": "El equipo de Aurora", "en": "The Aurora team", "ru": "Команда Аврора"}
CALL_TO_ACTION = {
    "pt": "Responda a esta mensagem e conte o que acha.",
    "es": "Responda a este mensaje y díganos qué le parece.",
    "en": "Reply to this message and tell us what you think.",
    "ru": "Ответьте на это сообщение и расскажите, что вы думаете.",
}
OFFER = {
    "id": "autumn",
    "tones": ["needs_attention"],
    "words": {
        "pt": "Até domingo, 10% de desconto no plano Céu.",
        "es": "Hasta el domingo, 10 % de descuento en el plan Cielo.",
        "en": "Until Sunday, 10% off the Sky plan.",
        "ru": "До воскресенья скидка 10 % на тариф Небо.",
    },
}
MODEL = {"price_in": "0.15", "price_out": "0.60", "requests_per_minute": 60_000, "tokens_per_minute": 100_000_000}


def catalogue(count: int = 4) -> pl.DataFrame:
    """Products p1, p2 ... with the titles `Lantern Moss`, `Kettle Fern` ... and Russian ones."""
    names = ["Lantern Moss", "Kettle Fern", "Blanket Oak", "Compass Reed", "Teapot Birch", "Mirror Alder"][:count]
    russian = ["Фонарь Мох", "Чайник Папоротник", "Плед Дуб", "Компас Камыш", "Заварник Берёза", "Зеркало Ольха"][
        :count
    ]
    ids = [f"p{number + 1}" for number in range(count)]
    return catalogue_of(pl.DataFrame({"product_id": ids, "title": names, "title_ru": russian}))


def messages(**more: Any) -> Messages:
    model = MODEL | more.pop("model", {})
    content = {
        "catalogue": "catalogue.csv",
        "signature": SIGNATURE,
        "call_to_action": CALL_TO_ACTION,
        "offers": [OFFER],
        "model": model,
    }
    return Messages.model_validate(content | more)


def program(**more: Any) -> Program:
    return Program.model_validate(
        {
            "name": "club",
            "title": "A club",
            "source": {"format": "event_table", "columns": {"customer": "id", "time": "at"}},
            "messages": messages(**more).model_dump(),
        }
    )


def chosen(count: int = 4, **columns: Any) -> pl.DataFrame:
    """Customers c00, c01 ...: languages and risk groups in turn, engagement 40, 41 ..."""
    turn = range(count)
    return pl.DataFrame(
        {
            "customer_id": [f"c{i:02}" for i in turn],
            "language": [("en", "pt", "es", "ru")[i % 4] for i in turn],
            "risk_group": [("low", "medium", "high", "critical")[i // 4 % 4] for i in turn],
            "segment": [("base", "premium")[i % 2] for i in turn],
            "engagement": [40.0 + i for i in turn],
            "prob": [0.01 + i / 1_000 for i in turn],
            "products": [[f"p{i % 3 + 1}", f"p{i % 3 + 2}"] for i in turn],
        }
    ).with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def brief(language: str = "en", risk_group: str = "low", engagement: float = 72, **more: Any) -> Brief:
    """The brief of one customer: products p1 and p2."""
    rules = messages(**more)
    row = chosen(1, language=language, risk_group=risk_group, engagement=engagement)
    return briefs(checked(row, rules, catalogue()), rules, catalogue())[0]
