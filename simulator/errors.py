"""Errors of the simulation, each with one message that says what, where and what would be right."""

from __future__ import annotations


class SimulationError(ValueError):
    """An argument of a simulation is not what it should be."""


class FileMistakesError(ValueError):
    """A file that somebody has written is not what it should be.

    Args:
        mistakes: what is wrong, one line each.
    """

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class ClusterFileError(FileMistakesError, SimulationError):
    """The file of a cluster is not what it should be."""


class SchedulerError(SimulationError):
    """A scheduler broke the protocol; the message names scheduler, trial, time and rule."""


class TraceError(ValueError):
    """A trace's text cannot be read, or lacks what was asked of it."""


class RunsError(ValueError):
    """What was given does not hold runs, or runs that cannot be looked at together."""


class StudyError(FileMistakesError):
    """A study's file or folder is not what it should be."""
