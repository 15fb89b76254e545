"""Resources as the whole numbers that other libraries count by."""

from __future__ import annotations

from collections.abc import Sequence


def steps_of(resources: Sequence[float]) -> dict[float, int]:
    """By resource: itself where all of them are whole numbers, else its number on the grid from 1 on."""
    whole = all(float(resource).is_integer() for resource in resources)
    return {resource: int(resource) if whole else k for k, resource in enumerate(resources, 1)}
