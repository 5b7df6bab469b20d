"""The simulated operator: the real files' shapes and shares, and a truth that explains what is in them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from fiel.errors import SettingsError
from fiel.simulate.telecom import Simulation, simulate
from fiel.simulate.telecom_churn import Effects


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Simulation:
    return simulate(tmp_path_factory.mktemp("telecom"), sessions=8_000)


@pytest.fixture(scope="module")
def churn(made) -> pl.DataFrame:
    return pl.read_csv(made.folder / "churn.csv")


@pytest.fixture(scope="module")
def lines(made) -> list[str]:
    return (made.folder / "interactions.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def sessions(lines) -> dict[int, list[dict]]:
    found = {}
    for text in lines:
        if text.startswith("{") and text.endswith("]}") and "none" not in text:
            told = json.loads(text)
            found[told["session"]] = told["events"]
    return found


def test_the_churn_file_has_the_real_files_shape_and_shares(churn) -> None:
    assert churn.shape == (11_896, 180)
    assert churn.columns == [*(f"PC{n}" for n in range(1, 161)), *(f"FACTOR{n}" for n in range(1, 19)), "y", "t"]
    assert churn.get_column("y").mean() == pytest.approx(0.0343, abs=5e-5)
    assert churn.get_column("t").mean() == pytest.approx(0.7574, abs=5e-5)
    assert all(churn.get_column(f"FACTOR{n}").str.contains(r"^V\d+$").all() for n in range(1, 19))


def test_the_numbers_fade_as_principal_components_do(churn) -> None:
    spreads = churn.select(pl.col(r"^PC\d+$").std()).row(0)
    assert spreads[0] > spreads[9] > spreads[39] > spreads[159] > 0


def test_the_truth_explains_who_left_in_both_arms(made, churn) -> None:
    truth = made.truth
    assert truth.get_column("customer_id").to_list() == [str(number) for number in range(1, churn.height + 1)]
    for arm, column in ((0, "prob_control"), (1, "prob_treated")):
        inside = (churn.get_column("t") == arm).to_numpy()
        probs, left = truth.get_column(column).to_numpy()[inside], churn.get_column("y").to_numpy()[inside]
        spread = np.sqrt((probs * (1 - probs)).sum())
        assert abs(left.sum() - probs.sum()) < norm.ppf(0.9999) * spread


def test_the_treatment_keeps_some_drives_some_away_and_helps_on_average(made) -> None:
    uplift = made.truth.get_column("uplift")
    assert (uplift < -0.005).mean() > 0.05
    assert (uplift > 0.005).mean() > 0.3
    assert uplift.mean() > 0.003


def test_without_selection_the_treated_are_like_the_others(made, churn) -> None:
    alone, treated = made.truth.get_column("prob_control").to_numpy(), churn.get_column("t").to_numpy() == 1
    difference = alone[treated].mean() - alone[~treated].mean()
    spread = alone.std() * np.sqrt(1 / treated.sum() + 1 / (~treated).sum())
    assert abs(difference) < norm.ppf(0.9999) * spread


def test_with_selection_the_operator_treated_those_about_to_leave(tmp_path) -> None:
    chosen = simulate(tmp_path, customers=4_000, sessions=0, effects=Effects(selection=1.0))
    treated = pl.read_csv(tmp_path / "churn.csv").get_column("t").to_numpy() == 1
    alone = chosen.truth.get_column("prob_control").to_numpy()
    assert alone[treated].mean() > 1.3 * alone[~treated].mean()


def test_the_log_has_the_published_mix_and_lengths(sessions) -> None:
    kinds = Counter(event["type"] for events in sessions.values() for event in events)
    total = sum(kinds.values())
    assert kinds["clicks"] / total == pytest.approx(0.8985, abs=0.01)
    assert kinds["carts"] / total == pytest.approx(0.0780, abs=0.008)
    assert kinds["orders"] / total == pytest.approx(0.0235, abs=0.004)
    lengths = np.array([len(events) for events in sessions.values()])
    assert lengths.min() >= 2
    assert lengths.max() <= 501 + 3
    assert 4 <= np.median(lengths) <= 8
    assert 14 <= lengths.mean() <= 20


def test_times_rise_within_a_session_and_stay_within_the_days(sessions) -> None:
    first = datetime(2025, 11, 3, tzinfo=UTC).timestamp() * 1000
    last = datetime(2025, 12, 1, tzinfo=UTC).timestamp() * 1000
    for events in sessions.values():
        times = [event["ts"] for event in events]
        assert times == sorted(times)
        assert first <= times[0]
        assert times[-1] < last


def test_evenings_are_busier_than_nights_and_sundays_than_fridays(sessions) -> None:
    begun = [datetime.fromtimestamp(events[0]["ts"] / 1000, UTC) for events in sessions.values()]
    hours, days = Counter(at.hour for at in begun), Counter(at.isoweekday() for at in begun)
    assert hours[19] > 5 * hours[3]
    assert days[7] > days[5]


def test_few_articles_have_most_of_the_events(sessions) -> None:
    articles = Counter(event["aid"] for events in sessions.values() for event in events)
    most = sum(number for _, number in articles.most_common(len(articles) // 10))
    assert most > 0.5 * articles.total()


def test_what_was_counted_is_what_stands_in_the_files(made, lines, sessions) -> None:
    told = Counter((s, e["aid"], e["ts"], e["type"]) for s, events in sessions.items() for e in events)
    assert (len(told), told.total() - len(told)) == (made.events, made.repeats)
    assert made.repeats > 0
    assert len(sessions) == made.sessions
    assert len(lines) == made.sessions + made.broken_lines
    assert pl.read_csv(made.folder / "links.csv").height == made.links


def test_links_name_sessions_and_customers_that_are_there(made) -> None:
    links = pl.read_csv(made.folder / "links.csv")
    assert links.columns == ["customer_id", "session"]
    assert links.get_column("session").is_unique().all()
    assert links.get_column("session").is_between(0, made.sessions - 1).all()
    assert links.get_column("customer_id").is_between(1, made.customers).all()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path) -> None:
    files = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        written = simulate(tmp_path / name, customers=60, sessions=90, seed=seed)
        files.append([path.read_bytes() for path in written.files])
    assert files[0] == files[1]
    assert all(one != other for one, other in zip(files[0], files[2], strict=True))


def test_chunks_leave_no_trace(tmp_path, monkeypatch) -> None:
    whole = simulate(tmp_path / "whole", customers=70, sessions=90)
    monkeypatch.setattr("fiel.simulate.telecom_churn.CHUNK", 11)
    monkeypatch.setattr("fiel.simulate.telecom_log.CHUNK", 13)
    parts = simulate(tmp_path / "parts", customers=70, sessions=90)
    assert [path.read_bytes() for path in whole.files] == [path.read_bytes() for path in parts.files]


def test_the_smallest_operator_has_one_customer_and_no_session(tmp_path) -> None:
    made = simulate(tmp_path, customers=1, sessions=0, start=date(2025, 1, 1), end=date(2025, 1, 1))
    assert pl.read_csv(tmp_path / "churn.csv").height == 1
    assert (made.events, made.links) == (0, 0)


@pytest.mark.parametrize("wrong", [{"customers": 0}, {"sessions": -1}, {"start": date(2026, 1, 1)}])
def test_what_cannot_be_simulated_is_refused(tmp_path, wrong) -> None:
    with pytest.raises(SettingsError):
        simulate(tmp_path, **wrong)
