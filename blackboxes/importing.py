"""Turns a published benchmark's file into a file of ours, whatever that file may hold.

The importer runs in a process of its own with a bound on its memory, watched from here: where the libraries that read
HDF5, Parquet or ONNX crash or hang on a damaged file, it is that process which ends, and the user gets an error. What
it writes lies in a folder aside until it is complete. The process ends with this one, however this one ends.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import ModuleType
from typing import IO, Any, get_args

from blackboxes.aside import told_of
from blackboxes.catalogue import own_file, user_folder
from blackboxes.errors import BlackboxError, name_hint
from blackboxes.importers import Progress
from blackboxes.registry import Registry

PATIENCE = 600.0  # seconds without a sign of life until an importer counts as hanging
MEMORY = 8 << 30  # bytes that it may take
MEMORY_OF_SOURCE = 12  # and so many times its source's size: text and pickles grow when they become Python objects
LOOK = 0.5  # seconds: Ctrl-C does not wake a wait up everywhere
# The path of modules is this process's own; left alone, Python would look into the working directory first.
START = "import sys; sys.path[:] = sys.argv[1:]; from blackboxes.import_process import main; main()"

Importer = Callable[..., Iterator[Any]]


def _function(module: ModuleType) -> Importer:
    return module.tables


IMPORTERS = Registry("format", "blackboxes.importers", _function, "rungsim.importers", BlackboxError)


def import_file(
    format: str,
    source: str | os.PathLike[str] | None,
    out: str | os.PathLike[str] | None = None,
    *,
    compress: bool = False,
    progress: Progress | None = None,
    patience: float = PATIENCE,
    memory: int | None = None,
    **options: Any,
) -> Path:
    """Import a published benchmark's file.

    Args:
        format: the importer's name: ``lcbench``, ``fcnet``, ... (`IMPORTERS.names()`).
        source: the file or folder to read; None for importers that find it by themselves.
        out: the file to make or replace; None: ``FAMILY.h5`` in the user's data folder, where `load` finds it by name.
        compress: half the size or less, but slow to write, and read into memory rather than memory-mapped.
        progress: called with what is done and what there is in all.
        patience: seconds without a sign of life after which the importer counts as hanging.
        memory: bytes that the importer may take (held on Linux); by default 8 GiB and 12 times the source's size.
        options: the importer's own.

    Returns:
        The file that was written.

    Raises:
        BlackboxError: an unknown format or option, a source that cannot be read, is damaged or not what it should be,
            or one that makes the importer fail, crash, hang, or take more memory than it may; a family whose name a
            shipped one has. Where the importer failed, its traceback is the error's cause.
        OSError: the folder cannot be written to; it names the file to make.
    """
    importer = IMPORTERS.find(format)
    _check_arguments(format, importer, source, options)
    target = None if out is None else _checked(Path(out), source)
    folder = user_folder() if target is None else target.parent
    if target is None:
        folder.mkdir(parents=True, exist_ok=True)
    with (
        told_of(folder if target is None else target),
        tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-", ignore_cleanup_errors=True) as aside,
    ):
        written = Path(aside, "tables.h5").absolute()
        request = {
            "format": format,
            "source": None if source is None else os.fspath(source),
            "out": os.fspath(written),
            "compress": compress,
            "memory": MEMORY + MEMORY_OF_SOURCE * _size(source) if memory is None else memory,
            "options": options,
        }
        with closing(_answers(request, patience)) as answers:
            for answer in answers:
                if "progress" in answer and progress is not None:
                    progress(*answer["progress"])
                if "family" in answer and target is None:
                    target = _checked(own_file(answer["family"]), source)
        assert target is not None
        written.replace(target)
    return target


def finds_its_source(importer: Importer) -> bool:
    """Whether an importer takes None for its source."""
    return type(None) in get_args(annotation(importer, "source"))


def annotation(importer: Importer, name: str) -> Any:
    """The type of an importer's parameter, also where its module has `from __future__ import annotations`."""
    written = inspect.signature(importer).parameters[name].annotation
    # One by one: `typing.get_type_hints` fails where the type of what is returned is imported for type checkers only.
    return eval(written, inspect.unwrap(importer).__globals__) if isinstance(written, str) else written


def _check_arguments(format: str, importer: Importer, source: Any, options: Mapping[str, Any]) -> None:
    if source is None and not finds_its_source(importer):
        raise BlackboxError(f"{format}: a source is needed, the file or folder to read")
    if source is not None and not os.path.exists(source):
        raise BlackboxError(f"{os.fspath(source)}: there is no such file or folder")
    known = {p.name: p for p in inspect.signature(importer).parameters.values() if p.kind is p.KEYWORD_ONLY}
    for name in options:
        if name not in known:
            raise BlackboxError(f"{format} has no option {name!r}: {name_hint(name, known)}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in options:
            raise BlackboxError(f"{format} needs the option {name!r}")


def _checked(target: Path, source: str | os.PathLike[str] | None) -> Path:
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise BlackboxError(f"{target}: cannot be written, it is no file")
    target = target.resolve() if target.is_symlink() else target  # a link stays one
    if target.is_dir() or not target.parent.is_dir():
        why = "it is a folder" if target.is_dir() else "there is no such folder"
        raise BlackboxError(f"{target}: cannot be written, {why}")
    if source is not None and target.exists() and target.samefile(source):
        raise BlackboxError(f"{target}: cannot be written, it is what is to be read")
    return target


def _size(source: str | os.PathLike[str] | None) -> int:
    if source is None:
        return 0
    inside = (Path(folder, name) for folder, _, names in os.walk(source) for name in names)
    total = 0
    for path in inside if os.path.isdir(source) else [Path(source)]:
        with suppress(OSError):  # it is gone, or may not be looked at: the importer's business
            total += path.stat().st_size
    return total


class _ImporterError(Exception):
    """The traceback of an error in the importer's process."""


def _answers(request: dict[str, Any], patience: float) -> Generator[dict[str, Any], None, None]:
    """Run a request in a process and give what it says until its success; the process never outlives the generator."""
    what = f"{request['source'] or request['format']}: cannot be imported as {request['format']}"
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = dict.fromkeys([*map(os.path.abspath, sys.path), ours])  # relative ones mean what they mean here
    asked = json.dumps(request, default=os.fspath).encode() + b"\n"
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-c", START, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(OSError):  # it has ended already: its exit code tells more
                process.stdin.write(asked)
                process.stdin.flush()  # and stays open: its end tells the process that this one is gone
            for answer in _lines(process.stdout, patience):
                if "error" in answer:
                    cause = _ImporterError(f"\n\n{answer['trace']}") if "trace" in answer else None
                    raise BlackboxError(answer["error"]) from cause
                yield answer
                if "written" in answer:
                    return
            code = process.wait(patience)
        except (Empty, subprocess.TimeoutExpired):
            raise BlackboxError(
                f"{what}: no sign of life for {patience:g} seconds; the file is likely damaged"
            ) from None
        finally:
            process.kill()
            process.wait()
            with suppress(OSError):  # what was not written cannot be flushed either
                process.stdin.close()
        raise BlackboxError(f"{what}: {_ended(code, complaints)}; the file is likely damaged")


def _ended(code: int, complaints: IO[bytes]) -> str:
    """How a process ended that should not have, with the last line that it, or a library in it, has printed."""
    complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - 4096))
    said = "".join(f": {line:.200}" for line in complaints.read().decode(errors="replace").strip().splitlines()[-1:])
    if code >= 0:
        return f"its process ended before it was done (exit code {code}{said})"
    name = {number.value: number.name for number in signal.Signals}.get(-code, f"signal {-code}")
    why = ", as when the machine has no more memory" if name == "SIGKILL" else ""
    return f"the library that reads it crashed ({name}{why}{said})"


def _lines(stream: IO[bytes], patience: float) -> Iterator[dict[str, Any]]:
    """The messages in a stream, until its end.

    Raises:
        Empty: nothing came for too long.
    """
    lines: Queue[bytes] = Queue()

    def listen() -> None:
        with stream:
            for line in stream:
                lines.put(line)
        lines.put(b"")

    Thread(target=listen, daemon=True).start()
    last_sign = time.monotonic()
    while True:
        try:
            line = lines.get(timeout=min(LOOK, patience))
        except Empty:
            if time.monotonic() - last_sign >= patience:
                raise
            continue
        if not line:
            return
        last_sign = time.monotonic()
        if line.startswith(b'{"'):  # else something that was printed while Python started
            yield json.loads(line)
