"""Turns a published benchmark's file into a file of ours, whatever that file may hold.

The importer runs in a process of its own with a bound on its memory, watched from here: where the libraries that read
HDF5, Parquet or ONNX crash or hang on a damaged file, it is that process which ends, and the user gets an error. What
it writes has another name until it is complete.

    python -m blackboxes.importing     reads one request in JSON from standard input, tells how it gets on, a line each
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import ModuleType
from typing import IO, Any

from blackboxes.catalogue import families, user_folder
from blackboxes.errors import BlackboxError
from blackboxes.importers import Progress
from blackboxes.registry import Registry

PATIENCE = 600.0  # seconds without a sign of life until an importer counts as hanging
MEMORY = 8 << 30  # bytes that it may take
MEMORY_OF_SOURCE = 12  # and so many times its source's size: text and pickles grow when they become Python objects
BETWEEN_MESSAGES = 0.1  # seconds


def _function(module: ModuleType) -> Callable[..., Iterator[Any]]:
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
            or one that makes a library crash, hang, or take more memory than it may.
    """
    IMPORTERS.find(format)
    if source is not None and not os.path.exists(source):
        raise BlackboxError(f"{os.fspath(source)}: there is no such file or folder")
    folder = user_folder() if out is None else Path(out).parent
    if out is None:
        folder.mkdir(parents=True, exist_ok=True)
    elif Path(out).is_dir() or not folder.is_dir():
        why = "it is a folder" if Path(out).is_dir() else "there is no such folder"
        raise BlackboxError(f"{os.fspath(out)}: cannot be written, {why}")
    aside = folder / f".import-{secrets.token_hex(4)}.h5"
    request = {
        "format": format,
        "source": None if source is None else os.fspath(source),
        "aside": os.fspath(aside),
        "compress": compress,
        "memory": memory or MEMORY + MEMORY_OF_SOURCE * _size(source),
        "options": options,
    }
    try:
        family = _watch(request, progress or (lambda done, total: None), patience)
        target = folder / f"{family}.h5" if out is None else Path(out)
        if out is None and family in families() and families()[family] != target:
            raise BlackboxError(f"{target}: a shipped family has the name {family} already, give the file another one")
        aside.replace(target)
    finally:
        for left in folder.glob(f"*{aside.name}*"):  # its own, and what `save` had beside it
            left.unlink(missing_ok=True)
    return target


def _size(source: str | os.PathLike[str] | None) -> int:
    if source is None:
        return 0
    path = Path(source)
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _watch(request: dict[str, Any], progress: Progress, patience: float) -> str:
    """Run a request in a process; gives the family that it wrote."""
    what = f"{request['source'] or request['format']}: cannot be imported as {request['format']}"
    command = [sys.executable, "-m", "blackboxes.importing"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment
        )
        try:
            assert process.stdin is not None
            with process.stdin:
                process.stdin.write(json.dumps(request).encode())
            for message in _messages(process, patience):
                if "error" in message:
                    raise BlackboxError(message["error"])
                if "family" in message:
                    return message["family"]
                progress(message["done"], message["total"])
            code = process.wait(patience)
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
        except (Empty, subprocess.TimeoutExpired):
            raise BlackboxError(
                f"{what}: no sign of life for {patience:g} seconds; the file is likely damaged"
            ) from None
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    raise BlackboxError(
        f"{what}: the library that reads it crashed ({ended}{''.join(f': {line:.200}' for line in said)}); "
        "the file is likely damaged"
    )


def _messages(process: subprocess.Popen[bytes], patience: float) -> Iterator[dict[str, Any]]:
    """What a process says, until its end; `Empty` where it says nothing for too long."""
    lines: Queue[bytes] = Queue()

    def listen(stream: IO[bytes]) -> None:
        for line in stream:
            lines.put(line)
        lines.put(b"")

    assert process.stdout is not None
    Thread(target=listen, args=(process.stdout,), daemon=True).start()
    while line := lines.get(timeout=patience):
        yield json.loads(line)


def _main() -> None:
    """The process that imports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no message

    def tell(**message: Any) -> None:
        print(json.dumps(message), file=told, flush=True)

    request = json.load(sys.stdin)
    _limit_memory(request["memory"])
    next_time = 0.0

    def progress(done: float, total: float) -> None:
        nonlocal next_time
        if (now := time.monotonic()) >= next_time:
            next_time = now + BETWEEN_MESSAGES
            tell(done=done, total=total)

    try:
        tell(family=convert(request, progress))
    except BlackboxError as error:
        tell(error=str(error))
    except MemoryError:
        where = request["source"] or request["format"]
        tell(
            error=f"{where}: takes more than the {request['memory'] / 2**30:.1f} GiB of memory that an import may take"
        )


def convert(request: dict[str, Any], progress: Progress) -> str:
    """Carry out a request in this process; gives the family that was written.

    Raises:
        BlackboxError: as for `import_file`.
    """
    from blackboxes.hdf5 import save

    source = None if request["source"] is None else Path(request["source"])
    family = ""

    def named() -> Iterator[Any]:
        nonlocal family
        for table in IMPORTERS.find(request["format"])(source, progress, **request["options"]):
            family = table.family
            yield table

    save(request["aside"], named(), compress=request["compress"])
    return family


def _limit_memory(size: int) -> None:
    if sys.platform == "linux":  # elsewhere the limit is not kept
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, resource.getrlimit(resource.RLIMIT_DATA)[1]))


if __name__ == "__main__":
    _main()
