"""The process in which an importer runs: reads one request in JSON from standard input, and answers a line each.

The answers: ``{"progress": [done, total]}`` now and then, ``{"family": NAME}`` at the first table, and at the end
``{"written": true}`` or ``{"error": TEXT}``, with a ``trace`` if the importer failed and did not just refuse.
"""

from __future__ import annotations

import inspect
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

from blackboxes.errors import BlackboxError
from blackboxes.importers import Progress
from blackboxes.importing import IMPORTERS, Importer

BETWEEN_MESSAGES = 0.1  # seconds

Tell = Callable[..., None]


def main() -> None:
    """Carry out the request on standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no message

    def tell(**message: Any) -> None:
        print(json.dumps(message), file=answers, flush=True)

    request = json.loads(sys.stdin.buffer.readline())
    Thread(target=_end_with_parent, args=(Path(request["out"]).parent,), daemon=True).start()
    _limit_memory(request["memory"])
    source, name = request["source"], request["format"]
    try:
        convert(request, tell)
        tell(written=True)
    except BlackboxError as error:
        text = str(error).removeprefix(f"{request['out']}: ")  # a name that means nothing to the user
        tell(error=text if source is None or source in text else f"{source}: {text}")
    except MemoryError:
        bound = request["memory"] / 2**30
        tell(error=f"{source or name}: takes more than the {bound:.3g} GiB of memory that an import may take")
    except Exception as error:
        where = f"{source or name}: cannot be imported as {name}"
        why = f"{type(error).__name__}: {' '.join(str(error).split()):.300}"
        if not isinstance(error, OSError):
            place = _place(error, IMPORTERS.find(name))
            why += f" ({place}); the file is damaged or of another layout, or that is a bug"
        tell(error=f"{where}: {why}", trace=traceback.format_exc())


def convert(request: dict[str, Any], tell: Tell) -> None:
    """Carry out a request, and tell how it gets on.

    Raises:
        BlackboxError: as for `importing.import_file`.
    """
    from blackboxes.hdf5 import save

    source = None if request["source"] is None else Path(request["source"])
    made = IMPORTERS.find(request["format"])(source, _seldom(tell), **request["options"])

    def named() -> Iterator[Any]:
        told = False
        for table in made:
            if not told:
                tell(family=str(table.family))
                told = True
            yield table
            del table  # memory is for one at a time

    save(request["out"], named(), compress=request["compress"])


def _seldom(tell: Tell) -> Progress:
    next_time = 0.0

    def progress(done: float, total: float) -> None:
        nonlocal next_time
        if (now := time.monotonic()) >= next_time:
            next_time = now + BETWEEN_MESSAGES
            tell(progress=[float(done), float(total)])

    return progress


def _place(error: Exception, importer: Importer) -> str:
    """The innermost line of the importer's file or of this package: what lies below is the libraries'."""
    own = inspect.getfile(inspect.unwrap(importer))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == own or Path(__file__).parent in Path(frame.filename).parents:
            break
    return f"{Path(frame.filename).name}, line {frame.lineno}, in {frame.name}"


def _end_with_parent(aside: Path) -> None:
    """Standard input ends when the parent has: nobody else would clean up."""
    os.read(0, 1)  # not `sys.stdin`, whose lock would be in the way of a normal end
    shutil.rmtree(aside, ignore_errors=True)
    os._exit(1)


def _limit_memory(size: int) -> None:
    if sys.platform == "linux":  # elsewhere such a limit is not kept
        import resource

        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        size = size if most == resource.RLIM_INFINITY else min(size, most)
        resource.setrlimit(resource.RLIMIT_DATA, (size, most))
