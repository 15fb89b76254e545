"""Reads HDF5 files that may be damaged or hostile, and says where something is wrong.

The HDF5 library believes what it reads: of 1,500 files in its old format with a few changed bytes each, three crashed
it and one kept it busy for ever, a variable-length string can do the same in the new format, and a small compressed
chunk can unpack to terabytes. So:

- only the format of HDF5 1.10 is read, whose metadata carry checksums, and only strings of fixed length in it;
- links that leave the file, virtual datasets and external storage are refused before they are followed;
- HDF5 is only asked where an array's bytes lie. NumPy maps them, zlib unpacks them, never beyond the size that is due.

What is left: whoever computes the checksums of a changed file anew can still reach the library's own faults.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from blackboxes.errors import BlackboxError, damage, no_file

if TYPE_CHECKING:
    from h5py import Dataset, Group

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MOST_TEXT = 1 << 24  # bytes of one attribute
MOST_UNPACKED = 1 << 33  # bytes that a task's compressed arrays may take in memory
MOST_SHRUNK = 1100  # deflate cannot shrink more than 1032 to 1: a larger claim is damage or an attack
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # characters that a terminal might obey
KINDS = {
    str: ("S", f"a text of fixed length (np.bytes_ in h5py, at most {MOST_TEXT} bytes)"),
    bool: ("b", "true or false"),
    int: ("iu", "a whole number"),
}


def check_text(where: str, text: Any) -> str:
    """A text without control characters except line ends and tabs; returned as it is."""
    if not isinstance(text, str) or CONTROL.search(text):
        raise BlackboxError(f"{where}: a text without control characters is needed, not {text!r:.80}")
    return text


def check_name(where: str, name: Any) -> str:
    """A name that a link in an HDF5 file can have; returned as it is."""
    if check_text(where, name) in ("", ".", "..") or "/" in name or not name.isprintable():
        raise BlackboxError(f"{where}: {name!r} cannot be a name in a file: empty, dots, a slash or a line end")
    return str(name)


class UntrustedFile:
    """An HDF5 file, open for reading; every answer is checked.

    Args:
        path: of the file.

    Raises:
        BlackboxError: no file, no HDF5 file, or one of a format that is not read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BlackboxError(f"{path}: {no_file(path)}")
        try:
            with open(path, "rb") as plain:
                head = plain.read(9)
                stat = os.fstat(plain.fileno())
        except OSError as error:
            raise BlackboxError(f"{path}: {error.strerror}") from error
        if not head:
            raise BlackboxError(f"{path}: the file is empty")
        if head[:8] != SIGNATURE[: len(head)]:
            raise BlackboxError(f"{path}: not an HDF5 file")
        if len(head) == 9 and head[8] not in (2, 3):
            raise BlackboxError(
                f"{path}: an HDF5 file, but not one of rungsim's: its format has no checksums "
                f"(superblock {head[8]}, rungsim writes 3)"
            )
        with damage(str(path)):
            self.root = h5py.File(path, "r")
            self.bytes = np.memmap(path, mode="r", dtype=np.uint8)
        if not os.path.samestat(stat, path.stat()):  # then HDF5's offsets may be those of another file
            raise BlackboxError(f"{path}: was replaced while it was opened, try again")
        # What a task's arrays may take in all, so that a thousand of them cannot share the same bytes.
        self.mappable = len(self.bytes)
        self.unpackable = min(MOST_UNPACKED, MOST_SHRUNK * len(self.bytes))

    def close(self) -> None:
        """Close the file; arrays that were read stay valid."""
        self.root.close()

    def group(self, parent: Group, name: str) -> Group:
        """The group `name` in `parent`."""
        found = _inside(parent, name)
        if not isinstance(found, h5py.Group):
            raise BlackboxError(f"the group {name!r} is missing")
        return found

    def names(self, group: Group) -> list[str]:
        """What is in a group, in the order of its making."""
        where = group.name or "/"
        return [check_name(where, name) for name in group]

    def attribute(self, owner: Group | Dataset, name: str, kind: type, default: Any = None) -> Any:
        """The attribute `name`, a str, bool or int by `kind`; if there is none, `default` (None: an error)."""
        where = f"{_where(owner)}the attribute {name!r}"
        if name not in owner.attrs:
            if default is None:
                raise BlackboxError(f"{where} is missing")
            return default
        stored = owner.attrs.get_id(name)
        kinds, what = KINDS[kind]
        if stored.dtype.kind not in kinds or stored.shape != () or stored.dtype.itemsize > MOST_TEXT:
            described = "text of variable length" if stored.dtype.kind == "O" else stored.dtype
            raise BlackboxError(f"{where} should be {what}, not {described} of shape {stored.shape}")
        with damage(where):
            value = owner.attrs[name]
            return check_text(where, value.decode()) if kind is str else kind(value)

    def array(self, parent: Group, name: str, kinds: str) -> np.ndarray:
        """The dataset `name`, of a NumPy kind in `kinds`, in native byte order.

        Memory-mapped and read-only where it is stored uncompressed, otherwise read into memory.
        """
        dataset, name = _inside(parent, name), f"{_where(parent, '/')}{name}"
        with damage(name):
            _check_storage(dataset, name)
            dtype = np.dtype(dataset.dtype.str)
            half = dtype.kind == "f" and dtype.itemsize not in (4, 8)
            if dtype.kind not in kinds or half or h5py.h5t.py_create(dtype, logical=True) != dataset.id.get_type():
                raise BlackboxError(f"{name}: kind {'/'.join(kinds)!r} of NumPy is needed, not {dataset.dtype}")
            if dataset.shape is None:
                raise BlackboxError(f"{name}: has no shape")
            read = self._unpacked if dataset.chunks else self._mapped
            if dtype.kind == "b":
                return read(dataset, name, np.dtype(np.uint8)) != 0  # to NumPy, 2 is no boolean
            return np.require(read(dataset, name, dtype), dtype=dtype.newbyteorder("="), requirements="A")

    def _mapped(self, dataset: Dataset, name: str, dtype: np.dtype) -> np.ndarray:
        size, offset = math.prod(dataset.shape) * dtype.itemsize, dataset.id.get_offset()
        self.mappable -= size
        if offset is None or offset + size > len(self.bytes) or self.mappable < 0:
            stored = 0 if offset is None else min(dataset.id.get_storage_size(), max(0, len(self.bytes) - offset))
            raise BlackboxError(
                f"{name}: claims {size} bytes, shape {dataset.shape}, but the file holds {stored} for it alone"
            )
        return self.bytes[offset : offset + size].view(dtype).reshape(dataset.shape)

    def _unpacked(self, dataset: Dataset, name: str, dtype: np.dtype) -> np.ndarray:
        shape, chunk = dataset.shape, dataset.chunks
        size = math.prod(chunk) * dtype.itemsize
        corners = [range(0, n, c) for n, c in zip(shape, chunk, strict=True)]
        self.unpackable -= size * math.prod(map(len, corners))
        if self.unpackable < 0:
            raise BlackboxError(
                f"{name}: claims shape {shape} in chunks of {chunk}, more than a file of {len(self.bytes)} bytes can "
                f"hold (or than {MOST_UNPACKED >> 30} GiB: such tables are stored uncompressed)"
            )
        filters = _filters(dataset, name)
        array = np.empty(shape, dtype=dtype)
        for corner in itertools.product(*corners):
            info = dataset.id.get_chunk_info_by_coord(corner)
            if info.byte_offset is None or info.byte_offset + info.size > len(self.bytes):
                raise BlackboxError(f"{name}: the part that begins at {corner} is not in the file")
            part = self.bytes[info.byte_offset : info.byte_offset + info.size]
            for position, code in reversed(list(enumerate(filters))):
                if not info.filter_mask >> position & 1:  # HDF5 skips a filter that does not pay
                    deflated = code == h5py.h5z.FILTER_DEFLATE
                    part = _inflate(part, size) if deflated else _unshuffle(part, dtype.itemsize)
            if len(part) != size:
                raise BlackboxError(f"{name}: the part that begins at {corner} does not unpack to {size} bytes")
            target = array[tuple(slice(c, c + length) for c, length in zip(corner, chunk, strict=True))]
            target[...] = part.view(dtype).reshape(chunk)[tuple(map(slice, target.shape))]
        return array


def _inside(parent: Group, name: str) -> Any:
    """What `name` stands for in `parent`; None for nothing, and for a link that leads anywhere else."""
    return parent[name] if isinstance(parent.get(name, getlink=True), h5py.HardLink) else None


def _where(found: Group | Dataset, end: str = ": ") -> str:
    """The path below the task, for the beginning of a message; nothing for the task itself and what lies above."""
    below = "/".join((found.name or "").split("/")[3:])
    return below and below + end


def _check_storage(found: Any, name: str) -> None:
    if not isinstance(found, h5py.Dataset):
        raise BlackboxError(f"the dataset {name!r} is missing or lies outside the file")
    made = found.id.get_create_plist()
    if made.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED) or made.get_external_count():
        raise BlackboxError(f"{name}: a virtual, compact or external dataset is not read")


def _filters(dataset: Dataset, name: str) -> list[int]:
    made = dataset.id.get_create_plist()
    codes = [made.get_filter(i)[0] for i in range(made.get_nfilters())]
    if not set(codes) <= {h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE} or len(set(codes)) < len(codes):
        raise BlackboxError(f"{name}: only shuffle and gzip are read, not HDF5's filters {codes}")
    return codes


def _inflate(part: Any, size: int) -> np.ndarray:
    stream = zlib.decompressobj()
    unpacked = stream.decompress(part, size + 1)
    return np.frombuffer(unpacked if stream.eof else b"", dtype=np.uint8)


def _unshuffle(part: np.ndarray, itemsize: int) -> np.ndarray:
    """All first bytes, then all second bytes, ... back to whole numbers."""
    return np.ascontiguousarray(part.reshape(itemsize, -1).T).reshape(-1)
