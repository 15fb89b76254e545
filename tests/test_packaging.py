"""The project's own files agree with each other, and a wheel works where there is no checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["simulator", "blackboxes", "analysis"]
PIN = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.+]*( ; [^/@]+)?")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pins() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_installed_version_is_the_one_in_pyproject(pyproject: dict[str, Any]) -> None:
    assert metadata.version("rungsim") == pyproject["project"]["version"]


def test_every_tool_is_told_of_every_package(pyproject: dict[str, Any]) -> None:
    tool = pyproject["tool"]
    assert tool["mypy"]["packages"] == PACKAGES
    assert tool["importlinter"]["root_packages"] == PACKAGES
    for target in ("wheel", "sdist"):
        included = tool["hatch"]["build"]["targets"][target]["include"]
        assert {f"/{package}" for package in PACKAGES} <= set(included)


def test_constraints_are_pins_only(pins: list[str]) -> None:
    assert [line for line in pins if not PIN.fullmatch(line)] == []
    assert pins == sorted(pins, key=lambda line: line.split("==")[0])


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_requirement_has_one_pin_within_its_bounds(
    pyproject: dict[str, Any], pins: list[str], python: str
) -> None:
    environment: dict[str, Any] = dict(default_environment())
    environment |= {"python_version": python, "python_full_version": f"{python}.0"}
    pinned: dict[str, list[str]] = {}
    for pin in map(Requirement, pins):
        if pin.marker is None or pin.marker.evaluate(environment):
            pinned.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    assert {name: versions for name, versions in pinned.items() if len(versions) > 1} == {}

    project = pyproject["project"]
    wanted = [*pyproject["build-system"]["requires"], *project["dependencies"]]
    wanted += [line for extra in project["optional-dependencies"].values() for line in extra]
    for requirement in map(Requirement, wanted):
        elsewhere = requirement.marker is not None and not requirement.marker.evaluate(environment)
        if elsewhere or requirement.name == project["name"]:  # its own extras
            continue
        versions = pinned.get(canonicalize_name(requirement.name), [])
        assert versions, f"constraints.txt has no pin of {requirement.name} for Python {python}"
        assert requirement.specifier.contains(versions[0]), f"{requirement} excludes its pin {versions[0]}"


LOOK = """
import sys, blackboxes
table = blackboxes.load("mlp:digits")
print(blackboxes.__file__)
print(blackboxes.families()["mlp"])
"""

COMMAND = """
import sys
from importlib.metadata import entry_points
[script] = entry_points(group="console_scripts", name="rungsim")
sys.argv = ["rungsim", "list"]
sys.exit(script.load()())
"""


@pytest.mark.slow
def test_wheel_finds_its_tables_in_an_empty_folder(tmp_path: Path) -> None:
    """The wheel is built from the sdist, so that the sdist is complete as well. No network is needed."""
    dist, home, empty = tmp_path / "dist", tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", dist, cwd=ROOT)
    [sdist] = dist.glob("rungsim-*.tar.gz")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-input"]
    offline = ["--no-deps", "--no-index", "--no-compile"]
    run(*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", dist, sdist, cwd=empty)
    [wheel] = dist.glob("rungsim-*.whl")

    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    shipped = [path for path in (ROOT / "data").iterdir() if path.suffix in (".h5", ".md")]
    expected = {path.relative_to(ROOT).as_posix() for path in sources}
    expected |= {f"blackboxes/_data/{path.name}" for path in shipped}
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert expected - inside == set()
    assert {name for name in inside if name.split("/")[0] not in PACKAGES} == set()

    # A new environment that has the wheel, and borrows the dependencies from this one. A path in a .pth file
    # is searched last, and .pth files in it are not read: the editable install here stays out of sight.
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=empty)
    scheme = {"base": str(home), "platbase": str(home)}
    kind = "venv" if "venv" in sysconfig.get_scheme_names() else sysconfig.get_default_scheme()
    site = Path(sysconfig.get_path("purelib", kind, scheme))
    run(*pip, "install", *offline, "--target", site, wheel, cwd=empty)
    borrowed = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (site / "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    python = Path(sysconfig.get_path("scripts", kind, scheme)) / Path(sys.executable).name

    package, table = run(python, "-I", "-c", LOOK, cwd=empty).split("\n")[:2]
    assert Path(package) == site / "blackboxes" / "__init__.py"
    assert Path(table) == site / "blackboxes" / "_data" / "mlp.h5"
    assert "mlp" in run(python, "-I", "-c", COMMAND, cwd=empty)
    assert list(empty.iterdir()) == []
