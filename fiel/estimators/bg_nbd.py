"""BG/NBD: who buys how often, and who has stopped, after every repeat purchase with a probability of their own."""

from __future__ import annotations

from fiel.estimators.btyd import PurchaseModel
from fiel.estimators.drop_out import BetaDropOut


class BGNBD(PurchaseModel):
    """Beta-geometric / NBD model (Fader, Hardie & Lee 2005, Marketing Science 24(2), 275-284).

    While alive a customer buys at rate lambda ~ Gamma(r, alpha) (mean r / alpha a time unit) and is gone after each
    **repeat** purchase with probability p ~ Beta(a, b). So whoever never came back is alive for certain; `MBGNBD` lifts
    that. Parameters `r_`, `alpha_` (time units), `a_`, `b_`.

    >>> model = BGNBD.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, time_unit="weeks")
    >>> float(model.expected_purchases(39, frequency=2, recency=30.43, T=38.86).round(3))
    1.226
    """

    name = "bg_nbd"
    _drop_out = BetaDropOut()
    _first_counts = False

    a_: float
    b_: float
