"""`rungsim list`, `show` and `check`."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.options import TABLE_HELP, Metric, examples
from simulator.cli.output import plain
from simulator.cli.sources import is_table
from simulator.cli.studies import shipped_studies

app = typer.Typer()


@app.command("list", epilog=examples("rungsim list"))
def list_() -> None:
    """Name the tables, schedulers, searchers, clusters, studies, and the formats that can be imported."""
    from blackboxes import BlackboxError, families, synthetic, tasks_of
    from blackboxes.catalogue import user_folder
    from blackboxes.importing import IMPORTERS
    from simulator import clairvoyant
    from simulator.cluster import PRESETS
    from simulator.registry import SCHEDULERS, SEARCHERS

    print(plain(f"tables (your own in {user_folder()})"))
    for family, path in families().items():
        try:
            for task in tasks_of(path):
                print(f"  {plain(family)}:{plain(task)}")
        except BlackboxError as error:
            print(plain(f"  {family}: {error}"))
    print("synthetic tables (parameters after a colon, such as power-law:rank_correlation=0.5,seed=3)")
    for name, family_class in synthetic.families().items():
        print(f"  {name:<19} {family_class.summary()}")
    print("schedulers (arguments in parentheses, such as asha-stopping(eta=4,r_min=3))")
    for name in SCHEDULERS.names():
        print(plain(f"  {name:<19} {SCHEDULERS.summary(name)}"))
    print("searchers (behind a +, such as asha-promotion+kde)")
    for name in SEARCHERS.names():
        print(plain(f"  {name:<19} {SEARCHERS.summary(name)}"))
    print("bound (among the schedulers of rungsim compare)")
    print(f"  {clairvoyant.NAME:<19} The best that any scheduler could know by then.")
    print("clusters (--cluster, arguments in parentheses, such as spot(crashes='0.2/x',retries=5))")
    for name, settings in PRESETS.items():
        told = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        print(f"  {name:<19} {told or 'nothing of the kind'}")
    print("studies (rungsim study run NAME)")
    for name, path in shipped_studies().items():
        print(plain(f"  {name:<19} {_question(path)}"))
    print("formats (rungsim import FORMAT --help)")
    for name in IMPORTERS.names():
        print(f"  {name}")


def _question(study: Path) -> str:
    """The first sentence of the comment that a study file begins with."""
    lines = takewhile(lambda line: line.startswith("# "), study.read_text(encoding="utf-8").splitlines())
    found = re.match(r".*?[.?](?=\s|$)", " ".join(line[2:] for line in lines))
    return found[0] if found else ""


@app.command(
    epilog=examples(
        "rungsim show mlp:digits",
        "rungsim show asha-promotion",
        "rungsim show power-law:rank_correlation=0.5,seed=3",
        "rungsim show tables/mine.h5:first --metric test_error --surrogate forest",
    )
)
def show(
    table: Annotated[
        str, typer.Argument(help=f"{TABLE_HELP[:-1]}; or a scheduler's or searcher's name.", metavar="TABLE")
    ],
    metric: Metric = None,
    surrogate: Annotated[
        str | None, typer.Option(help="Also how well a surrogate, nearest or forest, predicts what it has not seen.")
    ] = None,
) -> None:
    """Describe a table: size, space, resources, metrics, runtimes, what low fidelities tell of r_max.

    Of a scheduler or a searcher: what it does, and its arguments with their defaults.
    """
    from blackboxes import load
    from blackboxes.describe import overview, surrogate_errors

    if _show_classes(table):
        return
    box = load(table)
    facts = overview(box, metric)
    if surrogate is not None:
        facts += surrogate_errors(box, surrogate)  # type: ignore[arg-type]  # an unknown kind is its error
    lines = [box.name + (f": {box.description}" if box.description else "")]
    lines += [f"  {label:<20} {fact}" for label, fact in facts]
    lines += ["  space", *(f"    {parameter}" for parameter in box.space.values())]
    for line in lines:
        print(plain(line))


def _show_classes(name: str) -> bool:
    """Describe the scheduler and the searcher of this name, if there are any and no table has it."""
    import inspect

    from simulator.registry import SCHEDULERS, SEARCHERS

    if is_table(name) or Path(name).is_file():
        return False
    known = [registry for registry in (SCHEDULERS, SEARCHERS) if name in registry.names()]
    for registry in known:
        cls = registry.find(name)
        takes = [*inspect.signature(cls.__init__).parameters.values()][1:]
        arguments = ", ".join(str(one.replace(annotation=one.empty)) for one in takes)
        print(plain(f"{registry.what} {name}({arguments})"))
        for line in (inspect.getdoc(cls) or "").splitlines():
            print(plain(f"  {line}").rstrip())
    return bool(known)


@app.command(epilog=examples("rungsim check tables/mine.h5", "rungsim check mlp:digits"))
def check(
    file: Annotated[str, typer.Argument(help="A file of tables, or the name of a family or a table.", metavar="FILE")],
) -> None:
    """Verify a file: read all of it, tell what it holds and what looks odd; exit code 2 if something is wrong."""
    from blackboxes import BlackboxError
    from blackboxes.hdf5 import read, tasks_of
    from blackboxes.oddities import oddities

    path, wanted = _file_of(file)
    tasks = tasks_of(path) if wanted is None else [wanted]
    if not tasks:
        raise BlackboxError(f"{path}: it holds no table")
    broken = False
    for task in tasks:
        try:
            box = read(path, task)
            box.space  # noqa: B018  (parsed when first asked for)
        except BlackboxError as error:
            broken = True
            print(plain(f"{task}: WRONG: {error}"))
            continue
        n, replicates, resources = box.elapsed.shape
        found = oddities(box)
        print(
            plain(
                f"{task}: {n:,} configurations x {replicates} replicates x {resources} resources, "
                f"{', '.join(box.metrics)}: {'fine' if not found else 'valid, but odd:'}"
            )
        )
        for sentence in found:
            print(plain(f"  - {sentence}"))
    if broken:
        raise typer.Exit(2)


def _file_of(name: str) -> tuple[Path, str | None]:
    """The file that is meant, and the task in it, None for all; a file goes before a family of its name."""
    from blackboxes import BlackboxError, synthetic
    from blackboxes.catalogue import files_of

    if Path(name).is_file():
        return Path(name), None
    if name.partition(":")[0] in synthetic.families():
        raise BlackboxError(f"{name}: a synthetic table is in no file that could be checked")
    return next(files_of(name), (Path(name), None))
