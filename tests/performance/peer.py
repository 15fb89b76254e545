"""A peer's side of a comparison: a script that the peer's own Python runs, asked and answering in lines of JSON.

Peers ask for versions of their own, so each lives in an environment apart (`make peers`) and is never imported here.
One process stays for all questions, so that both sides can be measured in turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = HERE.parent.parent / ".venv-peers"


class Peer:
    """A running peer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version: str = self._answer()["version"]

    def ask(self, **question: Any) -> dict[str, Any]:
        """Its answer.

        Raises:
            RuntimeError: it is gone; what it had to say is on the standard error stream.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer has ended, with status {self._process.wait()}: {self._process.args}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def running(name: str, script: str, *arguments: str) -> Iterator[Peer | None]:
    """The peer that `make peers` has installed as `name`, while it runs a script beside this file; None if none is."""
    python = PEERS / name / "bin" / "python"
    if not (PEERS / name / ".installed").exists():
        print(f"no comparison with {name}: it is not installed (make peers)", file=sys.stderr)
        yield None
        return
    command = [str(python), str(HERE / script), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        yield Peer(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
