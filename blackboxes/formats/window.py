"""Bytes of a file through a window that moves on, for a reader that looks at single ones."""

from __future__ import annotations

import struct
from collections.abc import Callable

from blackboxes.errors import BlackboxError

CHUNK = 1 << 20  # bytes read at once
BEYOND = 300  # zeros that the window shows beyond the end, so that a reader may look a little ahead

Read = Callable[[int], bytes]


class Window:
    """The bytes from `position` onwards, of which the reader is at `data[at]`.

    Args:
        read: gives the next bytes, at most as many as asked for; none at the end.
        most: how many may be taken at once.
    """

    def __init__(self, read: Read, most: int) -> None:
        self.read, self.most = read, most
        self.data, self.at, self.end, self.position = b"", 0, False, 0

    def check(self) -> None:
        """Called before each move, which is every megabyte or so."""

    def refill(self, size: int) -> None:
        """Move so that at least `size` bytes are in the window, `BEYOND` zeros beyond the end included.

        Raises:
            BlackboxError: there are not so many.
        """
        self.check()
        parts, length = [self.data[self.at :]], len(self.data) - self.at
        self.position += self.at
        self.data, self.at = parts[0], 0
        while length < size and not self.end:
            part = self.read(CHUNK)
            self.end = not part
            parts.append(part or bytes(BEYOND))
            length += len(parts[-1])
        if length < size:
            raise BlackboxError("it is truncated")
        self.data = b"".join(parts)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size > len(self.data) - self.at:
            if size > self.most:
                raise BlackboxError(f"an object of {size} bytes, the most is {self.most}")
            self.refill(size)
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, code: str) -> int:
        """The next whole number, coded as `struct` says."""
        return int(struct.unpack(code, self.take(struct.calcsize(code)))[0])
