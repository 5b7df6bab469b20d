"""The page of the rewards: the published plan, the ledger's cycles, the export, and what to run without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.pages.rewards import DELIVERIES, LIMITS
from app.pages.words import number, units
from fiel.store.deliveries import State
from tests.app.conftest import ADDRESS
from tests.app.pages.conftest import Visit
from tests.app.pages.house import House

HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def pages(house: House) -> Any:
    with TestClient(create_app(house.serve()), ADDRESS, follow_redirects=False) as client:
        yield client


def plan(house: House) -> Any:
    return house.published.parts["rewards"]["plan"]


@pytest.mark.chromium
@pytest.mark.parametrize(
    "options",
    [
        {"viewport": {"width": 1200, "height": 900}, "color_scheme": "dark"},
        {"viewport": {"width": 360, "height": 740}, "locale": "pt-BR"},
    ],
    ids=["dark", "phone in Portuguese"],
)
def test_it_draws_quietly_from_this_server_alone(
    visit_house: Callable[..., Visit], house: House, options: dict[str, Any]
) -> None:
    visit = visit_house(**options)
    visit.open("/p/made_up/rewards")
    visit.draw()
    expected = [figure for figure in house.published.parts["figures"] if figure["group"] == "money"]
    assert visit.page.locator(".chart svg").count() == len(expected) > 0
    assert visit.fits
    assert visit.strangers == []
    assert visit.complaints == []


@pytest.mark.chromium
def test_it_tells_what_is_paid_within_which_budget_and_what_is_held_out(
    visit_house: Callable[..., Visit], house: House
) -> None:
    visit = visit_house()
    visit.open("/p/made_up/rewards")
    told = plan(house)
    tiles = dict(
        zip(
            visit.page.locator("#plan .tile dt").all_inner_texts(),
            visit.page.locator("#plan .tile .value").all_inner_texts(),
            strict=True,
        )
    )
    assert tiles == {
        "Granted": number(told["granted"], "en"),
        "Granted in all": units(told["rewards_points"], "points", "en"),
        "Left of the budget": units(told["budget_left_points"], "points", "en"),
        "Held out": number(told["held_out"], "en"),
    }
    rows = visit.page.locator("#winners tbody tr")
    assert rows.count() == len(told["winners"])
    assert told["winners"][0]["customer_id"] in rows.first.inner_text()


@pytest.mark.chromium
def test_a_winner_leads_to_the_customer(visit_house: Callable[..., Visit], house: House) -> None:
    visit = visit_house()
    visit.open("/p/made_up/rewards")
    first = plan(house)["winners"][0]["customer_id"]
    visit.page.locator("#winners tbody a").first.click()
    visit.page.wait_for_url(f"**/p/made_up/customers/{first}")
    assert first in visit.page.locator("h1").inner_text()


def test_every_reason_of_the_plan_is_counted(pages: TestClient, house: House) -> None:
    text = pages.get("/p/made_up/rewards", headers=HTML).text
    for row in plan(house)["counts"]:
        assert row["meaning"]["en"].replace("'", "&#39;") in text
    assert sum(row["customers"] for row in plan(house)["counts"]) == plan(house)["customers"]


def test_invented_amounts_are_told(pages: TestClient) -> None:
    assert "amounts of this policy are invented" in pages.get("/p/made_up/rewards", headers=HTML).text


def test_the_cycle_its_export_and_its_deliveries_are_told(pages: TestClient, house: House) -> None:
    text = pages.get("/p/made_up/rewards", headers=HTML).text
    assert "applied " in text
    assert "run cd822d32" in text
    for file in house.published.parts["rewards"]["export"]["files"]:
        assert file["name"] in text
        assert file["sha256"][:16] in text
    assert "not tried yet" in text


def test_a_date_without_a_plan_says_what_to_run(pages: TestClient) -> None:
    text = pages.get("/p/no_plan/rewards", headers=HTML).text
    assert "fiel run reward --plan-only --program no_plan --as-of 2025-03-01" in text
    assert "No cycle was applied yet." in text


def test_a_program_that_was_never_published_says_what_to_run(pages: TestClient) -> None:
    assert "fiel run loyalty --program empty" in pages.get("/p/empty/rewards", headers=HTML).text


def test_a_program_without_a_policy_says_that_it_grants_nothing(client: TestClient) -> None:
    found = [name for name, program in _programs(client).items() if not program.incentive.products]
    assert found, "no program of the repository is without a policy"
    text = client.get(f"/p/{found[0]}/rewards", headers=HTML).text
    assert "This program grants nothing" in text
    assert "fiel run reward" not in text


def _programs(client: TestClient) -> Any:
    return client.app.state.service.programs  # type: ignore[attr-defined]


def test_every_state_of_a_delivery_and_every_limit_has_a_word() -> None:
    assert {*get_args(State), "waiting"} == set(DELIVERIES)
    assert set(LIMITS) == {"budget", "cap_cycle", "cap_growth"}
