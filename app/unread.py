"""Features that the published set of a program knows and its champion does not read.

A champion may read fewer features than the one before it: after a rollback to the stage rule it is `stage` alone.
Clients need not change for that: what the set knows is taken and passed over, and the answer names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fiel.sources.published_features import our_name

if TYPE_CHECKING:
    from app.service import Service
    from fiel.models.row_model import RowModel
    from fiel.program import Program


class Unread:
    """What `model` does not read of the program's newest published set; the store is asked at the first such name."""

    def __init__(self, service: Service, program: Program, model: RowModel) -> None:
        self._service = service
        self._program = program
        self.model = model

    @cached_property
    def inputs(self) -> frozenset[str]:
        """Names of the features that the model reads."""
        return frozenset(self.model.inputs)

    @cached_property
    def _published(self) -> tuple[str, ...]:
        newest = self._service.reader.newest_set(self._program.name)
        return () if newest is None else newest.feature_names

    def names(self, given: Iterable[str]) -> dict[str, str]:
        """Of the names in `given` those that the set knows and the model does not read: given name to our name."""
        others = [name for name in given if name not in self.inputs]
        if not others:
            return {}
        named = ((name, our_name(name, self._published)) for name in others)
        return {name: ours for name, ours in named if ours is not None and ours not in self.inputs}

    def without(self, features: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
        """The features under our names without those that are passed over, and the names of these, in their order."""
        unused = [name for name, ours in self.names(features).items() if name == ours]
        if not unused:
            return features, unused
        passed_over = set(unused)
        return {name: value for name, value in features.items() if name not in passed_over}, unused
