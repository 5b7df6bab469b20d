"""Simulates the `telecom` program's files: churn table (CSV), interaction log (OTTO jsonl), and the links between them.

The two real files share no key; `links.csv` exists only here. What is simulated supports no claim about the real churn
file: its signal is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from fiel.errors import SettingsError
from fiel.simulate.draws import Draws
from fiel.simulate.telecom_churn import Effects, Population, population, tables
from fiel.simulate.telecom_log import log_parts

CHURN_FILE, LOG_FILE, LINKS_FILE = "churn.csv", "interactions.jsonl", "links.csv"
LOG_DAYS = 28
DEMO_CUSTOMERS = 11_896
"""As many as the real churn file: with fewer, nothing is to be learned from 3 % who leave."""
_LINKED = 0.8  # share of sessions whose customer is known


@dataclass(frozen=True)
class Simulation:
    """Written files and what they hold; `truth` is what no file tells."""

    folder: Path
    files: tuple[Path, ...]
    seed: int
    customers: int
    churners: int
    treated: int
    sessions: int
    events: int  # without exact repeats
    repeats: int
    broken_lines: int
    links: int
    truth: pl.DataFrame = field(repr=False)  # customer_id, prob_control, prob_treated, uplift

    def __str__(self) -> str:
        return (
            f"{self.customers:,} customers ({self.churners:,} left, {self.treated:,} treated), {self.sessions:,} "
            f"sessions with {self.events:,} events (seed {self.seed}) in {self.folder}"
        )


def simulate(
    folder: Path,
    *,
    customers: int = DEMO_CUSTOMERS,
    start: date = date(2025, 10, 1),
    end: date = date(2025, 11, 30),
    seed: int = 7,
    layout: str = "csv",
    sessions: int | None = None,
    broken_share: float = 0.0002,
    effects: Effects | None = None,
) -> Simulation:
    """Writes churn.csv, interactions.jsonl and links.csv into `folder`.

    `sessions` defaults to three for each customer. The log covers the last 28 days up to `end`, none before `start`;
    `broken_share` of its lines is followed by a broken one. `layout` is there for the other simulators' sake: these
    files have one. SettingsError: nobody to simulate, or the dates in the wrong order.
    """
    if customers < 1 or (sessions is not None and sessions < 0):
        raise SettingsError(f"customers is {customers}, sessions {sessions}: simulate at least 1 customer")
    if start > end:
        raise SettingsError(f"start {start} and end {end}: start must not be after end")
    sessions = 3 * customers if sessions is None else sessions
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draws = Draws(seed)
    people = population(draws, customers, effects or Effects())
    events, repeats, broken = _write_log(
        folder, draws, sessions, max(start, end - timedelta(LOG_DAYS - 1)), end, broken_share
    )
    _write_churn(folder, draws, people)
    return Simulation(
        folder=folder, files=tuple(folder / name for name in (CHURN_FILE, LOG_FILE, LINKS_FILE)), seed=seed,
        customers=customers, churners=int(people.leaves.sum()), treated=int(people.treated.sum()), sessions=sessions,
        events=events, repeats=repeats, broken_lines=broken, links=_write_links(folder, draws, customers, sessions),
        truth=people.truth,
    )  # fmt: skip


def _write_churn(folder: Path, draws: Draws, people: Population) -> None:
    with (folder / CHURN_FILE).open("wb") as file:
        for number, frame in enumerate(tables(draws, people)):
            frame.write_csv(file, include_header=number == 0)


def _write_log(
    folder: Path, draws: Draws, sessions: int, first: date, last: date, broken_share: float
) -> tuple[int, int, int]:
    """Events, repeats and broken lines that were written."""
    events = repeats = broken = 0
    with (folder / LOG_FILE).open("wb") as file:
        for part in log_parts(draws, sessions, first, last, broken_share):
            file.write(part.lines)
            events, repeats, broken = events + part.events, repeats + part.repeats, broken + part.broken
    return events, repeats, broken


def _write_links(folder: Path, draws: Draws, customers: int, sessions: int) -> int:
    """Each linked session belongs to one customer; some customers have several, some none."""
    numbers = np.arange(sessions)
    linked = numbers[draws.uniform("telecom-linked", numbers) < _LINKED]
    owner = 1 + (draws.uniform("telecom-owner", linked) * customers).astype(np.int64)
    links = pl.DataFrame({"customer_id": owner, "session": linked}).sort("customer_id", "session")
    links.write_csv(folder / LINKS_FILE)
    return links.height
