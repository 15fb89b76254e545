"""Surrogates: the learning curve of a configuration that is not in the table, predicted from those that are.

`nearest` takes the curve of the nearest row, `forest` (extra ``surrogate``: scikit-learn) averages the curves of rows
that fall into the same leaves of a random forest. Both predict a whole curve at once, all metrics, times and
divergence together, so that what they predict hangs together as in a real curve.
"""

from __future__ import annotations

from blackboxes.surrogates.grown import GrownTable
from blackboxes.surrogates.leave_out import LeaveOut, leave_out_error
from blackboxes.surrogates.neighbours import Neighbours
from blackboxes.surrogates.proposal import params_at, vector
from blackboxes.surrogates.surrogate import KINDS, Surrogate

__all__ = ["KINDS", "GrownTable", "LeaveOut", "Neighbours", "Surrogate", "leave_out_error", "params_at", "vector"]
