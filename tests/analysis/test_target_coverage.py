"""Do intervals of 95% cover the truth in 95% of studies? Exponential times, of which all that is told is known."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from made_reached import studies

from analysis.targets import expected_time, speed_up, time_to_target


def coverage(shares: tuple[float, float], seeds: int, shared: float, count: int) -> dict[str, float]:
    """The shares of studies whose intervals hold the truth."""
    rate, other = -np.log1p(-np.array(shares))
    truths = {
        "expected_time": (1 / rate, expected_time),
        "mean": (shares[0] / rate, time_to_target),  # of the time, or of 1 if that comes first
        "median": (log(2) / rate, time_to_target),
        "share": (shares[0], time_to_target),
        "speed_up": (rate / other, lambda some: speed_up(some, "b")),
    }
    held: dict[str, list[bool]] = {name: [] for name in truths}
    for some in studies(shares, seeds, shared, count):
        frames = {compute: compute(some) for _, compute in truths.values()}
        for name, (truth, compute) in truths.items():
            frame = frames[compute]
            frame = frame[(frame["scheduler"] == "a") & frame["task"].notna()]
            held[name] += ((frame[f"{name}_lower"] <= truth) & (truth <= frame[f"{name}_upper"])).tolist()
    return {name: float(np.mean(values)) for name, values in held.items()}


def test_intervals_cover_roughly_what_they_say() -> None:
    # The standard error of 100 studies is 2.2%; bounds are two wider than 93% to 97%.
    found = coverage((0.8, 0.6), 20, 0.5, 100)
    assert all(share >= 0.89 for share in found.values()), found
    assert all(found[name] < 1 for name in ("expected_time", "mean", "speed_up")), found


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "shared"), [(20, 0.0), (30, 0.7)])
@pytest.mark.parametrize("shares", [(0.3, 0.3), (0.6, 0.6), (0.8, 0.5), (0.9, 0.9), (0.99, 0.99)])
def test_intervals_cover_what_they_say(shares: tuple[float, float], seeds: int, shared: float) -> None:
    # The standard error of 1,500 studies is 0.6%.
    found = coverage(shares, seeds, shared, 1500)
    print(shares, seeds, shared, found)
    for name in ("expected_time", "mean", "speed_up"):
        assert 0.93 <= found[name] <= (0.97 if min(shares) > 0.5 else 0.985), (name, found)
    assert found["median"] >= 0.93, found
    assert found["share"] >= 0.93, found


@pytest.mark.slow
@pytest.mark.parametrize("shares", [(0.3, 0.1), (0.1, 0.3), (0.2, 0.2)])
def test_intervals_cover_at_least_what_they_say_where_few_got_there(shares: tuple[float, float]) -> None:
    found = coverage(shares, 20, 0.5, 1000)
    print(shares, found)
    assert found["expected_time"] >= 0.94, found
    assert found["speed_up"] >= 0.94, found
