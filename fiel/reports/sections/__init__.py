"""The sections of a report, in the order in which they are read."""

from fiel.models.wording import spoken
from fiel.reports.data import ReportData
from fiel.reports.sections.accounts import closing, quarters
from fiel.reports.sections.base import Section
from fiel.reports.sections.engagement import engagement, interactions, treatment
from fiel.reports.sections.figures import key_figures
from fiel.reports.sections.grades import grades
from fiel.reports.sections.messages import messages
from fiel.reports.sections.model import model
from fiel.reports.sections.now import changes, leaving
from fiel.reports.sections.profile import profile_section
from fiel.reports.sections.purchases import purchases
from fiel.reports.sections.rewards import rewards
from fiel.reports.sections.segments import segments
from fiel.reports.sections.source import source
from fiel.reports.sections.stake import stake

__all__ = ["Section", "sections"]


def sections(data: ReportData) -> tuple[Section, ...]:
    """All sections, the answers first: changes, leaving, stake, rewards; then who, how often, and what it rests on.

    Those of segments, purchases and value at stake are left out for a program without these groups, the profile of
    the data where the source version was ingested without one. An undated program has whom it pays to treat instead of
    everything that needs events, a pension fund its accounts.
    """
    profile = profile_section(data.profile, data.intake, data.program) if data.profile.height else None
    if data.program.is_table:
        undated = (
            engagement(data),
            treatment(data),
            grades(data),
            rewards(data),
            messages(data),
            interactions(data),
            model(data),
            source(data),
            profile,
        )
        return tuple(spoken(section, data.program) for section in undated if section is not None)
    if data.program.is_quarterly:
        of_accounts = (closing(data), quarters(data), rewards(data), messages(data), model(data), source(data), profile)
        return tuple(spoken(section, data.program) for section in of_accounts if section is not None)
    asked = (
        changes(data),
        leaving(data),
        stake(data),
        rewards(data),
        messages(data),
        segments(data),
        purchases(data),
        key_figures(data),
        model(data),
        source(data),
        profile,
    )
    return tuple(section for section in asked if section is not None)
