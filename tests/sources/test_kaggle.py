"""kagglehub's real code path against a Kaggle on loopback."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fiel.errors import SourceAccessError, SourceError, SourceUnavailableError
from fiel.sources import kaggle
from tests.sources.conftest import Place, teomewhy_program
from tests.sources.fake_kaggle import FakeKaggle
from tests.sources.tiny import add, write

HANDLE = "teocalvo/teomewhy-loyalty-system"
FAST = kaggle.Patience(attempts=3, first_wait=0.001, longest_wait=0.002, read_timeout=2.0, connect_timeout=2.0)


@pytest.fixture
def published(fake_kaggle: FakeKaggle, tmp_path: Path) -> FakeKaggle:
    fake_kaggle.publish(HANDLE, write(tmp_path / "v1") / "loyalty-system")
    return fake_kaggle


def test_the_newest_version_costs_one_call_and_no_download(published: FakeKaggle) -> None:
    assert kaggle.newest_version(HANDLE, FAST) == 1
    assert published.calls == {"GetDataset": 1}
    assert published.authorization == ["Bearer a-token"]


def test_a_version_is_downloaded_whole_and_from_the_cache_the_second_time(published: FakeKaggle) -> None:
    folder = kaggle.download(HANDLE, 1, FAST)
    again = kaggle.download(HANDLE, 1, FAST)
    assert sorted(path.name for path in folder.iterdir())[:2] == ["clientes.csv", "produtos.csv"]
    assert again == folder
    assert published.calls["file"] == 1


def test_nothing_is_printed(published: FakeKaggle, capfd: pytest.CaptureFixture[str]) -> None:
    kaggle.download(HANDLE, 1, FAST)
    assert capfd.readouterr() == ("", "")


def test_an_unchanged_version_is_not_downloaded_and_nothing_is_written(published: FakeKaggle, place: Place) -> None:
    first = place.ingest(None, patience=FAST)
    before, calls = place.lake.versions(), dict(published.calls)
    second = place.ingest(None, patience=FAST)
    assert first.changed
    assert first.source_version == "loyalty-system=1"
    assert not second.changed
    assert second.counts == first.counts
    assert place.lake.versions() == before
    assert published.calls["file"] == calls["file"]


def test_a_new_version_is_downloaded_and_takes_over(published: FakeKaggle, place: Place, tmp_path: Path) -> None:
    place.ingest(None, patience=FAST)
    more = {"transacoes": add(["t99", "ana", "2026-02-03 12:00:00.000", "1", "twitch"])}
    published.publish(HANDLE, write(tmp_path / "v2", changes=more) / "loyalty-system")
    second = place.ingest(None, patience=FAST)
    assert second.changed
    assert second.source_version == "loyalty-system=2"
    assert second.counts["new_events"] == 1
    assert place.lake.read("core_events").height == 13


def test_files_that_are_in_the_lake_are_not_fetched_again(published: FakeKaggle, place: Place, tmp_path: Path) -> None:
    place.ingest(None, patience=FAST)
    other = teomewhy_program(day_time_zone="UTC")  # other rules: the core tables are made anew
    assert place.ingest(None, other, patience=FAST).changed
    assert published.calls["file"] == 1


@pytest.mark.parametrize(
    ("call", "failures"),
    [
        ("GetDataset", [503, 500]),
        ("GetDataset", [(429, {"Retry-After": "0"})]),
        ("DownloadDataset", [502, 503]),
        ("DownloadDataset", [(429, {})]),
        ("file", [503]),
        ("file", ["truncated"]),
        ("file", ["truncated", "truncated"]),
        ("file", ["wrong md5"]),
        ("file", ["corrupt"]),
    ],
    ids=str,
)
def test_a_failure_that_passes_is_tried_again(
    published: FakeKaggle, place: Place, call: str, failures: list[object]
) -> None:
    published.fail(call, *failures)
    assert place.ingest(None, patience=FAST).changed
    assert published.calls[call] == len(failures) + 1


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "set KAGGLE_API_TOKEN"),
        (403, "accept the data set's terms"),
        (404, r"source\.kaggle\[\]\.handle"),
        (400, "refuses the request"),
    ],
)
@pytest.mark.parametrize("call", ["GetDataset", "DownloadDataset"])
def test_a_refusal_is_told_once_and_never_retried(
    published: FakeKaggle, place: Place, call: str, status: int, says: str
) -> None:
    published.fail(call, status, status)
    with pytest.raises(SourceAccessError, match=says) as caught:
        place.ingest(None, patience=FAST)
    assert HANDLE in str(caught.value)
    assert published.calls[call] == 1
    assert place.lake.versions() == {}


@pytest.mark.parametrize("failure", [503, "truncated", "wrong md5"])
def test_a_failure_that_stays_ends_after_the_last_attempt(published: FakeKaggle, place: Place, failure: object) -> None:
    published.fail("file", *[failure] * 5)
    with pytest.raises(SourceUnavailableError, match=r"loyalty-system version 1"):
        place.ingest(None, patience=FAST)
    assert published.calls["file"] == FAST.attempts
    assert place.lake.versions() == {}


def test_an_archive_that_stays_corrupt_is_a_source_error(published: FakeKaggle, place: Place) -> None:
    published.fail("file", *["corrupt"] * 5)
    with pytest.raises(SourceError, match=r"cannot be unpacked .* pass --source DIR") as caught:
        place.ingest(None, patience=FAST)
    assert not isinstance(caught.value, SourceUnavailableError)
    assert published.calls["file"] == FAST.attempts


def test_retry_after_is_waited_for(published: FakeKaggle) -> None:
    published.fail("GetDataset", (429, {"Retry-After": "1"}))
    started = time.monotonic()
    kaggle.newest_version(HANDLE, FAST)
    assert time.monotonic() - started >= 1.0


def test_a_retry_after_beyond_our_patience_ends_the_trying_and_is_told(published: FakeKaggle) -> None:
    published.fail("GetDataset", *[(429, {"Retry-After": "86400"})] * 3)
    with pytest.raises(SourceUnavailableError, match="asks to wait 86400 s") as caught:
        kaggle.newest_version(HANDLE, FAST)
    assert caught.value.retry_after == 86_400
    assert published.calls["GetDataset"] == 1


def test_a_server_that_never_answers_is_given_up(fake_kaggle: FakeKaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    import kagglesdk.kaggle_env as environment

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setitem(environment._env_to_endpoint, environment.KaggleEnv.PROD, address)
        hasty = kaggle.Patience(attempts=2, first_wait=0.001, longest_wait=0.002, read_timeout=0.2)
        for call in (lambda: kaggle.newest_version(HANDLE, hasty), lambda: kaggle.download(HANDLE, 1, hasty)):
            started = time.monotonic()
            with pytest.raises(SourceUnavailableError, match="broke off"):
                call()
            assert time.monotonic() - started < 5


def test_a_handle_that_is_none_says_what_a_handle_is() -> None:
    with pytest.raises(SourceAccessError, match="OWNER/DATASET"):
        kaggle.newest_version("teomewhy", FAST)


# ------------------------------------------------------------------------------------------------- competitions

COMPETITION = "santander-customer-satisfaction"


@pytest.fixture
def competition(fake_kaggle: FakeKaggle, tmp_path: Path) -> FakeKaggle:
    folder = tmp_path / "competition"
    folder.mkdir()
    (folder / "train.csv").write_text("ID,a,TARGET\n1,0,0\n2,1,1\n", encoding="utf-8")
    fake_kaggle.publish(f"competitions/{COMPETITION}", folder)
    return fake_kaggle


def test_a_competition_is_named_by_its_files_and_downloaded_whole(competition: FakeKaggle, tmp_path: Path) -> None:
    version = kaggle.competition_version(COMPETITION, FAST)
    assert competition.calls == {"ListDataFiles": 1}
    folder = kaggle.download_competition(COMPETITION, FAST)
    assert [path.name for path in folder.iterdir()] == ["train.csv"]
    assert kaggle.competition_version(COMPETITION, FAST) == version
    more = tmp_path / "more"
    more.mkdir()
    (more / "train.csv").write_text("ID,a,TARGET\n1,0,0\n2,1,1\n3,1,0\n", encoding="utf-8")
    competition.publish(f"competitions/{COMPETITION}", more)
    assert kaggle.competition_version(COMPETITION, FAST) != version


@pytest.mark.parametrize("call", ["ListDataFiles", "DownloadDataFiles"])
def test_rules_that_were_not_accepted_are_said_with_the_page_to_accept_them_on(
    competition: FakeKaggle, call: str
) -> None:
    competition.fail(call, 403)
    asked = {"ListDataFiles": kaggle.competition_version, "DownloadDataFiles": kaggle.download_competition}[call]
    with pytest.raises(
        SourceAccessError, match=rf"accept the competition's rules at \S+/competitions/{COMPETITION}/rules"
    ):
        asked(COMPETITION, FAST)
    assert competition.calls[call] == 1, "refused is not tried again"


def test_a_competition_that_is_down_is_tried_again(competition: FakeKaggle) -> None:
    competition.fail("ListDataFiles", 503)
    assert len(kaggle.competition_version(COMPETITION, FAST)) == 12
    assert competition.calls["ListDataFiles"] == 2
