"""What a source version is: the data sets or files that belong together, named before anything is downloaded."""

from __future__ import annotations

from dataclasses import dataclass

SIMULATED = "simulated"
"""First word of the version of made-up files."""
KAGGLE = "kaggle:"
"""How the address of a Kaggle data set begins."""
COMPETITION = f"{KAGGLE}competitions/"
"""How the address of a Kaggle competition begins."""


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: name relative to its part, size in bytes, and what identifies its content."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class SourcePart:
    """One Kaggle data set at one version, or one folder of files with one content.

    `address` is `kaggle:OWNER/DATASET`, `kaggle:competitions/NAME`, a local folder, or `s3://bucket/prefix`. `files` is
    empty for Kaggle.
    """

    name: str
    version: str
    address: str
    files: tuple[SourceFile, ...] = ()

    @property
    def is_kaggle(self) -> bool:
        """Whether the part is a Kaggle data set."""
        return self.address.startswith(KAGGLE)


@dataclass(frozen=True)
class SourceVersion:
    """A source version: `loyalty-system=12;education-platform=7`, or `files=<12 hex digits>`.

    Files that lie beside a `simulated.txt` are made up, and their version begins with `simulated;`: everything that is
    made from them can say so, whichever program file reads them.
    """

    version: str
    parts: tuple[SourcePart, ...]

    @classmethod
    def of(cls, parts: tuple[SourcePart, ...], simulated: bool = False) -> SourceVersion:
        """The version made of `parts`."""
        names = [f"{part.name}={part.version}" for part in parts]
        return cls(";".join([SIMULATED, *names] if simulated else names), parts)
