"""What a promotion decides, and every gate, is said in Portuguese, in the words of each kind of program."""

from __future__ import annotations

import re
from datetime import date

import pytest

from fiel import words
from fiel.actions.limits import refusal
from fiel.models.wording import spoken
from fiel.program import load_program
from fiel.settings import Settings

_ENGLISH = re.compile(r"\b(the|of|and|not|is|are|with|champion|rows|gates?|than|shown)\b")

REASONS = (
    "Version 2, the stage rule, is the first champion: every model has to beat it",
    "There is no champion to compare with: the first champion is the stage rule",
    "Version 3 is the champion already: Version 2, the stage rule, is the first champion: every model has to beat it",
    "Version 3 stays champion: version 4 is the identical model",
    "Version 3 stays champion: there are no out-of-time rows to compare version 4 on",
    "Version 3 stays champion: none of the 1,204 out-of-time rows reached the target, and with one class only "
    "version 4 cannot be compared",
    "Version 3 stays champion: version 4 gives identical predictions on all 1,204 out-of-time rows",
    "Version 4, the same recipe on newer data, replaces version 3: as good as the champion: AUC +0.002 (-0.004 to "
    "+0.009), margin 0.010, on 1,899 out-of-time rows of 2025-08-01, 2025-09-01; all gates passed; 2025-08-01 meets a "
    "planned break",
    "Version 3 (the stage rule) stays champion: version 4, a new recipe, is not shown to be superior to the champion: "
    "profit for each customer +0.10 (-0.20 to +0.40) BRL (and 2 more gates failed), on 1,899 out-of-time rows of "
    "2025-08-01",
    "Version 3 stays champion: version 4, the same recipe on newer data, is not calibrated: calibration slope 1.62 "
    "(1.41 to 1.84), tolerated 0.8 to 1.2; the champion has 1.10 on the same rows (and 1 more gate failed), on 1,899 "
    "out-of-time rows of 2025-08-01",
    "Version 3 stays champion: scores are not stable from train to out of time: PSI 0.311, on 1,899 out-of-time rows "
    "of 2025-08-01",
    "Version 3 stays champion: version 4 was trained for 2025-08-01, the champion for 2025-09-01: older data replace "
    "newer ones only by a forced promotion with a reason, on 1,899 out-of-time rows of 2025-08-01",
)

GATES = (
    "as good as the champion: AUC +0.002 (-0.004 to +0.009), margin 0.010",
    "not shown to be as good as the champion: AUC -0.020 (-0.040 to +0.001), margin 0.010",
    "earning as much as the champion: profit for each customer +0.10 (-0.20 to +0.40) BRL",
    "earning less than the champion: profit for each customer -0.90 (-1.20 to -0.40) BRL",
    "superior to the champion: log loss -0.047 (-0.056 to -0.037)",
    "better than the stage rule: AUC +0.098 (+0.079 to +0.116)",
    "not shown to be better than the stage rule: log loss -0.001 (-0.010 to +0.008)",
    "not as good as the purchase model: AUC -0.030 (-0.050 to -0.010), margin 0.010",
    "calibration intercept -0.39 (-0.67 to -0.11)",
    "scores are stable from train to out of time: PSI 0.023",
    "PSI of scores was not computed",
    "input active_days_d28 has moved: PSI 0.412",
    "slice stage reborn has 12 rows: too few to judge",
    "worse than the champion in slice first week: log loss +0.080 (+0.020 to +0.140)",
    "every out-of-time cohort (2025-12-01, 2026-01-01) meets a planned break, which says nothing about other months",
    "2025-12-01, 2026-01-01 meets a planned break",
    "PSI of days with live events, 28 days",
)


@pytest.mark.parametrize("name", ["teomewhy", "retail", "santander", "pension"])
@pytest.mark.parametrize("text", [*REASONS, *GATES])
def test_decisions_and_gates_are_said_in_portuguese(text: str, name: str) -> None:
    english = spoken(text, load_program(name, Settings()))
    said = words.find(english, "pt")
    assert said is not None, english
    assert not _ENGLISH.search(said), said


@pytest.mark.parametrize(
    ("as_of", "known_through", "newest"),
    [
        (date(2025, 10, 1), date(2025, 11, 1), date(2025, 11, 1)),
        (date(2025, 11, 3), date(2025, 11, 2), date(2025, 11, 1)),
        (date(2025, 9, 1), date(2025, 11, 1), None),
    ],
)
def test_why_a_plan_cannot_be_paid_is_said_in_portuguese(as_of: date, known_through: date, newest: date | None) -> None:
    why = refusal(load_program("teomewhy", Settings()).incentive, as_of, known_through, newest)
    assert why is not None
    said = words.find(why, "pt")
    assert said is not None, why
    assert not _ENGLISH.search(said), said
