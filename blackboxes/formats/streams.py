"""Files that may be compressed, read as a stream; what is damaged in them is a `BlackboxError`."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from blackboxes.errors import BlackboxError, no_file

MOST_UNPACKED = 1 << 37  # bytes that a compressed file may unpack to: nothing published is as large
MOST_READ = 1 << 24  # bytes asked for at once


class Onwards(io.RawIOBase):
    """Whatever has a method `read`, for `io.BufferedReader` and `io.TextIOWrapper`."""

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read as many bytes as the buffer has room for, or fewer."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self.read(min(len(view), MOST_READ)) or b""
        view[: len(data)] = data
        return len(data)


class Stream(Onwards):
    """Bytes that can only be read onwards, and only in pieces of a bounded size.

    Args:
        file: what to read.
        report: called with how much of the file beneath has been read, now and then.
    """

    def __init__(self, file: BinaryIO, report: Callable[[], object] = lambda: None) -> None:
        self.file, self.report, self.position = file, report, 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`.

        Raises:
            BlackboxError: truncated or damaged, a size out of bounds, or it unpacks to too much.
        """
        if not 0 <= size <= MOST_READ:
            raise BlackboxError(f"something in it claims {size} bytes, the most is {MOST_READ}")
        try:
            data = self.file.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise BlackboxError(f"truncated or damaged ({type(error).__name__}: {error})") from None
        self.position += len(data)
        if self.position > MOST_UNPACKED:
            raise BlackboxError(f"it unpacks to more than {MOST_UNPACKED >> 30} GiB")
        self.report()
        return data

    def seekable(self) -> bool:
        """True, but only onwards."""
        return True

    def tell(self) -> int:
        """How many bytes have been read."""
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Skip bytes.

        Raises:
            BlackboxError: backward, as only what is damaged or hostile asks for.
        """
        offset += self.position if whence == io.SEEK_CUR else 0
        if whence == io.SEEK_END or offset < self.position:
            raise BlackboxError("something in it points backward")
        while self.position < offset and self.read(min(MOST_READ, offset - self.position)):
            pass
        return self.position


@contextmanager
def opened(path: Path, progress: Callable[[float, float], object]) -> Iterator[Stream]:
    """A file as a stream of what it holds, unpacked if it begins as gzip or bzip2 files do; reports bytes of the file.

    Raises:
        BlackboxError: no file, or an empty one.
    """
    if not path.is_file():
        raise BlackboxError(f"{path}: {no_file(path)}")
    try:
        with open(path, "rb") as file:
            size = path.stat().st_size
            head = file.read(3)
            if not head:
                raise BlackboxError(f"{path}: the file is empty")
            file.seek(0)
            unpacked: BinaryIO = file
            if head[:2] == b"\x1f\x8b":
                unpacked = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
            elif head == b"BZh":
                unpacked = bz2.BZ2File(file)  # type: ignore[assignment]
            yield Stream(unpacked, lambda: progress(file.tell(), size))
    except OSError as error:
        raise BlackboxError(f"{path}: {error.strerror}") from error
