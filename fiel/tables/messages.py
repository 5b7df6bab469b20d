"""What the messages are written from: one row for each customer that may be written to."""

from __future__ import annotations

import dataframely as dy

from fiel.tables.columns import date, number, text


class MessageInput(dy.Schema):
    """Customers that may be written to, at one as_of: what is told to them, and what only the operator may see."""

    customer_id = text("Customer.", "derived", primary_key=True)
    as_of = date("Exclusive date.", "derived", primary_key=True)
    language = text("pt, es, en or ru; empty: the program's own.", "derived", nullable=True, regex="^(pt|es|en|ru)$")
    segment = text("Segment, in which popularity is counted.", "derived")
    risk_group = text("Risk group, which sets the tone. For the operator only.", "derived")
    engagement = number("Engagement, told to the customer.", min=0, max=100)
    prob = number("Probability of leaving. For the operator only.", min=0, max=1)
    value = number("Value of the customer: who is written to first where messages are few.", nullable=True)
