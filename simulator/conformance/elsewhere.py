"""Run as a program: reads what to run on standard input, and prints the digests of the runs as JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from simulator.conformance.scenarios import scenarios_named
from simulator.conformance.subject import Subject


def digests(task: dict[str, Any]) -> dict[str, str]:
    """By scenario; or under ``cannot`` why there are none."""
    sys.path[:] = [*task["path"], *(folder for folder in sys.path if folder not in task["path"])]
    if "spec" in task:
        maker: Any = task["spec"]
    else:
        try:
            maker = import_module(task["module"])
            for name in task["name"].split("."):
                maker = getattr(maker, name)
        except Exception as error:
            return {"cannot": f"another process cannot import {task['name']} from {task['module']}: {error!r}"}
    subject = Subject(maker)
    return {scenario.name: subject.run_as_it_is(scenario).digest() for scenario in scenarios_named(task["scenarios"])}


if __name__ == "__main__":
    print("\n" + json.dumps(digests(json.load(sys.stdin))))
