"""The pooled alternative: one drop-out probability for everyone, where the data cannot tell customers apart in it."""

from __future__ import annotations

from fiel.estimators.btyd import PurchaseModel
from fiel.estimators.drop_out import CommonDropOut


class PooledBGNBD(PurchaseModel):
    """BG/NBD whose drop-out probability p is the same for all (the limit of Beta(a, b) with a / (a + b) = p).

    While alive a customer buys at rate lambda ~ Gamma(r, alpha) and is gone after each repeat purchase with probability
    p. With p = 0 nobody is ever gone: the NBD of Ehrenberg (1959). Parameters `r_`, `alpha_` (time units), `p_` in
    [0, 1).
    """

    name = "pooled"
    _drop_out = CommonDropOut()
    _first_counts = False

    p_: float
