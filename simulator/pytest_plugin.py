"""Plugin for pytest, installed with rungsim: the fixture `golden_trace` and the flag `--regen-golden`.

Every pytest in an environment that has rungsim loads it at its start, so what tests alone need is imported in them.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simulator import Simulation, Trace

LONGEST = 120  # characters of a file's name, of the 255 that file systems allow


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("rungsim").addoption(
        "--regen-golden",
        action="store_true",
        help="write golden traces anew from what the code does now; look at the difference before you commit",
    )


@pytest.fixture
def golden_trace(request: pytest.FixtureRequest) -> GoldenTrace:
    """Compare the trace of a simulation with the golden one beside the test: `golden_trace(simulation)`."""
    return GoldenTrace(request)


class GoldenTrace:
    """Compares traces with the files of one test: the fixture `golden_trace`.

    A file is `golden/FILE/TEST.trace` beside the test's file: its name without `.py`, then that of the test, with
    `-` and the parameters' id, and with `+` and the `name` if one is given. Whatever else than a-z, 0-9, `_`, `-`
    and `.` there is in the name, makes it end in a digest, so that file systems that know no such characters, or
    hold a for A, keep tests apart.
    """

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._names: set[str | None] = set()

    def __call__(self, run: Simulation | Trace, name: str | None = None) -> Trace:
        """Fail, if the trace is not the golden one.

        Where there is no file yet, it is made, and the test fails; with `--regen-golden` it is written anew, and
        the test goes on.

        Args:
            run: a simulation, which is run, or a trace.
            name: tells several traces of one test apart.

        Returns:
            The trace.
        """
        __tracebackhide__ = True
        from simulator import Simulation, Trace

        if not isinstance(run, Simulation | Trace):
            pytest.fail(f"golden_trace takes a Simulation or a Trace, not {run!r}", pytrace=False)
        if name is not None and not (isinstance(name, str) and name):
            pytest.fail(f"golden_trace: name must be a text, not {name!r}", pytrace=False)
        if name in self._names:
            again = "a name" if name is None else "another name"
            pytest.fail(f"golden_trace is called twice with name={name!r}: give one of them {again}", pytrace=False)
        self._names.add(name)
        trace = run.run() if isinstance(run, Simulation) else run
        check_golden(trace, golden_path(self._request.node, name), self._request.config)
        return trace


def golden_path(test: Any, name: str | None = None) -> Path:
    """The golden file of a test, a `pytest.Function`; `GoldenTrace` tells the rule."""
    classes = [scope.name for scope in test.listchain() if isinstance(scope, pytest.Class)]
    whole = ".".join([*classes, test.originalname])
    if hasattr(test, "callspec"):
        whole += f"-{test.callspec.id}"
    if name is not None:
        whole += f"+{name}"
    stem = re.sub(r"[^A-Za-z0-9_.+-]", "-", whole)[:LONGEST]
    if not re.fullmatch(r"[a-z0-9_.-]+(\+[a-z0-9_.-]+)?", whole) or stem != whole:
        stem += f"-{sha256(repr((test.name, classes, name)).encode()).hexdigest()[:8]}"
    # Not .txt: what is called test*.txt, pytest collects as doctests.
    return Path(test.path).parent / "golden" / test.path.stem / f"{stem}.trace"


def check_golden(trace: Trace, path: Path, config: pytest.Config) -> None:
    """Compare a trace with a golden file; make it, if it is missing or if `--regen-golden` says so.

    Fails the test, with the first decision that changed, if an event differs.
    """
    __tracebackhide__ = True
    from simulator.golden import departure_from_file

    name = path.relative_to(config.rootpath).as_posix() if path.is_relative_to(config.rootpath) else str(path)
    regenerate = config.getoption("--regen-golden")
    if regenerate or not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            trace.save(path)
        except OSError as error:
            pytest.fail(f"the golden trace {name} cannot be written: {error}", pytrace=False)
        if not regenerate:
            pytest.fail(f"there was no golden trace {name}: made it now; look at it, and commit it", pytrace=False)
        return
    message = departure_from_file(path, trace, name)
    if message is not None:
        from simulator.cli.output import plain

        pytest.fail("\n".join(map(plain, message.splitlines())), pytrace=False)
