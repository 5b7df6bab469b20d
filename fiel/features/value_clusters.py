"""Value clusters: frequency F (active days) by value V (earned) over the frequency window, as fixed cuts.

The cuts (DOMAIN.md section 1), with the default numbers of a program:

>>> from fiel.program import ValueClusters
>>> cases = pl.DataFrame(
...     [(10, 1500), (11, 1500), (10, 750), (11, 750), (4, 749), (5, 0), (11, 0), (0, 0)],
...     schema=["f", "v"], orient="row",
... )
>>> cases.select(value_cluster_expr(pl.col("f"), pl.col("v"), ValueClusters())).to_series().to_list()
['hyper', 'eficiente', 'indeciso', 'esforcado', 'lurker', 'preguicoso', 'potencial', 'none']
"""

from __future__ import annotations

import polars as pl

from fiel.program import ValueClusters


def value_cluster_expr(active_days: pl.Expr, value_earned: pl.Expr, cuts: ValueClusters) -> pl.Expr:
    """Cluster (String, one of `fiel.tables.CLUSTERS`) by the program's cuts; `none` without an active day."""
    frequent = active_days > cuts.frequent_above
    return (
        pl.when(active_days < 1)
        .then(pl.lit("none"))
        .when(value_earned >= cuts.high_value)
        .then(pl.when(frequent).then(pl.lit("eficiente")).otherwise(pl.lit("hyper")))
        .when(value_earned >= cuts.middle_value)
        .then(pl.when(frequent).then(pl.lit("esforcado")).otherwise(pl.lit("indeciso")))
        .when(active_days < cuts.rare_below)
        .then(pl.lit("lurker"))
        .when(frequent)
        .then(pl.lit("potencial"))
        .otherwise(pl.lit("preguicoso"))
    )
