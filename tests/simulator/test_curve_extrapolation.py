"""The power law and its margin against SciPy's general fit, and stopping by it against a plain search for the fit."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np
import pytest
from brute_force import assert_same
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from scipy.stats import t as student
from scripted import events_of
from tables import random_table, table_of, tables
from test_brute_force import r_min_of, runs

from blackboxes import Blackbox
from blackboxes.streams import Stream
from simulator import STOP, Context, Continue, Scheduler, Simulation, SimulationError, Start, Trial
from simulator.power_law import extrapolate
from simulator.schedulers.curve_extrapolation import CurveExtrapolation


def power_law(r: Any, c: float, a: float, alpha: float) -> Any:
    return c + a * r**-alpha


# --- the fit ---------------------------------------------------------------------------------------------------


@given(
    c=st.floats(-5, 5),
    a=st.floats(-5, 5).filter(lambda a: abs(a) > 1e-3),
    alpha=st.floats(0.1, 7),
    n=st.integers(4, 30),
    unit=st.sampled_from([1, 1 / 40, 7]),
)
@settings(max_examples=200)
def test_a_power_law_is_found_again(c: float, a: float, alpha: float, n: int, unit: float) -> None:
    resources = [unit * k for k in range(1, n + 1)]
    values = [power_law(r / unit, c, a, alpha) for r in resources]
    predicted, margin = extrapolate(resources, values, 40 * unit, 0.95)
    spread = max(values) - min(values)
    assert predicted == pytest.approx(power_law(40, c, a, alpha), abs=1e-3 * spread)
    assert 0 <= margin < 1e-2 * spread


@pytest.mark.parametrize("seed", range(12))
def test_prediction_and_margin_are_those_of_a_general_least_squares_fit(seed: int) -> None:
    draw = Stream(seed, "tests")
    n, alpha = 8 + 2 * seed, 0.3 + 0.15 * seed
    noise = 0.01 * (draw.uniform(n) - 0.5)
    resources = np.arange(1, n + 1) / 50
    values = power_law(resources, 0.2, 0.02, alpha) + noise
    fitted, covariance = curve_fit(power_law, resources, values, p0=(0.2, 0.02, alpha), xtol=1e-12, ftol=1e-12)
    rest = np.sum((values - power_law(resources, *fitted)) ** 2) / (n - 3)
    predicted, margin = extrapolate(resources.tolist(), values.tolist(), 1.0, 0.9)
    assert predicted == pytest.approx(fitted[0] + fitted[1], abs=1e-5)
    slope = np.array([1.0, 1.0, 0.0])  # of the law at r = 1, by c, a and alpha
    expected = student.ppf(0.9, n - 3) * np.sqrt(rest + slope @ covariance @ slope)
    assert margin == pytest.approx(expected, rel=1e-3)


def test_a_constant_curve_stays_exactly_where_it_is() -> None:
    for value in (0.1, 0.3, 1 / 3):
        assert extrapolate([1, 2, 3, 4, 5, 6, 7], [value] * 7, 81, 0.95) == (value, 0.0)


def test_the_margin_covers_what_it_says() -> None:
    """Curves whose noise is normal and whose law is known: 95 of 100 final values lie above prediction - margin."""
    inside, runs_made = 0, 400
    resources = np.arange(1, 21)
    for seed in range(runs_made):
        draw = Stream(seed, "noise").uniform(42)
        noise = 0.01 * np.sqrt(-2 * np.log(1 - draw[:21])) * np.cos(2 * np.pi * draw[21:])  # Box and Muller
        values = power_law(resources, 0.2, 0.6, 0.7) + noise[:20]
        predicted, margin = extrapolate(resources.tolist(), values.tolist(), 81, 0.95)
        inside += power_law(81, 0.2, 0.6, 0.7) + noise[20] >= predicted - margin
    assert 0.92 < inside / runs_made < 0.98  # 0.011 is the standard error


# --- the scheduler ---------------------------------------------------------------------------------------------


class PlainExtrapolation(Scheduler):
    """Tries twenty thousand exponents at every level.

    `undecided` once rounding, or the last digits of the exponent, may have decided something.
    """

    ALPHAS = np.exp2(np.linspace(-4, 3, 20_001))[:, None]

    def __init__(self, confidence: float, min_points: int, r_min: float | None, eta: float) -> None:
        self.confidence, self.min_points, self.r_min, self.eta = confidence, min_points, r_min, eta

    def setup(self, context: Context) -> None:
        self.searcher, self.r_max = context.searcher(), context.r_max
        low = context.resources[: self.min_points][-1] if self.r_min is None else self.r_min
        self.levels = [*context.rung_levels(low, self.eta), context.r_max]
        self.finals: list[float] = []
        self.fitted, self.undecided = 0, False

    def next_job(self) -> Start | None:
        row = self.searcher.propose()
        return None if row is None else Start(row, self.levels[0])

    def on_end(self, trial: Trial, resource: float, value: float, reason: str) -> None:
        self.finals.append(value)

    def on_report(self, trial: Trial, resource: float, value: float) -> Any:
        onward = Continue(self.levels[self.levels.index(resource) + 1])
        shares, curve = np.array(trial.resources) / self.r_max, np.array(trial.curve)
        shares, curve, best = shares[curve < inf], curve[curve < inf], min(self.finals, default=inf)
        if value == inf:
            return STOP
        if best == inf or len(curve) < self.min_points:
            return onward
        self.fitted += 1
        lowest = curve[-1] if np.ptp(curve) == 0 else self.lowest_likely(shares, curve)
        if 0 < abs(lowest - best) < 1e-3 * max(np.ptp(curve), abs(lowest - curve[-1])):
            self.undecided = True
        return STOP if lowest > best else onward

    def lowest_likely(self, shares: np.ndarray, curve: np.ndarray) -> float:
        """Prediction minus margin."""
        powers = shares**-self.ALPHAS  # (exponents, points)
        off, height = powers - powers.mean(axis=1, keepdims=True), curve - curve.mean()
        a = (off @ height) / (off**2).sum(axis=1)
        rests = ((height - a[:, None] * off) ** 2).sum(axis=1)
        at = int(rests.argmin())
        as_good = np.flatnonzero(rests <= rests[at] * 1.001 + 1e-20)
        if np.ptp(as_good) > len(as_good) + 5 or rests[at] < 1e-20:  # in two places, or by rounding alone
            self.undecided = True
        jacobian = np.stack([np.ones_like(shares), powers[at], powers[at] * np.log(shares)], axis=1)
        largest = np.abs(jacobian).max(axis=0)
        slope, freedom = np.array([1.0, 1.0, 0.0]) / largest, len(shares) - 3
        leverage = slope @ np.linalg.inv((jacobian / largest).T @ (jacobian / largest)) @ slope
        margin = student.ppf(self.confidence, freedom) * np.sqrt(rests[at] / freedom * (1 + leverage))
        return float(curve.mean() - a[at] * powers[at].mean() + a[at] - margin)


@given(
    table=tables(n=st.integers(2, 12), size=st.integers(5, 30), grid=st.sampled_from(["epochs", "sqrt2", "fractions"])),
    confidence=st.sampled_from([0.5, 0.8, 0.95]),
    min_points=st.sampled_from([4, 6]),
    eta=st.sampled_from([1.3, 2, 3]),
    position=st.sampled_from([None, 0.0, 0.3]),
    falling=st.booleans(),
    run=runs(),
)
@settings(max_examples=100)
def test_a_trial_whose_extrapolated_end_is_worse_than_the_best_end_is_stopped(
    table: Blackbox,
    confidence: float,
    min_points: int,
    eta: float,
    position: float | None,
    falling: bool,
    run: dict[str, Any],
) -> None:
    if falling:
        table = falling_table(table)
    arguments = confidence, min_points, None if position is None else r_min_of(table, position), eta
    twin = PlainExtrapolation(*arguments)
    Simulation(table, twin, **run).run()
    assume(not twin.undecided)
    assert_same(table, CurveExtrapolation(*arguments), twin, **run)


def falling_table(table: Blackbox) -> Blackbox:
    """The same with power laws under its values, so that something can be foreseen."""
    n, _, size = table.elapsed.shape
    ends = np.arange(n) * 7 % n / n
    law = ends[:, None, None] + np.arange(1, size + 1) ** -0.7
    sign = table.metric_info["loss"].sign
    values = sign * law + table.metrics["loss"] / 100 / max(1, np.nanmax(np.abs(table.metrics["loss"]), initial=1))
    return table.replaced(metrics=table.metrics | {"loss": values})


def test_the_twin_does_fit_curves() -> None:
    """The comparison above is about something: here it fits, stops, and goes on."""
    table = falling_table(random_table(4, n=40, size=27, levels=1000))
    twin = PlainExtrapolation(0.95, 4, None, 2)
    trace = assert_same(table, CurveExtrapolation(), twin, workers=3)
    assert twin.fitted > 40
    assert not twin.undecided
    assert trace.summary()["stopped"] > 15
    assert trace.summary()["completed"] > 4


def events(curves: Sequence[Sequence[float]], scheduler: CurveExtrapolation, **options: Any) -> list[tuple[str, float]]:
    """Of each row in turn, how its trial ended and where."""
    table = table_of(curves, **options)
    trace = Simulation(table, scheduler, workers=1, initial=list(range(len(curves)))).run()
    last = {event["trial"]: (event["event"], event["resource"]) for event in events_of(trace)}
    return [last[trial] for trial in range(len(curves))]


def curve(end: float, size: int = 20) -> list[float]:
    return [end + 0.5 / r for r in range(1, size + 1)]


def test_by_hand() -> None:
    """Ends at 0.225, 0.525 and 0.125: the second one is foreseen at 4, though at 1 it was better than the first."""
    assert events([curve(0.2), curve(0.5), curve(0.1)], CurveExtrapolation()) == [
        ("complete", 20),
        ("stop", 4),
        ("complete", 20),
    ]


def test_a_late_bloomer_goes_on() -> None:
    """Its value at 4 is twice the best end, and still falls."""
    slow = [0.1 + 0.9 * r**-0.9 for r in range(1, 21)]
    assert slow[3] > 0.35 > 0.2 > slow[-1]
    assert events([curve(0.2), slow], CurveExtrapolation()) == [("complete", 20), ("complete", 20)]


def test_larger_is_better_where_the_metric_says_so() -> None:
    curves = [[1 - y for y in curve(end)] for end in (0.2, 0.5, 0.1)]
    ends = events(curves, CurveExtrapolation(), direction="max")
    assert ends == [("complete", 20), ("stop", 4), ("complete", 20)]


def test_more_confidence_stops_later() -> None:
    noisy = [0.3 + 0.5 / r + 0.02 * (-1) ** r for r in range(1, 41)]
    stopped = [events([curve(0.2, 40), noisy], CurveExtrapolation(c))[1] for c in (0.5, 0.95, 0.999)]
    assert [event for event, _ in stopped] == ["stop"] * 3
    assert stopped[0][1] < stopped[1][1] < stopped[2][1]


def test_nothing_is_stopped_before_a_trial_has_ended() -> None:
    curves = [curve(end) for end in (0.1, 0.9, 0.5)]
    trace = Simulation(table_of(curves), CurveExtrapolation(), workers=3).run()
    assert trace.summary()["stopped"] == 0


def test_divergence_stops_a_trial_and_is_left_out_of_a_fit() -> None:
    nan = float("nan")
    gap = [nan if r == 2 else y for r, y in enumerate(curve(0.5), start=1)]
    fails = [nan if r == 4 else y for r, y in enumerate(curve(0.1), start=1)]
    ends = events([curve(0.2), gap, fails], CurveExtrapolation(levels=[4, 5]))
    assert ends == [("complete", 20), ("stop", 5), ("stop", 4)]  # at 4 the gap leaves three points


def test_on_tables_from_scratch_only_what_was_run_counts() -> None:
    ends = events([curve(0.2), curve(0.5)], CurveExtrapolation(levels=[2, 4, 6, 8, 10]), resumable=False)
    assert ends == [("complete", 20), ("stop", 8)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"confidence": 1}, r"confidence = 1.*0\.5 to below 1"),
        ({"confidence": 0.4}, r"confidence = 0\.4"),
        ({"confidence": "high"}, r"confidence = 'high'"),
        ({"min_points": 3}, r"min_points = 3.*from 4"),
        ({"eta": 1}, r"eta = 1"),
        ({"r_min": 21}, r"r_min = 21.*r_max = 20"),
        ({"levels": [2.5]}, r"2\.5.*nearest"),
    ],
)
def test_wrong_arguments(arguments: Any, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        Simulation(table_of([curve(0.2)]), CurveExtrapolation(**arguments)).run()
