"""Kaggle data sets and competitions: the newest version first, then that version whole, with retries and timeouts.

kagglehub brings the protocol, the cache (`KAGGLEHUB_CACHE`), resuming and the md5 check. It has no timeout on API calls
and retries nothing, so both are here. Errors say whether trying again can help.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

import kagglehub
import kagglehub.cache
import kagglehub.clients
import kagglehub.http_resolver
import requests
from kagglehub.exceptions import DataCorruptionError, UnauthenticatedError
from kagglehub.handle import parse_competition_handle, parse_dataset_handle
from kagglesdk.competitions.types.competition_api_service import ApiListDataFilesRequest
from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from fiel.errors import SourceAccessError, SourceError, SourceUnavailableError

T = TypeVar("T")

_PATCHING = threading.Lock()
_TRANSFER_ERRORS = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.JSONDecodeError,
)
_CORRUPT_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError)
_REFUSALS = {
    401: "Kaggle does not accept the credentials (401): set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY",
    403: "Kaggle does not let these credentials read it (403): accept the data set's terms on its page, or set "
    "KAGGLE_API_TOKEN (or KAGGLE_USERNAME and KAGGLE_KEY) of an account that may",
    404: "Kaggle does not know it (404): check source.kaggle[].handle in the program file; a private data set also "
    "needs credentials in KAGGLE_API_TOKEN (or KAGGLE_USERNAME and KAGGLE_KEY)",
}


@dataclass(frozen=True)
class Patience:
    """How long we try: attempts, waits with jitter between them, and timeouts. All times in seconds.

    A `Retry-After` of the server is honoured up to `longest_retry_after`; a longer one ends the trying.
    """

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 300.0
    connect_timeout: float = 10.0
    read_timeout: float = 60.0


_BREAKS = {
    "NameResolutionError": "the server's name cannot be resolved: is there a network?",
    "Connection refused": "the connection was refused",
    "ConnectTimeout": "no connection within the time limit",
    "timed out": "no answer within the time limit",
}
"""What requests' nested exceptions mean."""


def newest_version(handle: str, patience: Patience | None = None) -> int:
    """Number of the newest version of the data set `OWNER/DATASET`, by one small API call.

    SourceAccessError: refused or not found. SourceUnavailableError: still failing after the last attempt.
    """
    patience = patience or Patience()
    parsed = _parsed(handle)
    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = parsed.owner, parsed.dataset

    def ask() -> int:
        with _client(patience) as client:
            answer = client.datasets.dataset_api_client.get_dataset(request)
        if not answer.current_version_number:
            raise SourceAccessError(f"Kaggle data set {handle} has no version to download yet")
        return int(answer.current_version_number)

    return _with_retries(ask, f"Kaggle data set {handle}", patience)


def download(handle: str, version: int, patience: Patience | None = None) -> Path:
    """Folder with the unpacked files of one version; a cached version needs no network.

    SourceAccessError: refused or not found. SourceError: the archive stayed corrupt. SourceUnavailableError: still
    failing after the last attempt.
    """
    patience = patience or Patience()
    pinned = f"{handle}/versions/{version}"
    what = f"Kaggle data set {handle} version {version}"

    def fetch() -> Path:
        with _quiet_with_timeouts(patience):
            try:
                return Path(kagglehub.dataset_download(pinned))
            except (*_CORRUPT_ERRORS, ValueError) as error:
                if isinstance(error, ValueError) and "archive" not in str(error):
                    raise
                Path(kagglehub.cache.get_cached_archive_path(_parsed(pinned))).unlink(missing_ok=True)
                raise _CorruptArchiveError(f"{what}: the archive cannot be unpacked ({error})") from error

    try:
        return _with_retries(fetch, what, patience)
    except _CorruptArchiveError as error:
        raise SourceError(
            f"{error}, also after {patience.attempts} downloads: the published file itself seems broken; wait for the "
            "next version, or fetch the files by hand and pass --source DIR"
        ) from error


def competition_version(name: str, patience: Patience | None = None) -> str:
    """What the competition's files are now, as 12 hex digits of their names, sizes and dates; one small API call.

    A competition's data have no version number. SourceAccessError: rules not accepted, refused or not found.
    """
    patience = patience or Patience()

    def ask() -> str:
        files: list[tuple[str, int, str]] = []
        request = ApiListDataFilesRequest()
        request.competition_name = name
        with _client(patience) as client:
            while True:
                answer = client.competitions.competition_api_client.list_data_files(request)
                files += [(file.name, file.total_bytes, str(file.creation_date)) for file in answer.files or []]
                if not answer.next_page_token:
                    break
                request.page_token = answer.next_page_token
        if not files:
            raise SourceAccessError(f"Kaggle competition {name} has no files to download")
        return hashlib.sha256(repr(sorted(files)).encode()).hexdigest()[:12]

    return _with_retries(ask, f"Kaggle competition {name}", patience, _competition_refusals(name))


def download_competition(name: str, patience: Patience | None = None) -> Path:
    """Folder with the unpacked files of the competition as they are now.

    SourceAccessError: rules not accepted, refused or not found. SourceError: the archive stayed corrupt.
    SourceUnavailableError: still failing after the last attempt.
    """
    patience = patience or Patience()
    what = f"Kaggle competition {name}"

    def fetch() -> Path:
        with _quiet_with_timeouts(patience):
            try:
                return Path(kagglehub.competition_download(name))
            except (*_CORRUPT_ERRORS, ValueError) as error:
                if isinstance(error, ValueError) and "archive" not in str(error):
                    raise
                handle = parse_competition_handle(name)
                Path(kagglehub.cache.get_cached_archive_path(handle)).unlink(missing_ok=True)
                raise _CorruptArchiveError(f"{what}: the archive cannot be unpacked ({error})") from error

    try:
        return _with_retries(fetch, what, patience, _competition_refusals(name))
    except _CorruptArchiveError as error:
        raise SourceError(
            f"{error}, also after {patience.attempts} downloads: fetch the files by hand and pass --source DIR"
        ) from error


def _competition_refusals(name: str) -> dict[int, str]:
    page = f"https://www.kaggle.com/competitions/{name}"
    return _REFUSALS | {
        403: f"Kaggle does not let these credentials read it (403): accept the competition's rules at {page}/rules "
        "with the account of KAGGLE_API_TOKEN (or KAGGLE_USERNAME and KAGGLE_KEY), or pass the files with --source DIR",
        404: f"Kaggle does not know it (404): check source.kaggle[].handle in the program file, the name in {page}",
    }


class _CorruptArchiveError(SourceUnavailableError):
    """The archive cannot be unpacked; a second download may help."""


def _with_retries(call: Callable[[], T], what: str, patience: Patience, refusals: Mapping[int, str] = _REFUSALS) -> T:
    """What `call` returns; its failures in our words, tried again where that can help."""
    jitter = wait_random_exponential(multiplier=patience.first_wait, max=patience.longest_wait)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, SourceUnavailableError) else None
        return max(asked or 0.0, jitter(state))

    def attempt() -> T:
        try:
            return call()
        except requests.HTTPError as error:
            raise _in_our_words(error, what, refusals) from error
        except (*_TRANSFER_ERRORS, DataCorruptionError) as error:
            raise SourceUnavailableError(
                f"{what}: the transfer broke off ({_why(error)}): check the network and try again"
            ) from error
        except UnauthenticatedError as error:
            raise SourceAccessError(f"{what}: {refusals[401]}") from error
        except requests.RequestException as error:
            raise SourceError(f"{what}: the request failed ({_first_line(error)})") from error
        except ValueError as error:
            raise SourceAccessError(f"{what}: {_first_line(error)}") from error
        except OSError as error:
            raise SourceError(
                f"{what}: cannot be kept in the cache ({_first_line(error)}): check space and permissions, or set "
                "KAGGLEHUB_CACHE to another folder"
            ) from error

    trying = Retrying(
        retry=retry_if_exception_type(SourceUnavailableError),
        stop=lambda state: stop_after_attempt(patience.attempts)(state) or _asked_too_long(state, patience),
        wait=wait,
        reraise=True,
    )
    return trying(attempt)


def _asked_too_long(state: RetryCallState, patience: Patience) -> bool:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, SourceUnavailableError) else None
    return (asked or 0.0) > patience.longest_retry_after


def _in_our_words(error: requests.HTTPError, what: str, refusals: Mapping[int, str]) -> SourceError:
    """An HTTP status as an error that says whether to try again."""
    status = error.response.status_code if error.response is not None else 0
    if status in refusals:
        return SourceAccessError(f"{what}: {refusals[status]}")
    if status == 429 or status >= 500:
        asked = _retry_after(error.response)
        hint = f"it asks to wait {asked:.0f} s" if asked else "try again later"
        return SourceUnavailableError(f"{what}: Kaggle answers {status} (busy or down): {hint}", asked)
    return SourceAccessError(f"{what}: Kaggle refuses the request ({status}: {_first_line(error)})")


def _retry_after(response: requests.Response | None) -> float | None:
    """Seconds that the server asks to wait (it may say seconds or a date); None if it does not say."""
    said = response.headers.get("Retry-After") if response is not None else None
    if not said:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _parsed(handle: str) -> Any:
    try:
        return parse_dataset_handle(handle)
    except ValueError as error:
        raise SourceAccessError(
            f"{handle!r} is no Kaggle data set: source.kaggle[].handle is OWNER/DATASET ({error})"
        ) from error


class _Timeouts(HTTPAdapter):
    """Gives every request a timeout that was sent without one."""

    def __init__(self, connect: float, read: float) -> None:
        super().__init__()
        self._limits = (connect, read)

    def send(
        self,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Any:
        return super().send(request, stream, timeout or self._limits, verify, cert, proxies)


def _client(patience: Patience) -> Any:
    """Kagglehub's own API client, with timeouts."""
    client = kagglehub.clients.build_kaggle_client()
    http = client.http_client()
    http._init_session()
    for scheme in ("https://", "http://"):
        http._session.mount(scheme, _Timeouts(patience.connect_timeout, patience.read_timeout))
    return client


@contextmanager
def _quiet_with_timeouts(patience: Patience) -> Iterator[None]:
    """Kagglehub without progress bars and console lines, and with timeouts on its API calls."""
    log = logging.getLogger("kagglehub")
    with _PATCHING:
        level, bar, build = log.level, kagglehub.clients.tqdm, kagglehub.http_resolver.build_kaggle_client
        log.setLevel(logging.WARNING)
        kagglehub.clients.tqdm = functools.partial(bar, disable=True)
        kagglehub.http_resolver.build_kaggle_client = lambda: _client(patience)
        try:
            yield
        finally:
            log.setLevel(level)
            kagglehub.clients.tqdm = bar
            kagglehub.http_resolver.build_kaggle_client = build


def _why(error: BaseException) -> str:
    """What broke a transfer, in words where the library speaks in nested exceptions."""
    text = str(error)
    for mark, words in _BREAKS.items():
        if mark in text:
            return words
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
