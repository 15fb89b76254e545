"""Reads pickles that hold data, without running anything in them.

A pickle is a program that may name any function and have it called; Python's own unpickler also believes every size
it is told, and keeps all that it ever built. So this is a reader of its own: it knows the operations of protocols 2
to 5 that data need, stands its own builders in for the few functions that NumPy and `collections` put there, and
counts what it holds. Arrays are made here from their bytes; no state from a file reaches NumPy.

The operations are described in Python's `pickletools`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pickletools import opcodes
from typing import Any

from blackboxes.errors import BlackboxError
from blackboxes.formats.pickled_objects import BUILDERS, KNOWN, Array, DType, Name, check_keys
from blackboxes.formats.window import BEYOND, Read, Window

SHORT = BEYOND  # bytes: no operation is longer, texts of more than 255 bytes and their like apart
MOST_TEXT = 1 << 16  # bytes of one text
MOST_DIGITS = 255  # bytes of one whole number
MOST_BYTES = 1 << 30  # bytes of all texts and arrays together
MOST_HELD = 10_000_000  # objects in lists, dicts and tuples at a time: about 1.5 GB
PROTOCOLS = range(2, 6)
NAMES = {ord(op.code): op.name for op in opcodes}

Shrink = Callable[[dict[Any, Any]], int]


def load(read: Read, shrink: Shrink = lambda _: 0) -> Any:
    """The object in a pickle: dicts (OrderedDict too), lists, tuples, sets, texts, bytes, numbers, NumPy arrays.

    Args:
        read: gives the next bytes, at most as many as asked for; none at the end.
        shrink: called with each complete dict before it becomes a value of another. It may take items that nobody
            will need out of that dict and what lies in it, and says how many, so that a file much larger than the
            memory can be read. The pickle may mention the same dict again later.

    Raises:
        BlackboxError: truncated, damaged, too large, or something in it is not data; says where and what.
    """
    machine = _Machine(read, shrink)
    try:
        return machine.run()
    except BlackboxError as error:
        raise BlackboxError(f"pickle, at byte {machine.position + machine.at}: {error}") from None


class _Machine(Window):
    """A stack on which the operations of a pickle build objects, and a memo of those that it mentions again."""

    def __init__(self, read: Read, shrink: Shrink) -> None:
        super().__init__(read, MOST_BYTES)
        self.shrink = shrink
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks below each mark
        self.memo: list[Any] = []
        self.texts: dict[bytes, str] = {}  # the same text is kept once, however often a pickle spells it out
        self.held = self.bytes = 0

    def run(self) -> Any:
        """Everything until STOP. The operations that large dicts of numbers are made of come first, for speed."""
        data, at, stack, memo, unpack = self.data, self.at, self.stack, self.memo, struct.unpack_from
        while True:
            if at + SHORT > len(data):
                self.at = at
                self.refill(SHORT)
                data, at = self.data, 0
            op = data[at]
            at += 1
            if op == 0x47:  # BINFLOAT
                stack.append(unpack(">d", data, at)[0])
                at += 8
            elif op == 0x4B:  # BININT1
                stack.append(data[at])
                at += 1
            elif op == 0x6A:  # LONG_BINGET
                index = unpack("<I", data, at)[0]
                at += 4
                if index < len(memo) and type(memo[index]) is not Array:
                    stack.append(memo[index])
                else:
                    self.at = at
                    self.get(index)
            elif op == 0x94 and stack:  # MEMOIZE
                memo.append(stack[-1])
            elif op == 0x8C:  # SHORT_BINUNICODE
                size = data[at]
                self.at = at = at + 1 + size
                stack.append(self.text(data[at - size : at]))
            elif op == 0x2E:  # STOP
                self.at = at
                self.check()
                if len(stack) != 1 or self.below:
                    raise BlackboxError(f"it ends with {len(stack)} objects on the stack, should be 1")
                return self.pop()
            else:
                action = ACTIONS.get(op)
                self.at = at
                if action is None:
                    named = f"the operation {NAMES.get(op, hex(op))} is not read, data do without it"
                    raise BlackboxError(named if op else "it is truncated")
                action(self)
                data, at, stack = self.data, self.at, self.stack

    def check(self) -> None:
        """What is held stays within bounds; called every megabyte, during which little can be added."""
        loose = len(self.stack) + sum(map(len, self.below)) + len(self.below)
        if self.held + loose + len(self.memo) // 8 > MOST_HELD or self.bytes > MOST_BYTES:
            raise BlackboxError(f"more than {MOST_HELD} objects or {MOST_BYTES >> 20} MiB at a time: not read")

    def line(self) -> str:
        """Text to the end of a line, as the operation GLOBAL has it."""
        if len(self.data) - self.at < SHORT:
            self.refill(SHORT)
        found = self.data.find(b"\n", self.at, self.at + SHORT)
        if found < 0:
            raise BlackboxError("a name without end")
        return self.text(self.take(found + 1 - self.at)[:-1])

    def text(self, coded: bytes) -> str:
        """A text, the same object for the same bytes."""
        known = self.texts.get(coded)
        if known is None:
            try:
                known = self.texts[coded] = coded.decode()
            except UnicodeDecodeError:
                raise BlackboxError(f"a text that is not UTF-8: {coded[:40]!r}") from None
            self.held += 2
            self.bytes += 2 * len(coded)
        return known

    def pop(self) -> Any:
        """The uppermost object."""
        if not self.stack:
            raise BlackboxError("the stack is empty")
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        """All objects above the last mark."""
        if not self.below:
            raise BlackboxError("there is no mark")
        found, self.stack = self.stack, self.below.pop()
        return found

    def get(self, index: int) -> None:
        """Push what the memo has at `index`."""
        if index >= len(self.memo):
            raise BlackboxError(f"memo {index} is empty")
        found = self.memo[index]
        self.stack.append(found.made if type(found) is Array else found)

    def put(self, index: int) -> None:
        """Remember the uppermost object; a gap in the memo may be no longer than the file so far."""
        if index > self.position + self.at:
            raise BlackboxError(f"memo {index} cannot be needed by then")
        self.memo.extend([None] * (index + 1 - len(self.memo)))
        self.memo[index] = self.stack[-1] if self.stack else self.pop()

    def push(self, container: Any) -> None:
        """Push a new container or bytes, and count it."""
        self.held += 1
        if type(container) is bytes:
            self.bytes += len(container)
        self.stack.append(container)

    def long_number(self, size: int) -> None:
        """Push a whole number of `size` bytes."""
        if not 0 <= size <= MOST_DIGITS:
            raise BlackboxError(f"a whole number of {size} bytes, the most is {MOST_DIGITS}")
        self.stack.append(int.from_bytes(self.take(size), "little", signed=True))

    def long_text(self, size: int) -> None:
        """Push a text of `size` bytes."""
        if size > MOST_TEXT:
            raise BlackboxError(f"a text of {size} bytes, the most is {MOST_TEXT}")
        self.stack.append(self.text(self.take(size)))

    def extend(self, values: list[Any]) -> None:
        """Put values into the list below them."""
        if not self.stack or type(self.stack[-1]) is not list:
            raise BlackboxError("values without a list below them")
        self.held += len(values)
        self.stack[-1].extend(values)

    def set_items(self, flat: list[Any]) -> None:
        """Put key, value, key, value, ... into the dict below them."""
        if not self.stack or type(self.stack[-1]) is not dict or len(flat) % 2:
            raise BlackboxError("items without a dict below them")
        keys, values = flat[::2], flat[1::2]
        check_keys(keys)
        if dict in set(map(type, values)):
            for value in values:
                if type(value) is dict:
                    self.held -= self.shrink(value)
        self.held += len(keys)
        self.stack[-1].update(zip(keys, values, strict=True))

    def add(self, values: list[Any]) -> None:
        """Put values into the set below them."""
        if not self.stack or type(self.stack[-1]) is not set:
            raise BlackboxError("values without a set below them")
        check_keys(values)
        self.held += len(values)
        self.stack[-1].update(values)

    def tuple_of(self, size: int) -> None:
        """Replace the uppermost objects by a tuple of them."""
        if len(self.stack) < size:
            raise BlackboxError("the stack is empty")
        values = tuple(self.stack[len(self.stack) - size :])
        del self.stack[len(self.stack) - size :]
        self.push(values)

    def ask(self, name: Name) -> None:
        """Push the name of something that a pickle wants to call, if it is one that data need."""
        if name not in KNOWN:
            shown = f"{name.module}.{name.name}"
            raise BlackboxError(f"it asks for {shown[:80]!r}, which is not data: loading it plainly could run code")
        self.stack.append(name)

    def stack_name(self) -> None:
        """Push a name whose two texts lie on the stack."""
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise BlackboxError("a name that is not a text")
        self.ask(Name(module, name))

    def call(self) -> None:
        """Replace a name and its arguments by what our own builder of that name makes of them."""
        arguments, name = self.pop(), self.pop()
        builder = BUILDERS.get(name) if type(name) is Name else None
        if builder is None or type(arguments) is not tuple:
            raise BlackboxError("a call of something that cannot be called")
        made = builder(arguments)
        self.held += 1 + (len(made) if isinstance(made, (dict, list, set)) else 0)
        self.stack.append(made)

    def build(self) -> None:
        """Give an array or a type of numbers its state; the array itself takes its place on the stack."""
        state, target = self.pop(), self.pop()
        if type(target) is DType:
            target.set(state)
        elif type(target) is Array:
            target = target.set(state)
            self.bytes += target.nbytes
        else:
            raise BlackboxError(f"a state for {type(target).__name__}, only arrays have one")
        self.stack.append(target)

    def mark(self) -> None:
        """Begin a new stack above this one."""
        self.below.append(self.stack)
        self.stack = []

    def begin(self) -> None:
        """Check the protocol."""
        protocol = self.number("<B")
        if protocol not in PROTOCOLS:
            raise BlackboxError(f"protocol {protocol}, those of {PROTOCOLS[0]} to {PROTOCOLS[-1]} are read")


ACTIONS: dict[int, Callable[[_Machine], Any]] = {
    0x80: _Machine.begin,
    0x95: lambda m: m.take(8),  # FRAME: only a hint
    0x28: _Machine.mark,
    0x30: _Machine.pop,
    0x31: _Machine.since_mark,
    0x4E: lambda m: m.stack.append(None),
    0x88: lambda m: m.stack.append(True),
    0x89: lambda m: m.stack.append(False),
    0x4A: lambda m: m.stack.append(m.number("<i")),
    0x4D: lambda m: m.stack.append(m.number("<H")),
    0x8A: lambda m: m.long_number(m.number("<B")),
    0x8B: lambda m: m.long_number(m.number("<i")),
    0x58: lambda m: m.long_text(m.number("<I")),
    0x8D: lambda m: m.long_text(m.number("<Q")),
    0x43: lambda m: m.push(m.take(m.number("<B"))),
    0x42: lambda m: m.push(m.take(m.number("<I"))),
    0x8E: lambda m: m.push(m.take(m.number("<Q"))),
    0x96: lambda m: m.push(m.take(m.number("<Q"))),  # BYTEARRAY8
    0x5D: lambda m: m.push([]),
    0x7D: lambda m: m.push({}),
    0x29: lambda m: m.push(()),
    0x8F: lambda m: m.push(set()),
    0x61: lambda m: m.extend([m.pop()]),
    0x65: lambda m: m.extend(m.since_mark()),
    0x73: lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    0x75: lambda m: m.set_items(m.since_mark()),
    0x90: lambda m: m.add(m.since_mark()),
    0x74: lambda m: m.push(tuple(m.since_mark())),
    0x85: lambda m: m.tuple_of(1),
    0x86: lambda m: m.tuple_of(2),
    0x87: lambda m: m.tuple_of(3),
    0x71: lambda m: m.put(m.number("<B")),
    0x72: lambda m: m.put(m.number("<I")),
    0x68: lambda m: m.get(m.number("<B")),
    0x63: lambda m: m.ask(Name(m.line(), m.line())),
    0x93: _Machine.stack_name,
    0x52: _Machine.call,
    0x62: _Machine.build,
}
