"""What people do on the days on which they come: transactions and their product lines.

Amounts that DOMAIN.md section 1 does not give (spends, grants) are made up. Points earned per day follow the real
month-ends: 50 for the attendance list, 100 for each fifth stream in a row, 1 for a chat message.
"""

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from fiel.simulate import catalogue
from fiel.simulate.calendar import EPOCH, Calendar, day_number
from fiel.simulate.draws import Draws, Floats, Ints
from fiel.simulate.people import LIVE, Attendance, Registrations

MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS
UTC_MINUS_LOCAL_MS = 180 * MINUTE_MS  # America/Sao_Paulo has kept UTC-3 all year since 2019
CHURN_MODEL_FROM, CHURN_MODEL_UNTIL = date(2024, 9, 15), date(2025, 3, 15)
FIEL_FROM = date(2026, 1, 5)
_SALT = 1 << 20  # days fit below it

# Each visit's transactions have a slot of their own within customer and day, so ids never depend on other rows.
_PRESENCE, _STREAK, _LOOT, _EXCHANGE, _REFUND, _OWL, _FAILED, _PONEI, _ITEM, _FOOD, _LOVERS, _CHURN, _FIEL = range(13)
_CHAT, _COURSE = 100, 1000

_COLUMNS = ("customer", "at_ms", "points", "slot", "day", "product", "quantity", "unit", "product_2", "unit_2")


def _batch(customer: Ints, day: Ints, at_ms: Floats | Ints, slot: Ints | int, product: Ints | int, quantity: Ints | int,
           unit: Ints | int, product_2: Ints | int = -1, unit_2: Ints | int = 0) -> pl.DataFrame:  # fmt: skip
    """Transactions of one sort; product -1 is a transaction without lines."""
    n = len(customer)
    columns = {
        name: np.broadcast_to(np.asarray(values, dtype=np.int64), (n,))
        for name, values in zip(
            ("customer", "at_ms", "slot", "day", "product", "quantity", "unit", "product_2", "unit_2"),
            (customer, at_ms, slot, day, product, quantity, unit, product_2, unit_2),
            strict=True,
        )
    }
    columns["points"] = columns["quantity"] * columns["unit"] + columns["unit_2"]
    return pl.DataFrame({name: columns[name] for name in _COLUMNS})


def local_ms(day: Ints, minute: Floats | Ints | int) -> Ints:
    """UTC milliseconds of a minute of a local day."""
    return day * DAY_MS + (np.asarray(minute, dtype=np.float64) * MINUTE_MS).astype(np.int64) + UTC_MINUS_LOCAL_MS


def _streaks(customer: Ints, order: Ints, present: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether a presence is a fifth, tenth, ... stream in a row; `order` numbers the streams, rows are sorted."""
    index = np.flatnonzero(present)
    who, stream = customer[index], order[index]
    starts = np.ones(len(index), dtype=bool)
    starts[1:] = (who[1:] != who[:-1]) | (stream[1:] != stream[:-1] + 1)
    place = np.arange(len(index))
    run = place - np.maximum.accumulate(np.where(starts, place, 0)) + 1
    result = np.zeros(len(customer), dtype=bool)
    result[index[run % 5 == 0]] = True
    return result


def _streams(draws: Draws, calendar: Calendar, people: Registrations, visits: Attendance) -> list[pl.DataFrame]:
    """Transactions at streams: attendance list, streaks, chat, loot, exchange, spends (not yet checked)."""
    live = calendar.is_live[visits.day - calendar.first] & ~visits.is_owl
    c, day, level, bond = visits.customer[live], visits.day[live], visits.level[live], visits.bond[live]
    taste = draws.normal("person/chat", c)
    start = calendar.live_start_minute[day - calendar.first].astype(np.float64)
    length = np.where(start > 720, 140.0, 180.0)
    arrive = start + 0.9 * length * draws.uniform("visit/arrive", c, day) ** 1.8
    stay = 1 / (1 + np.exp(-(0.9 + 0.5 * level + 0.4 * taste + 0.8 * bond + 1.0 * draws.normal("visit/stay", c, day))))
    leave = arrive + np.maximum((start + length - arrive) * stay, 1.0)
    signs = draws.uniform("person/signs", c) < 0.90
    present = draws.uniform("visit/signs", c, day) < np.where(signs, 0.95, 0.15)
    chats = np.exp(0.40 + 0.45 * level + 0.6 * taste + 0.7 * bond + 0.8 * draws.normal("visit/chat", c, day)).astype(
        np.int64
    )
    chats = np.minimum(np.maximum(chats, (~present).astype(np.int64)), 120)
    sign_at = np.minimum(arrive + 8 * draws.uniform("visit/sign at", c, day), leave)
    streak = _streaks(c, np.cumsum(calendar.is_live, dtype=np.int64)[day - calendar.first], present)
    together = streak & (draws.uniform("visit/together", c, day) < 0.5)
    apart = streak & ~together
    result = [
        _batch(c[present], day[present], local_ms(day, sign_at)[present], _PRESENCE, catalogue.PRESENCE, 1, 50,
               np.where(together, catalogue.STREAK, -1)[present], np.where(together, 100, 0)[present]),
        _batch(c[apart], day[apart], local_ms(day, sign_at)[apart] + 9_000, _STREAK, catalogue.STREAK, 1, 100),
    ]  # fmt: skip
    row = np.repeat(np.arange(len(c)), chats)
    place = np.arange(len(row)) - np.repeat(np.cumsum(chats) - chats, chats)
    chat_at = arrive[row] + (leave - arrive)[row] * draws.uniform("visit/chat at", c[row], day[row], place)
    bare = draws.uniform("visit/bare", c[row], day[row], place) < 0.002
    said = np.where(bare, -1, catalogue.CHAT)
    result.append(_batch(c[row], day[row], local_ms(day[row], chat_at), _CHAT + place, said, 1, 1))
    joins = (day == people.day[c]) & (draws.uniform("visit/failed", c) < 0.04)
    failed_at = local_ms(day, arrive)[joins] - 20_000
    result.append(_batch(c[joins], day[joins], failed_at, _FAILED, catalogue.JOIN_FAILED, 1, 1))
    plays = (draws.uniform("person/plays", c) < 0.25) & (
        draws.uniform("visit/loot", c, day) < 1 / (1 + np.exp(-level - bond))
    )
    loot = 10 + (190 * draws.uniform("visit/loot points", c[plays], day[plays]) ** 2).astype(np.int64)
    result.append(_batch(c[plays], day[plays], local_ms(day, leave)[plays], _LOOT, catalogue.LOOT, 1, loot))
    u = draws.uniform("visit/exchange", c, day)
    swaps = u < np.where(day == people.day[c], 0.020, 0.012)
    hundreds = 1 + (20 * draws.uniform("visit/exchange points", c[swaps], day[swaps]) ** 2).astype(np.int64)
    swap_at = local_ms(day, 0.5 * (arrive + leave))[swaps]
    result.append(_batch(c[swaps], day[swaps], swap_at, _EXCHANGE, catalogue.EXCHANGE, hundreds, 100))
    refunded = draws.uniform("visit/refund", c[swaps], day[swaps]) < 0.06
    back_at = local_ms(day[swaps] + 2, 615 + 30 * draws.uniform("visit/refund at", c[swaps], day[swaps]))
    result.append(_batch(c[swaps][refunded], day[swaps][refunded] + 2, back_at[refunded], _REFUND, catalogue.REFUND,
                         hundreds[refunded], -100))  # fmt: skip
    return result + _wishes(draws, c, day, level + bond, local_ms(day, 0.3 * arrive + 0.7 * leave))


def _wishes(draws: Draws, c: Ints, day: Ints, zeal: Floats, at_ms: Ints) -> list[pl.DataFrame]:
    """What people want to spend points on, whether or not they can afford it."""
    u = draws.uniform("visit/wish", c, day)
    fan = draws.uniform("person/plays", c) < 0.25
    keen = 1 / (1 + np.exp(-zeal))
    ponei = u < 0.03 * keen
    item = (u > 0.1) & (u < 0.1 + np.where(fan, 0.10, 0.008))
    food = (u > 0.3) & (u < 0.3 + 0.03 + 0.04 * keen)
    lovers = (u > 0.5) & (u < 0.53)
    is_2026 = day >= day_number(catalogue.FROM_2026)
    pick = draws.uniform("visit/pick", c, day)
    old, new = np.array(catalogue.RPG_ITEMS), np.array(catalogue.RPG_ITEMS_2026)
    sold = np.where(is_2026, new[(pick * len(new)).astype(np.int64)], old[(pick * len(old)).astype(np.int64)])
    dish = np.array(catalogue.FOOD)[(pick * len(catalogue.FOOD)).astype(np.int64)]
    pick_2 = draws.uniform("visit/pick second", c, day)
    second = np.array(catalogue.FOOD)[(pick_2 * len(catalogue.FOOD)).astype(np.int64)]
    second = np.where((pick_2 * 50 % 1 < 0.5) & (second != dish), second, -1)
    love = np.array(catalogue.LOVERS)[(pick * 2).astype(np.int64)]
    price = np.append(np.array(catalogue.POINTS), 0)  # the last one serves product -1
    several = 1 + (draws.uniform("visit/how many", c, day) < 0.2).astype(np.int64)
    return [
        _batch(c[ponei], day[ponei], at_ms[ponei], _PONEI, catalogue.PONEI, 1, catalogue.POINTS[catalogue.PONEI]),
        _batch(c[item], day[item], at_ms[item], _ITEM, sold[item], 1, price[sold[item]]),
        _batch(c[food], day[food], at_ms[food], _FOOD, dish[food], several[food], price[dish[food]], second[food],
               price[second[food]]),
        _batch(c[lovers], day[lovers], at_ms[lovers], _LOVERS, love[lovers], 1, price[love[lovers]]),
    ]  # fmt: skip


def _quiet_days(draws: Draws, calendar: Calendar, visits: Attendance) -> list[pl.DataFrame]:
    """Transactions away from streams: a few chat messages, the daily loot, the visitor in the small hours."""
    quiet = ~calendar.is_live[visits.day - calendar.first] & ~visits.is_owl
    c, day = visits.customer[quiet], visits.day[quiet]
    said = 1 + (3 * draws.uniform("quiet/chats", c, day)).astype(np.int64)
    row = np.repeat(np.arange(len(c)), said)
    place = np.arange(len(row)) - np.repeat(np.cumsum(said) - said, said)
    start = 480 + 780 * draws.uniform("quiet/at", c, day)
    at = local_ms(day[row], start[row] + 4 * place + draws.uniform("quiet/chat at", c[row], day[row], place))
    chat = _batch(c[row], day[row], at, _CHAT + place, catalogue.CHAT, 1, 1)
    c, day = visits.customer[visits.is_owl], visits.day[visits.is_owl]
    loot = 5 + (20 * draws.uniform("owl/loot", c, day)).astype(np.int64)
    at = local_ms(day, 4 + 300 * draws.uniform("owl/at", c, day))
    return [chat, _batch(c, day, at, _OWL, catalogue.LOOT, 1, loot)]


def _operator_days(first: date, last: date) -> list[tuple[int, bool]]:
    """Days on which the operator gives points, and whether by score (else by the old churn model)."""
    churn = [
        date(year, month, 15)
        for year in range(first.year, last.year + 1)
        for month in range(1, 13)
        if CHURN_MODEL_FROM <= date(year, month, 15) <= CHURN_MODEL_UNTIL
    ]
    result = [(day_number(day), False) for day in churn if first < day <= last]
    monday = max(day_number(FIEL_FROM), day_number(first) + 7)
    monday += -(monday + 3) % 7
    return result + [(day, True) for day in range(monday, day_number(last) + 1, 7)]


def _grants(draws: Draws, calendar: Calendar, visits: Attendance) -> list[pl.DataFrame]:
    """The operator's own events: points of the old churn model, and of the score since 2026."""
    if not len(visits.customer):
        return []
    key = visits.customer * _SALT + visits.day
    who = np.unique(visits.customer)
    result = []
    for day, by_score in _operator_days(EPOCH.fromordinal(EPOCH.toordinal() + calendar.first),
                                        EPOCH.fromordinal(EPOCH.toordinal() + int(calendar.days[-1]))):  # fmt: skip
        until = np.searchsorted(key, who * _SALT + day)
        seen = until > np.searchsorted(key, who * _SALT)
        c, until = who[seen], until[seen]
        recency = day - visits.day[until - 1]
        days_28 = until - np.searchsorted(key, c * _SALT + day - 28)
        u, noon = draws.uniform("operator/grant", c, day), 730 + 20 * draws.uniform("operator/at", c, day)
        if by_score:
            score = np.clip(days_28 / 20 - recency / 40 + 0.3 * u, 0.001, 0.999)
            bucket = np.searchsorted([0.1, 0.25, 0.5, 0.75], score, side="right")
            product = np.array(catalogue.FIEL_BUCKETS)[bucket]
            chosen = (recency <= 28) & (u < 0.7)
            slot = _FIEL
        else:
            product = np.array(catalogue.CHURN_MODEL)[(u * 1000 % 3).astype(np.int64)]
            chosen = (recency > 14) & (recency <= 28) & (u < 0.25)
            slot = _CHURN
        days = np.full(len(c), day)
        unit = np.array(catalogue.POINTS)[product]
        result.append(_batch(c[chosen], days[chosen], local_ms(days, noon)[chosen], slot, product[chosen], 1,
                             unit[chosen]))  # fmt: skip
    return result


def _affordable(frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows can be: all that earn, and the spends that the balance covers, in the order of time."""
    points = frame["points"].to_numpy()
    customer = frame["customer"].to_numpy()
    keep = points >= 0
    earned = np.cumsum(np.where(keep, points, 0))
    earned -= np.where(keep, points, 0)  # before this row; rows are sorted by customer and time
    starts = np.ones(len(customer), dtype=bool)
    starts[1:] = customer[1:] != customer[:-1]
    before = earned - np.maximum.accumulate(np.where(starts, earned, 0))
    wish = np.flatnonzero(~keep)
    if not len(wish):
        return keep
    first = np.ones(len(wish), dtype=bool)
    first[1:] = customer[wish][1:] != customer[wish][:-1]
    place = np.arange(len(wish))
    group_start = np.maximum.accumulate(np.where(first, place, 0))
    nth = place - group_start
    spent = np.zeros(len(wish), dtype=np.int64)  # by the position of the customer's first wish
    by_turn = np.argsort(nth, kind="stable")
    cuts = np.flatnonzero(np.diff(nth[by_turn])) + 1
    for turn in np.split(by_turn, cuts):
        owner = group_start[turn]
        price = -points[wish[turn]]
        ok = before[wish[turn]] - spent[owner] >= price
        spent[owner[ok]] += price[ok]
        keep[wish[turn[ok]]] = True
    return keep


def transactions(
    draws: Draws, calendar: Calendar, people: Registrations, visits: Attendance, course_points: pl.DataFrame
) -> pl.DataFrame:
    """All transactions of these visits, by customer and time.

    `course_points` (customer, at_ms, points, nth) are given by the course platform; they have origin `cursos` and no
    lines. Columns: customer, at_ms (UTC), points, slot, day, product, quantity, unit, product_2, unit_2 (positions in
    the catalogue, -1 for none) and is_course. A balance never falls below 0.
    """
    courses = _batch(
        course_points["customer"].to_numpy(), (course_points["at_ms"].to_numpy() - UTC_MINUS_LOCAL_MS) // DAY_MS,
        course_points["at_ms"].to_numpy(), _COURSE + course_points["nth"].to_numpy(), -1, 1,
        course_points["points"].to_numpy(),
    )  # fmt: skip
    parts = [
        *_streams(draws, calendar, people, visits),
        *_quiet_days(draws, calendar, visits),
        *_grants(draws, calendar, visits),
        courses,
    ]
    frame = pl.concat(parts).sort("customer", "at_ms", "slot")
    return frame.filter(pl.Series(_affordable(frame))).with_columns(is_course=pl.col("slot") >= _COURSE)


def registered_ms(draws: Draws, people: Registrations, number: Ints, first_ms: Ints) -> Ints:
    """UTC milliseconds at which each customer registered: just before the first visit, else some time of the day."""
    day = people.day[number]
    at = local_ms(day, 480 + 900 * draws.uniform("person/registers", number))
    wait = 1_000 + (20_000 * draws.uniform("person/first wait", number)).astype(np.int64)
    return np.where((people.kind[number] == LIVE) & (first_ms >= 0), first_ms - wait, np.minimum(at, np.where(
        first_ms >= 0, first_ms - wait, at)))  # fmt: skip
