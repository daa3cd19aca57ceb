import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from marginalization.statistics import permutation
from marginalization.statistics.permutation import permutation_p


def drawn(rng, n, m):
    """Values of rows that differ in spread and are far from normal."""
    return -rng.exponential(size=(n, 1 + m)) * rng.lognormal(size=(n, 1)) + rng.normal(size=(n, 1))


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 5))
def test_few_draws_are_counted(seed, n, m):
    values = drawn(np.random.default_rng(seed), n, m)
    sums = np.array([sum(draw) for draw in itertools.product(*values)])
    observed = values[:, 0].sum()
    tails = [(sums >= observed - 1e-9).mean(), (sums <= observed + 1e-9).mean()]
    assert permutation_p(values) == pytest.approx(min(1, 2 * min(tails)))


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("n", [3, 4, 8])
def test_the_tail_is_that_of_counting(n, shift, monkeypatch):
    """Up to a quarter off, where all draws can still be counted and a few rows are most of the sum."""
    values = drawn(np.random.default_rng(n), n, 5)
    values[:, 0] -= shift
    monkeypatch.setattr(permutation, "ENUMERATED", 6**4)
    exact = permutation_p(values)
    monkeypatch.setattr(permutation, "ENUMERATED", 1)
    assert permutation_p(values) == pytest.approx(exact, rel=0.25)


def test_many_rows_are_as_the_normal_approximation_has_it():
    values = np.random.default_rng(0).normal(size=(2000, 21))
    for shift in (0.0, 0.03, 0.06):
        shifted = values.copy()
        shifted[:, 0] += shift
        z = (shifted[:, 0].sum() - shifted.mean(axis=1).sum()) / np.sqrt(shifted.var(axis=1).sum())
        assert permutation_p(shifted) == pytest.approx(2 * scipy.stats.norm.sf(abs(z)), rel=0.02)


def test_the_far_end_and_what_has_no_spread():
    values = np.zeros((3, 11))
    assert permutation_p(values) == 1
    values[:, 0] = -5
    assert permutation_p(values) == pytest.approx(2 * 11**-3)  # what was observed is the least of all draws
    assert permutation_p(np.pad(values, ((0, 37), (0, 0)), mode="edge")) == pytest.approx(2 * 11**-40.0, rel=1e-6)
    assert permutation_p(1e9 + 1e-3 * values) == pytest.approx(permutation_p(values))
    values = np.random.default_rng(1).normal(size=(30, 11))
    values[:, 0] = values[:, 1:].mean(axis=1)
    assert permutation_p(values) > 0.95


def test_p_is_even_where_instances_are_nothing_special():
    rng = np.random.default_rng(2)
    p = np.array([permutation_p(drawn(rng, int(rng.integers(4, 30)), 20)) for _ in range(3000)])
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.001
    assert (p < 0.01).mean() == pytest.approx(0.01, abs=0.006)


@pytest.mark.parametrize("n", [6, 12, 40])
def test_long_tails_make_no_small_p(n):
    """An effect in the middle of all draws has no small p, however far out single stretches are."""
    rng = np.random.default_rng(n)
    for _ in range(300):
        values = np.exp(1.5 * rng.normal(size=(n, 21)))
        draws = sum(row[rng.integers(21, size=4000)] for row in values)
        tails = (draws >= values[:, 0].sum()).mean(), (draws <= values[:, 0].sum()).mean()
        assert permutation_p(values) >= 0.03 * min(1, 2 * min(tails))


def test_next_to_the_least_of_all_draws():
    """Where most values are all but equal, and the instances are next to the least, p is no small one."""
    values = np.zeros((12, 21))
    values[:, 0], values[:, 1:12], values[:, 12] = 1e-7, 2e-7, 50
    assert permutation_p(values) > 0.05
    assert permutation_p(-values) > 0.05
