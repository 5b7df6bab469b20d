"""An error on purpose comes through Prefect's engine as one line (every case of bad input: tests/test_bad_input.py)."""

from __future__ import annotations

import pytest

from flows.cli import main
from tests.flows.conftest import World


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("run ingest --source /no/such/folder", "source error: source /no/such/folder does not exist: check --source"),
        ("run score --as-of 2031-01-01", "time error: as_of 2031-01-01 is past what the data know"),
        ("run reward --as-of 2025-02-03", "plan error: plan of teomewhy, as_of 2025-02-03: there are no scores"),
    ],
)
def test_a_refusal_inside_a_task_ends_the_command_with_one_line(
    in_world: World, capfd: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    told = capfd.readouterr().err.splitlines()
    assert ended.value.code == 1
    assert told[-1].startswith(says)
    assert not any("Traceback" in line for line in told)
