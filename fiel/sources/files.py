"""Files that are already there: find them in a folder or under an S3 prefix, name their content, copy them.

Local content is hashed; on S3 the store's own ETags stand for it, so an unchanged prefix costs one listing.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlparse

import fsspec
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from fiel.errors import SourceAccessError, SourceError, SourceUnavailableError
from fiel.settings import Settings
from fiel.sources.version import SourceFile, SourcePart

_CHUNK = 1 << 20
_S3_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
SIMULATED_FILE = "simulated.txt"
"""Marks a folder of made-up files; the simulators write it."""

Wanted = Callable[[list[str]], list[str]]
"""Chooses, from the names under a source (relative, with `/`), those that belong to it; SourceError if some lack."""


def resolve_files(address: str, wanted: Wanted, settings: Settings, name: str = "files") -> SourcePart:
    """The files under `address` (folder, one file, or s3://bucket/prefix) that `wanted` chooses, with one digest.

    SourceError: nothing there. SourceAccessError: not readable, or outside FIEL_SOURCE_ROOT. SourceUnavailableError:
    the store does not answer.
    """
    _check_root(address, settings)
    if address.startswith("s3://"):
        files = _s3_files(address.rstrip("/"), wanted)
        address = address.rstrip("/")
    else:
        folder, files = _local_files(Path(address).expanduser(), wanted)
        address = str(folder)
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.name}\n{file.size}\n{file.digest}\n".encode())
    return SourcePart(name, whole.hexdigest()[:12], address, files)


def copy_part(part: SourcePart, target: Path) -> None:
    """Copy a part's files into the new folder `target`; SourceUnavailableError if they changed since named."""
    for file in part.files:
        copy = target / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if part.address.startswith("s3://"):
            with _s3_words(f"{part.address}/{file.name}"):
                _file_system().get_file(_s3_path(part.address, file.name), str(copy))
            same = copy.stat().st_size == file.size
        else:
            same = _copy_hashing(Path(part.address) / file.name, copy) == file.digest
        if not same:
            raise SourceUnavailableError(
                f"{part.address}/{file.name} changed while it was read: wait until it is written, and run again"
            )


def is_simulated(address: str) -> bool:
    """Whether the folder says, by a file `simulated.txt`, that its files are made up."""
    if address.startswith("s3://"):
        with _s3_words(address):
            return bool(_file_system().exists(_s3_path(address, SIMULATED_FILE)))
    return (Path(address) / SIMULATED_FILE).is_file()


def by_patterns(patterns: Sequence[str], endings: Sequence[str]) -> Wanted:
    """Chooses names that match one of `patterns`; `*` alone takes only names with one of `endings`."""

    def wanted(names: list[str]) -> list[str]:
        chosen: list[str] = []
        for pattern in patterns:
            found = [name for name in names if fnmatch.fnmatch(name, pattern)]
            if pattern == "*":
                found = [name for name in found if name.lower().endswith(tuple(endings))]
            if not found:
                raise SourceError(
                    f"no file matches source.files pattern {pattern!r}; there are: {_listed(names)}. "
                    f"Readable are {', '.join(endings)}"
                )
            chosen += [name for name in found if name not in chosen]
        return sorted(chosen)

    return wanted


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:12]) or "no files at all"
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _check_root(address: str, settings: Settings) -> None:
    """SourceAccessError unless `address` lies under FIEL_SOURCE_ROOT, where that is set."""
    root = settings.source_root
    if root is None:
        return
    if address.startswith("s3://") or root.startswith("s3://"):
        parts = PurePosixPath(address.removeprefix("s3://")).parts
        inside = (address.rstrip("/") + "/").startswith(root.rstrip("/") + "/") and ".." not in parts
    else:
        inside = Path(address).expanduser().resolve().is_relative_to(Path(root).expanduser().resolve())
    if not inside:
        raise SourceAccessError(f"source {address} is not under FIEL_SOURCE_ROOT ({root}): move it there")


# ------------------------------------------------------------------------------------------------------------ local


def _local_files(path: Path, wanted: Wanted) -> tuple[Path, tuple[SourceFile, ...]]:
    with _local_words(path):
        if not path.exists():
            raise SourceError(f"source {path} does not exist: check --source (a folder, a file, or s3://bucket/prefix)")
        folder, names = (path.parent, [path.name]) if path.is_file() else (path, sorted(_names(path)))
        chosen = names if path.is_file() else _told(wanted, names, str(path))
        return folder.resolve(), tuple(_local_file(folder, name) for name in chosen)


def _names(folder: Path) -> Iterator[str]:
    """Names of the visible files in `folder` and one folder below."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from (f"{path.name}/{p.name}" for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        else:
            yield path.name


def _local_file(folder: Path, name: str) -> SourceFile:
    path = folder / name
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    return SourceFile(name, path.stat().st_size, digest)


def _copy_hashing(source: Path, target: Path) -> str:
    """Copy a file; the sha256 of what was copied."""
    digest = hashlib.sha256()
    with _local_words(source):
        reader = source.open("rb")
    with reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    shutil.copystat(source, target)
    return digest.hexdigest()


@contextmanager
def _local_words(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise SourceAccessError(
            f"source {error.filename or path} may not be read by this user: change its permissions"
        ) from error
    except OSError as error:
        raise SourceError(f"source {error.filename or path} cannot be read: {error.strerror or error}") from error


# --------------------------------------------------------------------------------------------------------------- S3


def _s3_files(address: str, wanted: Wanted) -> tuple[SourceFile, ...]:
    if not any(os.environ.get(name) for name in _S3_CREDENTIALS):
        raise SourceAccessError(
            f"source {address} is on S3 but no AWS credentials are set: set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for another store than AWS)"
        )
    root = address.removeprefix("s3://")
    with _s3_words(address):
        fs = _file_system()
        fs.invalidate_cache()
        found: dict[str, dict[str, Any]] = fs.find(root, maxdepth=2, detail=True, on_error="raise")
    entries = {path.removeprefix(root).lstrip("/"): entry for path, entry in found.items()}
    if list(entries) == [""]:  # the address is one object
        raise SourceError(f"source {address} is one object: give the prefix that holds it, and source.files its name")
    entries = {name: entry for name, entry in entries.items() if name and not name.endswith("/")}
    if not entries:
        raise SourceError(f"source {address} holds no objects: check bucket and prefix")
    return tuple(
        SourceFile(name, int(entries[name]["size"]), str(entries[name].get("ETag", "")).strip('"'))
        for name in _told(wanted, sorted(entries), address)
    )


def _told(wanted: Wanted, names: list[str], where: str) -> list[str]:
    """What `wanted` chooses; its SourceError says where it looked."""
    try:
        return wanted(names)
    except SourceError as error:
        raise SourceError(f"source {where}: {error}") from error


def _s3_path(address: str, name: str) -> str:
    return f"{address.removeprefix('s3://')}/{name}"


def _file_system() -> Any:
    limits = {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 4}}
    return fsspec.filesystem("s3", config_kwargs=limits)


@contextmanager
def _s3_words(address: str) -> Iterator[None]:
    """S3's errors in our words (fsspec turns the usual ones into OSError, and leaves others as botocore's)."""
    host = urlparse(os.environ.get("AWS_ENDPOINT_URL", "")).netloc or "AWS"
    try:
        yield
    except PermissionError as error:
        raise SourceAccessError(f"source {address}: S3 refuses these credentials ({error}): check them") from error
    except FileNotFoundError as error:
        raise SourceAccessError(f"source {address}: S3 knows no such bucket or object: check the address") from error
    except (EndpointConnectionError, ConnectTimeoutError, ConnectionError, TimeoutError) as error:
        raise SourceUnavailableError(f"source {address}: {host} does not answer: check network and endpoint") from error
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", error))
        raise SourceAccessError(f"source {address}: S3 refuses ({code}): check credentials and address") from error
    except (BotoCoreError, OSError) as error:
        raise SourceUnavailableError(f"source {address}: S3 cannot be read ({error}): try again") from error
