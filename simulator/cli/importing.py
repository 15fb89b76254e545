"""`rungsim import FORMAT`: a command for each importer, made from what its function takes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperGroup

from simulator.cli.options import Quiet, examples
from simulator.cli.output import plain, progress_bar

OUT_HELP = "The file to make or replace; left out: FAMILY.h5 in your data folder, where it goes by its name."
NO_DEFAULT = inspect.Parameter.empty
COMPRESS_HELP = "Smaller, but slow to write, and read into memory rather than memory-mapped."


class Formats(TyperGroup):
    """One command a format; its importer is looked at when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        from blackboxes.importing import IMPORTERS

        return IMPORTERS.names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        from blackboxes.importing import IMPORTERS

        return _command(cmd_name, IMPORTERS.find(cmd_name))


app = typer.Typer(
    cls=Formats,
    help="Import tables that others have published, or your own logs.",
    epilog=examples("rungsim import lcbench data_2k.json", "rungsim import long logs.csv --columns columns.toml"),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _import() -> None:
    pass


def _command(name: str, tables: Callable[..., Any]) -> Any:
    """The command of an importer: its source, its keyword-only arguments as options, and where to write."""
    from blackboxes.importing import finds_its_source

    options = [p for p in inspect.signature(tables).parameters.values() if p.kind is p.KEYWORD_ONLY]
    found = finds_its_source(tables)

    def command(source: Path | None, out: Path | None, compress: bool, quiet: bool, **values: Any) -> None:
        from blackboxes.importing import import_file

        with progress_bar(f"importing {name}", None, quiet, counts=False) as progress:
            path = import_file(name, source, out, compress=compress, progress=progress, **values)
        print(plain(path))

    source = typer.Argument(help="What to read.", metavar="SOURCE")
    kinds: dict[str, Any] = {
        "source": Annotated[Path | None if found else Path, source],
        "out": Annotated[Path | None, typer.Option(help=OUT_HELP)],
        **{option.name: _typed(option, tables) for option in options},
        "compress": Annotated[bool, typer.Option("--compress", help=COMPRESS_HELP)],
        "quiet": Quiet,
    }
    defaults = {"out": None, "compress": False, "quiet": False} | {p.name: p.default for p in options}
    if found:
        defaults["source"] = None
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(n, NO_DEFAULT), annotation=kind)
            for n, kind in kinds.items()
        ]
    )
    command.__annotations__ = kinds
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    lines = getattr(sys.modules[tables.__module__], "EXAMPLES", ("SOURCE",))
    epilog = examples(*(f"rungsim import {name} {line}" for line in lines))
    alone.command(name, help=inspect.getdoc(tables), epilog=epilog)(command)
    return typer.main.get_command(alone)


def _typed(option: inspect.Parameter, tables: Callable[..., Any]) -> Any:
    from blackboxes.importing import annotation

    kind, text = get_args(annotation(tables, option.name))
    flag = f"--{option.name.replace('_', '-')}"
    if option.default is True:
        flag += f"/--no-{flag[2:]}"
    shown = option.default != "" and option.default is not False
    return Annotated[kind, typer.Option(flag, help=f"{text[0].upper()}{text[1:]}.", show_default=shown)]
