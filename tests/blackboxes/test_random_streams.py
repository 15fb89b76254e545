"""What is made of raw draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackboxes.streams import Stream


class Given(Stream):
    """Its draws are given."""

    __slots__ = ("draws",)

    def __init__(self, draws: list[int]) -> None:
        super().__init__(0)
        self.draws = draws

    def raw(self, n: int) -> np.ndarray:
        return np.array(self.draws[:n], dtype=np.uint64)


few_upper_bits = st.builds(lambda upper, lower: (upper << 48) + lower, st.integers(0, 3), st.integers(0, 5))


@given(st.lists(few_upper_bits | st.integers(0, 2**64 - 1), max_size=40))
def test_a_permutation_ranks_draws_and_equal_ones_by_place(draws: list[int]) -> None:
    ranked = sorted(range(len(draws)), key=lambda i: (draws[i], i))
    assert Given(draws).permutation(len(draws)).tolist() == ranked


@pytest.mark.parametrize("n", [0, 1, 2, 3000, 200_000])
def test_a_permutation_has_every_number_once(n: int) -> None:
    found = Stream(3, "x").permutation(n)
    assert found.dtype == np.int64
    assert np.array_equal(np.sort(found), np.arange(n))
