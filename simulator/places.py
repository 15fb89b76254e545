"""Where things stand in a TOML file, which its parsers do not tell: the lines of keys and of the elements of lists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

Place = tuple[str | int, ...]  # ("runs", 1, "schedulers", 0)
Token = tuple[str, int]  # with its line

STRINGS = r'"""(?:[^\\]|\\.)*?"""' r"|'''.*?'''" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'"
TOKEN = re.compile(rf"{STRINGS}|#[^\n]*|[\[\]{{}}=,\n]|[^\s\"'#\[\]{{}}=,]+", re.DOTALL)


def places(text: str) -> dict[Place, int]:
    """The line, from 1, of each key and of each element of a list that a key is given, in TOML that is well formed.

    What stands under the n-th ``[[name]]`` is at (name, n, ...), from 0.
    """
    found: dict[Place, int] = {}
    table: Place = ()
    numbers: Counter[str] = Counter()
    for statement in _statements(text):
        words, line = [token for token, _ in statement], statement[0][1]
        if words[0] == "[":
            name = "".join(_bare(word) for word in words if word not in "[]")
            table = (name, numbers[name]) if words[1] == "[" else (name,)
            numbers[name] += 1
            found[table] = line
        else:
            equals = words.index("=")
            key = (*table, "".join(map(_bare, words[:equals])))
            found[key] = line
            found.update(((*key, number), at) for number, at in enumerate(_elements(statement[equals + 1 :])))
    return found


def _statements(text: str) -> Iterator[list[Token]]:
    """The tokens of each header, and of each key with its value."""
    statement: list[Token] = []
    line, depth = 1, 0
    for match in TOKEN.finditer(f"{text}\n"):
        token = match[0]
        if token == "\n" and not depth:
            if statement:
                yield statement
            statement = []
        elif token != "\n" and token[0] != "#":
            statement.append((token, line))
            depth += (token in "[{") - (token in "]}")
        line += token.count("\n")


def _bare(word: str) -> str:
    return word[1:-1] if word[0] in "\"'" else word


def _elements(value: list[Token]) -> Iterator[int]:
    """The line of each element of a list; none of any other value."""
    if value[0][0] != "[":
        return
    depth, expected = 1, True
    for token, line in value[1:]:
        if depth == 1 and expected and token != "]":
            yield line
            expected = False
        depth += (token in "[{") - (token in "]}")
        expected |= depth == 1 and token == ","
