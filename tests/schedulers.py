"""Which schedulers a test can be about, where not all of them are by their nature."""

from __future__ import annotations

from blackboxes import Blackbox
from simulator import Trace, make_scheduler, scheduler_names

NAMES = sorted(scheduler_names())
OWN_ROWS = {"grid", "dehb", "dyhpo", "mf-bo"}  # they choose among the rows themselves
AGAIN = {"pbt", "dehb", "mf-bo"}  # they may start a row again before all are used up
CHECKPOINTS = {"pbt"}  # they need a table whose trials can be resumed
# They try what the random searcher proposes, in its order:
ASKING = [name for name in NAMES if name not in OWN_ROWS and make_scheduler(name).default_searcher() == "random"]

# Their rules without their models, which are dear and have tests of their own:
CHEAP = {
    "bohb": "bohb+random",
    "mobster": "mobster+random",
    "hyper-tune": "hyper-tune+random",
    "dyhpo": "dyhpo(min_observations=1000)",
    "mf-bo": "mf-bo(min_observations=1000)",
}
SPECS = [CHEAP.get(name, name) for name in NAMES]


def name_of(spec: str) -> str:
    """The name in a spec."""
    return spec.partition("+")[0].partition("(")[0]


def fits(spec: str, table: Blackbox) -> bool:
    """Whether a scheduler works on a table."""
    return table.resumable or name_of(spec) not in CHECKPOINTS


def asked_for(trace: Trace) -> list[int]:
    """The rows of the trials that began from nothing, in order: what the searcher proposed."""
    return trace.columns.config[trace.columns.checkpoint_of < 0].tolist()
