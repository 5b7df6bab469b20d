"""Messages by a language model on a server that fails: what is paid, what is written, and what is never sent again."""

from __future__ import annotations

import polars as pl
import pytest

from fiel.actions.messages.writing import write_messages
from fiel.errors import MessageError
from fiel.store import Store
from tests.actions.messages.conftest import Write
from tests.actions.messages.openai_server import OpenAIServer
from tests.actions.messages.worlds import AS_OF, catalogue, chosen, program

ONE = {"concurrency": 1}


def test_each_customer_gets_one_message_in_their_language_and_tone(write: Write, server: OpenAIServer) -> None:
    found = write(16)
    assert found.counts == {"written": 16}
    assert len(server.requests) == found.sent == 16
    rows = {row["customer_id"]: row for row in found.messages.iter_rows(named=True)}
    assert rows["c00"]["text"].startswith("Dear customer")
    assert "41 de 100" in rows["c01"]["text"]
    assert rows["c01"]["text"].startswith("Olá!")
    assert [rows[f"c{i:02}"]["tone"] for i in (0, 4, 8, 12)] == [
        "loyal",
        "warning_signs",
        "needs_attention",
        "needs_attention",
    ]
    assert rows["c08"]["offer"] == "autumn"
    assert "Until Sunday, 10% off the Sky plan." in rows["c08"]["text"]
    assert rows["c00"]["offer"] is None


def test_neither_probability_nor_risk_group_reach_the_model(write: Write, server: OpenAIServer) -> None:
    found = write(16)
    sent = str(server.requests).lower()
    for word in ("0.01", "critical", "medium", "'low'", "premium", "c03"):
        assert word not in sent
    assert found.messages["operator_risk_group"].n_unique() == 4
    assert found.messages["operator_prob"].to_list() == chosen(16)["prob"].to_list()


def test_a_draft_with_a_fault_is_rewritten_once_with_the_reason_in_the_request(
    write: Write, server: OpenAIServer
) -> None:
    server.script = ["Dear [Name], {good}"]
    row = write(1, model=ONE).messages.row(0, named=True)
    assert (row["status"], row["writer"]) == ("rewritten", "azure:writer")
    assert row["reason"].startswith("placeholder")
    assert "refused_because" not in server.facts[0]
    assert server.facts[1]["refused_because"] == row["reason"]
    assert (row["tokens_in"], row["tokens_out"], row["cost_micros"]) == (600, 200, 2 * 105)


@pytest.mark.parametrize(
    ("draft", "guard"),
    [
        ("blah blah", "length"),
        ("xyzzy plugh frobozz quux " * 9, "elements"),
        ("Hello {{customer}}! {good}", "placeholder"),
        ("{good}".replace("{good}", "Hello, the Galaxy Ultra is here for you.\n{good}"), "products"),
        ("Hello, you get 50% off.\n{good}", "figures"),
        ("Hello, as a gift for you.\n{good}", "offers"),
        ("Hello, we know that you are likely to churn.\n{good}", "risk"),
        ("", "length"),
    ],
)
def test_a_draft_that_fails_twice_is_replaced_by_the_template_and_the_reason_kept(
    write: Write, server: OpenAIServer, draft: str, guard: str
) -> None:
    server.script = [draft, draft]
    row = write(1, model=ONE).messages.row(0, named=True)
    assert (row["status"], row["writer"]) == ("replaced", "template")
    assert row["text"].startswith("Hello, and thank you for staying with us.")
    assert row["reason"].count(f"{guard}:") == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_server_that_refuses_us_is_asked_once_and_the_error_says_what_to_mend(
    write: Write, server: OpenAIServer, status: str
) -> None:
    server.always = status
    with pytest.raises(MessageError, match=f"HTTP {status}.*FIEL_OPENAI_KEY") as error:
        write(8, model=ONE)
    assert len(server.requests) == 1
    assert "secret-key" not in str(error.value)


def test_a_refused_request_is_not_sent_again_and_the_others_go_on(write: Write, server: OpenAIServer) -> None:
    server.script = ["400"]
    found = write(4, model=ONE)
    assert found.counts == {"unanswered": 1, "written": 3}
    assert len(server.requests) == 4
    assert found.messages.row(0, named=True)["reason"] == "no answer: HTTP 400"


def test_a_rate_limit_is_waited_out_as_long_as_the_server_asks(write: Write, server: OpenAIServer) -> None:
    server.script = ["429 after 1"]
    found = write(1, model=ONE)
    assert found.counts == {"written": 1}
    assert server.at[1] - server.at[0] >= 1


def test_a_pause_that_is_too_long_ends_the_asking_and_the_template_writes_the_rest(
    write: Write, server: OpenAIServer
) -> None:
    server.script = [None, "429 after 86400"]
    found = write(4, model=ONE)
    assert found.counts == {"unanswered": 3, "written": 1}
    assert found.stopped == "HTTP 429: the server asks to wait 86,400 seconds"
    assert len(server.requests) == 2


def test_a_spent_quota_is_no_rate_limit(write: Write, server: OpenAIServer) -> None:
    server.always = "429 code insufficient_quota"
    with pytest.raises(MessageError, match="insufficient_quota"):
        write(3, model=ONE)
    assert len(server.requests) == 1


@pytest.mark.parametrize("failure", ["500", "503", "408", "silent", "page"])
def test_what_a_retry_can_help_is_retried(write: Write, server: OpenAIServer, failure: str) -> None:
    server.script = [failure, failure]
    assert write(1, model=ONE).counts == {"written": 1}
    assert len(server.requests) == 3


def test_a_late_answer_counts_as_paid_and_is_asked_for_again(write: Write, server: OpenAIServer) -> None:
    server.script = ["slow"]
    found = write(1, model=ONE | {"timeout_seconds": 0.2})
    assert found.counts == {"written": 1}
    assert found.spent_tokens > 400 + 500, "the request without an answer counts at its most"


def test_a_server_that_keeps_failing_is_left_alone(write: Write, server: OpenAIServer) -> None:
    server.always = "500"
    found = write(10, model=ONE | {"attempts": 2, "stop_after": 3})
    assert found.counts == {"unanswered": 10}
    assert len(server.requests) == 6
    assert found.stopped == "3 requests in a row failed, the last with HTTP 500"
    assert (found.spent_tokens, found.spent_micros) == (0, 0)


def test_nobody_at_the_address_is_no_crash(store: Store, write: Write, server: OpenAIServer) -> None:
    server.address = "http://127.0.0.1:9"
    found = write(3, model=ONE | {"attempts": 1, "stop_after": 2})
    assert found.counts == {"unanswered": 3}
    assert "no connection (ConnectError)" in str(found.stopped)


def test_the_rest_stays_pending_where_the_program_says_so_and_is_written_by_the_next_run(
    write: Write, server: OpenAIServer
) -> None:
    server.script = [None, "400"]
    first = write(4, model=ONE, rest="pending")
    assert first.counts == {"pending": 1, "written": 3}
    assert first.messages.filter(pl.col("status") == "pending")["text"].to_list() == [None]
    assert write(4, model=ONE, rest="pending").counts == {"written": 4}
    assert len(server.requests) == 5


def test_a_second_run_asks_for_nothing_and_says_the_same(write: Write, server: OpenAIServer) -> None:
    server.script = ["[Name] {good}", None, "nonsense"]
    first, second = write(8), write(8)
    assert second.sent == 0
    assert second.messages.equals(first.messages)
    assert second.spent_micros == first.spent_micros


def test_another_program_text_is_another_message(write: Write, server: OpenAIServer) -> None:
    write(2)
    write(2, max_chars=800)
    assert len(server.requests) == 4


def test_a_template_program_needs_no_model_and_sends_nothing(store: Store) -> None:
    found = write_messages(chosen(16), program(), catalogue(), AS_OF, store)
    assert found.counts == {"template": 16}
    assert found.messages["reason"].null_count() == 16


def test_an_openai_program_without_a_model_is_an_error(store: Store) -> None:
    with pytest.raises(MessageError, match="a language model is needed"):
        write_messages(chosen(1), program(writer="openai"), catalogue(), AS_OF, store)


def test_nobody_chosen_is_no_messages(store: Store, write: Write) -> None:
    assert write(0).messages.is_empty()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"risk_group": "hihg"}, "risk group without a tone"),
        ({"language": "fr"}, "not written in"),
        ({"engagement": 101.0}, "no engagement between 0 and 100"),
        ({"engagement": float("nan")}, "no engagement between 0 and 100"),
        ({"prob": None}, "no probability"),
        ({"customer_id": "ana"}, "stands twice"),
        ({"products": ["p1", "p1"]}, "different products"),
        ({"products": ["p1", "p9"]}, "different products"),
    ],
)
def test_wrong_customers_are_refused_before_anything_is_asked(
    store: Store, wrong: dict[str, object], said: str
) -> None:
    with pytest.raises(MessageError, match=said):
        write_messages(chosen(3, **wrong), program(), catalogue(), AS_OF, store)


def test_a_customer_without_a_language_gets_the_programs_own(store: Store) -> None:
    rows = chosen(2).drop("language")
    found = write_messages(rows, program(language="es"), catalogue(), AS_OF, store)
    assert found.messages["language"].to_list() == ["es", "es"]


def test_words_of_the_program_that_a_guard_refuses_stop_the_run(store: Store) -> None:
    wrong = program(signature={"pt": "Equipe [Nome]", "es": "El equipo", "en": "The team", "ru": "Команда"})
    with pytest.raises(MessageError, match=r"pt template .*placeholder"):
        write_messages(chosen(4), wrong, catalogue(), AS_OF, store)
