"""Synthetic tables with known truth: each file here is one family, `power_law.py` is the family ``power-law``. Other
packages add families by entry points of the group ``rungsim.synthetic``.

A file holds one frozen dataclass, a subclass of `Family`, whose fields are the family's parameters and whose docstring
says what is known about its tables. A table's name is `family:task`, its task the parameters that differ from their
defaults, and always the seed: ``power-law:rank_correlation=0.5,seed=3``.

The metric `loss` has noise; the test metric `true_loss` is the same curve without it. So the truth about a table is
in the table: the best configuration is the row where `true_loss` is least at r_max, and an analysis that scores the
incumbent by the test metric scores it without noise.
"""

from __future__ import annotations

from blackboxes.errors import BlackboxError
from blackboxes.registry import Registry, only_class
from blackboxes.synthetic._family import Family
from blackboxes.synthetic._parameters import read
from blackboxes.table import Blackbox

__all__ = ["FAMILIES", "Family", "families", "make"]


FAMILIES = Registry("synthetic family", __name__, only_class(Family), "rungsim.synthetic", BlackboxError)


def families() -> dict[str, type[Family]]:
    """Every family by name; `Family.summary()` is its line in a list, `Family.parameters()` what it takes."""
    return {name: FAMILIES.find(name) for name in FAMILIES.names()}


def make(name: str, parameters: str = "") -> Blackbox:
    """A table of family `name`.

    Args:
        name: such as ``power-law``.
        parameters: such as ``rank_correlation=0.5,seed=3``; what is left out has its default.

    Raises:
        BlackboxError: an unknown family or parameter (with the nearest names), or a value out of range.

    Example:
        >>> make("power-law", "rank_correlation=0.5,seed=3")
        <Blackbox power-law:rank_correlation=0.5,seed=3: 1000 configurations x 2 replicates x 81 resources>
    """
    cls: type[Family] = FAMILIES.find(name)
    return cls(**read(name, parameters, cls.parameters())).table()
