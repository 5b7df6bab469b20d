"""Where a lake lies, a local folder or S3: files written whole, credentials, what its errors say."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlparse

from fiel.errors import LakeError

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_S3_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def put_local(path: Path, content: bytes) -> None:
    """Write a local file whole or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def prepare_s3() -> None:
    """Set what delta-rs needs on S3; LakeError without credentials, before it asks the cloud for them."""
    if not any(os.environ.get(name) for name in _S3_CREDENTIALS):
        raise LakeError(
            "the lake is on S3 but no AWS credentials are set: set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for another store than AWS)"
        )
    if urlparse(os.environ.get("AWS_ENDPOINT_URL", "")).scheme == "http":
        os.environ.setdefault("AWS_ALLOW_HTTP", "true")


def plain(error: BaseException) -> str:
    """An error's first line without colour codes; of delta-rs's chain of causes the first and the last."""
    lines = _COLOUR.sub("", str(error)).strip().splitlines() or [type(error).__name__]
    if "↳" in lines[-1]:
        return f"{lines[0]}: {lines[-1].strip(' ↳')}"[:300]
    return lines[0][:300]
