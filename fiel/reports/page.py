"""The report as one self-contained HTML page: nothing is fetched from elsewhere, and a policy in the page says so.

The page holds one copy of the Vega libraries (the bundle that vl-convert brings), the specifications of its charts
and their data, and draws them in the colours that the reader prefers. Equal data give equal bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from typing import Any

import jinja2
import vl_convert

from fiel.reports import format as fmt
from fiel.reports.data import ReportData
from fiel.reports.plots import model_plots
from fiel.reports.sections import sections
from fiel.reports.theme import STAGE_COLOURS, TOKENS, config, dark_twins

__all__ = ["model_plots", "render_report"]


def render_report(data: ReportData) -> str:
    """The report of `data` as HTML (UTF-8); it opens from a file, without a network and without a server."""
    script, bundle = _script(), _bundle()
    return (
        _templates()
        .get_template("report.html.j2")
        .render(
            title=f"{data.program.title}: loyalty report as of {fmt.day(data.as_of)}",
            data=data,
            facts=_facts(data),
            sections=sections(data),
            style=_style(),
            script=script,
            bundle=bundle,
            config=json.dumps(config(), separators=(",", ":")),
            twins=json.dumps(dark_twins(), separators=(",", ":")),
            script_hashes=[_hash(bundle), _hash(script)],
            as_of_words=fmt.day_in_words(data.as_of),
        )
    )


def _facts(data: ReportData) -> list[tuple[str, str]]:
    """What the header names."""
    policy = data.plan.policy_version if data.plan else data.program.incentive.version
    if not data.program.incentive.products:
        policy = "none: nothing is granted"
    invented = " (invented amounts)" if data.program.incentive.invented else ""
    model = f"version {data.model.version}" if data.model else "no champion yet"
    return [
        ("program", data.program.name),
        ("as of", f"{fmt.day(data.as_of)} (exclusive)"),
        ("open accounts" if data.program.is_quarterly else "customers", fmt.whole(data.customers)),
        ("source version", data.source.source_version),
        ("known through", fmt.day(data.source.known_through)),
        ("model", model),
        ("policy", f"{policy}{invented}"),
    ]


@cache
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("fiel.reports"),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html", "j2"), default=True),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["unbroken"] = unbroken
    return found


def _source(name: str) -> str:
    loader: Any = _templates().loader
    return str(loader.get_source(_templates(), name)[0])


def unbroken(text: str) -> str:
    """`text` with no-break spaces inside amounts and percentages, so that no line ends between number and unit."""
    return re.sub(r"(?<=[£$€]) (?=\d)|(?<=\d) (?=%)", "\u00a0", text)


@cache
def _script() -> str:
    return _source("report.js")


@cache
def _style() -> str:
    """The style sheet, its colours filled in from the tokens."""
    names = {**TOKENS, **{f"stage-{stage}": token for stage, token in STAGE_COLOURS.items()}}
    lines = {
        mode: "".join(f"--{name}:{token.of(mode)};" for name, token in names.items()) for mode in ("light", "dark")
    }
    stages = "".join(f".stage-{stage}{{--mark:var(--stage-{stage})}}" for stage in STAGE_COLOURS)
    tokens = f":root{{{lines['light']}}}@media (prefers-color-scheme:dark){{:root{{{lines['dark']}}}}}"
    return f"{tokens}{stages}\n{_source('report.css')}"


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script, for `window.vegaEmbed`."""
    libraries: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub asks for a snippet
    return libraries.replace("</script", "<\\/script")


def _hash(script: str) -> str:
    """The hash by which the page's own policy allows `script`."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
