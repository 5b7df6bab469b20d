"""scikit-learn's habits for models that do not import it (a second that most commands do not need)."""

from __future__ import annotations

import inspect
from typing import Any, Self

from fiel.errors import EstimatorError


class Parameters:
    """`get_params` and `set_params` over what `__init__` takes, so that `sklearn.base.clone` and searches work.

    >>> from fiel.estimators import BGNBD
    >>> BGNBD().set_params(time_unit="weeks").get_params()
    {'time_unit': 'weeks'}
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What the model was made with, by name, nothing fitted. `deep` changes nothing: no part is a model itself."""
        return {name: getattr(self, name) for name in list(inspect.signature(type(self)).parameters)}

    def set_params(self, **params: Any) -> Self:
        """Change what the model was made with; what was fitted stays. EstimatorError for an unknown or wrong one."""
        known = self.get_params()
        unknown = [name for name in params if name not in known]
        if unknown:
            raise EstimatorError(
                f"{type(self).__name__} has no parameter {unknown[0]!r}; it has {', '.join(known) or 'none'}"
            )
        type(self).__init__(self, **(known | params))
        return self
