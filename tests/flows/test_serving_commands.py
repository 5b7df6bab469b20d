from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.security.keys import KeyRing
from fiel.settings import load_settings
from fiel.store import Store
from flows.cli import main


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("FIEL_LAKE", str(tmp_path / "lake"))
    opened = Store(load_settings().store_url)
    yield opened
    opened.close()


def fiel(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code


def test_a_key_is_shown_once_and_opens_what_it_was_made_for(store, capsys) -> None:
    assert fiel("key", "create", "shop", "--program", "retail", "--days", "30") == 0
    shown = capsys.readouterr()
    key = shown.out.strip()
    assert re.fullmatch(r"fiel_[0-9a-f]{12}_[\w-]{43}", key)
    assert "retail" in shown.err
    ring = KeyRing(store.keys)
    ring.refresh()
    row = ring.check(key)
    assert (row.name, row.programs) == ("shop", ("retail",))
    assert (row.expires_at - row.created_at).days in (29, 30)
    assert fiel("key", "list") == 0
    listed = capsys.readouterr().out
    assert row.key_id in listed
    assert key not in listed
    assert row.digest not in listed


def test_a_revoked_key_is_over_and_stays_in_the_list(store, capsys) -> None:
    fiel("key", "create", "shop")
    (row,) = store.keys()
    assert fiel("key", "revoke", row.key_id) == 0
    assert "is revoked" in capsys.readouterr().out
    assert fiel("key", "revoke", row.key_id) == 0
    assert "was revoked before" in capsys.readouterr().out
    fiel("key", "list")
    assert re.search(rf"{row.key_id}.*revoked", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("key", "create", "shop", "--program", "retial"), "there is no such program"),
        (("key", "create", " "), "1 to 100"),
        (("key", "revoke", "abc"), "there is no key"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(store, capsys, words, said) -> None:
    assert fiel(*words) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.strip().splitlines()) == 1
    assert store.keys() == []


def test_upgrading_a_store_again_changes_nothing(store, capsys) -> None:
    for _ in range(2):
        assert fiel("store", "upgrade") == 0
        assert "is up to date" in capsys.readouterr().out


def test_the_help_of_the_command_line_needs_no_service() -> None:
    code = "import sys, flows.cli; print([name for name in ('app', 'uvicorn', 'fastapi') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.stdout.strip() == "[]"
