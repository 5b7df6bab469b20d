"""A model for values as they come one customer at a time: the bits of `LoadedModel.predict`, without a frame.

CatBoost gives a row the same last bit alone and among others (measured on every demo's model, tests/models), as long as
it gets the same 32-bit numbers and categories and makes the probability itself: another exponential than CatBoost's
differs in the last bit for one customer in thirty. The columns of an embedding are sums in a fixed order
(fiel.estimators.autoencoder), so they do not depend on the neighbours either.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, cast

import numpy as np
import polars as pl
from catboost import CatBoostError, FeaturesData, Pool

from fiel.errors import EstimatorError, FeatureError, RegistryError, SchemaError
from fiel.models.classifier import NO_CATEGORY, embedding_of
from fiel.models.embedded import FittedEmbedding
from fiel.models.loaded import Kind, LoadedModel, depends_on_data, model_of
from fiel.models.metrics import Array
from fiel.models.row_values import CATEGORIES, NUMBERS, Row, dtype_of, picker, same, wrong_value
from fiel.models.stage_rule import StageRule
from fiel.store.models import ServedModel

__all__ = ["FEW_ROWS", "Row", "RowModel"]

FEW_ROWS = 8
"""Up to here CatBoost reads Python lists faster than arrays that are made first."""

_NAN = float("nan")


class RowModel:
    """A champion's file, loaded for predictions of single customers and small batches. Threads may share it.

    `inputs` are the columns that a row holds, in order; `features` all that the model reads, with those that its own
    embedding makes; `categorical` those that are text. `loaded` is the same model for frames.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.version = loaded.version
        self.digest = loaded.digest
        self.kind: Kind = loaded.kind
        self.features = loaded.features
        self.categorical = loaded.categorical
        self.inputs = loaded.inputs
        self._place = {name: place for place, name in enumerate(self.inputs)}
        self._numbers = [name for name in self.inputs if name not in set(self.categorical)]
        is_whole = self._numbers == list(self.inputs)
        self._numbers_of = same if is_whole else picker([self._place[name] for name in self._numbers])
        self._categories_of = picker([self._place[name] for name in self.categorical])
        self._embedding = None if isinstance(loaded.model, StageRule) else embedding_of(loaded.model)
        made = [] if self._embedding is None else self._embedding.names
        at = {name: place for place, name in enumerate((*self.inputs, *made))}
        order = [at[name] for name in self.features]
        self._in_order = None if order == list(range(len(at))) else picker(order)
        self._category_places = [self.features.index(name) for name in self.categorical]
        self._embedded_of = (
            None if self._embedding is None else picker([self._place[name] for name in self._embedding.inputs])
        )

    @classmethod
    def of(cls, served: ServedModel) -> RowModel:
        """The model in a stored file.

        RegistryError where the bytes are not those of the digest, are no model, or make another model than was stored.
        """
        found = hashlib.sha256(served.content).hexdigest()
        if found != served.digest:
            raise RegistryError(
                f"the stored file of {served.ledger_name} version {served.version} has digest {found[:12]}, not "
                f"{served.digest[:12]} as it was promoted with: it was changed; publish it again, or roll back"
            )
        model, features, categorical = model_of(served.content, served.kind)
        facts = served.facts
        loaded = LoadedModel(
            version=served.version,
            kind=cast(Kind, served.kind),
            digest=served.digest,
            model=model,
            features=features,
            categorical=categorical,
            recipe=dict(facts.get("recipe") or {}),
            trained_as_of=_dates(facts.get("trained_as_of")),
            oot_as_of=_dates(facts.get("oot_as_of")),
        )
        return cls(loaded)

    def predict(self, rows: Sequence[Row]) -> list[float]:
        """Probabilities, one for each row: to the last bit those of `LoadedModel.predict` in a batch of any size.

        FeatureError names the input whose value is neither a number (a category: text) nor empty; SchemaError: a row
        of another length.
        """
        if not rows:
            return []
        self._check(rows)
        model = self.loaded.model
        if isinstance(model, StageRule):
            return [model.probs.get(row[0], model.base_prob) for row in rows]
        return cast(list[float], self._applied(rows, "Probability")[:, 1].tolist())

    def log_odds(self, rows: Sequence[Row]) -> list[float]:
        """The log odds of `predict`, one for each row."""
        if not rows:
            return []
        if isinstance(self.loaded.model, StageRule):
            probs = np.asarray(self.predict(rows))
            return cast(list[float], (np.log(probs) - np.log1p(-probs)).tolist())
        self._check(rows)
        return cast(list[float], self._applied(rows, "RawFormulaVal").tolist())

    def contributions(self, rows: Sequence[Row]) -> Array:
        """What each of `features` adds to the log odds (SHAP): rows x features.

        Of the stage rule it is the stage's log odds against those of its base rate.
        """
        if not rows:
            return np.zeros((0, len(self.features)))
        model = self.loaded.model
        if isinstance(model, StageRule):
            base = np.log(model.base_prob) - np.log1p(-model.base_prob)
            added: Array = (np.asarray(self.log_odds(rows)) - base)[:, None]
            return added
        self._check(rows)
        with self._explained(rows):
            values = np.asarray(model.get_feature_importance(self._pool(rows), type="ShapValues", thread_count=1))
        return values[:, :-1]

    def frame(self, rows: Sequence[Row]) -> pl.DataFrame:
        """The rows as a frame of the inputs, as a snapshot has them: whole numbers and booleans stay what they are."""
        for row in rows:
            self._check([row])
        return pl.DataFrame([self.column(name, rows) for name in self.inputs])

    def column(self, name: str, rows: Sequence[Row]) -> pl.Series:
        """The values of one input, as `frame` has them; the rows are not checked."""
        place = self._place[name]
        values = [row[place] for row in rows]
        return pl.Series(name, values, dtype=pl.String if name in self.categorical else dtype_of(values))

    def reader(self, names: Sequence[str]) -> Callable[[Row], Row]:
        """A function that makes a row of the values of the published columns `names`, given in their order.

        Columns that come and go with the data (one for each course) count as empty where they are not among `names`;
        SchemaError for any other input that is missing.
        """
        at = {name: place for place, name in enumerate(names)}
        missing = [name for name in self.inputs if name not in at and not depends_on_data(name)]
        if missing:
            raise SchemaError(
                f"model version {self.version} needs columns that the published set does not hold: "
                f"{', '.join(missing)}; publish again with this champion "
                "(`fiel run publish --program NAME --as-of latest`)"
            )
        if all(name in at for name in self.inputs):
            return picker([at[name] for name in self.inputs])
        pick = picker([at.get(name, len(names)) for name in self.inputs])
        return lambda values: pick([*values, None])

    def row_of(self, features: Mapping[str, Any]) -> tuple[list[Any], list[str]]:
        """The row of features that are given by name, and the inputs that were not given and count as empty.

        FeatureError for a name that is no input of the model and for a value that an input cannot have.
        """
        for name in features:
            if name not in self._place:
                raise FeatureError(f"{name} is no feature of model version {self.version}: leave it out", name)
        row = [features.get(name) for name in self.inputs]
        self._check([row])
        return row, [name for name in self.inputs if name not in features]

    # -- inside

    def _applied(self, rows: Sequence[Row], what: str) -> Array:
        with self._explained(rows):
            return np.asarray(self.loaded.model.predict(self._pool(rows), prediction_type=what, thread_count=1))

    @contextmanager
    def _explained(self, rows: Sequence[Row]) -> Iterator[None]:
        """Turns what numbers and text of the right type can still be wrong with into a FeatureError."""
        try:
            yield
        except (CatBoostError, EstimatorError, OverflowError, TypeError, UnicodeEncodeError) as error:
            raise wrong_value(self.inputs, self.categorical, rows) from error

    def _pool(self, rows: Sequence[Row]) -> Pool:
        """CatBoost's input of rows that were checked."""
        if len(rows) > FEW_ROWS:
            return self._array_pool(rows)
        full = rows if self._embedding is None else self._with_embedding(rows)
        if self._in_order is not None:
            full = [self._in_order(row) for row in full]
        values: list[list[Any]] = [[_NAN if value is None else value for value in row] for row in full]
        for place in self._category_places:
            for row in values:
                text = row[place]
                if text is _NAN:
                    row[place] = NO_CATEGORY
                elif not text.isascii():
                    text.encode()  # half a character would be an error inside CatBoost
        return Pool(values, cat_features=self._category_places or None)

    def _array_pool(self, rows: Sequence[Row]) -> Pool:
        numbers = self._table(self._numbers_of, rows)
        names = list(self._numbers)
        if self._embedding is not None:
            numbers = np.hstack([numbers, self._embedded(rows)])
            names += self._embedding.names
        with np.errstate(over="ignore"):  # beyond 32 bits is infinite, as it is where CatBoost narrows a batch
            narrow = numbers.astype(np.float32)
        if not self.categorical:
            place = {name: at for at, name in enumerate(names)}
            return Pool(narrow[:, [place[name] for name in self.features]])
        categories = np.empty((len(rows), len(self.categorical)), dtype=object)
        for at, row in enumerate(rows):
            categories[at] = [(NO_CATEGORY if text is None else text).encode() for text in self._categories_of(row)]
        return Pool(
            FeaturesData(
                num_feature_data=narrow if names else None,
                cat_feature_data=categories,
                num_feature_names=names or None,
                cat_feature_names=list(self.categorical),
            )
        )

    def _with_embedding(self, rows: Sequence[Row]) -> list[Row]:
        made = self._embedded(rows).tolist()
        return [(*row, *extra) for row, extra in zip(rows, made, strict=True)]

    def _embedded(self, rows: Sequence[Row]) -> Array:
        embedding, pick = cast(FittedEmbedding, self._embedding), cast(Callable[[Row], Row], self._embedded_of)
        return embedding.of(self._table(pick, rows))

    def _table(self, pick: Callable[[Row], Row], rows: Sequence[Row]) -> Array:
        """The picked numbers of the rows, NaN for empty: rows x columns. TypeError for what is no number."""
        table = np.empty((len(rows), len(pick(rows[0]))))
        for at, row in enumerate(rows):
            values = pick(row)
            try:  # NumPy would read a number out of text; an array of doubles takes numbers only, and is quicker
                table[at] = array("d", values)
            except TypeError:
                table[at] = array("d", [_NAN if value is None else value for value in values])
        return table

    def _check(self, rows: Sequence[Row]) -> None:
        """Refuse rows of another length and values of another type; quick where there is nothing to refuse.

        Of many rows the numbers are left to `_table`, which refuses what is none.
        """
        width, is_few = len(self.inputs), len(rows) <= FEW_ROWS
        for row in rows:
            if len(row) != width:
                raise SchemaError(f"a row holds {len(row)} values, model version {self.version} reads {width}")
            if not CATEGORIES.issuperset(map(type, self._categories_of(row))):
                raise wrong_value(self.inputs, self.categorical, [row])
            if is_few and not NUMBERS.issuperset(map(type, self._numbers_of(row))):
                raise wrong_value(self.inputs, self.categorical, [row])


def _dates(found: Any) -> tuple[date, ...]:
    return tuple(date.fromisoformat(day) for day in found or ())
