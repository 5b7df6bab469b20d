"""The simulated community behaves like the real one (DOMAIN.md section 1), measured without the pipeline's code.

Days are UTC days here, as in the published snapshots and daily actives.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from tests.simulate.conftest import Community

REAL_MIX = {"fiel": 0.32, "desencantado": 0.31, "turista": 0.18, "curioso": 0.12, "reborn": 0.05, "reconquistado": 0.02}
MONTHS = pl.date_range(date(2024, 3, 1), date(2025, 12, 1), "1mo", eager=True).to_list()
HORIZON = timedelta(days=28)
LABELLED = [day for day in MONTHS if day + HORIZON <= date(2025, 12, 1)]
IN_BREAK = [date(2024, 12, 1), date(2025, 1, 1)]  # the outcome of the first falls into the break, the second lies in it


def stages(days: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Stage of each customer with an active day before as_of, straight from the rules."""
    known = days.filter(pl.col("day") < as_of).group_by("customer").agg(
        age=(as_of - pl.col("day").min()).dt.total_days(),
        recency=(as_of - pl.col("day").max()).dt.total_days(),
        gap=(pl.col("day").max() - pl.col("day").sort().shift(1).last()).dt.total_days(),
        days_28=(pl.col("day") >= as_of - HORIZON).sum(),
    )  # fmt: skip
    stage = (
        pl.when(pl.col("age") <= 7).then(pl.lit("curioso"))
        .when((pl.col("recency") <= 7) & (pl.col("gap") <= 14)).then(pl.lit("fiel"))
        .when(pl.col("recency").is_between(8, 14)).then(pl.lit("turista"))
        .when(pl.col("recency").is_between(15, 28)).then(pl.lit("desencantado"))
        .when(pl.col("recency") > 28).then(pl.lit("zumbi"))
        .when(pl.col("gap").is_between(15, 27)).then(pl.lit("reconquistado"))
        .otherwise(pl.lit("reborn"))
    )  # fmt: skip
    return known.with_columns(stage=stage)


@dataclass(frozen=True)
class Measured:
    days: pl.DataFrame  # customer, day, first to last event in hours, transactions, earned
    at: dict[date, pl.DataFrame]  # stages at month starts
    cohorts: pl.DataFrame  # the population at labelled month starts with the outcome


@pytest.fixture(scope="module")
def measured(community: Community) -> Measured:
    events = community.events.with_columns(day=pl.col("at").dt.date())
    days = events.group_by("customer", "day").agg(
        hours=(pl.col("at").max() - pl.col("at").min()).dt.total_seconds() / 3600,
        transactions=pl.len(),
        earned=pl.col("points").clip(lower_bound=0).sum(),
    )
    at = {day: stages(days, day) for day in {*MONTHS, *(day + HORIZON for day in LABELLED)}}
    live = events.filter(pl.col("origin") == "twitch").group_by("customer").agg(first=pl.col("day").min())
    cohorts = [
        at[day].filter(pl.col("stage") != "zumbi")
        .join(live.filter(pl.col("first") < day), on="customer", how="semi")
        .join(at[day + HORIZON].select("customer", later="stage"), on="customer", how="left")
        .with_columns(as_of=pl.lit(day), target=(pl.col("later") == "fiel").fill_null(False))
        for day in LABELLED
    ]  # fmt: skip
    return Measured(days, at, pl.concat(cohorts))


def daily_actives(measured: Measured) -> pl.DataFrame:
    return measured.days.group_by("day").len("active").filter(pl.col("day") <= date(2025, 11, 30)).sort("day")


def _weekdays(daily: pl.DataFrame) -> pl.Series:
    return daily.filter(pl.col("day").dt.weekday() <= 5)["active"]


def test_stage_mix_is_within_5_points_of_the_real_one(measured: Measured) -> None:
    mix = pl.concat(measured.at[day] for day in MONTHS).filter(pl.col("stage") != "zumbi")
    shares = dict(mix["stage"].value_counts(normalize=True).iter_rows())
    assert 0.5 * sum(abs(shares.get(stage, 0) - real) for stage, real in REAL_MIX.items()) < 0.05


def test_weekdays_have_about_80_actives_and_weekends_2(measured: Measured) -> None:
    daily = daily_actives(measured)
    assert _weekdays(daily).median() == pytest.approx(80, rel=0.15)
    weekend = daily.filter(pl.col("day").dt.weekday() > 5)["active"]
    assert 1 <= float(weekend.median()) <= 4  # type: ignore[arg-type]


@pytest.mark.real_data
def test_daily_actives_are_within_15_percent_of_the_real_ones(measured: Measured, real_data) -> None:  # type: ignore[no-untyped-def]
    real = pl.read_csv(real_data / "teomewhy/analytics/DAU.csv").select(
        day=pl.col("dtDia").str.strip_chars().str.to_date(), active="DAU"
    )
    real = real.filter(pl.col("day").is_between(date(2024, 2, 1), date(2025, 11, 30)))
    ours, theirs = _weekdays(daily_actives(measured)), _weekdays(real)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.15)
    assert ours.median() == pytest.approx(theirs.median(), rel=0.15)
    assert 0.5 < ours.max() / theirs.max() < 1.5  # type: ignore[operator]


def test_the_year_end_break_shows(measured: Measured) -> None:
    daily = daily_actives(measured)
    december = daily.filter(pl.col("day").is_between(date(2024, 12, 1), date(2024, 12, 31)))
    assert float(december["active"].median()) <= 12  # type: ignore[arg-type]
    before = daily.filter(pl.col("day").is_between(date(2024, 12, 2), date(2024, 12, 20)))
    assert float(_weekdays(before).median()) > 40  # type: ignore[arg-type]
    closed = daily.filter(pl.col("day").is_between(date(2024, 12, 24), date(2024, 12, 31)))
    assert closed["active"].max() <= 12  # type: ignore[operator]


def test_target_rate_is_the_real_one_outside_breaks(measured: Measured) -> None:
    rates = dict(measured.cohorts.group_by("as_of").agg(pl.col("target").mean()).iter_rows())
    for day, rate in rates.items():
        if day not in IN_BREAK:
            assert 0.19 <= rate <= 0.34, (day, rate)
    assert rates[IN_BREAK[0]] < 0.10  # 3 % in the real data


def test_gaps_between_visits_are_plausible(measured: Measured) -> None:
    spans = measured.days.group_by("customer").agg(
        number=pl.len(), span=(pl.col("day").max() - pl.col("day").min()).dt.total_days()
    )
    assert 0.22 < (spans["number"] == 1).mean() < 0.42  # type: ignore[operator]
    mean_gap = spans.filter(pl.col("number") >= 2).select(pl.col("span") / (pl.col("number") - 1)).to_series()
    assert 0.40 < (mean_gap <= 9).mean() < 0.60  # type: ignore[operator]
    assert 0.72 < (mean_gap <= 30).mean() < 0.88  # type: ignore[operator]


def _month_values(measured: Measured) -> pl.DataFrame:
    """Active days F and points earned V of the last 28 days at month starts."""
    return pl.concat(
        measured.days.filter(pl.col("day").is_between(day - HORIZON, day, closed="left"))
        .group_by("customer").agg(frequency=pl.len(), value=pl.col("earned").sum())
        for day in MONTHS
    )  # fmt: skip


def test_value_clusters_have_plausible_shares(measured: Measured) -> None:
    f, v = pl.col("frequency"), pl.col("value")
    cluster = (
        pl.when(v >= 1500).then(pl.when(f <= 10).then(pl.lit("hyper")).otherwise(pl.lit("eficiente")))
        .when(v >= 750).then(pl.when(f <= 10).then(pl.lit("indeciso")).otherwise(pl.lit("esforcado")))
        .when(f < 5).then(pl.lit("lurker")).when(f <= 10).then(pl.lit("preguicoso")).otherwise(pl.lit("potencial"))
    )  # fmt: skip
    shares = dict(_month_values(measured).select(cluster.alias("c"))["c"].value_counts(normalize=True).iter_rows())
    real = {"lurker": 0.678, "preguicoso": 0.156, "indeciso": 0.026, "hyper": 0.008, "potencial": 0.026,
            "esforcado": 0.056, "eficiente": 0.050}  # fmt: skip
    assert set(shares) == set(real)
    assert 0.5 * sum(abs(shares[name] - share) for name, share in real.items()) < 0.06


@pytest.mark.parametrize(("frequency", "median"), [(1, 50), (2, 100), (5, 258), (10, 600), (17, 1370)])
def test_points_earned_grow_with_active_days_as_they_do(measured: Measured, frequency: int, median: int) -> None:
    value = _month_values(measured).filter(pl.col("frequency") == frequency)["value"]
    assert value.median() == pytest.approx(median, rel=0.25)


def _scores(measured: Measured, columns: list[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """Outcomes and probabilities of a logistic regression on the last ten cohorts, trained on those before."""
    split = LABELLED[-10]
    frame = measured.cohorts.filter(~pl.col("as_of").is_in(IN_BREAK))
    train, test = frame.filter(pl.col("as_of") + HORIZON <= split), frame.filter(pl.col("as_of") >= split)
    x = train.select(columns).to_numpy()
    mean, spread = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(max_iter=1000).fit((x - mean) / spread, train["target"].to_numpy())
    return test["target"].to_numpy(), model.predict_proba((test.select(columns).to_numpy() - mean) / spread)[:, 1]


PLAIN = ["log_recency", "log_days_28", "log_gap", "log_age"]


@pytest.fixture(scope="module")
def with_features(measured: Measured) -> Measured:
    recent = pl.concat(
        measured.days.filter(pl.col("day").is_between(day - HORIZON, day, closed="left"))
        .group_by("customer")
        .agg(
            log_transactions=pl.col("transactions").mean().log1p(),
            hours=pl.col("hours").mean(),
            log_earned=pl.col("earned").sum().log1p(),
            last_week=(pl.col("day") >= day - timedelta(days=7)).sum(),
        )
        .with_columns(as_of=pl.lit(day))
        for day in LABELLED
    )
    logs = {f"log_{name}": pl.col(name).fill_null(99).clip(0, 99).log1p() for name in ("recency", "days_28", "gap")}
    frame = measured.cohorts.with_columns(**logs, log_age=pl.col("age").log1p())
    return Measured(measured.days, measured.at, frame.join(recent, on=["customer", "as_of"], how="left"))


def test_a_plain_model_predicts_as_well_as_on_real_data(with_features: Measured) -> None:
    auc = roc_auc_score(*_scores(with_features, PLAIN))
    assert 0.80 <= auc <= 0.90


def test_activity_says_more_than_the_stage(with_features: Measured) -> None:
    truth, plain = _scores(with_features, PLAIN)
    _, more = _scores(with_features, [*PLAIN, "log_transactions", "hours", "log_earned", "last_week"])
    assert log_loss(truth, more) < log_loss(truth, plain) - 0.003


def test_people_join_in_waves(measured: Measured) -> None:
    first = measured.days.group_by("customer").agg(pl.col("day").min())
    months = first.group_by(pl.col("day").dt.truncate("1mo")).len().sort("day")["len"]
    assert months[0] > 2.5 * float(months.median())  # type: ignore[arg-type]
    assert months[18] > 2.5 * float(months.median())  # type: ignore[arg-type]  # August 2025
