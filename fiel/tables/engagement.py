"""Output tables of a program with engagement: customers, uplift, Qini curve, what the interaction log holds."""

from __future__ import annotations

import dataframely as dy

from fiel.tables.columns import date, number, text, whole


class Engagement(dy.Schema):
    """Engagement, probability of leaving, value, segment and risk group of every customer at one as_of.

    Probability and uplift come from models that were fitted without the customer: those of the training parts from the
    models of the other folds, those of the test part from models of the training parts.
    """

    customer_id = text("Customer.", "derived", primary_key=True)
    as_of = date("Exclusive date.", "derived", primary_key=True)
    part = text("train, valid or oot (the test part): what the customer is to the models.", "derived")
    fold = whole("Fold of the cross-fitting, from 0; empty in the test part.", "derived", nullable=True, min=0)
    component_1 = number("First principal component; higher means less leaving on the training rows.")
    component_2 = number("Second principal component.", nullable=True)
    component_3 = number("Third principal component.", nullable=True)
    component_4 = number("Fourth principal component.", nullable=True)
    engagement = number("Weighted sum of the first components, 0 to 100 on the training rows, clipped.", min=0, max=100)
    prob = number("Probability of leaving, out of sample.", min=0, max=1)
    value = number("(1 - prob) x engagement x 1,000.", min=0)
    segment = text("Value segment: base, emergentes, estables or premium.", "derived")
    risk_group = text("low, medium, high or critical, by the program's cuts.", "derived")
    prob_control = number("Probability of leaving if left alone.", nullable=True, min=0, max=1)
    prob_treated = number("Probability of leaving if treated.", nullable=True, min=0, max=1)
    uplift = number("prob_control - prob_treated: above 0 the treatment keeps.", nullable=True, min=-1, max=1)
    uplift_decile = whole("Decile by uplift, 1 the highest.", "derived", nullable=True, min=1, max=10)


class Uplift(dy.Schema):
    """How often customers left with and without the treatment: all of them, by segment, by decile of uplift."""

    as_of = date("Exclusive date.", "derived", primary_key=True)
    by = text("all, segment or decile.", "derived", primary_key=True, regex="^(all|segment|decile)$")
    group = text("Name of the segment, or the decile, 1 the highest predicted uplift.", "derived", primary_key=True)
    position = whole("Order of the group.", "derived", min=0)
    customers = whole("Customers whose outcome and treatment are known.", "derived", min=0)
    treated = whole("Treated ones.", "derived", min=0)
    control = whole("The others.", "derived", min=0)
    rate_treated = number("Share of the treated that left; empty without any.", nullable=True, min=0, max=1)
    rate_control = number("Share of the others that left; empty without any.", nullable=True, min=0, max=1)
    uplift = number("rate_control - rate_treated.", nullable=True, min=-1, max=1)
    low = number("Lower end of its interval (Newcombe).", nullable=True)
    high = number("Upper end.", nullable=True)
    predicted_uplift = number("Mean predicted uplift.", nullable=True)


class QiniCurve(dy.Schema):
    """Points of the Qini curve: leavings prevented for each treated customer, the highest predicted uplift first."""

    as_of = date("Exclusive date.", "derived", primary_key=True)
    point = whole("Number of the point, from 0.", "derived", primary_key=True, min=0)
    share = number("Share of the customers, by predicted uplift.", min=0, max=1)
    gain = number("Prevented up to here, for each treated customer of all.")
    low = number("Lower end of its interval.")
    high = number("Upper end.")
    random = number("What a ranking that knows nothing would have prevented.")


class EventCounts(dy.Schema):
    """Events of the interaction log before as_of by kind, hour and weekday."""

    as_of = date("Exclusive date.", "derived", primary_key=True)
    kind = text("clicks, carts or orders.", "derived", primary_key=True, regex="^(clicks|carts|orders)$")
    hour = whole("Hour of the day in the program's zone.", "derived", "hours", primary_key=True, min=0, max=23)
    weekday = whole("1 Monday to 7 Sunday.", "derived", primary_key=True, min=1, max=7)
    events = whole("Events.", "derived", min=0)
    sessions = whole("Distinct sessions that have one.", "derived", min=0)


class PopularItems(dy.Schema):
    """The articles with the most sessions before as_of, of all sessions and of those of each segment's customers."""

    as_of = date("Exclusive date.", "derived", primary_key=True)
    segment = text("Segment of the linked customers; `all` for all sessions.", "derived", primary_key=True)
    rank = whole("Rank, 1 the most popular.", "derived", primary_key=True, min=1)
    aid = whole("Article.", "derived", min=0)
    sessions = whole("Sessions with the article.", "derived", min=0)
    clicks = whole("Clicks.", "derived", min=0)
    carts = whole("Times that it was put into the cart.", "derived", min=0)
    orders = whole("Orders.", "derived", min=0)
