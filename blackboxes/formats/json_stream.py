"""Reads a JSON text larger than the memory, one inner value at a time.

The standard library's decoder is made to read from a window that slides over the text. That builds objects in C,
several times as fast as the events of a parser such as ijson, and needs no further package; all it asks for is that
one inner value (a run, not a data set) fits into the window.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

from blackboxes.errors import BlackboxError
from blackboxes.formats.streams import Stream

CHUNK = 1 << 20  # characters read at once
MOST_VALUE = 1 << 24  # characters of one value
AFTER = frozenset(" \t\n\r,]}")  # what may come after a number
SPACE = re.compile(r"[ \t\n\r]*")


class JsonStream:
    """A JSON text, from its beginning onwards.

    Args:
        stream: the bytes of the text, in UTF-8.

    Raises:
        BlackboxError: from each method, what is not JSON, or not of the shape asked for.
    """

    def __init__(self, stream: Stream) -> None:
        self.file = io.TextIOWrapper(io.BufferedReader(stream, CHUNK), encoding="utf-8")
        self.decoder = json.JSONDecoder()
        self.text, self.at, self.before, self.complete = "", 0, 0, False

    def keys(self, what: str) -> Iterator[str]:
        """The keys of the object that comes next; the caller reads each one's value before it asks for another."""
        if self._sign(f"an object ({what})", "{") and self._peek() == "}":
            self.at += 1
            return
        while True:
            key = self.value()
            if type(key) is not str:
                raise BlackboxError(f"{self._where()}: a key is needed ({what}), not {type(key).__name__}")
            self._sign("a value", ":")
            yield key
            if self._sign("the object's next key or end", ",}") == "}":
                return

    def value(self) -> Any:
        """The value that comes next, whole."""
        self._peek()
        ahead = CHUNK
        while True:
            try:
                found, end = self.decoder.raw_decode(self.text, self.at)
                # Of a number, these may be the first digits only.
                whole = end < len(self.text) and (type(found) not in (int, float) or self.text[end] in AFTER)
                if whole or self.complete:
                    self.at = end
                    return found
                why = "a value without end"
            except RecursionError:
                raise BlackboxError(f"{self._where()}: nested too deeply") from None
            except ValueError as error:
                why = f"not JSON ({error})"
            if self.complete or len(self.text) - self.at > MOST_VALUE:
                raise BlackboxError(f"{self._where()}: {why}, or a value of more than {MOST_VALUE} characters")
            self._more(ahead)
            ahead *= 2  # so that a long value is begun anew only a few times

    def end(self) -> None:
        """Nothing but space may come."""
        if self._peek():
            raise BlackboxError(f"{self._where()}: more text after the end")

    def _sign(self, what: str, signs: str) -> str:
        found = self._peek()
        if not found or found not in signs:
            raise BlackboxError(f"{self._where()}: {what} is needed, not {found or 'the end of the file'!r}")
        self.at += 1
        return found

    def _peek(self) -> str:
        """The next character that is no space; none at the end."""
        while True:
            self.at = SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text) or self.complete:
                return self.text[self.at : self.at + 1]
            self._more(CHUNK)

    def _more(self, size: int) -> None:
        self.before += self.at
        try:
            more = self.file.read(size)
        except UnicodeDecodeError as error:
            raise BlackboxError(f"{self._where()}: not UTF-8 ({error.reason})") from None
        self.text, self.at, self.complete = self.text[self.at :] + more, 0, not more

    def _where(self) -> str:
        return f"character {self.before + self.at}"
