"""Waiting for a page. Playwright's own `wait_for_function` needs `eval`, which the page's policy forbids."""

from __future__ import annotations

import time
from typing import Any

LONGEST = 20.0  # seconds


def until(page: Any, expression: str) -> None:
    """Until an expression of the page is true."""
    end = time.monotonic() + LONGEST
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"waited {LONGEST:g} s for {expression}"
        time.sleep(0.01)


def next_frame(page: Any) -> None:
    """Until what was asked for is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
