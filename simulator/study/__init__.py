"""Studies: many runs, on all cores or on a cluster, and what is kept of them."""

from simulator.study.crossing import crossed
from simulator.study.execution import run_all
from simulator.study.parts import write_rows
from simulator.study.run import PREFIXES, STEPS, Row, Run, run_row

__all__ = ["PREFIXES", "STEPS", "Row", "Run", "crossed", "run_all", "run_row", "write_rows"]
