"""The sections of a report, in the order in which they are read."""

from fiel.reports.data import ReportData
from fiel.reports.sections.base import Section
from fiel.reports.sections.figures import key_figures
from fiel.reports.sections.model import model
from fiel.reports.sections.now import changes, leaving
from fiel.reports.sections.rewards import rewards
from fiel.reports.sections.source import source

__all__ = ["Section", "sections"]


def sections(data: ReportData) -> tuple[Section, ...]:
    """All sections, the answers first: changes, leaving, rewards, then key figures, the model, the data."""
    return (changes(data), leaving(data), rewards(data), key_figures(data), model(data), source(data))
