"""A conformance suite for schedulers: hard scenarios, and the properties that hold in them.

    >>> from simulator.conformance import check
    >>> def test_my_scheduler():
    ...     check(MyScheduler).assert_passed()

On the command line: ``rungsim check-scheduler my_file.py:MyScheduler``.
"""

from simulator.conformance.checking import check
from simulator.conformance.report import ConformanceError, Finding, Report
from simulator.conformance.scenarios import scenario_names

__all__ = ["ConformanceError", "Finding", "Report", "check", "scenario_names"]
