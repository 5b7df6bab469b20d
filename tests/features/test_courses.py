"""Course features know a link, an episode, a completion, a skill and a reward from the day after they were known."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fiel.core import Core
from fiel.errors import SourceError
from fiel.features import courses
from fiel.tables import TABLES

from .frames import TEOMEWHY, core_of, event, rows, table

AS_OF = date(2025, 6, 1)
MAY = date(2025, 5, 1)


def episode(slug: str, number: int, known_from: date | None = MAY) -> dict[str, object]:
    return {"course_slug": slug, "episode": number, "known_from": known_from}


def done(user: str, slug: str, number: int, day: date = MAY) -> dict[str, object]:
    return {"user_id": user, "course_slug": slug, "episode": number, "day": day}


def learner(
    completions: list[dict[str, object]],
    *,
    episodes: list[dict[str, object]] | None = None,
    rewards: list[dict[str, object]] | None = None,
    skills: list[dict[str, object]] | None = None,
    links: list[dict[str, object]] | None = None,
) -> Core:
    """Ana, linked as user u, with two courses of two episodes; Bia without a link."""
    catalogue = [episode("sql-2025", 1), episode("sql-2025", 2), episode("ml.2025", 1), episode("ml.2025", 2)]
    return core_of(
        [event("ana", "2025-01-01 12:00"), event("bia", "2025-01-01 12:00")],
        links=table("links", links or [{"user_id": "u", "customer_id": "ana", "known_from": MAY}]),
        course_episodes=table("course_episodes", episodes or catalogue),
        completions=table("completions", completions),
        rewards=table("rewards", rewards or []),
        skills=table("skills", skills or []),
    )


def features(core: Core, *dates: date) -> pl.DataFrame:
    return courses.build(core, dates or (AS_OF,), TEOMEWHY).collect().sort("as_of", "customer_id")


def of_ana(core: Core, as_of: date = AS_OF) -> dict[str, object]:
    return features(core, as_of).filter(pl.col("customer_id") == "ana").row(0, named=True)


def test_every_active_customer_has_a_row_in_the_declared_schema() -> None:
    found = features(learner([done("u", "sql-2025", 1)]))
    TABLES["feat_courses"].check(found.schema)
    assert found["customer_id"].to_list() == ["ana", "bia"]
    TABLES["feat_courses"].check(features(core_of([event("ana", "2025-01-01 12:00")])).schema)


def test_a_course_is_finished_with_its_last_known_episode_and_begun_before() -> None:
    found = of_ana(learner([done("u", "sql-2025", 1), done("u", "sql-2025", 2), done("u", "ml.2025", 2)]))
    assert (found["courses_finished"], found["courses_begun"]) == (1, 1)
    assert (found["course_share_sql_2025"], found["course_share_ml_2025"]) == (1.0, 0.5)


def test_a_customer_without_a_link_counts_zero() -> None:
    found = rows(features(learner([done("u", "sql-2025", 1)])), "courses_begun", "course_share_sql_2025")
    assert found["bia"] == (0, 0.0)
    assert rows(features(learner([done("u", "sql-2025", 1)])), "learning_recency_days")["bia"] is None


@pytest.mark.parametrize(("known_from", "begun"), [(date(2025, 5, 31), 1), (AS_OF, 0), (None, 0)])
def test_a_link_counts_from_the_day_after_it_was_known(known_from: date | None, begun: int) -> None:
    link = {"user_id": "u", "customer_id": "ana", "known_from": known_from}
    found = of_ana(learner([done("u", "sql-2025", 1)], links=[link]))
    assert found["courses_begun"] == begun
    assert (found["learning_recency_days"] is None) == (begun == 0)


@pytest.mark.parametrize(("day", "share"), [(date(2025, 5, 31), 1.0), (AS_OF, 0.5)])
def test_an_episode_finished_on_as_of_is_not_known(day: date, share: float) -> None:
    assert of_ana(learner([done("u", "sql-2025", 1), done("u", "sql-2025", 2, day)]))["course_share_sql_2025"] == share


def test_an_episode_that_is_not_known_yet_does_not_make_a_course_longer() -> None:
    episodes = [episode("sql-2025", 1), episode("sql-2025", 2, AS_OF)]
    core = learner([done("u", "sql-2025", 1)], episodes=episodes)
    assert of_ana(core)["courses_finished"] == 1
    later = of_ana(core, date(2025, 6, 2))
    assert (later["courses_finished"], later["courses_begun"]) == (0, 1)


def test_a_course_has_a_column_once_it_is_known_and_is_null_before() -> None:
    core = learner([], episodes=[episode("sql-2025", 1), episode("new", 1, AS_OF), episode("never", 1, None)])
    assert "course_share_new" not in features(core, AS_OF).columns
    both = features(core, AS_OF, date(2025, 6, 2))
    assert both["course_share_new"].to_list() == [None, None, 0.0, 0.0]
    assert both["course_share_sql_2025"].to_list() == [0.0] * 4
    assert "course_share_never" not in both.columns


def test_finished_courses_with_and_without_the_reward_claimed() -> None:
    finished = [done("u", slug, number) for slug in ("sql-2025", "ml.2025") for number in (1, 2)]
    reward = {"user_id": "u", "course_slug": "sql-2025", "day": date(2025, 5, 31)}
    found = of_ana(learner(finished, rewards=[reward]))
    assert (found["courses_finished_rewarded"], found["courses_finished_unrewarded"]) == (1, 1)
    too_late = of_ana(learner(finished, rewards=[reward | {"day": AS_OF}]))
    assert (too_late["courses_finished_rewarded"], too_late["courses_finished_unrewarded"]) == (0, 2)


def test_a_reward_of_an_unfinished_course_is_no_finished_course() -> None:
    reward = {"user_id": "u", "course_slug": "sql-2025", "day": MAY}
    found = of_ana(learner([done("u", "sql-2025", 1)], rewards=[reward]))
    assert (found["courses_finished"], found["courses_finished_rewarded"], found["courses_begun"]) == (0, 0, 1)


@pytest.mark.parametrize("last", ["completion", "skill", "reward"])
def test_learning_recency_is_that_of_the_last_episode_skill_or_reward(last: str) -> None:
    day = {name: date(2025, 5, 30 if name == last else 3) for name in ("completion", "skill", "reward")}
    core = learner(
        [done("u", "sql-2025", 1, day["completion"])],
        skills=[{"skill_event_id": "1", "user_id": "u", "skill": "SQL", "day": day["skill"]}],
        rewards=[{"user_id": "u", "course_slug": "sql-2025", "day": day["reward"]}],
    )
    assert of_ana(core)["learning_recency_days"] == 2


def test_two_users_of_one_customer_do_an_episode_once() -> None:
    links = [{"user_id": user, "customer_id": "ana", "known_from": MAY} for user in ("u", "v")]
    core = learner([done("u", "sql-2025", 1), done("v", "sql-2025", 1), done("v", "ml.2025", 1)], links=links)
    found = of_ana(core)
    assert (found["courses_begun"], found["course_share_sql_2025"], found["course_share_ml_2025"]) == (2, 0.5, 0.5)


def test_courses_that_would_share_a_column_are_refused_by_name() -> None:
    core = learner([], episodes=[episode("sql-2025", 1), episode("SQL_2025", 1)])
    with pytest.raises(SourceError, match="'SQL_2025' and 'sql-2025' would share"):
        features(core)


REAL_TIME = pl.col("dtCriacao").str.slice(0, 19).str.to_datetime("%Y-%m-%d %H:%M:%S")


@pytest.fixture(scope="module")
def real_courses(real_data: Path) -> Core:
    """The real course tables; every link known from the first day of the platform, every linked customer active."""
    folder = real_data / "teomewhy" / "education-platform"

    def read(name: str) -> pl.DataFrame:
        return pl.read_csv(folder / f"{name}.csv", separator=";", infer_schema=False)

    links = read("usuarios_tmw").drop_nulls().select(user_id="idUsuario", customer_id="idTMWCliente")
    completions = (
        read("cursos_episodios_completos")
        .select(
            user_id="idUsuario",
            course_slug="descSlugCurso",
            episode=pl.col("descSlugCursoEpisodio").str.extract(r"(\d+)$").cast(pl.Int64),
            day=REAL_TIME.dt.date(),
        )
        .group_by("user_id", "course_slug", "episode")
        .agg(pl.col("day").min())
    )
    reached = completions.rename({"episode": "reached"}).select("course_slug", "reached", known_from="day")
    episodes = (
        read("cursos_episodios")
        .select(course_slug="descSlugCurso", episode=pl.col("nrEp").cast(pl.Int64))
        .unique()
        .join(reached, on="course_slug")
        .filter(pl.col("reached") >= pl.col("episode"))
        .group_by("course_slug", "episode")
        .agg(pl.col("known_from").min())
    )
    customers = links["customer_id"].unique(maintain_order=True)
    return core_of(
        [event(customer, "2025-01-01 12:00") for customer in customers],
        links=_as("links", links.unique("user_id").with_columns(known_from=date(2025, 2, 3))),
        course_episodes=_as("course_episodes", episodes),
        completions=_as("completions", completions),
        skills=_as(
            "skills",
            read("habilidades_usuarios").select(
                skill_event_id="idHabilidadeusuario",
                user_id="idUsuario",
                skill="descNomeHabilidade",
                day=REAL_TIME.dt.date(),
            ),
        ),
        rewards=_as(
            "rewards",
            read("recompensas_usuarios").select(
                user_id="idUsuario",
                course_slug="idRecompensa",
                day=pl.col("dtRecompensa").str.slice(0, 10).str.to_date(),
            ),
        ),
    )


def _as(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([table(name, []), frame], how="diagonal").select(*TABLES[f"core_{name}"].declared)


@pytest.mark.real_data
@pytest.mark.parametrize("as_of", [date(2025, 4, 1), date(2025, 12, 31)])
def test_real_learners_have_the_courses_that_a_plain_count_gives(real_courses: Core, as_of: date) -> None:
    links = dict(real_courses["links"].select("user_id", "customer_id").collect().iter_rows())
    known = defaultdict(set)
    for slug, number, known_from in real_courses["course_episodes"].collect().iter_rows():
        if known_from < as_of:
            known[slug].add(number)
    done_by = defaultdict(set)
    completions = real_courses["completions"].select("user_id", "course_slug", "episode", "day").collect()
    for user, slug, number, day in completions.iter_rows():
        if user in links and day < as_of and number in known[slug]:
            done_by[links[user], slug].add(number)
    finished, begun = defaultdict(int), defaultdict(int)
    for (customer, slug), numbers in done_by.items():
        (finished if numbers == known[slug] else begun)[customer] += 1

    found = features(real_courses, as_of)
    counts = rows(found, "courses_finished", "courses_begun")
    assert counts == {customer: (finished[customer], begun[customer]) for customer in counts}
    shares = {slug: rows(found, f"course_share_{courses.course_key(slug)}") for slug in known}
    assert all(
        share == len(done_by.get((customer, slug), ())) / len(known[slug])
        for slug, by_customer in shares.items()
        for customer, share in by_customer.items()
    )


@pytest.mark.real_data
def test_real_learning_grows_and_nothing_is_known_before_the_platform_opened(real_courses: Core) -> None:
    dates = [date(2025, 2, 4), date(2025, 4, 1), date(2025, 8, 1), date(2025, 12, 31)]
    found = features(real_courses, *dates)
    by_date = found.group_by("as_of", maintain_order=True).agg(
        courses=(pl.col("courses_finished") + pl.col("courses_begun")).sum(),
        learners=pl.col("learning_recency_days").count(),
        unequal=(
            pl.col("courses_finished_rewarded") + pl.col("courses_finished_unrewarded") != pl.col("courses_finished")
        ).sum(),
    )
    begun, learners = by_date["courses"].to_list(), by_date["learners"].to_list()
    assert (begun[0], learners[0]) == (0, 0)
    assert begun == sorted(begun)
    assert learners == sorted(learners)
    assert learners[-1] > 300
    assert by_date["unequal"].sum() == 0
    shares = found.select(pl.col("^course_share_.*$"))
    assert len(shares.columns) >= 20
    assert shares.filter(pl.any_horizontal(pl.all().is_between(0, 1).not_())).is_empty()
