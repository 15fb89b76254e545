"""The files in a tar archive, one after another, as streams: nothing is ever written to the disk.

`tarfile` seeks where a header tells it to, reads extended headers of any size, and takes a damaged header for the end
of the archive. It is used to understand single headers only.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from blackboxes.errors import BlackboxError
from blackboxes.formats.streams import Onwards, Stream

BLOCK = tarfile.BLOCKSIZE
MOST_HEADER = 1 << 16  # bytes of an extended header, which holds a path
FILES, FOLDER = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE), tarfile.DIRTYPE
PAX, PAX_FOR_ALL, LONG_NAME = tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME


class Content(Onwards):
    """The content of one file in an archive."""

    def __init__(self, stream: Stream, size: int) -> None:
        self.stream, self.left = stream, size

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`.

        Raises:
            BlackboxError: the archive ends before the file does.
        """
        size = self.left if size < 0 else min(size, self.left)
        data = self.stream.read(size)
        if size and not data:
            raise BlackboxError("the tar archive is truncated")
        self.left -= len(data)
        return data


def files(stream: Stream) -> Iterator[tuple[str, Content]]:
    """The path and the content of each file; a content is to be read before the next file is asked for.

    Args:
        stream: the bytes of a tar archive, unpacked.

    Raises:
        BlackboxError: no archive, truncated or damaged, or something in it is neither a folder nor a plain file
            inside the archive's own folder: it was made to do harm, even if nothing is extracted here.
    """
    long_name = ""
    while (header := _header(stream)) is not None:
        size = header.size
        if header.type in (PAX, PAX_FOR_ALL, LONG_NAME):
            if not 0 <= size <= MOST_HEADER:
                raise BlackboxError(f"tar: an extended header of {size} bytes, the most is {MOST_HEADER}")
            extended = _exactly(stream, -(-size // BLOCK) * BLOCK)[:size]
            if header.type != PAX_FOR_ALL:
                long_name = _pax_path(extended) if header.type == PAX else _decoded(extended.rstrip(b"\0"))
            continue
        name, long_name = long_name or header.name, ""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or size < 0:
            raise BlackboxError(f"tar: member {name[:80]!r} lies outside the archive's folder (or is of negative size)")
        if header.type not in (*FILES, FOLDER):
            kind = "a link" if header.issym() or header.islnk() else "a device or the like"
            raise BlackboxError(f"tar: member {name[:80]!r} is {kind}, only files and folders are read")
        content = Content(stream, size if header.type != FOLDER else 0)
        if header.type != FOLDER:
            yield name, content
        stream.seek(content.left + -size % BLOCK, io.SEEK_CUR)


def _header(stream: Stream) -> tarfile.TarInfo | None:
    """The next header, None at the end."""
    block = _exactly(stream, BLOCK)
    if not any(block):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise BlackboxError(f"not a tar archive, or damaged ({error})") from None


def _exactly(stream: Stream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = stream.read(size - len(data))
        if not part:
            raise BlackboxError("not a tar archive, or truncated")
        data += part
    return data


def _pax_path(records: bytes) -> str:
    """The path in an extended header, whose records are each "length key=value\\n"; nothing if it has none."""
    path = ""
    while records:
        digits, _, _ = records[:20].partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 6 else 0
        key, _, value = records[len(digits) + 1 : length].rstrip(b"\n").partition(b"=")
        fits = len(digits) < length <= len(records)
        if not fits or not key or key == b"size" or key.startswith(b"GNU.sparse"):
            raise BlackboxError("tar: an extended header that is damaged, or of a sparse or huge file")
        path = _decoded(value) if key == b"path" else path
        records = records[length:]
    return path


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "replace")
