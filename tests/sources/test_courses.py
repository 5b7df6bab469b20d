"""Course tables: from which day each link and each episode was known."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from fiel.sources.courses import course_episodes
from tests.sources.conftest import Place, teomewhy_program
from tests.sources.tiny import add, drop, row

PROGRAM = teomewhy_program(courses=True)


def links(place: Place) -> dict[str, tuple[str, date | None]]:
    """The links that are still in force."""
    rows = (
        place.lake.read("core_links")
        .filter(pl.col("known_until").is_null())
        .select("user_id", "customer_id", "known_from")
        .iter_rows()
    )
    return {user: (customer, known) for user, customer, known in rows}


def test_an_episode_is_known_from_the_earliest_completion_of_it_or_of_a_later_one(place: Place) -> None:
    place.ingest(place.write(courses=True), PROGRAM)
    found = place.lake.read("core_course_episodes").filter(pl.col("course_slug") == "sql-2025")
    assert dict(found.select("episode", "known_from").iter_rows()) == {
        0: date(2025, 3, 1),
        1: date(2025, 3, 1),
        2: date(2025, 3, 1),
        3: None,
    }


def test_episodes_of_courses_older_than_their_records_are_known_from_a_fixed_day(place: Place) -> None:
    place.ingest(place.write(courses=True), PROGRAM)
    found = place.lake.read("core_course_episodes").filter(pl.col("course_slug") == "python-2024")
    assert dict(found.select("episode", "known_from").iter_rows()) == {1: date(2025, 2, 4), 2: date(2025, 2, 4)}


def test_a_finished_episode_that_the_catalogue_lacks_is_an_episode(place: Place) -> None:
    changes = {"cursos_episodios_completos": add(["9", "user-bia", "sql-2025", "ep-07", "2025-07-01 12:00:00"])}
    place.ingest(place.write(courses=True, changes=changes), PROGRAM)
    found = place.lake.read("core_course_episodes").filter(pl.col("course_slug") == "sql-2025")
    known = dict(found.select("episode", "known_from").iter_rows())
    assert known[7] == date(2025, 7, 1)
    assert known[3] == date(2025, 7, 1)  # somebody was past it


@given(
    done=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300)), max_size=30),
    catalogue=st.sets(st.integers(0, 9)),
)
def test_later_episodes_are_never_known_before_earlier_ones(done: list[tuple[int, int]], catalogue: set[int]) -> None:
    start = date(2025, 3, 1).toordinal()
    completions = pl.DataFrame(
        {
            "course_slug": ["a"] * len(done),
            "episode": [episode for episode, _ in done],
            "day": [date.fromordinal(start + day) for _, day in done],
        },
        schema={"course_slug": pl.String, "episode": pl.Int64, "day": pl.Date},
    )
    episodes = pl.DataFrame(
        {"course_slug": ["a"] * len(catalogue), "episode": sorted(catalogue)},
        schema={"course_slug": pl.String, "episode": pl.Int64},
    )
    years = pl.DataFrame({"course_slug": ["a"], "year": [2025]})
    found = course_episodes(episodes, years, completions, PROGRAM, seen=date(2026, 1, 1)).sort("episode")
    expected = {
        episode: min((date.fromordinal(start + day) for other, day in done if other >= episode), default=None)
        for episode in catalogue | {episode for episode, _ in done}
    }
    assert dict(found.select("episode", "known_from").iter_rows()) == expected


def test_finishing_an_episode_again_is_counted_and_the_first_time_stays(place: Place) -> None:
    summary = place.ingest(place.write(courses=True), PROGRAM)
    assert summary.counts["repeated_completions"] == 1
    assert summary.rejected_by_rule == {}
    assert place.lake.read("core_completions").height == 3


def test_an_unlinked_user_is_counted_and_gives_no_link(place: Place) -> None:
    summary = place.ingest(place.write(courses=True), PROGRAM)
    assert summary.counts["unlinked_users"] == 1
    assert set(links(place)) == {"user-ana", "user-caio"}


def test_a_link_of_the_first_version_is_known_from_the_first_course_transaction_else_from_that_version(
    place: Place,
) -> None:
    summary = place.ingest(place.write(courses=True), PROGRAM)
    assert summary.known_through == date(2026, 1, 31)
    assert links(place) == {
        "user-caio": ("caio", date(2026, 1, 21)),  # its transaction of origin cursos
        "user-ana": ("ana", date(2026, 2, 1)),  # the day on which the version was seen
    }


def test_a_link_of_a_later_version_is_known_from_the_day_of_that_version_and_stays_so(place: Place) -> None:
    place.ingest(place.write(courses=True), PROGRAM)
    more = {
        "transacoes": add(["t13", "bia", "2026-02-10 12:00:00.000", "1", "twitch"]),
        "usuarios_tmw": add(["user-bia", "bia"]),
    }
    place.ingest(place.write("second", courses=True, changes=more), PROGRAM)
    assert links(place)["user-bia"] == ("bia", date(2026, 2, 10))
    more["transacoes"] = add(["t13", "bia", "2026-02-20 12:00:00.000", "1", "twitch"])
    place.ingest(place.write("third", courses=True, changes=more), PROGRAM)
    assert links(place)["user-bia"] == ("bia", date(2026, 2, 10))
    assert links(place)["user-caio"] == ("caio", date(2026, 1, 21))


def test_a_link_that_names_another_customer_is_a_new_link_and_ends_the_one_before(place: Place) -> None:
    place.ingest(place.write(courses=True), PROGRAM)
    place.ingest(place.write("second", courses=True, changes={"usuarios_tmw": row(2, idTMWCliente="bia")}), PROGRAM)
    assert links(place)["user-caio"] == ("bia", date(2026, 2, 1))
    ended = place.lake.read("core_links").filter(pl.col("customer_id") == "caio").row(0, named=True)
    assert (ended["known_from"], ended["known_until"]) == (date(2026, 1, 21), date(2026, 2, 1))


def test_a_link_to_a_merged_customer_follows_it_with_its_date(place: Place) -> None:
    place.ingest(place.write(courses=True), PROGRAM)
    merged = {
        "clientes": drop("caio"),
        "transacoes": lambda header, rows: (header, [[r[0], r[1].replace("caio", "ana"), *r[2:]] for r in rows]),
    }
    place.ingest(place.write("second", courses=True, changes=merged), PROGRAM)
    assert links(place)["user-caio"] == ("ana", date(2026, 1, 21))


def test_a_number_that_is_none_is_set_aside(place: Place) -> None:
    changes = {
        "cursos_episodios_completos": row(1, descSlugCursoEpisodio="ep-"),
        "cursos": row(1, nrAno="dois mil"),
        "habilidades_usuarios": row(1, dtCriacao="ontem"),
    }
    summary = place.ingest(place.write(courses=True, changes=changes), PROGRAM)
    assert summary.rejected_by_rule == {
        "cursos: year_unparseable": 1,
        "cursos_episodios_completos: episode_unparseable": 1,
        "habilidades_usuarios: time_unparseable": 1,
    }
