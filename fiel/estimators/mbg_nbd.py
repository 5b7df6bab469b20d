"""MBG/NBD: as BG/NBD, but a customer can also be gone after the first purchase."""

from __future__ import annotations

from fiel.estimators.btyd import PurchaseModel
from fiel.estimators.drop_out import BetaDropOut


class MBGNBD(PurchaseModel):
    """Modified BG/NBD model (Batislam, Denizel & Filiztekin 2007, International Journal of Research in Marketing 24(3);
    Hoppe & Wagner 2007, Marketing - Journal of Research and Management 3(2), as the CBG/NBD).

    While alive a customer buys at rate lambda ~ Gamma(r, alpha) and is gone after **each** purchase, the first
    included, with probability p ~ Beta(a, b): a customer without a repeat purchase is not certainly alive, and less so
    the longer ago. Parameters `r_`, `alpha_` (time units), `a_`, `b_`.
    """  # noqa: D205

    name = "mbg_nbd"
    _drop_out = BetaDropOut()
    _first_counts = True

    a_: float
    b_: float
