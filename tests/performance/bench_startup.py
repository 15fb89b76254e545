"""Start-up times of whole processes, on the clock.

python tests/performance/bench_startup.py [--repeats 10]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from functools import partial

from measuring import Goal, best_of

RUN = ("run", "mlp:digits", "asha-promotion", "--quiet")
COMMANDS = {
    "python, nothing": ("pass",),
    "import simulator": ("import simulator",),
    "rungsim --help": ("from simulator.cli import main; main()", "--help"),
    "rungsim run mlp:digits": ("from simulator.cli import main; main()", *RUN),
}


def compare(repeats: int = 10) -> list[Goal]:
    """Print all, and give what became of the goal."""
    print("whole processes, best of", repeats)
    seconds = {}
    for name, command in COMMANDS.items():
        start = partial(subprocess.run, [sys.executable, "-c", *command], check=True, stdout=subprocess.DEVNULL)
        seconds[name] = best_of(start, repeats, time.perf_counter)
        print(f"  {name:28}{seconds[name]:8.3f} s")
    taken = seconds["import simulator"] - seconds["python, nothing"]
    return [Goal("import simulator", "below 0.3 s", f"{taken:.2f} s", taken < 0.3)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="starts of each, the best counts (10)")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("repeats are at least 1")
    print(*compare(options.repeats), sep="\n")


if __name__ == "__main__":
    main()
