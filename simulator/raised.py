"""An error that a scheduler or searcher raised in a run: in which run, when, about which trial, and where."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from simulator.clock import format_time
from simulator.protocol import Scheduler
from simulator.searcher import Searcher
from simulator.trial import Trial

ASKED = ("__init__", "setup", "next_job", "on_report", "on_end", "on_failure", "propose", "on_start", "observe")
BEGIN = "raised by "  # of the note


def annotate(error: Exception, run: str, now: int | None = None) -> None:
    """Add a note to an error that came from a scheduler or searcher; nothing is done where it came from elsewhere.

    It is a note as those of `BaseException.add_note`, which Python shows below the traceback from 3.11 on.

    Args:
        error: as it was caught.
        run: in which it was raised, in words.
        now: simulated nanoseconds; None: there is no time yet.
    """
    asked = _asked(error.__traceback__)
    if asked is None:
        return
    code, given = asked.tb_frame.f_code, asked.tb_frame.f_locals
    about = given.get(code.co_varnames[1]) if code.co_argcount > 1 else None
    note = f"{BEGIN}{run}: {code.co_name}"
    note += "" if now is None else f" at {format_time(now)} s"
    if isinstance(about, Trial):
        note += f", trial {about.id} (configuration {about.config}) at resource {about.resource:g}"
    error.__notes__ = [*getattr(error, "__notes__", ()), note]


def note_of(error: BaseException) -> str | None:
    """What `annotate` has noted."""
    return next((note for note in getattr(error, "__notes__", ()) if str(note).startswith(BEGIN)), None)


def text_of(error: BaseException) -> str:
    """An error's traceback as text; of one with a note from the scheduler's own code on, with the note below."""
    import traceback  # only where something went wrong

    note, trace = note_of(error), error.__traceback__
    if note is None:
        return "".join(traceback.format_exception(type(error), error, trace))
    said = "".join(traceback.format_exception(type(error), error, _asked(trace) or trace))
    return said if note in said else f"{said}{note}\n"


def _asked(trace: TracebackType | None) -> TracebackType | None:
    """Where in a traceback a scheduler or searcher was asked first."""
    return next((at for at in _walk(trace) if _is_question(at)), None)


def _is_question(at: TracebackType) -> bool:
    code = at.tb_frame.f_code
    if code.co_name not in ASKED or not code.co_argcount:
        return False
    return isinstance(at.tb_frame.f_locals.get(code.co_varnames[0]), Scheduler | Searcher)


def _walk(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next
