"""The tables of the course platform, from what its users did, in parts of bounded size."""

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from fiel.simulate import catalogue
from fiel.simulate.courses import Study
from fiel.simulate.draws import Draws, Ints
from fiel.simulate.loyalty_tables import stamp
from fiel.simulate.people import Registrations, course_start
from fiel.simulate.visits import local_ms

PART_ROWS = 500_000
_SLUG = pl.col("course").replace_strict(dict(enumerate(c[0] for c in catalogue.COURSES)), return_dtype=pl.String)
_SKILL = pl.col("skill").replace_strict(dict(enumerate(catalogue.SKILLS)), return_dtype=pl.String)
_LEVEL = pl.col("level").replace_strict(dict(enumerate(catalogue.SKILL_LEVELS)), default=None, return_dtype=pl.String)
_WHEN = stamp("at_ms", milliseconds=False)

# table -> what of Study it shows, the order of rows of one instant, its columns after a serial number (if any)
_TABLES: dict[str, tuple[Callable[[Study], pl.DataFrame], list[str], str | None, dict[str, pl.Expr]]] = {
    "cursos_episodios_completos": (
        lambda done: done.episodes,
        ["course", "episode"],
        "idCursoEpisodioCompleto",
        {
            "descSlugCurso": _SLUG,
            "descSlugCursoEpisodio": pl.format("ep-{}", pl.col("episode").cast(pl.String).str.zfill(2)),
            "dtCriacao": _WHEN,
        },
    ),
    "habilidades_usuarios": (
        lambda done: done.skills,
        ["skill"],
        "idHabilidadeusuario",
        {"descNomeHabilidade": _SKILL, "descNivelHabilidade": _LEVEL, "dtCriacao": _WHEN},
    ),
    "recompensas_usuarios": (
        lambda done: done.rewards,
        ["course"],
        None,
        {"idRecompensa": _SLUG, "dtRecompensa": _WHEN},
    ),
}


def study_tables(draws: Draws, studies: list[Study], export_ms: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """Parts of the tables of finished episodes, skills and rewards, each table by time and numbered through."""
    for table, (which, order, serial, columns) in _TABLES.items():
        known = pl.concat(which(done).filter(pl.col("at_ms") < export_ms) for done in studies)
        known = known.sort("at_ms", "user", *order)
        for first in range(0, max(known.height, 1), PART_ROWS):
            part = known.slice(first, PART_ROWS)
            names = pl.Series("idUsuario", draws.uuids("user", part["user"].to_numpy()), dtype=pl.String)
            frame = part.select(names, **columns)
            yield table, frame if serial is None else frame.with_row_index(serial, offset=first + 1)


def link_table(draws: Draws, people: Registrations, linked: Ints, clients: pl.Series, export_ms: int) -> pl.DataFrame:
    """Table usuarios_tmw: the course accounts of these customers as the export knows them."""
    opened = local_ms(course_start(draws, people, linked), 1440) <= export_ms
    linked = linked[opened] if len(linked) else np.zeros(0, dtype=np.int64)
    names = {"idUsuario": draws.uuids("user", linked), "idTMWCliente": draws.uuids("customer", linked)}
    links = pl.DataFrame(names, schema=dict.fromkeys(names, pl.String))
    return links.filter(pl.col("idTMWCliente").is_in(clients.implode())).sort("idUsuario")
