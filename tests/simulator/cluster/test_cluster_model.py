"""What a cluster is told: wrong input, presets, TOML, text; what its distributions and rates give."""

from __future__ import annotations

import json
from itertools import islice
from math import exp, inf, pi, sqrt
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from tables import random_table, table_of

from blackboxes.streams import Stream
from simulator import Simulation, SimulationError, Trace
from simulator.cluster import Cluster, DecisionTime
from simulator.cluster.checkpoints import saved_by
from simulator.cluster.durations import Duration, Rate, keyed, lifetimes
from simulator.cluster.workers import planned

TABLE = random_table(3, n=20, times="coarse")
TIMES = ("start", "stop", "save", "load", "report", "backoff", "notice", "away")


# --- wrong input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("value", [-1, float("nan"), inf, "soon", "", "-1s", "1y", "1 2", None, True, [1], "1e999"])
def test_no_time(name: str, value: Any) -> None:
    with pytest.raises(SimulationError, match=rf"^cluster: {name} = .*: seconds, a time such as '20s' or '0.1x'"):
        Cluster(**{name: value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "expontial(mean=1s)"}, "start = 'expontial.*there is no distribution 'expontial': did you mean exp"),
        ({"start": "exponential(1s)"}, r"start = .*: it is written exponential\(mean=\.\.\.\), with numbers from 0"),
        ({"start": "exponential(mean=-1s)"}, "it is written exponential"),
        ({"start": "exponential(mean=1s, mean=2s)"}, "it is written exponential"),
        ({"start": "uniform(low=1s)"}, r"it is written uniform\(low=\.\.\., high=\.\.\.\)"),
        ({"start": "lognormal(median=1s, sigma=1s)"}, r"it is written lognormal\(median=\.\.\., sigma=\.\.\.\)"),
        ({"start": "half-normal(sd=1s)(sd=2s)"}, "seconds, a time such as"),
        ({"notice": "exponential(mean=1s)"}, "notice = .*: one time is needed, not a distribution"),
        ({"slowdown": "2s"}, r"slowdown = '2s': a number from 0, or a distribution such as 'half-normal\(sd=0.5\)'"),
        ({"slowdown": "half-normal(sd=1s)"}, "slowdown = .*: it is written half-normal"),
        ({"slowdown": -0.5}, "slowdown = -0.5: a number from 0"),
        ({"decision": [3]}, "decision: a DecisionTime or text such as"),
        ({"decision": -3}, "decision time: fixed must be a number of seconds from 0"),
        ({"decision": "exponental(mean=1s)"}, "decision = .*did you mean exponential"),
        ({"decision": "3 weeks"}, "decision = .3 weeks.: seconds, a time such as"),
        ({"decision": "slow"}, "decision time 'slow'"),
        ({"checkpoints": "sometimes"}, "checkpoints = 'sometimes': after how many units, 'pauses' or 'never'"),
        ({"checkpoints": 0}, "checkpoints = 0: after how many units"),
        ({"checkpoints": True}, "checkpoints = True: after how many units"),
        ({"checkpoints": np.array([1, 2])}, "checkpoints = array.*: after how many units"),
        ({"room": -1}, "room = -1: a whole number from 0"),
        ({"room": 1.5}, "room = 1.5: a whole number from 0"),
        ({"removal": "best"}, "removal is 'worst' or 'chance', not 'best'"),
        ({"speeds": ()}, r"speeds = \(\): numbers from 1e-09 are needed, 1 is the table's"),
        ({"speeds": [1, 0]}, r"speeds = \[1, 0\]: numbers from"),
        ({"speeds": "fast"}, "speeds = 'fast': numbers from"),
        ({"speeds": [1e-300]}, "numbers from 1e-09"),
        ({"crashes": -1}, "crashes = -1: a number an hour, or text such as '0.2/h' or '0.1/x'"),
        ({"crashes": "1/y"}, "crashes = '1/y': a number an hour"),
        ({"preemptions": "often"}, "preemptions = 'often': a number an hour"),
        ({"retries": -1}, "retries = -1: a whole number from 0"),
        ({"retries": "3"}, "retries = '3': a whole number from 0"),
        ({"plan": [1]}, r"plan = \[1\]: numbers of workers by time, \{'2h': 16\}, are needed"),
        ({"plan": {"2h": -1}}, "plan: workers from 2h on = -1: a whole number from 0 to 65536"),
        ({"plan": {"2h": 1.5}}, "plan: workers from 2h on = 1.5"),
        ({"plan": {0: 3}}, "plan: a time above 0 is needed, not 0"),
        ({"plan": {"later": 3}}, "plan = 'later': seconds, a time such as"),
        ({"plan": {"exponential(mean=1s)": 3}}, r"plan: a time above 0 is needed, not 'exponential\(mean=1s\)'"),
        ({"price": -1}, "price = -1: a number from 0, for a worker-hour"),
        ({"price": "free"}, "price = 'free': a number from 0"),
    ],
    ids=str,
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        Cluster(**arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sport", "there is no 'sport': did you mean spot"),
        ("", "there is no ''"),
        ("spot)", "there is no 'spot.'"),
        ("spot(retry=2)", "a cluster has no 'retry': did you mean retries"),
        ("spot(retries=-1)", "retries = -1: a whole number from 0"),
        ("spot(2)", "arguments are written name=value, such as spot"),
        ("spot(retries=2", "arguments are written name=value"),
        ("spot(retries=two)", "arguments are written name=value"),
        ("spot(retries=2)(price=3)", "arguments are written name=value"),
        ("spot(price=1, price=2)", "arguments are written name=value"),
        ("spot(plan={[1]: 2})", "arguments are written name=value"),
        ("spot(price=1) + f(room=2)", "arguments are written name=value"),
        ("spot(price=__import__('os').getpid())", "arguments are written name=value"),
        ("spot(**{'price': 1})", "arguments are written name=value|a cluster has no 'None'"),
    ],
)
def test_wrong_text(text: str, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        Cluster.read(text)


def test_a_simulation_takes_clusters_only() -> None:
    with pytest.raises(SimulationError, match=r"cluster: a Cluster, a preset or the path of a \.toml file is needed"):
        Simulation(TABLE, "random", cluster={"start": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"start = 1\nretries = ", "not TOML: "),
        (b"start = '\xff'", "not TOML: "),
        (b"retires = 3", "a cluster has no 'retires': did you mean retries"),
        (b"retries = 'three'", "retries = 'three': a whole number from 0"),
        (b"speeds = [1, 'fast']", r"speeds = \[1, 'fast'\]: numbers from"),
        (b"plan = 3", "plan = 3: numbers of workers by time"),
        (b"plan = {1h = 2.5}", "plan: workers from 1h on = 2.5"),
        (b"start = 07:32:00", "start = datetime.time.*: seconds, a time such as"),
    ],
)
def test_wrong_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "cluster.toml"
    path.write_bytes(content)
    with pytest.raises(SimulationError, match=message) as caught:
        Cluster.read(str(path))
    said = str(caught.value)
    assert said.startswith(f"cluster {path}:")
    assert said.count(str(path)) == 1
    assert ("not TOML" in said) == ("not TOML" in message)


def test_a_missing_file() -> None:
    with pytest.raises(SimulationError, match=r"^cluster nowhere/spot\.toml: there is no such file \(looked up from "):
        Cluster.read("nowhere/spot.toml")


def test_what_only_a_table_tells_to_be_wrong() -> None:
    table = table_of([[1.0, 0.5]])
    with pytest.raises(SimulationError, match=r"uniform: low, 20, is more than high, 5"):
        Simulation(table, "random", cluster=Cluster(start="uniform(low=20s, high=5s)")).run()
    with pytest.raises(SimulationError, match=r"a notice of 60 s is longer than workers stay on average, 36 s"):
        Simulation(table, "random", cluster=Cluster(preemptions=100, notice="1m")).run()


def test_a_run_longer_than_time_can_be_told() -> None:
    for arguments in ({"start": 1e300}, {"slowdown": 1e300}, {"slowdown": "lognormal(median=1, sigma=500)"}):
        with pytest.raises(SimulationError, match="the run takes longer than"):
            Simulation(TABLE, "random", cluster=Cluster(**arguments)).run()


@pytest.mark.parametrize(
    "arguments",
    [{"slowdown": 1e300}, {"slowdown": 1e12}, {"speeds": [1e-9]}, {"start": 1e300}, {"stop": 1e300}, {"load": "9e9d"}],
    ids=str,
)
def test_with_a_budget_it_is_cut_off_all_the_same(arguments: dict[str, Any]) -> None:
    trace = Simulation(TABLE, "asha-promotion", workers=2, budget=5, cluster=Cluster(**arguments)).run()
    account = trace.accounting()
    assert account.total == sum(account.parts.values()) == 10 * 10**9
    assert min(account.parts.values()) >= 0


# --- what it is told -------------------------------------------------------------------------------------------


def test_a_file_says_what_arguments_say(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'start = "lognormal(median=20s, sigma=0.5)"\nstop = 5\ndecision = "0.05 + 2e-9 n^3"\ncheckpoints = 3\n'
        'speeds = [1, 0.5]\ncrashes = "0.1/x"\nretries = 2\nprice = 0.9\n[plan]\n2h = 16\n5h = 4\n'
    )
    expected = Cluster(
        start="lognormal(median=20s, sigma=0.5)",
        stop=5,
        decision=DecisionTime(0.05, 2e-9),
        checkpoints=3,
        speeds=(1, 0.5),
        crashes="0.1/x",
        retries=2,
        price=0.9,
        plan={"2h": 16, "5h": 4},
    )
    assert Cluster.read(str(path)) == expected
    assert expected.settings() == {
        "start": "lognormal(median=20s, sigma=0.5)",
        "stop": 5,
        "decision": "0.05 + 2e-09 n^3",
        "checkpoints": 3,
        "speeds": [1, 0.5],
        "crashes": "0.1/x",
        "retries": 2,
        "price": 0.9,
        "plan": {"2h": 16, "5h": 4},
    }


def test_presets() -> None:
    assert Cluster.read("ideal") == Cluster()
    assert Cluster.read("ideal").settings() == {}
    assert Cluster.read("no-checkpoints") == Cluster(checkpoints="never")
    assert Cluster.read(" stragglers ").speeds == (1, 1, 1, 0.5)
    spot = Cluster.read("spot")
    changed = Cluster.read("spot(retries=7, plan={'1h': 3}, price=1)")
    assert changed.settings() == spot.settings() | {"retries": 7, "plan": {"1h": 3}, "price": 1}


@pytest.mark.parametrize("preset", ["ideal", "stragglers", "spot", "no-checkpoints"])
@pytest.mark.parametrize("seconds", [1.0, 1000.0])
def test_presets_mean_the_same_for_a_table_of_any_size(preset: str, seconds: float) -> None:
    """Their times are told in mean full trainings: with times a thousand times as long a run has the same events."""

    def events(factor: float) -> list[tuple[Any, ...]]:
        curves = [[(row * 7 % 11) / 16, (row * 5 % 13) / 16, (row * 3 % 17) / 16] for row in range(20)]
        table = table_of(curves, [[factor, 2 * factor, 3 * factor]] * 20)
        c = Simulation(table, "asha-promotion", workers=3, seed=2, cluster=preset).run().columns
        return list(zip(c.trial.tolist(), c.event.tolist(), c.worker.tolist(), c.resource.tolist(), strict=True))

    assert events(seconds) == events(1.0)


def test_numbers_of_numpy_and_other_mappings() -> None:
    cluster = Cluster(
        checkpoints=np.int64(2),  # type: ignore[arg-type]
        room=np.int64(2),  # type: ignore[arg-type]
        retries=np.int64(2),  # type: ignore[arg-type]
        price=np.float32(1),  # type: ignore[arg-type]
        start=np.float32(0.5),  # type: ignore[arg-type]
        speeds=[np.float32(1), np.int64(2)],  # type: ignore[arg-type]
        plan=MappingProxyType({1: np.int64(3)}),  # type: ignore[dict-item]
    )
    assert json.loads(json.dumps(cluster.settings())) == cluster.settings()
    trace = Simulation(TABLE, "random", budget=5, cluster=cluster).run()
    assert Trace.from_text(trace.to_text(), TABLE).digest() == trace.digest()


@pytest.mark.parametrize(("text", "seconds"), [("20s", 20), ("5m", 300), ("1.5h", 5400), ("2d", 172800), (7, 7)])
def test_times(text: Any, seconds: float) -> None:
    assert Duration.read("start", text).numbers(40.0) == [seconds]


def test_times_in_mean_full_trainings() -> None:
    assert Duration.read("start", "0.25x").numbers(40.0) == [10]
    assert Duration.read("start", "lognormal(median=0.25x, sigma=0.5)").numbers(40.0) == [10, 0.5]


@pytest.mark.parametrize(
    ("given", "mean"),
    [(0, inf), (2, 1800), ("0.2/h", 18000), ("1/d", 86400), ("3/m", 20), ("0.5/s", 2), ("0.1/x", 400), ("4", 900)],
)
def test_rates(given: Any, mean: float) -> None:
    assert Rate.read("crashes", given).mean(40.0) == pytest.approx(mean)


# --- distributions ---------------------------------------------------------------------------------------------

SIGMA = 0.5
MOMENTS = {  # mean and standard deviation
    "exponential(mean=2s)": (2.0, 2.0),
    "uniform(low=1s, high=4s)": (2.5, 3 / sqrt(12)),
    f"lognormal(median=2s, sigma={SIGMA})": (
        2 * exp(SIGMA**2 / 2),
        2 * exp(SIGMA**2 / 2) * sqrt(exp(SIGMA**2) - 1),
    ),
    "half-normal(sd=3s)": (3 * sqrt(2 / pi), 3 * sqrt(1 - 2 / pi)),
}


@pytest.mark.parametrize("text", MOMENTS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_moments(text: str, seed: int) -> None:
    """The mean within 4 standard errors, the standard deviation within 3%; nothing is negative."""
    n, (mean, spread) = 40_000, MOMENTS[text]
    drawn = np.array(list(islice(Duration.read("start", text).times(1.0, seed, "tests"), n))) / 1e9
    assert abs(drawn.mean() - mean) < 4 * spread / sqrt(n)
    assert drawn.std() == pytest.approx(spread, rel=0.03)
    assert drawn.min() >= 0
    assert len(set(drawn.tolist())) > 0.9 * n


def test_medians_and_ends() -> None:
    uniform = list(islice(Duration.read("start", "uniform(low=1s, high=4s)").times(1.0, 0, "tests"), 10_000))
    assert 1e9 <= min(uniform) < 1.01e9
    assert 3.99e9 < max(uniform) <= 4e9
    lognormal = np.array(list(islice(Duration.read("start", "lognormal(median=2s, sigma=1)").times(1.0, 0, "t"), 9999)))
    assert np.median(lognormal) == pytest.approx(2e9, rel=0.05)


def test_lives_are_exponential_and_each_a_function_of_trial_and_attempt() -> None:
    lives = np.array(list(islice(lifetimes(5.0, 0, "tests"), 40_000))) / 1e9
    assert abs(lives.mean() - 5) < 4 * 5 / sqrt(40_000)
    # Kolmogorov and Smirnov: the largest distance from the distribution function; 1.95 / sqrt(n) has level 0.001.
    share = 1 - np.exp(-np.sort(lives) / 5)
    assert np.abs(share - (np.arange(40_000) + 0.5) / 40_000).max() < 1.95 / sqrt(40_000)
    one, other = keyed(lifetimes, 5.0, 7, "tests"), keyed(lifetimes, 5.0, 7, "tests")
    pairs = [(trial, attempt) for trial in (0, 3, 700, 2) for attempt in (0, 2, 1)]
    assert [one(*pair) for pair in pairs] == [other(*pair) for pair in reversed(pairs)][::-1]
    assert len({one(*pair) for pair in pairs}) == len(pairs)
    assert one(3, 0) != keyed(lifetimes, 5.0, 8, "tests")(3, 0)


def test_each_kind_has_a_stream_of_its_own() -> None:
    """That starts are drawn, too, does not change how slow each job is; nor when trials crash."""
    kinds = {"slowdown": "half-normal(sd=1)", "crashes": "0.05/s"}
    alone = Simulation(TABLE, "random", workers=1, cluster=Cluster(**kinds)).run().columns
    both = Simulation(TABLE, "random", workers=1, cluster=Cluster(**kinds, stop="exponential(mean=1s)")).run().columns
    assert alone.jobs is not None
    assert both.jobs is not None
    assert (alone.jobs.pace == both.jobs.pace).all()
    assert (alone.event == both.event).all()
    assert (alone.time != both.time).any()


def test_streams_are_of_the_seed() -> None:
    draws = {
        tuple(islice(Duration.read("start", "exponential(mean=1s)").times(1.0, seed, name), 3))
        for seed in (0, 1)
        for name in ("start", "stop")
    }
    assert len(draws) == 4
    assert Stream(0, "tests").raw(1) != Stream(1, "tests").raw(1)


# --- where checkpoints are, when workers are there -------------------------------------------------------------


@pytest.mark.parametrize(
    ("resources", "every", "expected"),
    [
        ([1, 2, 3, 4, 5], 2, [0, 1, 1, 2, 2]),
        ([1, 2, 3, 4, 5], 2.5, [0, 0, 1, 1, 2]),
        ([1, 2, 3], 0.5, [1, 2, 3]),
        ([16, 23, 32, 45, 64], 20, [0, 1, 1, 2, 3]),
        ([0.1, 0.2, 0.3, 0.6, 0.9], 0.3, [0, 0, 1, 2, 3]),
        ([1, 2, 3], 7, [0, 0, 0]),
        ([1, 2, 3], None, [0, 0, 0]),
    ],
)
def test_checkpoints_on_the_way(resources: list[float], every: float | None, expected: list[int]) -> None:
    """At the first resource that reaches each multiple; a sum of tenths is what it says."""
    assert list(saved_by(tuple(resources), every)) == expected


def test_the_plan_by_worker() -> None:
    plan = [(0, 2), (10, 4), (20, 1), (30, 3)]
    never = 1 << 62
    assert [list(planned(plan, worker)) for worker in range(5)] == [
        [(0, never)],
        [(0, 20), (30, never)],
        [(10, 20), (30, never)],
        [(10, 20)],
        [],
    ]
