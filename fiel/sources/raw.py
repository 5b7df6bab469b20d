"""Raw files in the lake: `raw/SOURCE/VERSION/`, exactly as received, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from fiel.errors import LakeError, SourceError
from fiel.lake import Lake
from fiel.sources import kaggle
from fiel.sources.files import copy_part
from fiel.sources.version import COMPETITION, KAGGLE, SourcePart, SourceVersion

MANIFEST = "_landed.json"
"""Written last into a landed folder on S3: the names and sizes of its files."""


DATA_SET = "_data_set.txt"
"""Written beside the versions of a Kaggle data set: which one it is."""


def land(version: SourceVersion, lake: Lake, patience: kaggle.Patience | None = None) -> Path:
    """Local folder that holds `NAME/VERSION/` for every part of the version; the lake holds the same under raw/."""
    remote = lake.address.startswith("s3://")
    root = _cache_folder(lake) if remote else Path(lake.file_path("raw"))
    for part in version.parts:
        _check_data_set(part, lake)
        folder = root / part.name / part.version
        if not folder.is_dir() and not (remote and _fetched(part, lake, folder)):
            _bring(part, folder, patience)
        if remote:
            _upload(part, lake, folder)
    return root


def _check_data_set(part: SourcePart, lake: Lake) -> None:
    """SourceError if the lake keeps another Kaggle data set under this name: its version 3 is another version 3."""
    if not part.is_kaggle:
        return
    address = lake.file_path("raw", part.name, DATA_SET)
    known = lake.get(address)
    if known is None:
        lake.put(address, part.address.encode())
    elif known.decode() != part.address:
        raise SourceError(
            f"source.kaggle {part.name} is now {part.address}, but the lake keeps versions of {known.decode()} under "
            "that name: give the new data set another name in the program file"
        )


def _bring(part: SourcePart, folder: Path, patience: kaggle.Patience | None) -> None:
    """Put the part's files into `folder`, which appears only when it is complete."""
    if part.is_kaggle:
        downloaded = _downloaded(part, patience)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".landing-") as work:
            parts = Path(work) / "files"
            parts.mkdir()
            if part.is_kaggle:
                shutil.copytree(downloaded, parts, dirs_exist_ok=True)
            else:
                copy_part(part, parts)
            _move_into_place(parts, folder)
    except OSError as error:
        raise LakeError(
            f"{folder} cannot be written: {error.strerror or error}: check FIEL_LAKE, space and permissions"
        ) from error


def _downloaded(part: SourcePart, patience: kaggle.Patience | None) -> Path:
    if part.address.startswith(COMPETITION):
        return kaggle.download_competition(part.address.removeprefix(COMPETITION), patience)
    return kaggle.download(part.address.removeprefix(KAGGLE), int(part.version), patience)


def _move_into_place(parts: Path, folder: Path) -> None:
    try:
        parts.rename(folder)
    except OSError:
        if not folder.is_dir():  # not merely another run that was faster
            raise


# --------------------------------------------------------------------------------------------------------------- S3


def _cache_folder(lake: Lake) -> Path:
    """Where files of a lake on S3 are kept to be read: the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "fiel" / lake.address.removeprefix("s3://") / lake.program / "raw"


def _upload(part: SourcePart, lake: Lake, folder: Path) -> None:
    """Put a landed folder into the lake, its manifest last; a folder with a manifest is already there."""
    target = lake.file_path("raw", part.name, part.version)
    if lake.get(f"{target}/{MANIFEST}") is not None:
        return
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    for path, name in zip(files, names, strict=True):
        lake.put(f"{target}/{name}", path.read_bytes())
    sizes = {name: path.stat().st_size for path, name in zip(files, names, strict=True)}
    lake.put(f"{target}/{MANIFEST}", json.dumps(sizes, sort_keys=True).encode())


def _fetched(part: SourcePart, lake: Lake, folder: Path) -> bool:
    """Whether the lake already holds the part; then its files are now in `folder`."""
    target = lake.file_path("raw", part.name, part.version)
    manifest = lake.get(f"{target}/{MANIFEST}")
    if manifest is None:
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".landing-") as work:
        parts = Path(work) / "files"
        for name in json.loads(manifest):
            path = parts / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(lake.get(f"{target}/{name}") or b"")
        _move_into_place(parts, folder)
    return True
