"""Lines of a TOML file: what stands there is what a parser finds."""

from __future__ import annotations

import json
import sys

from hypothesis import given
from hypothesis import strategies as st

from simulator.places import places

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMES = st.sampled_from(["a", "b", "tables", '"quoted # key"', "'x=['"])


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


GAPS = st.sampled_from(["", " ", "\n", "  # a [comment], \"odd'\n", "\n\n"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8) | st.sampled_from(
    ["[", '"""', "]#,"]
)
VALUES = st.recursive(
    st.integers(-9, 9).map(str) | TEXTS.map(quoted),
    lambda inside: (
        st.lists(inside, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | inside.map(lambda part: f"{{k = {part}, 'l' = {part}}}")
    ),
    max_leaves=6,
)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[tuple[str | int, ...], int]]:
    """A file, and where its keys and the elements of its lists were put."""
    text, known = "", {}
    for table in [(), *(("runs", i) for i in range(draw(st.integers(0, 2)))), ("add", 0)]:
        if table:
            known[table] = text.count("\n") + 1
            text += f"[[{table[0]}]]" + draw(st.sampled_from(["\n", " # [x]\n\n"]))
        for name in draw(st.lists(NAMES, unique=True, max_size=3)):
            key = (*table, name.strip("\"'"))
            known[key] = text.count("\n") + 1
            text += f"{name} = "
            if draw(st.booleans()):
                text += draw(st.integers().map(str) | TEXTS.map(quoted)) + "\n"
                continue
            text += "["
            for number in range(draw(st.integers(0, 3))):
                text += draw(GAPS)
                known[(*key, number)] = text.count("\n") + 1
                text += draw(VALUES) + draw(GAPS) + ","
            text += draw(GAPS) + "]  # end\n"
    return text, known


@given(files())
def test_everything_is_where_it_was_put(made: tuple[str, dict[tuple[str | int, ...], int]]) -> None:
    text, known = made
    tomllib.loads(text)  # it is TOML
    assert places(text) == known


def test_texts_over_several_lines_count() -> None:
    text = "a = \"\"\"\nb = [\n\"\"\"\nc = ['''\n]''', 1,\n 2]\n"
    assert places(text) == {("a",): 1, ("c",): 4, ("c", 0): 4, ("c", 1): 5, ("c", 2): 6}
