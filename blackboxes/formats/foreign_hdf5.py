"""Many small arrays out of an HDF5 file of any version, which is not one of rungsim's.

Opening an array with h5py takes ten times as long as reading a few kilobytes of it. So h5py's low-level interface
says where an array lies and of which type it is, and its bytes are taken from there, as in `untrusted`: nothing that
the HDF5 library would unpack, follow out of the file or convert. The library itself trusts files of its old format,
though (`untrusted` refuses those): who reads one should be ready to lose the process.
"""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
from h5py import h5d, h5g, h5l

from blackboxes.errors import BlackboxError, damage, no_file
from blackboxes.untrusted import MOST_SHRUNK, MOST_UNPACKED, SIGNATURE, UntrustedFile


class ForeignFile(UntrustedFile):
    """An HDF5 file, open for reading.

    Args:
        path: of the file.

    Raises:
        BlackboxError: no file, no HDF5 file, or one that is damaged; also from each method.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BlackboxError(f"{path}: {no_file(path)}")
        try:
            with open(path, "rb") as plain:
                head = plain.read(len(SIGNATURE))
        except OSError as error:
            raise BlackboxError(f"{path}: {error.strerror}") from error
        if head != SIGNATURE:
            raise BlackboxError(f"{path}: {'not an HDF5 file' if head else 'the file is empty'}")
        with damage(str(path)):
            self.root = h5py.File(path, "r")
            self.bytes = np.memmap(path, mode="r", dtype=np.uint8)
        self.size = self.mappable = len(self.bytes)
        self.unpackable = min(MOST_UNPACKED, MOST_SHRUNK * self.size)
        self.types: list[tuple[h5py.h5t.TypeID, np.dtype]] = []

    def __enter__(self) -> ForeignFile:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def root_names(self, most: int) -> list[str]:
        """What is in the root, in the library's order.

        Args:
            most: how many there may be.
        """
        found: list[bytes] = []

        def add(name: bytes) -> bool | None:
            found.append(name)
            return True if len(found) > most else None  # anything but None ends it

        with damage("the root group"):
            self.root.id.links.iterate(add)
            if len(found) > most:
                raise BlackboxError(f"more than {most} groups")
            return [name.decode() for name in found]

    def root_group(self, name: str) -> h5g.GroupID:
        """A group in the root."""
        try:
            coded = name.encode()
            if self.root.id.links.get_info(coded).type == h5l.TYPE_HARD:
                return h5g.open(self.root.id, coded)
        except Exception as error:  # of nearly every kind, as h5py says what the library says
            raise BlackboxError(f"a group is needed, damaged ({type(error).__name__})") from None
        raise BlackboxError("a group is needed, not a link to elsewhere")

    def read(self, group: h5g.GroupID, name: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """An array of numbers of just this shape, as it lies in the file: read-only."""
        try:
            if group.links.get_info(name).type != h5l.TYPE_HARD:
                raise BlackboxError(f"{name.decode()}: a link to elsewhere")
            dataset = h5d.open(group, name)
            found, offset, dtype = dataset.shape, dataset.get_offset(), self._dtype(dataset.get_type())
        except BlackboxError:
            raise
        except Exception as error:
            raise BlackboxError(f"{name.decode()}: missing or damaged ({type(error).__name__})") from None
        if found != shape:
            raise BlackboxError(f"{name.decode()}: shape {str(found)[:80]}, should be {shape}")
        if dtype is None:
            raise BlackboxError(f"{name.decode()}: plain numbers are needed")
        if offset is None:  # chunks, perhaps compressed
            return self.array(h5py.Group(group), name.decode(), "iuf")
        size = math.prod(shape) * dtype.itemsize
        if offset + size > self.size:
            raise BlackboxError(f"{name.decode()}: lies beyond the end of the file, which is truncated")
        return self.bytes[offset : offset + size].view(dtype).reshape(shape)

    def _dtype(self, stored: h5py.h5t.TypeID) -> np.dtype | None:
        """As NumPy has it; None for all but numbers. A file has few types: comparing is ten times as fast."""
        for known, dtype in self.types:
            if stored.equal(known):
                return dtype
        dtype = np.dtype(stored.dtype)
        plain = dtype.kind in "iuf" and dtype.fields is None and dtype.subdtype is None
        if not plain or h5py.h5t.py_create(dtype, logical=True) != stored or len(self.types) > 16:
            return None
        self.types.append((stored, dtype))
        return dtype
