"""How numbers are printed: the Particle Data Group's rule by hand and by exact fractions, and what always holds."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isfinite, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.rounding import ratios, rounded, whole

ANY = st.floats(allow_nan=True, allow_infinity=True)
EVERYDAY = st.one_of(st.floats(-1e5, 1e5), st.floats(-1.0, 1.0), st.integers(-2000, 2000).map(lambda i: i / 8))


def column(*numbers: float, digits: int = 3) -> list[str]:
    return [text for [text] in rounded(np.array(numbers, dtype=np.float64)[:, None], digits)]


def with_interval(value: float, half: float) -> list[str]:
    [texts] = rounded(np.array([[value, value - half, value + half]]), 3)
    return texts


def number(text: str) -> float:
    return nan if text == "-" else float(text.replace(",", ""))


def exact(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


@pytest.mark.parametrize(
    ("value", "half", "texts"),
    [
        # The two examples of the Review of Particle Physics: 0.83 +- 0.12 and 0.8 +- 0.4.
        (0.827, 0.119, ["0.83", "0.71", "0.95"]),
        (0.827, 0.367, ["0.8", "0.5", "1.2"]),
        # The third range, of 950 to 999: 14.7 +- 1.0.
        (14.674, 0.964, ["14.7", "13.7", "15.6"]),
        # On either side of the limits of the ranges.
        (1.0, 0.354, ["1.00", "0.65", "1.35"]),
        (1.0, 0.355, ["1.0", "0.6", "1.4"]),
        (10.0, 0.949, ["10.0", "9.1", "10.9"]),
        (10.0, 0.95, ["10.0", "9.0", "11.0"]),
        (10.0, 1.0, ["10.0", "9.0", "11.0"]),
        # What is uncertain by hundreds is not told to the unit.
        (12345.6, 1200.0, ["12,300", "11,100", "13,500"]),
        (-0.5, 0.02, ["-0.500", "-0.520", "-0.480"]),
        # No more than six digits, however narrow the interval, unless it is a point but for rounding errors.
        (0.123456789, 1e-9, ["0.123457", "0.123457", "0.123457"]),
        (0.123456789, 1e-16, ["0.123", "0.123", "0.123"]),
        (0.123456789, 0.0, ["0.123", "0.123", "0.123"]),
    ],
)
def test_values_end_where_their_uncertainty_does(value: float, half: float, texts: list[str]) -> None:
    assert with_interval(value, half) == texts


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([0.123456, 0.9, 0.05], ["0.1235", "0.9000", "0.0500"]),  # of the smallest three digits, of others more
        ([3.21, 45.6, 12345.678], ["3.21", "45.60", "12,345.68"]),
        ([0.9996, 0.5], ["1.000", "0.500"]),
        ([0.9996, 20.0], ["1.00", "20.00"]),  # rounded to three digits it is one
        ([123456.0, 1234.0], ["123,460", "1,230"]),  # where there is one of five digits, thousands of all are set apart
        ([1234.0, 567.0], ["1234", "567"]),
        ([0.0, -0.0, 0.25], ["0.000", "0.000", "0.250"]),
        ([0.0, -0.0], ["0", "0"]),
        ([nan, inf, -inf, 1.5], ["-", "inf", "-inf", "1.50"]),
        ([nan, inf], ["-", "inf"]),
        ([1.25e-7, 3.0, 0.0, -4e-5, nan], ["1.25e-7", "3.00", "0", "-4.00e-5", "-"]),
        ([1.5e300, 1.0], ["1.50e300", "1.00"]),
        ([2.675, 2.665], ["2.68", "2.66"]),  # ties as they are read, not as they are stored; to the even digit
    ],
)
def test_numbers_without_an_interval_have_three_digits_or_more(numbers: list[float], texts: list[str]) -> None:
    assert column(*numbers) == texts


def test_digits_are_as_many_as_asked_for() -> None:
    assert column(0.123456, 4.5, digits=1) == ["0.1", "4.5"]
    assert column(0.123456, 4.5, digits=5) == ["0.12346", "4.50000"]


def test_whole_numbers_are_told_in_full() -> None:
    assert whole(np.array([0, -7, 9999])) == ["0", "-7", "9999"]
    assert whole(np.array([10_000, 1234, -1_234_567])) == ["10,000", "1,234", "-1,234,567"]
    assert whole(np.array([2**64 - 1], dtype=np.uint64)) == ["18,446,744,073,709,551,615"]


def test_the_narrowest_interval_tells_where_a_column_ends() -> None:
    numbers = np.array([[0.5, 0.4, 0.6], [0.25, 0.2475, 0.2525], [3.0, 3.0, 3.0], [0.125, nan, nan], [nan, 0.1, inf]])
    assert rounded(numbers, 3) == [
        ["0.5000", "0.4000", "0.6000"],
        ["0.2500", "0.2475", "0.2525"],
        ["3.0000", "3.0000", "3.0000"],
        ["0.1250", "-", "-"],
        ["-", "0.1000", "inf"],
    ]


def test_in_powers_of_ten_each_row_ends_where_its_own_interval_does() -> None:
    numbers = np.array([[1.234e-7, 0.934e-7, 1.534e-7], [2.5, 2.0, 3.0], [0.0, 0.0, 0.0], [1.25, -inf, inf]])
    assert rounded(numbers, 3) == [
        ["1.23e-7", "9.3e-8", "1.53e-7"],
        ["2.5", "2.0", "3.0"],
        ["0", "0", "0"],
        ["1.25", "-inf", "inf"],
    ]


@settings(max_examples=100)
@given(st.lists(st.tuples(EVERYDAY, st.floats(1e-3, 1e3)), min_size=1, max_size=6))
def test_rounding_is_that_of_exact_fractions(values: list[tuple[float, float]]) -> None:
    rows, places = [], []
    for value, half in values:
        # The uncertainty is at least a thousandth of the value, so that no bound on digits matters.
        half *= max(abs(value), 1e-3)
        rows.append([value, value - half, value + half])
        width = Fraction(repr(rows[-1][2])) - Fraction(repr(rows[-1][1]))
        leading, _, power = f"{float(width / 2):.2e}".partition("e")
        places.append(int(power) - (float(leading) <= 3.54))
    place = min(places)
    texts = rounded(np.array(rows), 3)
    if any("e" in text for of_row in texts for text in of_row):
        wide = max(abs(x) for row in rows for x in row)
        assert len(str(int(wide))) + max(-place, 0) > 9
        return
    for row, of_row in zip(rows, texts, strict=True):
        for x, text in zip(row, of_row, strict=True):
            assert exact(text) == round(Fraction(repr(x)), -place)
            assert decimals(text) == max(-place, 0)


@settings(max_examples=150)
@given(st.lists(st.one_of(ANY, EVERYDAY), min_size=1, max_size=8), st.integers(1, 9))
def test_every_number_is_told_to_its_digits_and_in_order(numbers: list[float], digits: int) -> None:
    texts = column(*numbers, digits=digits)
    for x, text in zip(numbers, texts, strict=True):
        if not isfinite(x) or x == 0:
            assert text == ("-" if isnan(x) else str(x)) or (x == 0 and set(text) <= set("0."))
            continue
        # Half a unit of the last digit that was asked for, of the number itself.
        last = int(f"{x:.{digits - 1}e}".partition("e")[2]) - digits + 1
        assert abs(exact(text) - Fraction(repr(x))) <= Fraction(10) ** last / 2
        assert len(text.partition("e")[0].replace(",", "").lstrip("-")) <= 12
    told = sorted((x, number(text)) for x, text in zip(numbers, texts, strict=True) if not isnan(x))
    assert [shown for _, shown in told] == sorted(shown for _, shown in told)
    plain = [text for x, text in zip(numbers, texts, strict=True) if isfinite(x)]
    assert any("e" in text for text in plain) or len({decimals(text) for text in plain}) <= 1


@settings(max_examples=150)
@given(st.lists(st.tuples(ANY, ANY, ANY), min_size=1, max_size=5))
def test_intervals_are_never_printed_inverted(rows: list[tuple[float, float, float]]) -> None:
    numbers = np.array(
        [[value, *sorted(ends)] if not any(map(isnan, ends)) else [value, nan, nan] for value, *ends in rows]
    )
    for row, texts in zip(numbers.tolist(), rounded(numbers, 3), strict=True):
        value, lower, upper = map(number, texts)
        assert not lower > upper
        assert isnan(value) == isnan(row[0])
        if row[1] <= row[0] <= row[2]:
            assert lower <= value <= upper


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([5.12, 0.534, 55.07], ["5.12", "0.534", "55.1"]),
        ([6.1, 1.005, 42.2], ["6.10", "1.005", "42.2"]),  # three digits would hide that it is above 1
        ([0.9996, np.nan, np.nan], ["0.9996", "-", "-"]),
        ([1.0, 1.0, 1.0], ["1.00", "1.00", "1.00"]),
        ([1 + 1e-9, np.nan, np.nan], ["1.00", "-", "-"]),  # by rounding errors alone
        ([2.0012, 2.001, 2.0014], ["2.00120", "2.00100", "2.00140"]),  # the interval tells more digits
        ([np.nan, 0.0, np.inf], ["-", "0", "inf"]),
        ([12345.6, 2.0, 1e9], ["12,300", "2.00", "1.00e9"]),
        ([1e-9, 0.0, 0.5], ["1.00e-9", "0", "0.500"]),
    ],
)
def test_ratios_show_which_side_of_1_they_are_on(row: list[float], said: list[str]) -> None:
    assert ratios(np.array([row]), 3) == [said]
