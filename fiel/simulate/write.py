"""Writes tables as Kaggle offers them: one SQLite file for each data set, or one `;`-separated CSV for each table."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import polars as pl

Layout = Literal["sqlite", "csv"]

# data set -> table -> column -> SQLite type, as in the real files (DOMAIN.md section 1)
TABLES: dict[str, dict[str, dict[str, str]]] = {
    "loyalty-system": {
        "clientes": {
            "idCliente": "TEXT", "flEmail": "BIGINT", "flTwitch": "BIGINT", "flYouTube": "BIGINT",
            "flBlueSky": "BIGINT", "flInstagram": "BIGINT", "qtdePontos": "BIGINT", "DtCriacao": "TEXT",
            "DtAtualizacao": "TEXT",
        },
        "transacoes": {"IdTransacao": "TEXT", "IdCliente": "TEXT", "DtCriacao": "TEXT", "QtdePontos": "BIGINT",
                       "DescSistemaOrigem": "TEXT"},
        "transacao_produto": {"idTransacaoProduto": "TEXT", "IdTransacao": "TEXT", "IdProduto": "TEXT",
                              "QtdeProduto": "BIGINT", "vlProduto": "BIGINT"},
        "produtos": {"IdProduto": "TEXT", "DescNomeProduto": "TEXT", "DescDescricaoProduto": "TEXT",
                     "DescCategoriaProduto": "TEXT"},
    },
    "education-platform": {
        "cursos": {"descSlugCurso": "TEXT", "descCurso": "TEXT", "descDescricao": "TEXT", "nrAno": "BIGINT"},
        "cursos_episodios": {"descSlugCurso": "TEXT", "nrEp": "BIGINT", "descEpisodio": "TEXT",
                             "descYoutubeID": "TEXT"},
        "cursos_episodios_completos": {"idCursoEpisodioCompleto": "BIGINT", "idUsuario": "TEXT",
                                       "descSlugCurso": "TEXT", "descSlugCursoEpisodio": "TEXT", "dtCriacao": "TEXT"},
        "habilidades": {"idHabilidade": "BIGINT", "descNomeHabilidade": "TEXT", "descDescricaoHabilidade": "TEXT"},
        "habilidades_cargos": {"idHabilidadeCargo": "BIGINT", "descNomeCargo": "TEXT", "descNivelCargo": "TEXT",
                               "descNomeHabilidade": "TEXT", "descNivelHabilidade": "TEXT"},
        "habilidades_usuarios": {"idHabilidadeusuario": "BIGINT", "idUsuario": "TEXT", "descNomeHabilidade": "TEXT",
                                 "descNivelHabilidade": "TEXT", "dtCriacao": "TEXT"},
        "recompensas_usuarios": {"idUsuario": "TEXT", "idRecompensa": "TEXT", "dtRecompensa": "TEXT"},
        "usuarios_tmw": {"idUsuario": "TEXT", "idTMWCliente": "TEXT"},
    },
}  # fmt: skip
_BATCH = 200_000
_DATASET = {table: dataset for dataset, tables in TABLES.items() for table in tables}


class Writer:
    """Writes frames to the tables of both data sets below a folder, in as many parts as come.

    Files that were there are replaced; they take their final name when everything is written.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder = folder
        self.layout = layout
        self.rows = dict.fromkeys(_DATASET, 0)
        self._databases: dict[str, sqlite3.Connection] = {}

    def __enter__(self) -> Self:
        for dataset, tables in TABLES.items():
            (self.folder / dataset).mkdir(parents=True, exist_ok=True)
            if self.layout == "sqlite":
                self._part(dataset, "database.db").unlink(missing_ok=True)
                database = sqlite3.connect(self._part(dataset, "database.db"))
                database.execute("PRAGMA journal_mode = OFF")
                database.execute("PRAGMA synchronous = OFF")
                for table, columns in tables.items():
                    spelled = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
                    database.execute(f"CREATE TABLE {table} ({spelled})")
                self._databases[dataset] = database
            else:
                for table, columns in tables.items():
                    self._part(dataset, f"{table}.csv").write_text(";".join(columns) + "\n", encoding="utf-8")
        return self

    def _part(self, dataset: str, name: str) -> Path:
        return self.folder / dataset / f".{name}.part"

    def write(self, table: str, frame: pl.DataFrame) -> None:
        """Appends the frame's rows to the table; its columns are the table's."""
        dataset = _DATASET[table]
        columns = list(TABLES[dataset][table])
        if frame.columns != columns:
            raise ValueError(f"{table} has columns {columns}, not {frame.columns}")
        self.rows[table] += frame.height
        if self.layout == "csv":
            with self._part(dataset, f"{table}.csv").open("ab") as file:
                frame.write_csv(file, separator=";", include_header=False)
            return
        insert = f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 (names are ours)
        for batch in frame.iter_slices(_BATCH):
            self._databases[dataset].executemany(insert, batch.rows())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for database in self._databases.values():
            if kind is None:
                database.commit()
            database.close()
        for dataset in TABLES:
            for part in sorted((self.folder / dataset).glob(".*.part")):
                if kind is None:
                    part.replace(part.with_name(part.name[1:].removesuffix(".part")))
                else:
                    part.unlink()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, once written."""
        if self.layout == "sqlite":
            return tuple(self.folder / dataset / "database.db" for dataset in TABLES)
        return tuple(self.folder / dataset / f"{table}.csv" for dataset, tables in TABLES.items() for table in tables)
