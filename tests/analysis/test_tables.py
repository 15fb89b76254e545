"""Tables of results: read back from all three formats, whatever they hold, and what is in bold."""

from __future__ import annotations

import io
import itertools
import re
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_runs import by_hand
from markdown_it import MarkdownIt

from analysis import as_runs, summarise
from analysis.runs import RunsError
from analysis.tables import Column, ResultTable

HOSTILE = [
    "asha-stopping(eta=4,r_min=3)",
    "$x$ a$b^{2",
    "_hidden_ *bold* **strong** ~~gone~~ `code` ``more``",
    "<b>bold</b> & co &lt; &#65; <!-- <script>alert(1)</script>",
    "[red]markup[/red] ![picture](x.png) [a]: b",
    r"\frac{1}{2} %s {0} \| \\ \\| |",
    r"\input{/etc/passwd} \end{tabular} ^^M #1",
    "--- -- - ,, `` '' \"quoted\" ?` !` << >> ~^",
    "naïve Größe λ→∞ 日本 e\u0301",
    "two\nlines\r\nand a\ttab | pipe",
    "\x00\x1b[31mred \u202egnp.exe",
    "../../etc/passwd",
    "1. one",
    "# title",
    "[optional] argument",
    "*starred*",
    "=formula()",
    "x" * 300,
    "",
]
TEXT = st.text(st.one_of(st.sampled_from("\\`*_{}[]<>|~&$#%^\"'-+=,.!?() \n1a"), st.characters()), max_size=12)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def on_one_line(text: str) -> str:
    """What is to be seen of a text: white space is a space, control and the like its code."""
    line = re.sub(r"^ | $", "", re.sub(r"\s+", " ", text))
    hidden = [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    hidden += [*range(0xD800, 0xE000), 0xFEFF]
    for c in set(line) & set(map(chr, hidden)):
        line = line.replace(c, f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}")
    return line


def read_markdown(source: str) -> tuple[list[list[tuple[str, str]]], list[str], list[str]]:
    """By markdown-it: texts of cells as (bold, plain); the columns' alignment; paragraphs beside the table."""
    assert not re.search(r"(?<!\\)\$", source), "GitHub would read a formula"
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    rows: list[list[tuple[str, str]]] = []
    styles: list[str] = []
    paragraphs = []
    for before, token in itertools.pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if before.type == "th_open":
            styles.append(str(before.attrs.get("style", "")))
        if token.type == "inline":
            parts, is_bold = ["", ""], False
            for child in token.children or []:
                assert child.type in ("text", "strong_open", "strong_close"), child
                is_bold = {"strong_open": True, "strong_close": False}.get(child.type, is_bold)
                parts[not is_bold] += child.content
            if before.type in ("th_open", "td_open"):
                rows[-1].append((parts[0], parts[1]))
            else:
                assert before.type == "paragraph_open"
                paragraphs.append(parts[1])
    return rows, styles, paragraphs


def read_latex(source: str) -> str:
    """The text that LaTeX shows for what is made of escapes; fails at what is not one."""
    signs = {"backslash": "\\", "asciicircum": "^", "asciitilde": "~", "less": "<", "greater": ">", "bar": "|"}
    signs |= {"asciigrave": "`", "quotesingle": "'"}
    assert not re.search("--|,,|''|``|<<|>>", source), f"a font joins these: {source}"
    assert not re.match(r"[\[*]", source), f"the row above takes it for an argument: {source}"
    read, rest = "", source
    while rest:
        if match := re.match(r"\\text([a-z]+)\{\}", rest):
            read += signs[match[1]]
        elif match := re.match(r"\\char34\{\}", rest):
            read += '"'
        elif match := re.match(r"\\([#$%&_{}])|\{([\[*])\}", rest):
            read += match[1] or match[2]
        elif not (match := re.match(r"\{\}", rest)):
            match = re.match(r"[^\\{}#$%&_^~\"<>|`'\x00-\x1f]", rest)
            assert match, f"it would not be read as a text: {rest}"
            read += match[0]
        rest = rest[match.end() :]
    return read


def rows_of_latex(source: str) -> list[list[str]]:
    """The cells of the lines that end with two backslashes, the head first."""
    assert source.startswith(r"\begin{tab")
    assert len(re.findall(r"(?<!\\)\{", source)) == len(re.findall(r"(?<!\\)\}", source))
    lines = [line for line in source.splitlines() if line.endswith(r" \\")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r"\\"))] for line in lines]


def small() -> ResultTable:
    """A table as it is in a paper."""
    return ResultTable(
        [
            Column("scheduler", ["random", "asha", "hyperband"]),
            Column("final", [0.0712, 0.0523, 0.0541], [0.0691, 0.0505, 0.0513], [0.0733, 0.0541, 0.0569], best="min"),
            Column("time", [inf, 120.5, 98.25], unit="s", best="min"),
            Column("trials", [12, 4096, 12_000], best="max"),
        ],
        caption="On 100% of tasks",
        note="inf: no run got there",
        label="tab:final",
    )


def test_markdown_by_hand() -> None:
    assert small().to_markdown() == (
        "On 100% of tasks\n"
        "\n"
        "| scheduler |                         final | time (s) |     trials |\n"
        "| --------- | ----------------------------: | -------: | ---------: |\n"
        "| random    |     0.0712 (0.0691 to 0.0733) |      inf |         12 |\n"
        "| asha      | **0.0523** (0.0505 to 0.0541) |    120.5 |      4,096 |\n"
        "| hyperband |     0.0541 (0.0513 to 0.0569) | **98.2** | **12,000** |\n"
        "\n"
        "inf: no run got there\n"
    )


def test_latex_by_hand() -> None:
    assert small().to_latex() == (
        "\\begin{table}\n"
        "\\centering\n"
        "\\caption{On 100\\% of tasks}\n"
        "\\label{tab:final}\n"
        "\\begin{tabular}{lrrr}\n"
        "\\toprule\n"
        "scheduler &                              final &      time (s) &          trials \\\\\n"
        "\\midrule\n"
        "random    &          0.0712 (0.0691 to 0.0733) &      $\\infty$ &              12 \\\\\n"
        "asha      & \\textbf{0.0523} (0.0505 to 0.0541) &         120.5 &           4,096 \\\\\n"
        "hyperband &          0.0541 (0.0513 to 0.0569) & \\textbf{98.2} & \\textbf{12,000} \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\\par\\smallskip{\\footnotesize inf: no run got there\\par}\n"
        "\\end{table}\n"
    )


def test_csv_by_hand() -> None:
    assert small().to_csv() == (
        '"scheduler","final","final_lower","final_upper","time","trials"\n'
        '"random",0.0712,0.0691,0.0733,inf,12\n'
        '"asha",0.0523,0.0505,0.0541,120.5,4096\n'
        '"hyperband",0.0541,0.0513,0.0569,98.25,12000\n'
    )


def test_without_caption_and_note_there_is_only_the_table() -> None:
    bare = ResultTable([Column("a", [-1.5, -inf]), Column("b", [nan, 2.0])])
    assert bare.to_markdown().startswith("|     a |")
    assert rows_of_latex(bare.to_latex()) == [["a", "b"], ["$-$1.50", "-"], [r"$-\infty$", "2.00"]]
    assert bare.to_latex().startswith("\\begin{tabular}{rr}\n\\toprule\n")


@pytest.mark.parametrize("is_bold", [False, True])
def test_hostile_names_come_out_as_text(is_bold: bool) -> None:
    count, seen = len(HOSTILE), [on_one_line(name) for name in HOSTILE]
    columns = [Column("scheduler", HOSTILE, bold=[is_bold] * count)]
    columns += [Column(name, np.arange(count), unit="% & $") for name in HOSTILE]
    table = ResultTable(columns)
    rows, styles, _ = read_markdown(table.to_markdown())
    titles = ["scheduler", *(on_one_line(f"{name} (% & $)") for name in HOSTILE)]
    assert [plain for _, plain in rows[0]] == titles
    assert styles == ["", *["text-align:right"] * count]
    assert [row[0] for row in rows[1:]] == [(name, "") if is_bold else ("", name) for name in seen]
    assert [row[-1] for row in rows[1:]] == [("", str(i)) for i in range(count)]

    head, *lines = rows_of_latex(table.to_latex())
    assert [read_latex(cell) for cell in head] == titles
    names = [re.sub(r"^\\textbf\{(.*)\}$", r"\1", line[0]) if is_bold else line[0] for line in lines]
    assert [read_latex(name) for name in names] == seen
    assert [line[-1] for line in lines] == [str(i) for i in range(count)]


@pytest.mark.parametrize("words", [words for words in HOSTILE if words])
def test_hostile_captions_and_notes_come_out_as_text(words: str) -> None:
    table = ResultTable([Column("x", [1])], words, words)
    rows, _, paragraphs = read_markdown(table.to_markdown())
    assert rows == [[("", "x")], [("", "1")]]
    assert paragraphs == [on_one_line(words)] * 2
    [note] = re.findall(r"\\footnotesize (.*)\\par\}", table.to_latex())
    [caption] = re.findall(r"\\caption\{(.*)\}", table.to_latex())
    assert [read_latex(caption), read_latex(note)] == [on_one_line(words)] * 2


@settings(max_examples=80)
@given(TEXT, TEXT, TEXT)
@example("a", "\\", "|")
@example("1)", "+ x", "- x")
@example("a", "b\ud800", "+ x")
def test_any_text_is_read_back_from_markdown_and_latex(name: str, value: str, words: str) -> None:
    table = ResultTable([Column(name, [value, value], bold=[False, True]), Column(name + "x", [1, 2])], words)
    seen = on_one_line(value)
    rows, _, paragraphs = read_markdown(table.to_markdown())
    assert rows[1:] == [[("", seen), ("", "1")], [(seen, ""), ("", "2")]]
    assert rows[0][0] == ("", on_one_line(name))
    assert paragraphs == [on_one_line(words)] * bool(on_one_line(words))

    source = table.to_latex()
    head, first, second = rows_of_latex(source)
    assert [read_latex(head[0]), read_latex(first[0])] == [on_one_line(name), seen]
    assert second[0].startswith(r"\textbf{")
    assert read_latex(second[0][len(r"\textbf{") : -1]) == seen
    if on_one_line(words):
        [caption] = re.findall(r"\\caption\{(.*)\}", source)
        assert read_latex(caption) == on_one_line(words)


def test_pipes_stand_below_each_other() -> None:
    names = ["a", "b|c", "日本", "e\u0301"]
    lines = (
        ResultTable([Column("name", names), Column("x", [1.5, nan, -2.0, inf], best="min")]).to_markdown().splitlines()
    )
    wide = {"日": 2, "本": 2, "\u0301": 0}  # cells of a terminal
    places = [
        [sum(wide.get(c, 1) for c in line[: match.start()]) for match in re.finditer(r"(?<!\\)\|", line)]
        for line in lines
    ]
    assert len(places) == 6
    assert all(place == places[0] and len(place) == 3 for place in places)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8),
            NUMBERS,
            st.tuples(NUMBERS, NUMBERS),
            st.integers(-(2**63), 2**63 - 1),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_csv_is_read_back_exactly(rows: list[tuple[str, float, tuple[float, float], int]]) -> None:
    texts, values, ends, counts = zip(*rows, strict=True)
    lower, upper = np.sort(np.array(ends), axis=1).T  # NaN last
    names = ['a, "b"', "x\r\ny", "x_", "n"]
    table = ResultTable(
        [Column(names[0], texts), Column(names[1], values, lower, upper), Column(names[2], values), Column("n", counts)]
    )
    frame = pd.read_csv(io.StringIO(table.to_csv(), newline=""), dtype=object, keep_default_na=False)
    assert list(frame) == [names[0], names[1], f"{names[1]}_lower", f"{names[1]}_upper", names[2], "n"]
    assert frame[names[0]].tolist() == list(texts)
    for name, written in zip(list(frame)[1:5], [values, lower, upper, values], strict=True):
        np.testing.assert_array_equal(frame[name].astype(np.float64), np.array(written))
    assert frame["n"].map(int).tolist() == list(counts)


@pytest.mark.parametrize(
    ("values", "best", "bold"),
    [
        ([0.2, 0.1, 0.3], "min", [1]),
        ([0.2, 0.1, 0.3], "max", [2]),
        ([0.2, 0.1, 0.3], None, []),
        ([0.1234, 0.12341, 0.1244], "min", [0, 1]),  # printed alike: no reader could see why not
        ([0.1234, 0.1236, 0.1244], "max", [1, 2]),  # 0.1236 and 0.1244 are both 0.124
        ([-1.0, nan, inf, -inf], "min", [3]),
        ([-1.0, nan, inf, -inf], "max", [2]),
        ([inf, nan, inf], "min", []),  # none got there
        ([-inf, nan], "max", []),
        ([nan, nan], "min", []),
        ([3, 7, 7], "max", [1, 2]),
        ([10**15, 10**15 + 1], "max", [1]),
    ],
)
def test_the_best_and_what_is_printed_alike_is_bold(values: list[float], best: Any, bold: list[int]) -> None:
    cells = Column("x", values, best=best).cells()
    assert [i for i, cell in enumerate(cells) if cell.is_bold] == bold


def test_what_cannot_be_told_apart_from_the_best_is_bold_if_said() -> None:
    column = Column("x", [0.5, 0.1, 0.2], [0.4, 0.0, 0.1], [0.6, 0.2, 0.3], best="min", bold=[False, False, True])
    table = ResultTable([column, Column("winner", ["a", "b", "c"], bold=[True, False, False])])
    rows, _, _ = read_markdown(table.to_markdown())
    assert rows[1:] == [
        [("", "0.50 (0.40 to 0.60)"), ("a", "")],
        [("0.10", " (0.00 to 0.20)"), ("", "b")],
        [("0.20", " (0.10 to 0.30)"), ("", "c")],
    ]


def test_of_intervals_only_the_value_decides_what_is_bold() -> None:
    cells = Column("x", [0.5, 0.5, 0.6], [0.4, 0.3, 0.5], [0.6, 0.7, 0.7], best="min").cells()
    assert [cell.is_bold for cell in cells] == [True, True, False]


def test_an_interval_without_ends_is_not_printed_and_with_one_end_it_is() -> None:
    cells = Column("x", [0.5, 0.25, nan, 1.0], [0.4, nan, nan, 0.9], [0.6, nan, nan, nan]).cells()
    assert [cell.interval for cell in cells] == [("0.40", "0.60"), None, None, ("0.90", "-")]
    assert [cell.value for cell in cells] == ["0.50", "0.25", "-", "1.00"]


def test_columns_of_a_data_frame_and_none_are_taken() -> None:
    summary = summarise(
        as_runs([by_hand([1.0, 2.0], [0.5, 0.25 + seed / 8], name, seed) for name in "ab" for seed in (0, 1)])
    )
    table = ResultTable(
        [
            Column("scheduler", summary["scheduler"]),
            Column("final", summary["final"], summary["final_q1"], summary["final_q3"], best="min"),
            Column("trials", summary["trials"]),
            Column("cost", [None, 2]),
        ]
    )
    rows, _, _ = read_markdown(table.to_markdown())
    assert rows[1] == [("", "a"), ("0.312", " (0.281 to 0.344)"), ("", "5.00"), ("", "-")]
    assert [row[3] for row in rows[1:]] == [("", "-"), ("", "2.00")]


def test_three_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    table = ResultTable([Column("name", HOSTILE), Column("x", np.linspace(0, 1, len(HOSTILE)))], "λ", "é")
    for _ in range(2):  # the second time they are replaced
        paths = table.write(tmp_path, "final-0.1")
        assert [path.name for path in paths] == ["final-0.1.csv", "final-0.1.md", "final-0.1.tex"]
        assert sorted(tmp_path.iterdir()) == sorted(paths)
    texts = [path.read_bytes().decode("utf-8") for path in paths]
    assert texts == [table.to_csv(), table.to_markdown(), table.to_latex()]


def test_a_zero_byte_is_told_by_its_code_in_csv() -> None:
    csv = ResultTable([Column("a\0", ["b\0"])]).to_csv()
    assert csv == '"a\\x00"\n"b\\x00"\n'


def test_half_of_a_surrogate_pair_can_be_written(tmp_path: Path) -> None:
    paths = ResultTable([Column("name", ["a\udcff"])]).write(tmp_path, "t")
    assert all(
        r"a\udcff" in path.read_text("utf-8").replace(r"\textbackslash{}", "\\").replace(r"\\", "\\") for path in paths
    )


def test_files_from_before_stay_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = ResultTable([Column("x", [1])])
    before = {path: path.read_bytes() for path in table.write(tmp_path, "t")}
    write_text = Path.write_text

    def full_disk(path: Path, *text: Any, **options: Any) -> int:
        if path.suffix == ".tex":
            raise OSError("no space left on device")
        return write_text(path, *text, **options)

    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(OSError, match="no space left"):
        ResultTable([Column("x", [2])]).write(tmp_path, "t")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": ["a", 1]}, "column 'x': its values are all numbers, or all texts"),
        ({"values": [1, object()]}, "its values are all numbers, or all texts"),
        ({"values": [True, False]}, "its values are all numbers, or all texts"),
        ({"values": [[1, 2], [3, 4]]}, "its values are all numbers, or all texts"),
        ({"lower": [0, 0]}, "lower and upper are given together"),
        ({"upper": [0, 0]}, "lower and upper are given together"),
        ({"lower": [0, 2], "upper": [1, 1]}, "row 1: the interval's lower end 2 is above 1"),
        ({"lower": [0], "upper": [1]}, r"lower has the shape \(1,\), and there are 2 values"),
        ({"lower": [0, 0], "upper": ["1", "2"]}, "upper is made of numbers"),
        ({"best": "smallest"}, "best is one of min, max, or None, not 'smallest'"),
        ({"bold": [True]}, r"bold has the shape \(1,\)"),
        ({"bold": [nan, 1.0]}, "bold is made of True and False"),
        ({"digits": 0}, "digits are from 1 to 9"),
        ({"digits": 2.5}, "digits are from 1 to 9"),
        ({"digits": 3, "lower": [0, 0], "upper": [1, 1]}, "only where no interval tells them"),
        ({"values": ["a", "b"], "best": "min"}, "texts have no best one"),
        ({"values": ["a", "b"], "digits": 3}, "texts have no best one, no interval and no digits"),
        ({"values": ["a", "b"], "lower": [0, 0], "upper": [1, 1]}, "no interval"),
    ],
)
def test_wrong_columns_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RunsError, match=message):
        Column("x", **{"values": [1, 2]} | options)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ([], {}, "there is none"),
        ([Column("a", [])], {}, "of one length, 1 at least: 'a' 0"),
        ([Column("a", [1]), Column("b", [1, 2])], {}, "'a' 1, 'b' 2"),
        ([Column("a", [1]), Column("a", [2])], {}, "two columns of a table would be called 'a'"),
        ([Column("a", [1], [0], [2]), Column("a_lower", [2])], {}, "would be called 'a_lower'"),
        ([Column("a", [1])], {"label": "tab:a"}, "a label belongs to a caption"),
        ([Column("a", [1])], {"caption": "A", "label": "a}b"}, "not 'a}b'"),
    ],
)
def test_wrong_tables_are_refused(columns: list[Column], options: dict[str, str], message: str) -> None:
    with pytest.raises(RunsError, match=message):
        ResultTable(columns, **options)


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "../a", "a\\b", "a\0", "a b", "日本"])
def test_a_table_is_written_only_under_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunsError, match="is named by letters"):
        ResultTable([Column("x", [1])]).write(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunsError, match="there is no such folder"):
        ResultTable([Column("x", [1])]).write(tmp_path / "none", "t")
