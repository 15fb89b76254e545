"""Studies: many runs, on all cores or on a cluster, and what is kept of them."""

from simulator.study.crossing import crossed
from simulator.study.execution import run_all
from simulator.study.parts import write_rows
from simulator.study.run import LISTS, PREFIXES, Row, Run, run_row

__all__ = ["LISTS", "PREFIXES", "Row", "Run", "crossed", "run_all", "run_row", "write_rows"]
