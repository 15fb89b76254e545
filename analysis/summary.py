"""One line a scheduler: how good, how soon, at what expense."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.anytime import quantile
from analysis.runs import as_runs, whose
from simulator.accounting import PARTS

WITHIN = (0.05, 0.01)


def time_to_within(run: pd.Series, share: float) -> float:
    """Simulated seconds until a run's regret is at most `share` of what separates the table's median from its best.

    The scale is the distance from the best value in the table to its median at r_max, since a share of the best
    value itself means nothing for an error close to zero. inf where the run never got there.
    """
    sign = 1.0 if run["direction"] == "min" else -1.0
    best, median = sign * run["table_best"], sign * run["table_median"]
    reached = np.flatnonzero(sign * np.asarray(run["values"]) <= best + share * (median - best))
    return float(run["times"][reached[0]]) if len(reached) else float("inf")


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """A table with one row a scheduler on a cluster, in the order of their first run.

    A run without any result counts as worse than any, so that a quantile that falls on one is NaN.

    Columns: table, cluster, scheduler, `decided_by` (``rungsim``, or the other library with its version), runs; `final`
    with `final_q1` and `final_q3` (median and quartiles over seeds of the best reported value), `regret` (median
    distance to the table's best), `test` (median test metric of the last incumbent, NaN without one); `time_to_5pct`
    and `time_to_1pct` (median seconds, see `time_to_within`; inf where half of the runs or more never got there) with
    `reached_5pct` and `reached_1pct` (share of runs that did); `trials` and `resource` (means; resource in the table's
    unit), `idle` (mean share of the workers' time without work), `exhausted` (how many runs used up the table);
    `share_useful`, `share_repeated`, `share_stopped`, `share_barrier`, `share_no_work` and `share_overhead` (mean
    shares of the workers' time, see `simulator.accounting.Accounting`), `crashes`, `preemptions`, `failed` (trials) and
    `cost` (means; cost in the currency of the cluster's price, NaN without one).
    """
    runs = as_runs(runs)
    rows = []
    for (table, cluster, scheduler), group in runs.groupby(["table", "cluster", "scheduler"], sort=False):
        final = group["best"].to_numpy(dtype=np.float64)
        test = np.array([run[-1] if len(run) else np.nan for run in group["test_values"]])
        worst = _worst(group["direction"].iloc[0])
        row = {
            "table": table,
            "cluster": cluster,
            "scheduler": scheduler,
            "decided_by": whose(group),
            "runs": len(group),
            "final": float(quantile(final, 0.5, worst)),
            "final_q1": float(quantile(final, 0.25, worst)),
            "final_q3": float(quantile(final, 0.75, worst)),
            "regret": float(quantile(np.abs(final - group["table_best"].to_numpy()), 0.5, np.inf)),
            "test": float(quantile(test, 0.5, _worst(group["test_direction"].iloc[0]))),
        }
        for share in WITHIN:
            times = np.array([time_to_within(run, share) for _, run in group.iterrows()])
            name = f"{share * 100:.0f}pct"
            row[f"time_to_{name}"] = np.quantile(times, 0.5, method="higher")
            row[f"reached_{name}"] = np.isfinite(times).mean()
        row["trials"] = group["trials"].mean()
        row["resource"] = group["resource"].mean()
        row["idle"] = group["idle"].mean()
        row["exhausted"] = int(group["exhausted_at"].notna().sum())
        spent = group["worker_time"].where(group["worker_time"] > 0)
        row |= {f"share_{part}": (group[f"time_{part}"] / spent).mean() for part in PARTS}
        row |= {name: group[name].mean() for name in ("crashes", "preemptions", "failed", "cost")}
        rows.append(row)
    return pd.DataFrame(rows)


def _worst(direction: str | None) -> float:
    return -np.inf if direction == "max" else np.inf
