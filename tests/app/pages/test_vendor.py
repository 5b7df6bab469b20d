"""The vendored libraries are the files that their manifest names, with their licences, and nothing else lies there."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.pages.assets import ROOT

VENDOR = ROOT / "vendor"
MANIFEST: list[dict[str, Any]] = json.loads((VENDOR / "MANIFEST.json").read_text(encoding="utf-8"))["packages"]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("package", MANIFEST, ids=[package["name"] for package in MANIFEST])
def test_a_library_and_its_licence_are_unchanged(package: dict[str, Any]) -> None:
    assert digest(VENDOR / package["file"]) == package["sha256"]
    assert digest(VENDOR / package["licence_file"]) == package["licence_sha256"]


def test_every_file_is_named_in_the_manifest() -> None:
    named = {"MANIFEST.json", "PARTS.LICENSE.txt"}
    named |= {package[key] for package in MANIFEST for key in ("file", "licence_file")}
    assert {path.name for path in VENDOR.iterdir()} == named


def test_every_part_of_a_library_has_its_licence() -> None:
    text = (VENDOR / "PARTS.LICENSE.txt").read_text(encoding="utf-8")
    parts = {
        f"{part['name']} {part['version']} ({part['licence']})" for package in MANIFEST for part in package["holds"]
    }
    assert len(parts) > 40
    assert [part for part in parts if part not in text] == []


def test_libraries_say_the_version_of_their_manifest() -> None:
    versions = {package["name"]: package["version"] for package in MANIFEST}
    for name, pattern in (("htmx.org", r'version:"([^"]+)"'), ("vega-lite", r'n="(\d+\.\d+\.\d+)"')):
        (file,) = [package["file"] for package in MANIFEST if package["name"] == name]
        found = re.search(pattern, (VENDOR / file).read_text(encoding="utf-8"))
        assert found is not None, name
        assert found[1] == versions[name]
