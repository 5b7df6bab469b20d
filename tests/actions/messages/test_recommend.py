"""Recommendations against a slow computation in plain Python, and their edges."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import polars as pl
import pytest

from fiel.actions.messages.catalogue import catalogue_of
from fiel.actions.messages.recommend import choose, recommendations, with_recommendations
from fiel.errors import MessageError
from tests.actions.messages.worlds import messages


def products(*reserved: str | None) -> pl.DataFrame:
    """Products 0, 1, 2 ..., each for the segments named, or for all."""
    rows = [{"product_id": str(i), "title": f"Thing {i}", "segments": found} for i, found in enumerate(reserved)]
    return catalogue_of(pl.DataFrame(rows, schema={"product_id": str, "title": str, "segments": str}))


def people(**segments: str) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": list(segments), "segment": list(segments.values())})


def log(*events: tuple[int, int, str]) -> pl.DataFrame:
    return pl.DataFrame(list(events), schema={"session": pl.Int64, "aid": pl.Int64, "kind": pl.String}, orient="row")


def joined(*links: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(list(links), schema={"customer_id": pl.String, "session": pl.Int64}, orient="row")


def found(*given: Any) -> dict[str, tuple[list[str], list[str]]]:
    return {row["customer_id"]: (row["products"], row["basis"]) for row in recommendations(*given).to_dicts()}


def test_own_interactions_come_first_and_a_cart_counts_three_clicks() -> None:
    events = log((1, 3, "clicks"), (1, 3, "clicks"), (1, 2, "carts"), (2, 0, "clicks"), (3, 0, "clicks"))
    answer = found(events, joined(("ana", 1)), people(ana="base", bia="base"), products(None, None, None, None))
    assert answer["ana"] == (["2", "3"], ["own", "own"])
    assert answer["bia"] == (["2", "3"], ["segment", "segment"])


def test_what_was_ordered_is_not_recommended_again() -> None:
    events = log((1, 3, "clicks"), (1, 3, "orders"), (1, 2, "clicks"))
    answer = found(events, joined(("ana", 1)), people(ana="base"), products(None, None, None, None))
    assert answer["ana"] == (["2", "0"], ["own", "catalogue"])


def test_who_has_ordered_everything_still_gets_two_products() -> None:
    events = log((1, 0, "orders"), (1, 1, "orders"))
    answer = found(events, joined(("ana", 1)), people(ana="base"), products(None, None))
    assert sorted(answer["ana"][0]) == ["0", "1"]


def test_popularity_is_that_of_the_segment_then_that_of_all() -> None:
    events = log(
        *[(10, 1, "clicks")] * 9,  # one session is one session
        *[(s, 2, "clicks") for s in (11, 12)],
        *[(s, 3, "clicks") for s in (20, 21, 22)],
        *[(s, 0, "clicks") for s in range(30, 40)],
    )
    links = joined(("ana", 10), ("bia", 11), ("bia", 12), ("caio", 20), ("caio", 21), ("caio", 22))
    segments = people(ana="base", bia="base", caio="premium", dora="base", enzo="premium")
    answer = found(events, links, segments, products(None, None, None, None))
    assert answer["dora"] == (["2", "1"], ["segment", "segment"])
    assert answer["enzo"] == (["3", "0"], ["segment", "all"])


def test_without_links_the_log_tells_only_what_is_popular_at_all() -> None:
    events = log((1, 2, "clicks"), (2, 2, "clicks"), (3, 1, "clicks"))
    answer = found(events, None, people(ana="base", bia="premium"), products(None, None, None))
    assert answer["ana"] == answer["bia"] == (["2", "1"], ["all", "all"])


def test_without_a_log_the_catalogue_decides() -> None:
    assert found(None, None, people(ana="base"), products(None, None, None))["ana"] == (
        ["0", "1"],
        ["catalogue", "catalogue"],
    )


def test_products_outside_the_catalogue_or_of_other_segments_are_never_recommended() -> None:
    events = log((1, 99, "carts"), (1, 0, "carts"), (1, 2, "clicks"))
    catalogue = products("premium", None, "base premium", None)
    answer = found(events, joined(("ana", 1)), people(ana="base"), catalogue)
    assert answer["ana"] == (["2", "1"], ["own", "catalogue"])


def test_a_segment_with_fewer_than_two_products_is_an_error() -> None:
    with pytest.raises(MessageError, match="fewer than 2 products for segment 'base'"):
        found(None, None, people(ana="base"), products("premium", "premium", None))


def test_repeats_of_a_link_and_lazy_frames_change_nothing() -> None:
    events = log((1, 3, "clicks"), (1, 2, "clicks"), (1, 2, "clicks"))
    catalogue, segments = products(None, None, None, None), people(ana="base", bia="base")
    once = recommendations(events, joined(("ana", 1)), segments, catalogue)
    twice = recommendations(events.lazy(), joined(("ana", 1), ("ana", 1)).lazy(), segments, catalogue)
    assert once.equals(twice)


@pytest.mark.parametrize("seed", range(6))
def test_a_slow_computation_agrees(seed: int) -> None:
    draw = random.Random(seed)
    catalogue = products(*[draw.choice([None, None, "base", "premium", "base premium"]) for _ in range(12)], None, None)
    names = [f"c{i:02}" for i in range(30)]
    segments = {name: draw.choice(["base", "premium"]) for name in names}
    events = [
        (draw.randrange(60), draw.randrange(16), draw.choice(["clicks"] * 5 + ["carts", "orders"])) for _ in range(400)
    ]
    links = [(draw.choice(names), session) for session in range(0, 60, 2)]
    expected = slowly(events, links, segments, catalogue)
    assert found(log(*events), joined(*links), people(**segments), catalogue) == expected


def slowly(
    events: list[tuple[int, int, str]], links: list[tuple[str, int]], segments: dict[str, str], catalogue: pl.DataFrame
) -> dict[str, tuple[list[str], list[str]]]:
    """The rules of the module's page, one customer after the other."""
    place = {row["product_id"]: number for number, row in enumerate(catalogue.to_dicts())}
    allowed = {row["product_id"]: row["segments"] for row in catalogue.to_dicts()}
    by_session = defaultdict(list)
    for session, aid, kind in events:
        if str(aid) in place:
            by_session[session].append((str(aid), kind))
    total, inside = Counter(), defaultdict(Counter)
    for rows in by_session.values():
        total.update({product for product, _ in rows})
    for name, session in set(links):
        inside[segments[name]].update({product for product, _ in by_session[session]})
    answer = {}
    for name, segment in segments.items():
        weight, ordered = Counter(), set()
        for owner, session in set(links):
            for product, kind in by_session[session] if owner == name else []:
                weight[product] += {"clicks": 1, "carts": 3, "orders": 0}[kind]
                ordered |= {product} if kind == "orders" else set()
        fitting = [product for product in place if allowed[product] is None or segment in allowed[product]]
        own = [product for product in fitting if weight[product] > 0 and product not in ordered]
        own.sort(key=lambda product: (-weight[product], place[product]))
        others = [product for product in fitting if product not in ordered and product not in own[:2]]
        others.sort(key=lambda product: (-inside[segment][product], -total[product], place[product]))
        picked = (own + others)[:2]
        basis = [
            "own"
            if product in own
            else "segment"
            if inside[segment][product]
            else "all"
            if total[product]
            else "catalogue"
            for product in picked
        ]
        answer[name] = (picked, basis)
    return answer


# ------------------------------------------------------------------------------------------ who is written to


def standing(**groups: str) -> pl.DataFrame:
    count = len(groups)
    return pl.DataFrame(
        {
            "customer_id": list(groups),
            "risk_group": list(groups.values()),
            "segment": ["base"] * count,
            "engagement": [50.0] * count,
            "prob": [0.1] * count,
            "value": [float(i) for i in range(count)],
        }
    )


def test_the_programs_risk_groups_are_chosen_the_highest_value_first() -> None:
    rows = standing(ana="low", bia="high", caio="critical", dora="high")
    wanted = messages(risk_groups=["high", "critical"], most=2)
    assert choose(rows, wanted)["customer_id"].to_list() == ["dora", "caio"]


def test_a_risk_group_without_a_tone_is_an_error_even_where_it_is_not_written_to() -> None:
    with pytest.raises(MessageError, match="'severe'"):
        choose(standing(ana="low", bia="severe"), messages(risk_groups=["low"]))
    with pytest.raises(MessageError, match="without a tone"):
        choose(standing(ana="low").with_columns(risk_group=pl.lit(None, dtype=pl.String)), messages())


def test_the_chosen_keep_their_columns_and_get_two_products() -> None:
    rows = with_recommendations(standing(ana="low", bia="high"), None, None, products(None, None), messages())
    assert rows["customer_id"].to_list() == ["bia", "ana"]
    assert rows["products"].list.len().to_list() == [2, 2]
