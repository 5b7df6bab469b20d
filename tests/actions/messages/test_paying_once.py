"""Budgets that hold, runs that are killed, and answers that are paid once."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from fiel.actions.messages.budget import Budget, Spending
from fiel.actions.messages.model_writer import most_tokens
from fiel.actions.messages.openai_writer import OpenAIWriter
from fiel.actions.messages.pace import Pace
from fiel.actions.messages.prompt import prompt
from fiel.actions.messages.writing import write_messages
from fiel.errors import StoreError
from fiel.program import Program
from fiel.store import Store
from tests.actions.messages.conftest import Write, settings_for
from tests.actions.messages.dying import CUSTOMERS
from tests.actions.messages.openai_server import OpenAIServer
from tests.actions.messages.worlds import AS_OF, brief, catalogue, chosen, messages, program

ONE = {"concurrency": 1}


# ------------------------------------------------------------------------------------------ killed


@pytest.mark.parametrize(
    ("step", "in_doubt"), [("intent recorded", 0), ("answered", 1), ("outcome recorded", 0)], ids=str
)
@pytest.mark.parametrize("count", [1, 4])
def test_a_killed_run_does_not_pay_again_for_messages_that_it_has(
    store: Store, write: Write, server: OpenAIServer, step: str, in_doubt: int, count: int
) -> None:
    address = store.database.url.render_as_string()
    command = [sys.executable, "-m", "tests.actions.messages.dying", address, server.address, step, str(count)]
    done = subprocess.run(command, check=False, timeout=60)
    assert done.returncode == -9
    had = count - (step != "outcome recorded")
    assert len(store.message_answers("club", AS_OF)) == had
    found = write(CUSTOMERS, model=ONE)
    assert found.counts == {"written": CUSTOMERS}
    assert found.sent == CUSTOMERS - had
    assert len(server.requests) == CUSTOMERS + in_doubt
    paid = CUSTOMERS * 400
    assert found.spent_tokens == paid if step == "outcome recorded" else found.spent_tokens > paid


def test_the_call_that_a_killed_run_left_open_counts_at_its_most(
    store: Store, write: Write, server: OpenAIServer
) -> None:
    address = store.database.url.render_as_string()
    command = [sys.executable, "-m", "tests.actions.messages.dying", address, server.address, "intent recorded", "1"]
    subprocess.run(command, check=False, timeout=60)
    tokens, micros = store.message_spending("club", AS_OF, "USD")
    most_in = most_tokens(server_prompt())
    assert tokens == most_in + 500
    assert micros == -(-(most_in * 15 + 500 * 60) // 100)


def server_prompt() -> list[dict[str, str]]:
    """The first customer's prompt."""
    return prompt(brief("en", "low", engagement=40))


# ------------------------------------------------------------------------------------------ budgets


def test_the_budget_in_tokens_is_never_passed_and_the_template_writes_the_rest(
    write: Write, server: OpenAIServer
) -> None:
    found = write(16, model={"tokens": 6_000})
    assert found.stopped == "the budget is spent"
    assert found.spent_tokens <= 6_000
    assert 0 < found.counts["written"] < 16
    assert found.counts["written"] + found.counts["unanswered"] == 16
    reasons = found.messages.filter(status="unanswered")["reason"].unique().to_list()
    assert reasons == ["no answer: the budget is spent"]


def test_the_budget_in_money_is_never_passed(write: Write, server: OpenAIServer) -> None:
    found = write(16, model={"money": "0.002"})
    assert found.stopped == "the budget is spent"
    assert 0 < found.spent_micros <= 2_000


def test_no_budget_asks_for_nothing(write: Write, server: OpenAIServer) -> None:
    assert write(4, model={"tokens": 0}).counts == {"unanswered": 4}
    assert server.requests == []


def test_a_second_run_has_what_the_first_left_of_the_budget(write: Write, server: OpenAIServer) -> None:
    first = write(16, model={"tokens": 6_000})
    second = write(16, model={"tokens": 6_000})
    assert second.spent_tokens <= 6_000
    had = first.messages.filter(status="written")
    assert second.messages.filter(pl.col("customer_id").is_in(had["customer_id"].implode())).equals(had)
    third = write(16, model={"tokens": 100_000})
    assert third.counts == {"written": 16}
    assert len(server.requests) == 16


def test_an_answer_that_the_server_does_not_count_counts_at_its_most(write: Write, server: OpenAIServer) -> None:
    server.script = ["uncounted"]
    assert write(1).spent_tokens == most_tokens(server_prompt()) + 500


SPENDINGS = st.lists(
    st.tuples(st.integers(0, 900), st.floats(0, 1)).map(lambda pair: (pair[0], int(pair[0] * pair[1]))), max_size=30
)


@given(calls=SPENDINGS, tokens=st.integers(0, 20_000), cents=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_whatever_is_asked_by_many_threads_the_budget_holds(
    calls: list[tuple[int, int]], tokens: int, cents: int
) -> None:
    model = messages(model={"tokens": tokens, "money": str(cents / 10_000)}).model
    budget, spent = Budget(model, Spending(0, 0)), []

    def ask(call: tuple[int, int]) -> None:
        most = budget.most(call[0])
        if budget.reserve(most):
            came_to = Spending(call[1], model.cost_micros(call[1], 0))
            spent.append(came_to)
            budget.settle(most, came_to)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, calls))
    assert sum(one.tokens for one in spent) <= tokens
    assert sum(one.micros for one in spent) <= cents * 100


def test_a_reservation_waits_for_what_is_under_way_before_it_says_no() -> None:
    model = messages(model={"tokens": 1_500}).model
    budget = Budget(model, Spending(0, 0))
    first = budget.most(700)
    assert budget.reserve(first)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(budget.reserve, budget.most(400))
        budget.settle(first, Spending(100, 1))
        assert second.result(timeout=5)


def test_prices_are_of_a_million_tokens_and_costs_are_rounded_up() -> None:
    model = messages().model
    assert model.cost_micros(1_000_000, 0) == 150_000
    assert model.cost_micros(1, 1) == 1
    assert model.money_micros == 5_000_000


# ------------------------------------------------------------------------------------------ pace


def test_requests_are_spread_over_the_minute() -> None:
    pace = Pace(requests_per_minute=60, tokens_per_minute=10**9, clock=lambda: 100.0)
    assert [pace.slot(10) for _ in range(3)] == [0, 1, 2]


def test_tokens_are_spread_over_the_minute() -> None:
    pace = Pace(requests_per_minute=6_000, tokens_per_minute=6_000, clock=lambda: 100.0)
    assert [pace.slot(tokens) for tokens in (500, 100, 1)] == pytest.approx([0, 5, 6])


def test_a_pause_holds_for_everyone_and_time_that_passed_is_not_caught_up() -> None:
    now = [100.0]
    pace = Pace(requests_per_minute=60, tokens_per_minute=10**9, clock=lambda: now[0])
    pace.pause(30)
    assert pace.slot(1) == 30
    now[0] = 1_000.0
    assert [pace.slot(1), pace.slot(1)] == [0, 1]


def test_no_more_requests_are_under_way_than_the_program_allows(write: Write, server: OpenAIServer) -> None:
    server.slow_seconds, server.always = 0.1, "slow"
    write(8, model={"concurrency": 2})
    gaps = [later - first for first, later in zip(server.at, server.at[2:], strict=False)]
    assert min(gaps) >= 0.09


# ------------------------------------------------------------------------------------------ the store


def test_calls_are_only_ever_added(store: Store, write: Write) -> None:
    write(1)
    with pytest.raises(StoreError, match="append-only"), store.database.write("club") as connection:
        connection.execute(sa.text("UPDATE message_calls SET text = 'other'"))


def test_the_key_is_not_in_the_store(store: Store, write: Write, tmp_path) -> None:
    write(2)
    for path in tmp_path.glob("store.db*"):
        assert b"secret-key" not in path.read_bytes()


def test_two_dates_and_two_programs_share_nothing(store: Store, write: Write, server: OpenAIServer) -> None:
    write(1)
    assert store.message_answers("club", date(2025, 9, 2)) == {}
    assert store.message_spending("other", AS_OF, "USD") == (0, 0)
    other: Program = program(writer="openai").model_copy(update={"name": "other"})
    assert write(1, by=other).sent == 1


def test_postgres_keeps_the_calls_as_sqlite_does(postgres_url: str, server: OpenAIServer) -> None:
    policy = program(writer="openai")
    assert policy.messages is not None
    opened = Store(postgres_url)
    writer = OpenAIWriter(settings_for(server), policy.messages.model)
    first, second = (
        write_messages(chosen(8), policy, catalogue(), AS_OF, opened, writer, first_pause=0.01) for _ in range(2)
    )
    opened.close()
    assert (first.sent, second.sent) == (8, 0)
    assert second.messages.equals(first.messages)
