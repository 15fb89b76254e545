"""Things found by name: each is one module of a package, or an entry point of another distribution.

The thing `my-name` is in the file `my_name.py`. Modules whose name begins with an underscore are none.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from blackboxes.errors import name_hint, no_file


class Registry:
    """What a package holds, by name.

    Args:
        what: they are called, in messages.
        package: each of its modules is one.
        pick: gives the thing in a module.
        group: entry points of this group are such things too.
        error: raised for an unknown name.
        base: of the classes that they are, if they are classes.
    """

    def __init__(
        self,
        what: str,
        package: str,
        pick: Callable[[ModuleType], Any],
        group: str,
        error: type[Exception],
        base: type | None = None,
    ) -> None:
        self.what, self.package, self.pick, self.group, self.error, self.base = what, package, pick, group, error, base

    @cached_property
    def _shipped(self) -> dict[str, str]:
        path = import_module(self.package).__path__
        found = (module.name for module in iter_modules(path) if not module.name.startswith("_"))
        return {name.replace("_", "-"): f"{self.package}.{name}" for name in found}

    @cached_property
    def _registered(self) -> dict[str, Any]:
        from importlib.metadata import entry_points  # looking through all distributions takes longer than a run

        return {entry.name: entry for entry in entry_points(group=self.group)}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._registered | self._shipped)

    def find(self, name: str) -> Any:
        """The thing of this name, or in a file: ``path/to/file.py:Name``.

        Raises:
            error: there is none; the message has the nearest names. Or another distribution's, or the file, cannot be
                imported.
        """
        path, colon, inside = name.rpartition(":")
        if colon and path.endswith(".py"):
            return self._in_file(Path(path), inside)
        if name.endswith(".py"):
            there = [f"{name}:{one}" for one in self._names_in(self._imported(Path(name), name))]
            raise self.error(
                f"{self.what} {name!r}: name the class in the file as well: {' or '.join(there) or f'{name}:MyClass'}"
            )
        if name in self._shipped:
            return self.pick(import_module(self._shipped[name]))
        if name in self._registered:
            entry = self._registered[name]
            try:
                return entry.load()
            except (ImportError, AttributeError) as error:
                raise self.error(f"{self.what} {name}: {entry.value} cannot be imported: {error}") from error
        raise self.error(f"there is no {self.what} {name!r}: {name_hint(name, self.names())}")

    def summary(self, name: str) -> str:
        """The first line of what its module says of itself; why it cannot be had, where it cannot."""
        try:
            module = sys.modules[self.find(name).__module__]
        except self.error as error:
            return str(error)
        return (inspect.getdoc(module) or "").partition("\n")[0]

    def _in_file(self, path: Path, name: str) -> Any:
        module = self._imported(path, f"{path}:{name}")
        if not hasattr(module, name):
            raise self.error(f"{path} has no {self.what} {name!r}: {name_hint(name, self._names_in(module))}")
        return getattr(module, name)

    def _imported(self, path: Path, where: str) -> ModuleType:
        if not path.is_file():
            raise self.error(f"{self.what} {where}: {no_file(path)}")
        try:
            return _module(path.resolve(), path.stat().st_mtime_ns)
        except OSError as error:
            raise self.error(f"{self.what} {where}: {error.strerror}") from error
        except Exception as error:
            raise self.error(
                f"{self.what} {where}: the file cannot be imported: {type(error).__name__}: {error}"
            ) from error

    def _names_in(self, module: ModuleType) -> list[str]:
        """What a module may be asked for: its own classes of the base, all that is public where there is none."""
        if self.base is None:
            return [name for name in vars(module) if name[0] != "_"]
        return [found.__name__ for found in classes_in(module, self.base)]


@lru_cache(maxsize=64)
def _module(path: Path, changed: int) -> ModuleType:
    """A file as a module, run once for each state of it."""
    spec = spec_from_file_location(f"{path.stem}_{changed:x}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # as dataclasses need it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def only_class(base: type) -> Callable[[ModuleType], Any]:
    """Picks the one subclass of `base` that a module defines."""

    def pick(module: ModuleType) -> Any:
        (found,) = classes_in(module, base)
        return found

    return pick


def classes_in(module: ModuleType, base: type) -> Iterator[type]:
    """The subclasses of `base` that a module defines."""
    for value in vars(module).values():
        # In this order: to Python 3.10 `list[int]` is a class, and then it is none.
        if getattr(value, "__module__", "") == module.__name__ and inspect.isclass(value) and issubclass(value, base):
            yield value
