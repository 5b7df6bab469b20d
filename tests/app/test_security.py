from __future__ import annotations

import hashlib
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from app.security.gate import way_back
from app.security.keys import KeyRing, digest_of, new_key, parts_of
from app.security.sessions import COOKIE, Sessions
from fiel.errors import StoreUnavailableError
from fiel.store import Store
from fiel.store.keys import KeyRow
from tests.app.tiny import tiny
from tests.app.waiting import until


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def keyed(own_store, make_client):
    """A service with keys: gives a client and a function that makes a key in the store and waits for it."""
    store = Store(own_store.address)
    first = new_key("first", ("*",), "test")
    store.add_key(first.row)
    client = make_client(own_store.serve(), tiny)

    def make(name: str = "shop", programs: tuple[str, ...] = ("*",), **fields) -> str:
        made = new_key(name, programs, "test", **fields)
        store.add_key(made.row)
        client.app.state.service.keys.refresh()
        return made.text

    client.make_key, client.store, client.first = make, store, first.text
    yield client
    store.close()


# -- keys


def test_a_key_has_32_random_bytes_and_only_their_sha256_is_kept() -> None:
    made = new_key("shop", ("teomewhy",), "someone")
    key_id, secret = parts_of(made.text)
    assert len(secret) == 43  # 32 bytes in base64
    assert made.row.key_id == key_id
    assert made.row.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(made.row)
    assert new_key("shop", ("*",), "someone").text != made.text


@pytest.mark.parametrize(
    "text", ["", "fiel", "fiel_abc", "fiel__x", "fiel_x_", "other_a_b", "fiel_a_\u00e9", "fiel_a_" + "x" * 300]
)
def test_what_is_no_key_has_no_parts(text) -> None:
    assert parts_of(text) is None


def test_without_a_key_everything_but_health_is_refused(keyed) -> None:
    assert keyed.get("/health").status_code == 200
    answer = keyed.get("/v1/hello")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="fiel"'
    assert "fiel key create" in answer.json()["todo"]
    for path in ("/metrics", "/v1/nothing", "/openapi.json", "/v1/teomewhy/name"):
        assert keyed.get(path).status_code == 401


def test_a_key_is_taken_from_either_header(keyed) -> None:
    text = keyed.make_key("shop")
    assert keyed.get("/v1/me", headers=bearer(text)).json() == {"name": "shop", "by": "key"}
    assert keyed.get("/v1/me", headers={"X-API-Key": text}).json() == {"name": "shop", "by": "key"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "x",
        lambda key: key.replace("fiel_", "fiel_0", 1),
        lambda key: key.swapcase(),
        lambda _key: "fiel_nobody_secret",
    ],
)
def test_a_key_that_is_not_exactly_right_is_refused(keyed, spoil) -> None:
    assert keyed.get("/v1/hello", headers=bearer(spoil(keyed.first))).status_code == 401


def test_a_wrong_key_is_not_repeated_in_the_answer(keyed) -> None:
    answer = keyed.get("/v1/hello", headers=bearer("fiel_abcdef_wrongsecret"))
    assert "wrongsecret" not in answer.text


def test_basic_authentication_is_no_key(keyed) -> None:
    assert keyed.get("/v1/hello", auth=("fiel", keyed.first)).status_code == 401


def test_a_key_opens_the_programs_of_its_scope_and_no_others(keyed) -> None:
    text = keyed.make_key(programs=("retail",))
    assert keyed.get("/v1/retail/name", headers=bearer(text)).status_code == 200
    refused = keyed.get("/v1/teomewhy/name", headers=bearer(text))
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:fiel:problem:out-of-scope"


def test_a_scoped_key_cannot_tell_a_program_that_is_not_there_from_one_of_others(keyed) -> None:
    text = keyed.make_key(programs=("retail",))
    there, not_there = (keyed.get(f"/v1/{name}/name", headers=bearer(text)).json() for name in ("teomewhy", "nobody"))
    assert {**there, "instance": ""} == {**not_there, "instance": ""}


def test_an_unknown_program_is_a_404_with_the_nearest_name(keyed) -> None:
    answer = keyed.get("/v1/teomewy/name", headers=bearer(keyed.first))
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["todo"] == "Did you mean teomewhy?"


def test_metrics_are_for_keys_of_every_program(keyed) -> None:
    assert keyed.get("/metrics", headers=bearer(keyed.make_key(programs=("retail",)))).status_code == 403
    assert keyed.get("/metrics", headers=bearer(keyed.first)).status_code == 200


def test_an_expired_key_is_refused(keyed) -> None:
    text = keyed.make_key(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert keyed.get("/v1/hello", headers=bearer(text)).status_code == 401
    text = keyed.make_key(expires_at=datetime.now(UTC) + timedelta(days=1))
    assert keyed.get("/v1/hello", headers=bearer(text)).status_code == 200


def test_a_revoked_key_ends_by_itself_while_the_service_runs(keyed) -> None:
    text = keyed.make_key()
    assert keyed.get("/v1/hello", headers=bearer(text)).status_code == 200
    assert keyed.store.revoke_key(parts_of(text)[0], datetime.now(UTC))
    until(lambda: keyed.get("/v1/hello", headers=bearer(text)).status_code == 401)


def test_a_new_key_is_valid_by_itself_while_the_service_runs(keyed) -> None:
    made = new_key("later", ("*",), "test")
    keyed.store.add_key(made.row)
    until(lambda: keyed.get("/v1/hello", headers=bearer(made.text)).status_code == 200)


def test_the_first_key_closes_a_service_that_was_open(own_store, make_client) -> None:
    client = make_client(own_store.serve(), tiny)
    assert client.get("/v1/me").json() == {"name": "open", "by": "open"}
    store = Store(own_store.address)
    store.add_key(new_key("first", ("*",), "test").row)
    store.close()
    until(lambda: client.get("/v1/me").status_code == 401)


def test_revoking_the_last_key_opens_nothing(keyed) -> None:
    keyed.store.revoke_key(parts_of(keyed.first)[0], datetime.now(UTC))
    keyed.app.state.service.keys.refresh()
    assert keyed.get("/v1/hello").status_code == 401


def test_an_unknown_id_takes_the_same_way_as_a_wrong_secret(monkeypatch) -> None:
    compared = []
    monkeypatch.setattr(
        "app.security.keys.hmac.compare_digest", lambda a, b: compared.append((len(a), len(b))) or a == b
    )
    made = new_key("shop", ("*",), "test")
    ring = KeyRing(lambda: [made.row])
    ring.refresh()
    assert ring.check("fiel_unknown_secret") is None
    assert ring.check(f"fiel_{made.row.key_id}_secret") is None
    assert ring.check("no key at all") is None
    assert compared == [(64, 64)] * 3


# -- what a worker knows while the store is away


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_known_keys_stay_valid_for_a_while_when_the_store_is_away() -> None:
    made, clock, answers = new_key("shop", ("*",), "test"), Clock(), []

    def read() -> list[KeyRow]:
        if answers:
            raise StoreUnavailableError("away")
        return [made.row]

    ring = KeyRing(read, grace_seconds=300, clock=clock)
    assert not ring.is_known
    assert ring.refresh()
    answers.append("away")
    clock.now = 299
    assert not ring.refresh()
    assert ring.is_known
    assert ring.check(made.text) == made.row
    clock.now = 301
    assert not ring.is_known


def test_a_worker_that_never_read_the_keys_lets_nobody_in(served_store, make_client, monkeypatch) -> None:
    monkeypatch.setattr("fiel.store.reader.Reader.keys", _away)
    client = make_client(served_store.serve(), tiny)
    for headers in ({}, bearer("fiel_a_b")):
        answer = client.get("/v1/hello", headers=headers)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
    assert client.get("/health").status_code == 200


def _away(_reader):
    raise StoreUnavailableError("away")


# -- without keys: loopback, and only if no key was ever made


def test_an_address_for_others_is_never_open(served_store, make_client) -> None:
    client = make_client(served_store.serve(host="0.0.0.0"), tiny)
    assert client.get("/v1/hello").status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LOCALHOST"])
def test_without_keys_loopback_names_are_answered(tiny_client, host) -> None:
    assert tiny_client.get("/v1/hello", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "10.0.0.1"]
)
def test_without_keys_other_names_are_refused_so_that_no_site_can_rebind_its_name(tiny_client, host) -> None:
    answer = tiny_client.get("/v1/hello", headers={"Host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_without_keys_nothing_is_answered_through_a_proxy(tiny_client, header) -> None:
    answer = tiny_client.get("/v1/hello", headers={header: "203.0.113.9"})
    assert answer.status_code == 403
    assert "fiel key create" in answer.json()["todo"]


def test_names_of_the_service_can_be_set(own_store, make_client) -> None:
    store = Store(own_store.address)
    made = new_key("shop", ("*",), "test")
    store.add_key(made.row)
    store.close()
    client = make_client(own_store.serve(hosts=("fiel.example",)), tiny)
    assert client.get("/v1/hello", headers={**bearer(made.text), "Host": "fiel.example"}).status_code == 200
    assert client.get("/v1/hello", headers={**bearer(made.text), "Host": "other.example"}).status_code == 421


# -- sessions


def signed_in(keyed, text: str) -> dict[str, str]:
    """Cookies of a browser that signed in with the key."""
    token = _csrf_cookie(keyed)
    done = keyed.post("/sign-in", data={"key": text, "csrf_token": token}, headers={"Cookie": f"fiel_csrf={token}"})
    assert done.status_code == 204, done.text
    keyed.cookies.clear()
    return {COOKIE: done.cookies[COOKIE]}


def _csrf_cookie(client) -> str:
    found = client.get("/sign-in")  # 405 here, but a page's path: the cookie is set
    value = found.cookies["fiel_csrf"]
    client.cookies.clear()
    return value


def cookies(given: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in given.items())}


def test_a_browser_without_a_session_is_sent_to_sign_in_and_back(keyed) -> None:
    answer = keyed.get("/page?stage=fiel&x=1", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/page%3Fstage%3Dfiel%26x%3D1"


def test_a_part_of_a_page_makes_htmx_go_to_sign_in(keyed) -> None:
    answer = keyed.get("/page", headers={"HX-Request": "true", "Accept": "*/*"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/sign-in"


def test_signing_in_with_a_key_opens_pages_and_the_api(keyed) -> None:
    session = signed_in(keyed, keyed.make_key("shop", ("retail",)))
    assert keyed.get("/page", headers=cookies(session)).status_code == 200
    assert keyed.get("/v1/me", headers=cookies(session)).json() == {"name": "shop", "by": "session"}
    assert keyed.get("/v1/retail/name", headers=cookies(session)).status_code == 200
    assert keyed.get("/v1/teomewhy/name", headers=cookies(session)).status_code == 403


def test_signing_in_with_a_wrong_key_gives_no_session(keyed) -> None:
    token = _csrf_cookie(keyed)
    done = keyed.post("/sign-in", data={"key": "fiel_a_b", "csrf_token": token}, headers=cookies({"fiel_csrf": token}))
    assert done.status_code == 401
    assert COOKIE not in done.cookies


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(keyed) -> None:
    sessions = keyed.app.state.service.gate.sessions
    shown = sessions.cookie("value", is_https=True)
    assert "; HttpOnly" in shown
    assert "; SameSite=Strict" in shown
    assert "; Secure" in shown
    assert "; Secure" not in sessions.cookie("value", is_https=False)


def test_the_cookie_holds_neither_the_key_nor_its_digest(keyed) -> None:
    value = signed_in(keyed, keyed.first)[COOKIE]
    secret = parts_of(keyed.first)[1]
    assert secret not in value
    assert digest_of(secret) not in value


def test_revoking_the_key_ends_its_sessions(keyed) -> None:
    text = keyed.make_key()
    session = signed_in(keyed, text)
    assert keyed.get("/page", headers=cookies(session)).status_code == 200
    keyed.store.revoke_key(parts_of(text)[0], datetime.now(UTC))
    keyed.app.state.service.keys.refresh()
    assert keyed.get("/page", headers=cookies(session)).status_code == 401


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_session_with_any_part_changed_is_none(keyed, place) -> None:
    parts = signed_in(keyed, keyed.first)[COOKIE].split(".")
    parts[place] = parts[place][:-1] + ("1" if parts[place][-1] != "1" else "2")
    assert keyed.get("/page", headers=cookies({COOKIE: ".".join(parts)})).status_code == 401


def test_a_session_ends_after_its_hours(keyed, monkeypatch) -> None:
    session = signed_in(keyed, keyed.first)
    now = time.time()
    monkeypatch.setattr("app.security.sessions.time.time", lambda: now + 12 * 3600 + 1)
    assert keyed.get("/page", headers=cookies(session)).status_code == 401


def test_a_session_never_outlives_its_key() -> None:
    made = new_key("shop", ("*",), "test", expires_at=datetime.now(UTC) + timedelta(minutes=5))
    ring = KeyRing(lambda: [made.row])
    ring.refresh()
    value = Sessions(ring, b"secret", hours=12).start(made.text)
    assert int(value.split(".")[1]) <= made.row.expires_at.timestamp()


def test_a_copy_of_the_store_is_not_enough_to_make_a_session() -> None:
    made = new_key("shop", ("*",), "test")
    ring = KeyRing(lambda: [made.row])
    ring.refresh()
    forged = Sessions(ring, b"a guess at the service's secret", hours=12).start(made.text)
    assert Sessions(ring, b"the service's secret", hours=12).check(forged) is None


@pytest.mark.parametrize(
    ("given", "back"),
    [
        ("/p/teomewhy?x=1", "/p/teomewhy?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("/sign-in?next=/sign-in", "/"),
        (None, "/"),
    ],
)
def test_the_way_back_stays_on_this_site(given, back) -> None:
    assert way_back(given) == back


# -- forms


def test_a_form_of_our_own_page_is_taken(keyed) -> None:
    session = signed_in(keyed, keyed.first)
    token = re.search("<p>(.*)</p>", keyed.get("/page", headers=cookies(session)).text).group(1)
    for headers, data in (({}, {"csrf_token": token}), ({"X-CSRF-Token": token}, {})):
        sent = keyed.post("/page", data={"text": "four", **data}, headers={**cookies(session), **headers})
        assert (sent.status_code, sent.text) == (200, "<p>4</p>")


@pytest.mark.parametrize("token", [None, "", "wrong", "\u00e9"])
def test_a_form_without_the_right_token_is_refused(keyed, token) -> None:
    session = signed_in(keyed, keyed.first)
    data = {"text": "four"} | ({} if token is None else {"csrf_token": token})
    answer = keyed.post("/page", data=data, headers=cookies(session))
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:fiel:problem:not-from-here"


def test_the_token_of_another_session_is_refused(keyed) -> None:
    mine, other = signed_in(keyed, keyed.first), signed_in(keyed, keyed.make_key("other"))
    token = re.search("<p>(.*)</p>", keyed.get("/page", headers=cookies(other)).text).group(1)
    answer = keyed.post("/page", data={"text": "four", "csrf_token": token}, headers=cookies(mine))
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_request_that_another_site_sends_is_refused_even_with_the_token(keyed, headers) -> None:
    session = signed_in(keyed, keyed.first)
    token = re.search("<p>(.*)</p>", keyed.get("/page", headers=cookies(session)).text).group(1)
    sent = keyed.post("/page", data={"text": "four", "csrf_token": token}, headers={**cookies(session), **headers})
    assert sent.status_code == 403


def test_a_session_needs_the_token_on_the_api_too(keyed) -> None:
    session = signed_in(keyed, keyed.first)
    token = re.search("<p>(.*)</p>", keyed.get("/page", headers=cookies(session)).text).group(1)
    assert keyed.post("/v1/number", json={"number": 1}, headers=cookies(session)).status_code == 403
    with_token = {**cookies(session), "X-CSRF-Token": token}
    assert keyed.post("/v1/number", json={"number": 1}, headers=with_token).status_code == 200


def test_a_key_needs_no_token_because_no_browser_sends_it_by_itself(keyed) -> None:
    assert keyed.post("/v1/number", json={"number": 1}, headers=bearer(keyed.first)).status_code == 200


def test_without_keys_another_site_can_send_nothing_to_the_api(tiny_client) -> None:
    assert tiny_client.post("/v1/number", json={"number": 1}).status_code == 200
    answer = tiny_client.post("/v1/number", json={"number": 1}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_without_keys_forms_need_the_token_as_well(tiny_client) -> None:
    assert tiny_client.post("/page", data={"text": "four"}).status_code == 403
    token = re.search("<p>(.*)</p>", tiny_client.get("/page").text).group(1)
    assert tiny_client.post("/page", data={"text": "four", "csrf_token": token}).status_code == 200


def test_a_form_is_read_whole_by_the_route_after_its_token_was_looked_at(tiny_client) -> None:
    token = re.search("<p>(.*)</p>", tiny_client.get("/page").text).group(1)
    sent = tiny_client.post("/page", data={"text": "x" * 20_000, "csrf_token": token})
    assert sent.text == "<p>20000</p>"


# -- what is no form and no address


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Cookie": "fiel_csrf=\u00e9\u00e9".encode()}, "csrf_token=abc&text=x"),
        ({"Cookie": "fiel_csrf=abc"}, "csrf_token=\u00e9&text=x"),
        ({"Cookie": "fiel_csrf=abc"}, "csrf_token=abc&" + "&".join(f"a{number}=1" for number in range(300))),
        ({"Cookie": "fiel_csrf=abc", "Origin": "http://[::1"}, "csrf_token=abc&text=x"),
        ({"Cookie": "fiel_csrf=abc", "Origin": "http://a]b"}, "csrf_token=abc&text=x"),
    ],
    ids=["cookie that is no ASCII", "token that is no ASCII", "too many fields", "half an address", "no address"],
)
def test_a_form_whose_token_or_origin_cannot_be_read_is_refused(tiny_client, headers, body) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    assert tiny_client.post("/page", content=body.encode(), headers=form).status_code == 403


def test_whether_the_service_is_well_is_told_however_many_came_without_a_key(own_store, make_client) -> None:
    store = Store(own_store.address)
    store.add_key(new_key("first", ("*",), "test").row)
    store.close()
    client = make_client(own_store.serve(refused_burst=1, refused_per_second=0.001), tiny)
    assert [client.get("/v1/hello").status_code for _ in range(2)] == [401, 429]
    assert client.get("/ready").json().keys() == {"status"}
