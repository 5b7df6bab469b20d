from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiel.program import Value
from fiel.reports import format as fmt


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (fmt.whole(1204), "1,204"),
        (fmt.whole(-3.4), "−3"),
        (fmt.whole(None), "–"),
        (fmt.counted(1, "customer"), "1 customer"),
        (fmt.counted(0, "customer"), "0 customers"),
        (fmt.counted(28, "day"), "28 days"),
        (fmt.counted(2, "entry", "entries"), "2 entries"),
        (fmt.ratio(0.8264), "0.826"),
        (fmt.ratio(0.83), "0.83"),
        (fmt.ratio(99.96), "100"),
        (fmt.ratio(1234.4), "1,234"),
        (fmt.ratio(0), "0"),
        (fmt.ratio(-0.0446), "−0.0446"),
        (fmt.ratio(float("nan")), "–"),
        (fmt.percent(0.1238), "12.4 %"),
        (fmt.percent(None), "–"),
        (fmt.percent(0.6403), "64.0 %"),
        (fmt.percent(0.3), "30 %"),
        (fmt.percent(0.00969), "1.0 %"),
        (fmt.percent(0.001), "0.1 %"),
        (fmt.percent(0.00099), "< 0.1 %"),
        (fmt.percent(0.9991), "> 99.9 %"),
        (fmt.percent(0.9989), "99.9 %"),
        (fmt.percent(-0.2561), "−25.6 %"),
        (fmt.percent(-0.0004), "0.0 %"),
        (fmt.measure(0.66), "0.660"),
        (fmt.measure(-0.0001), "0.000"),
        (fmt.measure(3280.4), "3,280"),
        (fmt.measure(None), "–"),
        (fmt.signed_measure(0.0002), "+0.000"),
        (fmt.signed_points(-0.122), "−12.2 percentage points"),
        (fmt.signed_points(0.0), "0 percentage points"),
        (fmt.signed_points(None), "–"),
        (fmt.signed_percent(None), "–"),
        (fmt.typeset("by -0.1, on 2011-09-01, a 9-day gap"), "by −0.1, on 2011-09-01, a 9-day gap"),
        (fmt.signed_whole(12), "+12"),
        (fmt.signed_whole(-12), "−12"),
        (fmt.signed_whole(0), "0"),
        (fmt.signed_whole(None), "–"),
        (fmt.signed_percent(-0.011), "−1.1 %"),
        (fmt.signed_percent(0.0665), "+6.7 %"),
        (fmt.interval(0.845, 0.884), "0.845 to 0.884"),
        (fmt.with_interval(58.2, 47.1, 69.4, "whole"), "58 (47 to 69)"),
        (fmt.with_interval(0.48, None, None), "0.48"),
        (fmt.difference(0.012, 0.003, 0.021), "+0.012 (+0.003 to +0.021)"),
        (fmt.value(1204, Value()), "1,204 points"),
        (fmt.value(1866000, Value(unit="GBP", scale=100)), "£ 18,660"),
        (fmt.value(500, Value(unit="CHF")), "CHF 500"),
        (fmt.money(18660, "BRL"), "R$ 18,660"),
        (fmt.day(date(2025, 9, 1)), "2025-09-01"),
        (fmt.day(None), "–"),
        (fmt.day_in_words(date(2025, 9, 1)), "1 September 2025"),
        (fmt.words("not_in_population"), "not in population"),
        (fmt.listed([]), ""),
        (fmt.listed(["a"]), "a"),
        (fmt.listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_numbers_read_as_the_look_says(shown: str, expected: str) -> None:
    assert shown == expected


@given(st.floats(min_value=-1e9, max_value=1e9, allow_nan=False))
def test_a_ratio_keeps_its_value_to_three_significant_figures(number: float) -> None:
    read = float(fmt.ratio(number).replace("−", "-").replace(",", ""))
    assert abs(read - number) <= max(0.5 if abs(number) >= 99.95 else 0.0, 0.005001 * abs(number))
    if abs(number) < 99.95:
        assert len(fmt.ratio(number).replace("−", "").replace(".", "").lstrip("0")) <= 3


@given(st.floats(min_value=0, max_value=1))
def test_a_percentage_is_right_to_a_tenth_or_says_on_which_side_it_is(share: float) -> None:
    text = fmt.percent(share).removesuffix(" %")
    if text.startswith("<"):
        assert 0 < share < float(text[2:]) / 100
    elif text.startswith(">"):
        assert float(text[2:]) / 100 < share < 1
    else:
        assert abs(float(text) - 100 * share) <= 0.05 + 1e-9


@pytest.mark.parametrize(
    ("share", "is_coarse"), [(0.0, False), (0.004, True), (0.01, False), (0.5, False), (0.9995, True), (1.0, False)]
)
def test_a_share_with_less_than_two_figures_has_its_exact_value_at_hand(share: float, is_coarse: bool) -> None:
    assert fmt.is_coarse(share) is is_coarse
