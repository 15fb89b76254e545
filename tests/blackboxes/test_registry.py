"""Things by name: modules of a package, and entry points of others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blackboxes import BlackboxError
from blackboxes.registry import Registry, only_class

MODULES = {
    "__init__.py": "class Base: pass\n",
    "one_rung.py": "from things import Base\nclass OneRung(Base): pass\nclass Other: pass\n",
    "plain.py": "from things import Base\nfrom things.one_rung import OneRung\nclass Plain(Base): pass\n",
    "_shared.py": "raise AssertionError('it was imported')\n",
    "notes.txt": "",
}


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The package `things` ships `one-rung` and `plain`; another distribution registers four more."""
    package, info = tmp_path / "things", tmp_path / "others-1.0.dist-info"
    package.mkdir()
    for name, content in MODULES.items():
        (package / name).write_text(content)
    (tmp_path / "others.py").write_text("class Theirs: pass\nclass Shadow: pass\n")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    entries = ["theirs = others:Theirs", "plain = others:Shadow", "lost = others:Lost", "gone = nowhere:Gone"]
    (info / "entry_points.txt").write_text("\n".join(["[their.things]", *entries, "[another.group]", "a = b:c", ""]))
    monkeypatch.syspath_prepend(str(tmp_path))
    import things  # type: ignore[import-not-found]

    yield Registry("thing", "things", only_class(things.Base), "their.things", BlackboxError)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("things", "others")]:
        del sys.modules[name]


def test_names_are_those_of_modules_and_entry_points(things: Registry) -> None:
    assert things.names() == ["gone", "lost", "one-rung", "plain", "theirs"]
    assert "things.one_rung" not in sys.modules  # nothing is imported to know its name
    assert "others" not in sys.modules


def test_a_thing_is_the_class_that_its_module_defines(things: Registry) -> None:
    assert things.find("one-rung").__qualname__ == "OneRung"
    assert things.find("plain").__module__ == "things.plain"  # neither the class it imports, nor another's `plain`
    assert things.find("theirs").__module__ == "others"


@pytest.mark.parametrize("name", ["one_rung", "One-rung", "shared", "-shared", "_shared", "", "things.plain", "a"])
def test_other_names_are_unknown(things: Registry, name: str) -> None:
    with pytest.raises(BlackboxError, match=f"^there is no thing {name!r}: .*known: gone, lost, one-rung, "):
        things.find(name)


def test_the_nearest_names_are_told(things: Registry) -> None:
    with pytest.raises(BlackboxError, match="there is no thing 'one-rng': did you mean one-rung or "):
        things.find("one-rng")


def test_what_another_distribution_registers_but_does_not_have(things: Registry) -> None:
    with pytest.raises(BlackboxError, match=r"^thing lost: others:Lost cannot be imported: .*no attribute 'Lost'$"):
        things.find("lost")
    with pytest.raises(BlackboxError, match=r"^thing gone: nowhere:Gone cannot be imported: No module"):
        things.find("gone")


def test_a_module_is_looked_at_when_it_is_asked_for(things: Registry, tmp_path: Path) -> None:
    (tmp_path / "things" / "broken.py").write_text("1 // 0\n")
    assert "broken" in things.names()
    with pytest.raises(ZeroDivisionError):  # a fault of ours is no error of the user's
        things.find("broken")
    assert things.find("plain").__qualname__ == "Plain"


def test_adding_a_module_adds_its_name(things: Registry, tmp_path: Path) -> None:
    (tmp_path / "things" / "new_one.py").write_text("from things import Base\nclass NewOne(Base): pass\n")
    assert "new-one" in things.names()
    assert things.find("new-one").__qualname__ == "NewOne"
