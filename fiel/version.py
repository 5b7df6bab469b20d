"""Which code this is: the package's version and a digest of its sources."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@cache
def package_version() -> str:
    """Version of the installed package, `0` when run from sources that were not installed."""
    try:
        return version("fiel")
    except PackageNotFoundError:
        return "0"


@cache
def code_version() -> str:
    """Version and a digest of every source file of `fiel/`, for example `0.1.0+3f2a9c01`.

    What was computed under one code version is computed anew under another, even where the package's version is equal.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{package_version()}+{digest.hexdigest()[:8]}"
