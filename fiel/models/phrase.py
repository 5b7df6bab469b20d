"""What a phrase is: how the value of one column, or of a family of columns, is said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Form = Literal["count", "number", "share", "value", "text", "weekday"]


@dataclass(frozen=True)
class Phrase:
    """How a column (or a family of columns) is said.

    `{v}` is the value, `{when}` the window, `{ahead}` the horizon, `{key}` the name that the column was made for (also
    in the topic). `one` is the singular of `many`; with it, the verb agrees with the number. `empty` stands for a
    missing value (or the text `none`). `levels` are the words of values that are codes.
    """

    column: str
    topic: str
    many: str
    one: str | None = None
    empty: str = ""
    form: Form = "number"
    levels: Mapping[str, str] = field(default_factory=dict)

    def match(self, column: str) -> re.Match[str] | None:
        """The match of a column's name with this phrase's; windows are life, days (d28) or quarters (q4)."""
        shape = self.column.replace("{w}", r"(?P<w>life|d\d+|q\d+)").replace("{key}", "(?P<key>[a-z0-9_]+)")
        return re.fullmatch(shape, column)
