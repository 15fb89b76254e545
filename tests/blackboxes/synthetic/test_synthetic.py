"""What all synthetic families promise: names, parameters, determinism, truth."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from blackboxes import Blackbox, BlackboxError, load, save
from blackboxes.synthetic import FAMILIES, families, make

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED_ROW = {"x0": 0.140406, "x1": 0.962885, "x2": 0.260349, "x3": 0.769625}

PRINT_DIGESTS = """
from hashlib import sha256
from blackboxes.synthetic import FAMILIES, make
for name in FAMILIES.names():
    table = make(name, "n=50,seed=5" if "hartmann" in name else "n=50,diverging=0.2,seed=5,runtime=pareto")
    arrays = [table.elapsed, *table.metrics.values(), *table.columns.values()]
    print(name, table.task, sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


def same(a: Blackbox, b: Blackbox) -> bool:
    return (
        a.name == b.name
        and a.description == b.description
        and a.elapsed.tobytes() == b.elapsed.tobytes()
        and {k: v.tobytes() for k, v in a.metrics.items()} == {k: v.tobytes() for k, v in b.metrics.items()}
        and {k: v.tobytes() for k, v in a.columns.items()} == {k: v.tobytes() for k, v in b.columns.items()}
    )


def some_values(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any legal parameters of a family, but small."""
    values: dict[str, st.SearchStrategy[Any]] = {}
    for parameter in FAMILIES.find(name).parameters():
        low, high = parameter.between.low, parameter.between.high
        if parameter.choices:
            strategy: st.SearchStrategy[Any] = st.sampled_from(parameter.choices)
        elif parameter.kind is bool:
            strategy = st.booleans()
        elif parameter.kind is int:
            strategy = st.integers(int(low), min(int(high), int(low) + 6))
        else:
            strategy = st.floats(low, min(high, low + 2)).filter(lambda v, p=parameter: v in p.between)
        values[parameter.name] = strategy
    values |= {"n": st.integers(1, 12), "r_max": st.integers(9, 20), "seed": st.integers(0, 2**64 - 1)}
    return st.fixed_dictionaries({}, optional=values)


def test_families_are_the_files_of_the_folder() -> None:
    folder = ROOT / "blackboxes" / "synthetic"
    files = {path.stem.replace("_", "-") for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert set(FAMILIES.names()) == files >= {"power-law", "exponential", "crossing", "adversarial", "hartmann3"}
    for name, cls in families().items():
        assert cls.family_name() == name
        assert 20 < len(cls.summary()) < 100
        assert all(parameter.help and parameter.expected for parameter in cls.parameters())
        assert cls.parameters()[-1].name == "seed"


@pytest.mark.parametrize("name", FAMILIES.names())
def test_default_table(name: str) -> None:
    make(name)  # imports what it needs
    started = time.process_time()
    table = make(name)
    assert time.process_time() - started < 0.5
    assert (table.family, table.task, len(table), table.replicates) == (name, "seed=0", 1000, 2)
    assert (table.default_metric, table.test_metric) == ("loss", "true_loss")
    assert {values.dtype for values in table.metrics.values()} == {np.dtype(np.float32)}
    assert table.vectors.min() >= 0
    assert table.vectors.max() <= 1
    assert np.array_equal(table.vectors, np.stack(list(table.columns.values()), axis=1))
    finals = table.metrics["true_loss"][:, :, -1]
    assert (finals[:, 0] == finals[:, 1]).all()
    assert f"is row {finals[:, 0].argmin()}, with {finals.min():.6g}." in table.description


@pytest.mark.parametrize("name", FAMILIES.names())
def test_times_are_whole_nanoseconds(name: str) -> None:
    elapsed = make(name, "n=200,seconds=0.0123456789").elapsed
    ticks = [int(seconds * 1e9 + 0.5) for seconds in elapsed.ravel().tolist()]
    assert [tick / 1e9 for tick in ticks] == elapsed.ravel().tolist()
    assert min(ticks) >= 1


@pytest.mark.parametrize("name", FAMILIES.names())
@given(data=st.data())
@settings(max_examples=30)
def test_a_name_makes_the_same_table_again(name: str, data: st.DataObject) -> None:
    assert_a_name_makes_the_same_table_again(name, data.draw(some_values(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES.names())
@given(data=st.data())
@settings(max_examples=300)
def test_many_names_make_the_same_tables_again(name: str, data: st.DataObject) -> None:
    assert_a_name_makes_the_same_table_again(name, data.draw(some_values(name)))


def assert_a_name_makes_the_same_table_again(name: str, values: dict[str, Any]) -> None:
    try:
        table = FAMILIES.find(name)(**values).table()
    except BlackboxError:
        reject()  # two parameters that exclude each other, or losses and times beyond all bounds
    assert table.name == f"{name}:{table.task}"
    assert same(make(name, table.task), table)


def test_names_are_canonical() -> None:
    def task(parameters: str) -> str:
        return make("power-law", f"n=3,r_max=3,{parameters}").task

    assert make("power-law", "rank_correlation=0.5,seed=3").task == "rank_correlation=0.5,seed=3"
    assert make("power-law", " seed = 3 , rank_correlation = 5e-1 ").task == "rank_correlation=0.5,seed=3"
    assert make("power-law", "").task == make("power-law").task == make("power-law", "seed=0").task == "seed=0"
    assert task("noise=1") == task("noise=1.0") == "noise=1,n=3,r_max=3,seed=0"
    assert task("runtime='pareto',resumable=False") == "runtime=pareto,resumable=False,n=3,r_max=3,seed=0"
    assert make("crossing", "after=None,n=3").task == "n=3,seed=0"


def test_pickled_and_saved_tables_are_the_same(tmp_path: Path) -> None:
    table = make("exponential", "n=9,diverging=0.5,seed=4")
    assert same(pickle.loads(pickle.dumps(table)), table)
    save(tmp_path / "a.h5", [table])
    assert same(load(tmp_path / "a.h5"), table)


def test_another_process_and_hash_seed_give_the_same_bytes() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", PRINT_DIGESTS],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "01"
    ]
    assert found[0] == found[1]
    assert len({line.split()[-1] for line in found[0].splitlines()}) == len(FAMILIES.names())


def test_configurations_are_those_that_were_always_drawn() -> None:
    """A change here changes every synthetic table that somebody has published results on."""
    assert make("power-law", "n=2,seed=3").params(1) == PUBLISHED_ROW
    assert (
        list(make("hartmann3", "n=2,seed=3").params(0).values())
        == list(make("crossing", "n=2,seed=3").params(0).values())[:3]
    )


@pytest.mark.parametrize("name", FAMILIES.names())
def test_parameters_change_only_what_they_are_about(name: str) -> None:
    """Common random numbers: noise, replicates and times do not draw other configurations or truths."""
    table, other = make(name, "n=30,seed=1"), make(name, "n=30,seed=1,noise=0.5,replicates=4,seconds=7")
    assert all(np.array_equal(table.columns[x], other.columns[x]) for x in table.columns)
    assert np.array_equal(table.metrics["true_loss"], other.metrics["true_loss"][:, :2])
    more = make(name, "n=30,seed=1,replicates=4")
    assert np.array_equal(table.metrics["loss"], more.metrics["loss"][:, :2])
    assert not np.array_equal(table.vectors, make(name, "n=30,seed=2").vectors)


CASES = [(name, parameter) for name in FAMILIES.names() for parameter in FAMILIES.find(name).parameters()]


@pytest.mark.parametrize(("name", "parameter"), CASES, ids=[f"{name}-{p.name}" for name, p in CASES])
def test_wrong_values(name: str, parameter: Any) -> None:
    wrong: list[Any] = ["no such word", [1], 1j, "", b"pareto"]
    if parameter.default is not None:
        wrong.append(None)
    if parameter.choices or parameter.kind is bool:
        wrong += [0, 1, 0.5]
    else:
        low, high = parameter.between.low, parameter.between.high
        wrong += [low - 1, high + 1, low - 10**400 if parameter.kind is int else -inf, nan, inf, True]
        wrong += [low] if parameter.between.open in ("low", "both") else []
        wrong += [high] if parameter.between.open in ("high", "both") else []
        wrong += [low + 0.5] if parameter.kind is int else []
    for value in wrong:
        with pytest.raises(BlackboxError) as caught:
            FAMILIES.find(name)(**{parameter.name: value})
        message = str(caught.value)
        assert message.startswith(f"{name}: {parameter.name}=")
        assert parameter.expected in message
        assert len(message) < 250
    for edge in ("low", "high"):  # and the ends of the range are right, but where they are excluded
        if parameter.kind in (int, float) and parameter.between.open not in (edge, "both"):
            parameter.checked(name, getattr(parameter.between, edge))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("rank_corelation=0.5", "power-law has no parameter 'rank_corelation': did you mean rank_correlation"),
        ("seed", "parameters are written name=value, such as seed=3, not 'seed'"),
        ("seed=", "not 'seed='"),
        ("=3", "not '=3'"),
        ("seed=1,,n=3", "not ''"),
        ("seed=1,", "not ''"),
        (
            "seed=1;n=3",
            "power-law: seed=1;n=3 is wrong, it should be a whole number from 0 to 18,446,744,073,709,551,615",
        ),
        ("seed=1,seed=1", "power-law: seed is given twice"),
        ("n=" + "(" * 500, "n=(((("),
        ("n=" + "9" * 1500, "n=9999"),
        ("n=3," * 600, "parameters of 2400 characters, at most 2000 are read"),
        ("noise=1e999", "noise=inf is wrong, it should be a number from 0 to 1e+06"),
        ("noise=-0.1", "noise=-0.1 is wrong"),
        ("n=1000000,r_max=1000", "n=1000000 x replicates=2 x r_max=1000 values are too many, at most 33,554,432"),
        ("runtime=constant,runtime_correlation=0.5", "runtime_correlation=0.5 does nothing with runtime=constant"),
        ("runtime=constant,runtime_tail=3", "runtime_tail=3.0 does nothing with runtime=constant"),
        ("low_fidelity=81", "low_fidelity=81 is wrong, it should be below r_max=81"),
        ("runtime=pareto,runtime_tail=0.1", "the longest curve takes"),
        ("runtime=pareto,runtime_tail=0.001", "the longest curve takes inf seconds, at most 1e+09 are possible"),
        ("exponent=10,exponent_spread=2,low_fidelity=60", "losses beyond 1e+30: make the curves less steep"),
    ],
)
def test_wrong_parameters(parameters: str, words: str) -> None:
    with pytest.raises(BlackboxError) as caught:
        make("power-law", parameters)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("powerlaw", "", "there is no synthetic family 'powerlaw': did you mean power-law?"),
        ("_curves", "", "there is no synthetic family '_curves'"),
        ("../x", "", "there is no synthetic family '../x'"),
        ("crossing", "after=81", "crossing: after=81 is wrong, it should be below r_max=81"),
        ("adversarial", "until=100", "adversarial: until=100 is wrong, it should be below r_max=81"),
        ("adversarial", "bloomers=0.2", "adversarial: bloomers=0.2 does nothing with kind=reversed"),
        ("adversarial", "kind=late", "kind=late is wrong, it should be reversed or late-bloomers"),
        ("exponential", "half_life=0.02,half_life_spread=2,low_fidelity=60", "losses beyond 1e+30"),
        ("hartmann3", "r_min=100", "hartmann3: r_min=100 is wrong, it should be below r_max=100"),
        ("hartmann6", "d=3", "hartmann6 has no parameter 'd'"),
    ],
)
def test_wrong_families_and_what_excludes_itself(name: str, parameters: str, words: str) -> None:
    with pytest.raises(BlackboxError) as caught:
        make(name, parameters)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", FAMILIES.names())
def test_smallest_tables(name: str) -> None:
    r_min = "r_min=1," if "hartmann" in name else ""
    table = make(name, f"{r_min}n=1,replicates=1,r_max=2")
    assert table.elapsed.shape == (1, 1, 2)
    assert np.isfinite(table.metrics["loss"]).all()


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, blackboxes.synthetic as s; s.families(); print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"scipy", "pandas", "ConfigSpace", "h5py"} & set(done.stdout.split())
