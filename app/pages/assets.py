"""What the pages load: style sheet, scripts, vendored libraries and colours, all from here and held in memory.

An address carries the first digits of its content's hash (`/static/fiel.css?v=…`), so that a browser may keep the file
for good and still sees a change at once. `tokens.css` and `look.json` are made from `fiel.reports.tokens`, the one
place of Fiel's colours.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from fastapi import APIRouter, Request, Response

from fiel.reports.tokens import STAGE_COLOURS, TOKENS, Mode, config, dark_twins

ROOT = Path(__file__).resolve().parent.parent / "static"

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}

router = APIRouter()


@dataclass(frozen=True)
class Asset:
    """One file: its content, its type and its version."""

    content: bytes
    media_type: str

    @cached_property
    def version(self) -> str:
        """First 12 hexadecimal digits of the content's SHA-256."""
        return hashlib.sha256(self.content).hexdigest()[:12]

    @cached_property
    def packed(self) -> bytes:
        """The content, compressed with gzip; equal content gives equal bytes."""
        return gzip.compress(self.content, 6, mtime=0)


def tokens_css() -> str:
    """Custom properties of the colours: light, dark where the reader's device asks for it, and by choice."""

    def properties(mode: Mode) -> str:
        names = {**TOKENS, **{f"stage-{stage}": token for stage, token in STAGE_COLOURS.items()}}
        return "".join(f"--{name}:{token.of(mode)};" for name, token in names.items())

    stages = "".join(f".stage-{stage}{{--mark:var(--stage-{stage})}}\n" for stage in STAGE_COLOURS)
    light, dark = properties("light"), properties("dark")
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        f"@media print{{:root:root:root{{color-scheme:light;{light}}}}}\n{stages}"
    )


def look() -> dict[str, object]:
    """What the charts' script needs of the look: the Vega-Lite config and the dark twin of each light colour."""
    return {"config": config(), "twins": dark_twins()}


@cache
def assets() -> dict[str, Asset]:
    """Every asset by its path below `/static/`."""
    found = {
        path.relative_to(ROOT).as_posix(): Asset(path.read_bytes(), TYPES[path.suffix])
        for path in sorted(ROOT.rglob("*"))
        if path.suffix in TYPES
    }
    found["tokens.css"] = Asset(tokens_css().encode(), TYPES[".css"])
    found["look.json"] = Asset(json.dumps(look(), separators=(",", ":")).encode(), TYPES[".json"])
    return found


def static(name: str) -> str:
    """The address of the asset `name`, with its version.

    Raises:
        KeyError: no such asset (a mistake in a template).
    """
    return f"/static/{name}?v={assets()[name].version}"


@router.get("/static/{name:path}", include_in_schema=False)
@router.head("/static/{name:path}", include_in_schema=False)
def asset(name: str, request: Request) -> Response:
    """One asset; for good where the address names its version."""
    found = assets().get(name)
    if found is None:
        return Response("No such file.\n", 404, media_type="text/plain")
    tag = f'"{found.version}"'
    is_named = request.query_params.get("v") == found.version
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if is_named else "no-cache",
        "ETag": tag,
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)
