"""Numbers as readers want them: no more digits than are known, and one below the other.

Where there is an interval, half its width is the uncertainty. It is rounded as the Particle Data Group does (Review of
Particle Physics, introduction, "Rounding"): to two significant digits where its leading three are 100 to 354, to one
where they are 355 to 949, and up to 1.0 from 950 on. The value and both ends end at that place.

Ratios are another matter: 0.53 and 55, the ends of one interval, are as far from 1 either way, so that each has digits
of its own.
"""

from __future__ import annotations

from decimal import Context, Decimal

import numpy as np

MOST_KNOWN = 6  # significant digits of a value, however narrow its interval
MOST_READ = 9  # digits of a number that are taken in at a glance; numbers that need more are in powers of ten
NOISE = -12  # powers of ten: what is that much narrower than its ends are large is a point but for rounding errors
MISSING = "-"
_EXACT = Context(prec=40)  # more than any of the numbers below has digits


def whole(numbers: np.ndarray) -> list[str]:
    """Integers, (n,), in full."""
    return [text for [text] in _grouped([[Decimal(number)] for number in numbers.tolist()])]


def rounded(numbers: np.ndarray, digits: int) -> list[list[str]]:
    """Numbers that stand below each other, and the ends of their intervals.

    All of them end at the same decimal place: the finest that any of the intervals asks for. Where there is none, or
    all are points, it is that at which every number has `digits` significant ones or more. Where one would need too
    many digits then, all are in powers of ten, and those of one row end at the same place. Ties go to the even digit.
    Zero has no sign, NaN is ``-``.

    Args:
        numbers: float64, (n, 1), or (n, 3) with the lower and the upper ends, of which lower <= upper or NaN.
        digits: 1 to `MOST_READ`.

    Returns:
        As many texts.
    """
    rows = [[Decimal(repr(number)) for number in row] for row in numbers.tolist()]
    largest = [max((abs(x) for x in row if x.is_finite()), default=Decimal(0)) for row in rows]
    by_width = [_known_place(row, most) for row, most in zip(rows, largest, strict=True)]
    by_digits = [_exponent(most, digits) - digits + 1 if most else None for most in largest]
    # Values without an uncertainty have no say where others have one.
    say = [place for place in by_width if place is not None] or [place for place in by_digits if place is not None]
    finest = min(say, default=0)
    if max(max(largest).adjusted(), 0) + 1 + max(-finest, 0) <= MOST_READ:
        return _grouped([[_at(finest, x) for x in row] for row in rows])
    places = [one if one is not None else other or 0 for one, other in zip(by_width, by_digits, strict=True)]
    return [[_in_powers_of_ten(_at(place, x)) for x in row] for row, place in zip(rows, places, strict=True)]


def ratios(numbers: np.ndarray, digits: int) -> list[list[str]]:
    """Ratios, and the ends of their intervals: which side of 1 each is on always shows.

    Each number has `digits` significant ones, more where its interval tells more, and more where it would else be
    printed as 1 and is not, up to `MOST_KNOWN` of them: nearer to 1 it is taken for 1. Where one needs too many digits,
    it is in powers of ten. NaN is ``-``.

    Args:
        numbers: float64 from 0 on, (n, 1), or (n, 3) with the lower and the upper ends: lower <= upper, or NaN.
        digits: 1 to `MOST_KNOWN`.

    Returns:
        As many texts.
    """
    rows = [[Decimal(repr(number)) for number in row] for row in numbers.tolist()]
    texts = []
    for row in rows:
        known = _known_place(row, max((x for x in row if x.is_finite()), default=Decimal(0)))
        texts.append([_ratio(x, digits, known) for x in row])
    return texts


def _ratio(number: Decimal, digits: int, known: int | None) -> str:
    """One of them; known: the power of ten at which its interval asks it to end."""
    if not number.is_finite() or not number:
        return _odd(number) if number else "0"
    place = _exponent(number, digits) - digits + 1
    place = place if known is None else min(place, known)
    if _at(place, number) == 1 != number:
        place = next((finer for finer in range(place, -MOST_KNOWN, -1) if _at(finer, number) != 1), place)
    shown = _at(place, number)
    if max(shown.adjusted(), 0) + 1 + max(-place, 0) > MOST_READ:
        return _in_powers_of_ten(shown)
    return f"{shown:,f}" if shown >= 10_000 else f"{shown:f}"


def _known_place(row: list[Decimal], largest: Decimal) -> int | None:
    """The power of ten at which a value and its interval end; None without an interval, or where it is a point."""
    if len(row) == 1 or not (row[1].is_finite() and row[2].is_finite()):
        return None
    half = Context(prec=3).divide(_EXACT.subtract(row[2], row[1]), Decimal(2))
    if not half or half.adjusted() < largest.adjusted() + NOISE:
        return None
    place = half.adjusted() - (half.scaleb(-half.adjusted()) < Decimal("3.55"))
    return max(place, _exponent(largest, MOST_KNOWN) - MOST_KNOWN + 1)


def _exponent(number: Decimal, digits: int) -> int:
    """The power of ten of a number's first digit once it is rounded to so many: 0 of 0.9996 with three."""
    return Context(prec=digits).plus(number).adjusted()


def _at(place: int, number: Decimal) -> Decimal:
    """A number rounded to a power of ten, ties to even; never a negative zero."""
    if not number.is_finite():
        return number
    rounded = number.quantize(Decimal(1).scaleb(place), context=_EXACT)
    return rounded if rounded else abs(rounded)


def _grouped(rows: list[list[Decimal]]) -> list[list[str]]:
    """Plain numbers; thousands are set apart where one has five digits or more before the point."""
    form = ",f" if any(x.is_finite() and abs(x) >= 10_000 for row in rows for x in row) else "f"
    return [[f"{x:{form}}" if x.is_finite() else _odd(x) for x in row] for row in rows]


def _in_powers_of_ten(number: Decimal) -> str:
    """``1.20e-7``."""
    if not number.is_finite() or not number:
        return _odd(number) if number else "0"
    exponent = number.adjusted()
    return f"{number.scaleb(-exponent):f}" + (f"e{exponent}" if exponent else "")


def _odd(number: Decimal) -> str:
    """What is no finite number."""
    return MISSING if number.is_nan() else "inf" if number > 0 else "-inf"
