"""What treating customers is worth: the rule of a program's economics, for one customer and for many.

Treating a customer costs `contact_cost`. A positive whom the treatment wins (`acceptance_rate` of them) gains
`benefit`; a negative loses `cost`. By default contact is free and acceptance certain (DOMAIN.md section 2: a right
treatment earns R$ 90, a wrong one costs R$ 10). Amounts are in the program's currency.
"""

from __future__ import annotations

import polars as pl

from fiel.program import Economics


def threshold(economics: Economics) -> float:
    """The probability above which treating a customer pays, for calibrated scores.

    Where acceptance_rate x p x benefit - (1 - p) x cost - contact_cost is 0 (Elkan, The foundations of cost-sensitive
    learning, IJCAI 2001, equation 2, with the cost of contact). It may be above 1: then nobody is worth it.

    >>> threshold(Economics(benefit=90, cost=10))
    0.1
    >>> threshold(Economics(benefit=90, cost=10, acceptance_rate=0.5, contact_cost=1))
    0.2
    """
    gained = economics.acceptance_rate * economics.benefit
    return (economics.cost + economics.contact_cost) / (gained + economics.cost)


def worth(economics: Economics) -> tuple[float, float]:
    """What a treated positive and a treated negative bring on average (the second is a loss)."""
    gained = economics.acceptance_rate * economics.benefit
    return gained - economics.contact_cost, -economics.cost - economics.contact_cost


def expected_profit(prob: pl.Expr, economics: Economics) -> pl.Expr:
    """Expected profit of treating each customer: prob x what a positive brings + (1 - prob) x what a negative does."""
    right, wrong = worth(economics)
    return prob * right + (1 - prob) * wrong
