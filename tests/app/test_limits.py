from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.limits import RateLimiter, check_batch
from app.problems import Problem
from app.security.keys import new_key
from app.settings import ServeSettings
from fiel.store import Store
from tests.app.tiny import tiny


@pytest.fixture
def small(served_store, make_client):
    """A service with small limits."""
    return make_client(
        served_store.serve(
            max_body_bytes=1_024, max_url_bytes=256, max_header_bytes=1_024, rate_per_second=0.001, rate_burst=3
        ),
        tiny,
    )


def test_a_body_of_the_allowed_size_is_read_and_one_byte_more_is_not(served_store, make_client) -> None:
    client = make_client(served_store.serve(max_body_bytes=1_024), tiny)
    assert client.post("/v1/raw", content=b"x" * 1_024).json() == {"bytes": 1_024}
    refused = client.post("/v1/raw", content=b"x" * 1_025)
    assert refused.status_code == 413
    assert refused.headers["connection"] == "close"
    assert "1,024 bytes" in refused.json()["detail"]


def test_a_body_without_a_length_is_cut_when_it_grows_too_long(served_store, make_client) -> None:
    client = make_client(served_store.serve(max_body_bytes=1_024), tiny)
    assert client.post("/v1/raw", content=iter([b"x" * 600] * 2)).status_code == 413
    assert client.post("/v1/raw", content=iter([b"x" * 500] * 2)).json() == {"bytes": 1_000}


@pytest.mark.parametrize("length", ["-1", "1e3", "nonsense", "9" * 25, "1" * 600])
def test_a_length_that_is_no_number_is_refused(small, length) -> None:
    assert small.post("/v1/raw", content=b"x", headers={"Content-Length": length}).status_code == 413


def test_a_form_is_not_read_without_end_before_its_token_is_seen(tiny_client) -> None:
    sent = tiny_client.post("/page", data={"text": "x" * 100_000})
    assert sent.status_code == 413
    assert "65,536 bytes" in sent.json()["detail"]


def test_an_address_that_is_too_long_is_refused(small) -> None:
    answer = small.get("/v1/hello?x=" + "y" * 300)
    assert answer.status_code == 414
    assert answer.json()["type"] == "urn:fiel:problem:address-too-long"


def test_headers_that_are_too_long_are_refused(small) -> None:
    assert small.get("/v1/hello", headers={"X-Long": "y" * 1_024}).status_code == 431


def test_a_batch_longer_than_the_limit_is_refused_with_the_field_and_the_limit() -> None:
    settings = ServeSettings(max_batch=10)
    check_batch(settings, 10, "customers")
    with pytest.raises(Problem) as refused:
        check_batch(settings, 11, "customers")
    assert refused.value.status_code == 422
    assert refused.value.errors[0].field == "customers"
    assert "10" in refused.value.errors[0].todo


def test_the_rate_is_told_and_beyond_it_requests_have_to_wait(small) -> None:
    left = []
    for _ in range(3):
        answer = small.get("/v1/hello")
        assert answer.status_code == 200
        left.append(answer.headers["ratelimit"])
    assert left == ['"requests";r=2;t=1', '"requests";r=1;t=1', '"requests";r=0;t=1']
    refused = small.get("/v1/hello")
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:fiel:problem:too-many-requests"
    assert int(refused.headers["retry-after"]) > 900
    assert refused.headers["ratelimit-policy"] == '"requests";q=3;w=3000'


def test_health_is_never_limited(small) -> None:
    assert [small.get("/health").status_code for _ in range(10)] == [200] * 10


def test_every_key_has_a_rate_of_its_own(own_store, make_client) -> None:
    store = Store(own_store.address)
    keys = [new_key(name, ("*",), "test") for name in ("one", "two")]
    for key in keys:
        store.add_key(key.row)
    store.close()
    client = make_client(own_store.serve(rate_per_second=0.001, rate_burst=1), tiny)
    for key in keys:
        headers = {"X-API-Key": key.text}
        assert [client.get("/v1/hello", headers=headers).status_code for _ in range(2)] == [200, 429]


def test_guessing_keys_is_slowed_down_and_valid_keys_are_not(own_store, make_client) -> None:
    store = Store(own_store.address)
    key = new_key("one", ("*",), "test")
    store.add_key(key.row)
    store.close()
    client = make_client(own_store.serve(refused_per_second=0.001, refused_burst=2), tiny)
    guesses = [client.get("/v1/hello", headers={"X-API-Key": f"fiel_a_{n}"}).status_code for n in range(3)]
    assert guesses == [401, 401, 429]
    assert client.get("/v1/hello", headers={"X-API-Key": key.text}).status_code == 200


def test_a_bucket_fills_again_at_its_rate() -> None:
    limiter = RateLimiter(per_second=2, burst=2)
    assert [limiter.take("a", 0.0).passes for _ in range(3)] == [True, True, False]
    assert limiter.take("a", 0.25).wait_seconds == pytest.approx(0.25)
    assert limiter.take("a", 0.5).passes
    assert not limiter.take("a", 0.5).passes


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), st.integers(1, 5), st.floats(0.1, 20))
def test_never_more_passes_than_the_burst_and_what_flowed_in(pauses, burst, rate) -> None:
    limiter, now, passed = RateLimiter(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        passed += limiter.take("a", now).passes
    assert passed <= burst + (now - pauses[0]) * rate + 1e-6


def test_the_memory_of_the_limiter_is_bounded() -> None:
    limiter = RateLimiter(per_second=1, burst=5, most=100)
    for number in range(1_000):
        limiter.take(f"client {number}", number / 1_000)
    assert len(limiter._buckets) <= 100


def test_forgetting_full_buckets_lets_nobody_through_who_has_to_wait() -> None:
    limiter = RateLimiter(per_second=0.001, burst=1, most=100)
    limiter.take("greedy", 0.0)
    for number in range(60):
        limiter.take(f"client {number}", 1.0)
    limiter.take("greedy", 2.0)
    assert not limiter.take("greedy", 3.0).passes


def test_a_length_of_more_digits_than_python_reads_is_refused(tiny_client) -> None:
    assert tiny_client.post("/v1/raw", content=b"x", headers={"Content-Length": "1" * 5_000}).status_code == 413
