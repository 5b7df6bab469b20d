"""The whole chain on a small simulated fund: quarters, two targets, no policy; a second run changes nothing."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from fiel.segments.levels import loyalty_level, relative_level
from fiel.simulate.pension import simulate
from flows.console import show_leakage, show_summary
from tasks.context import opened
from tests.conftest import ROOT
from tests.flows.published import shown

AS_OF = date(2023, 4, 1)
FURTHER = "closing_year"
LAST_MATURED = {None: date(2022, 7, 1), FURTHER: date(2021, 10, 1)}
"""The newest cohort of each target whose horizon ends within 2022Q3, the last quarter that is observed."""


@dataclass(frozen=True)
class Fund:
    """A simulated fund: its settings, its source files, and what the first run of `loyalty` returned."""

    source: Path
    environment: dict[str, str]
    first: dict[str, Any]


@pytest.fixture(scope="module")
def fund(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> Fund:
    root = tmp_path_factory.mktemp("fund")
    simulate(root / "source", customers=1_200)
    (root / "source" / "simulated.txt").write_text("made up\n", encoding="utf-8")
    environment = {"FIEL_LAKE": str(root / "lake"), "FIEL_PROGRAMS": str(_quick_program(root / "programs"))}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        from flows.loyalty import loyalty

        first = loyalty(program="pension", source=str(root / "source"))
    return Fund(root / "source", environment, first)


@pytest.fixture
def in_fund(fund: Fund, monkeypatch: pytest.MonkeyPatch) -> Fund:
    """The shared fund with its settings in force."""
    for name, value in fund.environment.items():
        monkeypatch.setenv(name, value)
    return fund


def _quick_program(folder: Path) -> Path:
    """The program file of pension with a small training."""
    content = yaml.safe_load((ROOT / "deployments" / "programs" / "pension.yaml").read_text(encoding="utf-8"))
    content["training"] |= {
        "iterations": 25,
        "threads": 1,
        "cohorts": 20,
        "valid_cohorts": 2,
        "oot_cohorts": 2,
        "folds": 2,
    }
    content["training"]["ensemble"] = {"members": 2}
    content["training"]["embedding"] = {"size": 3, "epochs": 2, "rows": 2_000}
    content["promotion"] = {"bootstrap": 60}
    folder.mkdir()
    (folder / "pension.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder


def _read(table: str, as_of: date = AS_OF) -> pl.DataFrame:
    with opened("pension") as context:
        return context.lake.read(table, as_of)


def _state() -> dict[str, Any]:
    """Everything that a re-run must leave as it is."""
    found: dict[str, Any] = {}
    with opened("pension") as context:
        found["tables"] = context.lake.versions()
        found["entries"] = context.store.entries("pension").rows()
        found["published"] = context.store.score_set("pension")
        for place in ("reports", "models"):
            folder = Path(context.lake.file_path(place))
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            found[place] = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    for target in (None, FURTHER):
        with opened("pension", target) as context:
            found[context.program.ledger_name] = (
                [info.version for info in context.registry.versions()],
                context.registry.champion().version,
                context.store.promotions(context.program.ledger_name),
            )
    return found


def test_as_of_is_the_first_day_after_the_last_quarter_and_cohorts_begin_with_quarters(in_fund: Fund) -> None:
    assert in_fund.first["as_of"] == "2023-04-01"
    with opened("pension") as context:
        dates = context.lake.partitions("feat_snapshot")
    assert AS_OF in dates
    assert all((day.month - 1) % 3 == 0 and day.day == 1 for day in dates)


@pytest.mark.parametrize("target", [None, FURTHER])
def test_no_model_learned_from_a_quarter_whose_outcome_is_not_observed(in_fund: Fund, target: str | None) -> None:
    with opened("pension", target) as context:
        champion = context.registry.champion()
        assert context.program.model_name == ("fiel-pension" if target is None else f"fiel-pension-{FURTHER}")
    assert max(champion.oot_as_of) == LAST_MATURED[target]
    assert max(champion.trained_as_of) < min(champion.oot_as_of)


def test_every_open_account_has_a_chance_to_close_in_the_quarter_and_a_greater_one_in_the_year(in_fund: Fund) -> None:
    scores, probs, snapshot = _read("out_scores"), _read("out_probs"), _read("feat_snapshot")
    assert scores.height == snapshot.height > 500
    assert scores["prob"].is_between(0, 1).all()
    assert scores["stage"].unique().to_list() == ["none"]
    further = probs.filter(pl.col("target") == FURTHER)
    assert further.height == scores.height
    assert further["prob"].mean() > 2 * scores["prob"].mean()  # type: ignore[operator]
    with opened("pension") as context:
        closings = context.lake.read("core_closings")
    assert scores.join(closings, on="customer_id", how="semi").is_empty(), "a closed account is not at risk"


def test_the_likeliest_to_close_are_told_why(in_fund: Fund) -> None:
    scores = _read("out_scores").sort("prob", "customer_id", descending=[True, False])
    assert scores.head(50)["reason_1"].null_count() < 50
    assert scores.tail(50)["reason_1"].null_count() == 50


def test_the_service_is_shown_accounts_with_their_quarters_and_level(in_fund: Fund) -> None:
    scores = _read("out_scores").sort("prob", "customer_id", descending=[True, False])
    who = str(scores["customer_id"][0])
    with shown("pension") as found:
        document = found.document(who)
        assert document["level"]["prob"] == scores["prob"][0]
        told = scores.select(
            loyalty_level(pl.col("prob")), relative=relative_level(pl.col("prob"), scores["prob"].mean())
        )
        assert (document["level"]["word"], document["level"]["relative"]) == told.row(0)
        assert all(day < AS_OF.isoformat() for day, *_ in document["quarters"])
        assert document["probs"][FURTHER] >= document["level"]["prob"]
        assert found.part("rewards")["plan"] is None
        assert {"closing-rates", "contributions"} <= {item["name"] for item in found.part("figures")}


def test_a_program_without_a_policy_plans_and_pays_nothing(in_fund: Fund, capsys: pytest.CaptureFixture[str]) -> None:
    assert in_fund.first["plan"] == {} == in_fund.first["cycle"]
    with opened("pension") as context:
        assert not context.lake.exists("out_plan")
        assert context.store.entries("pension").is_empty()
    show_summary("loyalty", "pension", in_fund.first)
    shown = capsys.readouterr().out
    assert "points      none: the program has no incentive policy" in shown
    assert "everyone is made up" in shown
    from flows.reward import reward

    assert reward(program="pension", as_of="latest") == {}


def test_the_report_speaks_of_accounts_and_quarters_and_not_of_stages(in_fund: Fund) -> None:
    page = Path(in_fund.first["report"]["report"]).read_text(encoding="utf-8")
    text = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    for words in (
        "Simulated data", "open accounts", "Who is likely to close", "Share of the accounts that closed, by quarter",
        "expected to close within 3 months", "expected to close within 12 months", "complete", "in part", "2022Q3",
        "Levels of loyalty: closing", "This program grants nothing", "AUC by quarterly cohort", "RUB",
    ):  # fmt: skip
        assert words in text, words
    for words in ("fiel now", "zumbi", "curioso", "stage rule", "customers", "active day", "desencantado"):
        assert re.search(rf"\b{words}\b", text) is None, words  # tables are called core_customers everywhere


def test_the_report_shows_what_the_optional_parts_do_and_the_optimistic_split(in_fund: Fund) -> None:
    page = Path(in_fund.first["report"]["report"]).read_text(encoding="utf-8")
    assert "context" in page
    assert "embedding" in page
    assert "optimistic" in page
    assert "F1" in page


def test_no_feature_of_the_fund_moves_when_the_future_is_rewritten(
    in_fund: Fund, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_leakage("pension", ["2019-10-01"])
    assert re.search(r"quarters: holds \(44 features", capsys.readouterr().out)


def test_a_second_run_changes_nothing(in_fund: Fund) -> None:
    from flows.loyalty import loyalty

    before = _state()
    again = loyalty(program="pension", source=str(in_fund.source))
    assert not again["ingest"]["changed"]
    assert again["features"]["built"] == []
    assert not again["train"]["trained"]
    assert _state() == before
