"""What every refusal of a source has to be: one line that names it once and says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blackboxes import BlackboxError


def assert_refused(read: Callable[[Path], Any], source: Path, *words: str) -> None:
    """Asserts that `read` refuses `source` with one line that begins with it and has all the words."""
    with pytest.raises(BlackboxError) as caught:
        read(source)
    message = str(caught.value)
    assert message.startswith(str(source)), message
    assert message.count(str(source)) == 1, message
    assert "\n" not in message
    for word in words:
        assert word in message, message
