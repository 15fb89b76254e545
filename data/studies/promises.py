"""Which schedulers of which libraries keep which promises? The conformance suite, run over every adapter.

    python data/studies/promises.py
    python data/studies/promises.py ray:ASHAScheduler syne-tune:ASHA
    python data/studies/promises.py --update README.md --reasons data/studies/promises.md

Prints a table in Markdown, implementation by property. Each scheduler is judged by a process of its own, in an
environment that has its library (`make peers` makes them). All of them take some ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pages import with_part
from rich.console import Console
from rich.progress import track

from blackboxes.aside import written_aside
from simulator.errors import StudyError

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- promises -->", "<!-- /promises -->"
SCHEDULERS = {  # by environment in .venv-peers, "" for this one
    "": ("asha-stopping", "asha-promotion", "hyperband", "median-stopping", "pbt"),
    "adapters": (
        "optuna:SuccessiveHalvingPruner",
        "optuna:HyperbandPruner",
        "optuna:MedianPruner",
        "optuna:PercentilePruner(percentile=25.0)",
        "optuna:PatientPruner(wrapped_pruner='MedianPruner',patience=2)",
        "optuna:ThresholdPruner(upper=1.0)",
        "optuna:WilcoxonPruner",
        "optuna:TPESampler(n_startup_trials=5)",
        "ray:FIFOScheduler",
        "ray:ASHAScheduler(grace_period=1,reduction_factor=3)",
        "ray:HyperBandScheduler(reduction_factor=3)",
        "ray:HyperBandForBOHB(reduction_factor=3)",
        "ray:MedianStoppingRule(grace_period=1)",
        "ray:PopulationBasedTraining(perturbation_interval=3)",
        "syne-tune:ASHA",
        "syne-tune:BOHB",
        "syne-tune:MedianStoppingRule",
        "syne-tune:PopulationBasedTraining",
        "syne-tune:RandomSearch",
        "syne-tune:REA",
    ),
    "syne-tune": (
        "syne-tune:legacy_baselines.ASHA(type='stopping')",
        "syne-tune:legacy_baselines.ASHA(type='promotion')",
        "syne-tune:legacy_baselines.SyncHyperband",
        "syne-tune:legacy_baselines.PASHA",
        "syne-tune:legacy_baselines.DEHB",
    ),
}
TOGETHER = "deterministic"  # six properties whose names begin with this make one column


def judged(spec: str) -> dict[str, Any]:
    """What the conformance suite finds of a scheduler, in this environment."""
    from simulator.conformance import check
    from simulator.registry import make_both

    report = check(spec)
    return {
        "spec": spec,
        "library": make_both(spec)[0].library,
        "refused": report.refused,
        "findings": [
            {
                "name": finding.about.name,
                "universal": finding.about.universal,
                "held": finding.held,
                "failed": finding.failed,
                "said": "" if finding.failure is None else finding.failure.said,
                "run": finding.failure.text() if finding.binding and finding.failure is not None else "",
            }
            for finding in report.findings
        ],
    }


def judge(spec: str, environment: str) -> dict[str, Any]:
    """The same, by a process in the environment that has the library."""
    python = ROOT / ".venv-peers" / environment / "bin" / "python" if environment else Path(sys.executable)
    if not python.exists():
        raise SystemExit(f"error: {spec} needs {python.parent.parent.relative_to(ROOT)}: make peers")
    steady = os.environ | {"PYTHONHASHSEED": "0"}  # what depends on the order of sets does so in the same way each time
    words = [str(python), __file__, "--judge", spec]
    done = subprocess.run(words, cwd=ROOT, env=steady, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: {spec}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(found: Sequence[dict[str, Any]]) -> str:
    """Implementation by property: those that can be judged of some scheduler of another library."""
    columns = columns_of(found)
    lines = [["whose", "scheduler", *(f"`{name}`" for name in columns)], ["---", "---", *([":-:"] * len(columns))]]
    for one in found:
        name, cells = one["spec"].partition(":")[2] or one["spec"], by_column(one)
        lines.append([one["library"] or "rungsim", f"`{name}`", *(cells[column] for column in columns)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def columns_of(found: Sequence[dict[str, Any]]) -> list[str]:
    told = [by_column(one) for one in found]
    others = [cells for one, cells in zip(found, told, strict=True) if one["library"]] or told
    return [name for name in told[0] if any(cells[name] != "" for cells in others)]


def column_of(finding: dict[str, Any]) -> str:
    name: str = finding["name"]
    return f"{TOGETHER}-*" if name.startswith(TOGETHER) else name


def by_column(one: dict[str, Any]) -> dict[str, str]:
    """By property: a tick or a cross; of what every scheduler must have, with in how many scenarios it has not."""
    columns: dict[str, list[dict[str, Any]]] = {}
    for finding in one["findings"]:
        columns.setdefault(column_of(finding), []).append(finding)
    cells = {}
    for name, findings in columns.items():
        failed = [finding for finding in findings if finding["failed"]]
        held = any(finding["held"] for finding in findings)
        cells[name] = "✓" if held and not failed else ""
        if failed:
            worst = max(failed, key=lambda finding: len(finding["failed"]))
            share = f"{len(worst['failed'])}/{worst['held'] + len(worst['failed'])}"
            cells[name] = f"✗ {share}" if worst["universal"] else "✗"
    return cells


def reasons(found: Sequence[dict[str, Any]]) -> str:
    """What happened where another library's scheduler lacks a property; with a short run if all must have it."""
    shown, parts = columns_of(found), []
    for one in found:
        failures = [finding for finding in one["findings"] if finding["failed"] and column_of(finding) in shown]
        if not one["library"] or not (failures or one["refused"]):
            continue
        parts.append(f"## `{one['spec']}`, {one['library'] or 'rungsim'}\n")
        for finding in failures:
            parts.append(f"**{finding['name']}** ({', '.join(finding['failed'])}): {finding['said']}\n")
            _, *run = finding["run"].splitlines() or [""]
            parts += ["".join(f"    {line}\n" for line in run)] if run else []
        parts += [f"Declines `{scenario}`: {why}\n" for scenario, why in one["refused"].items()]
    return "\n".join(parts)


def put_between(path: Path, text: str) -> None:
    """What stands between the two marks of a file becomes `text`."""
    try:
        page = with_part(path.read_text(encoding="utf-8"), BEGIN, END, f"\n{text}")
    except StudyError as error:
        raise SystemExit(f"error: {path}: {error}") from None
    with written_aside(path) as aside:
        aside.write_text(page, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schedulers", nargs="*", metavar="SPEC", help="only these; all if left out")
    parser.add_argument("--update", type=Path, metavar="FILE", help=f"put the table into it, between {BEGIN} and {END}")
    parser.add_argument("--reasons", type=Path, metavar="FILE", help="put the shortest failing runs into it, likewise")
    parser.add_argument("--judge", metavar="SPEC", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.judge:
        print("\n" + json.dumps(judged(asked.judge)))
        return
    known = {spec: environment for environment, specs in SCHEDULERS.items() for spec in specs}
    chosen = asked.schedulers or list(known)
    homes = [known.get(spec, "adapters" if ":" in spec else "") for spec in chosen]
    with ThreadPoolExecutor(os.cpu_count()) as at_once:
        found = list(
            track(
                at_once.map(judge, chosen, homes),
                "schedulers",
                len(chosen),
                console=Console(stderr=True),
                disable=not sys.stderr.isatty(),
            )
        )
    print(table(found))
    if asked.update is not None:
        put_between(asked.update, table(found))
    if asked.reasons is not None:
        put_between(asked.reasons, reasons(found))


if __name__ == "__main__":
    main()
