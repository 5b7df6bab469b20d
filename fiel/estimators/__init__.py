"""What is fitted and then used as a number."""

from fiel.estimators.bg_nbd import BGNBD
from fiel.estimators.gamma_gamma import GammaGamma
from fiel.estimators.lifetime import lifetime_value
from fiel.estimators.mbg_nbd import MBGNBD
from fiel.estimators.pooled import PooledBGNBD

__all__ = ["BGNBD", "MBGNBD", "GammaGamma", "PooledBGNBD", "lifetime_value"]
