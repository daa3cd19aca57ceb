"""How many rows of a shard are written together."""

import hypothesis.strategies as st
from hypothesis import given
from marginalization.jobs import running


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_row_groups_are_neither_tiny_nor_more_than_a_few_hundred_megabytes(numbers, n_targets):
    rows = running.rows_together(numbers, n_targets)
    of_target, of_all = rows * numbers, rows * numbers * n_targets
    assert of_target > running.FEWEST_NUMBERS // 2 or rows == 1
    assert of_all <= max(running.ROW_GROUP_NUMBERS, running.FEWEST_NUMBERS * n_targets) or rows == 1
    assert (rows + 1) * numbers > running.FEWEST_NUMBERS
    assert (rows + 1) * numbers * n_targets > running.ROW_GROUP_NUMBERS
