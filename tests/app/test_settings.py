from __future__ import annotations

import pytest

from app.settings import ServeSettings, load_serve_settings
from fiel.errors import SettingsError
from fiel.settings import HOME

PAGE = (HOME / "docs" / "serving.md").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in ServeSettings.model_fields if name != "fiel"])
def test_every_setting_is_described_and_stands_on_the_page_of_serving(name) -> None:
    description = ServeSettings.model_fields[name].description
    assert f"| `FIEL_SERVE_{name.upper()}` | {description} |" in PAGE


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("fiel.example", False)],
)  # fmt: skip
def test_loopback_is_what_only_this_machine_can_reach(host, is_loopback) -> None:
    assert ServeSettings(host=host).is_loopback is is_loopback


def test_a_program_may_have_an_age_limit_of_its_own(monkeypatch) -> None:
    monkeypatch.setenv("FIEL_SERVE_SCORE_AGE_LIMIT_DAYS", "8")
    monkeypatch.setenv("FIEL_SERVE_SCORE_AGE_LIMITS", '{"pension": 100}')
    settings = load_serve_settings()
    assert (settings.score_age_limit("teomewhy"), settings.score_age_limit("pension")) == (8, 100)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "70000"), ("WORKERS", "0"), ("POLL_SECONDS", "x"), ("SERVED_SHARE", "2"), ("SESSION_SECRET", "short"),
     ("SCORE_AGE_LIMITS", '{"pension": "long"}'), ("DOORS", '{"points": "teomewhy"}')],
)  # fmt: skip
def test_a_wrong_setting_is_named_and_its_value_is_not(monkeypatch, name, value) -> None:
    monkeypatch.setenv(f"FIEL_SERVE_{name}", value)
    with pytest.raises(SettingsError, match=f"FIEL_SERVE_{name}: ") as refused:
        load_serve_settings()
    if name == "SESSION_SECRET":
        assert value not in str(refused.value).replace("shortest", "")


@pytest.mark.parametrize("name", ["SCORE_AGE_LIMITS", "HOSTS", "DOORS"])
def test_a_setting_that_is_no_json_is_named(monkeypatch, name) -> None:
    monkeypatch.setenv(f"FIEL_SERVE_{name}", "{")
    with pytest.raises(SettingsError, match=f"FIEL_SERVE_{name}"):
        load_serve_settings()


def test_secrets_are_never_shown(monkeypatch) -> None:
    monkeypatch.setenv("FIEL_SERVE_SESSION_SECRET", "do-not-show-this")
    monkeypatch.setenv("FIEL_DATABASE_URL", "postgresql://fiel:do-not-show-this@db/fiel")
    assert "do-not-show-this" not in repr(load_serve_settings())
