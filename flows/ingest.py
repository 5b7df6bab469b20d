"""Source files to core tables: wraps `fiel.sources.ingest`.

Runs daily, before features. By hand: `fiel run ingest --program teomewhy [--source DIR]`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.ingest import ingest_source


@flow(name="ingest")
def ingest(program: str = "teomewhy", source: str | None = None) -> dict[str, Any]:
    """Read the newest source version into the core tables; an unchanged version changes nothing.

    Args:
        program: Name of the program, a file in deployments/programs.
        source: Folder, s3:// address or kaggle:OWNER/DATASET with the source's files. Empty: the program's own
            source (Kaggle).
    """
    return ingest_source(program, source)
