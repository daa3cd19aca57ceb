import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from marginalization.statistics.summary import agreement, signed_rank, summarize
from marginalization.store.schemas import STATISTICS

NUMBERS = st.floats(-1000, 1000, width=32)
pairs = st.tuples(st.integers(1, 4), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(arrays(np.float64, shape, elements=NUMBERS), arrays(np.float64, shape, elements=NUMBERS))
)


def quantile(values, q):
    """Linear interpolation between the sorted values, by hand."""
    values = sorted(values)
    place = q * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def p_by_itself(effect):
    """Wilcoxon's test of one row, by scipy."""
    if not any(effect):
        return 1
    plain = 0 not in effect and len({abs(e) for e in effect}) == len(effect) <= 50
    return scipy.stats.wilcoxon(effect, method="exact" if plain else "asymptotic").pvalue


@settings(deadline=None)
@given(pairs)
def test_every_column(drawn):
    before, after = drawn
    found = summarize(before, after)
    assert {*found, *agreement(after - before, after[0] - before[0])} == set(STATISTICS)
    for i, (b, a) in enumerate(zip(before, after, strict=True)):
        effect = [float(y) - float(x) for x, y in zip(b, a, strict=True)]
        n = len(effect)
        mean = math.fsum(effect) / n
        std = math.sqrt(math.fsum((e - mean) ** 2 for e in effect) / (n - 1)) if n > 1 else math.nan
        expected = {
            "before_mean": math.fsum(b) / n,
            "after_mean": math.fsum(a) / n,
            "effect_mean": mean,
            "effect_std": std,
            "effect_sem": scipy.stats.sem(effect) if n > 1 else math.nan,
            "effect_ci_low": scipy.stats.ttest_1samp(effect, 0).confidence_interval().low
            if std > 0
            else mean + 0 * std,
            "effect_ci_high": scipy.stats.ttest_1samp(effect, 0).confidence_interval().high
            if std > 0
            else mean + 0 * std,
            "effect_size": mean / std if std > 1e-12 * abs(mean) else math.nan,
            "p_value": p_by_itself(effect),
            "effect_median": np.median(effect),
            **{f"effect_q{q:02d}": quantile(effect, q / 100) for q in (5, 25, 75, 95)},
            "effect_min": min(effect),
            "effect_max": max(effect),
            "fraction_positive": sum(e > 0 for e in effect) / n,
        }
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][i], value, rtol=1e-12, atol=5e-12, err_msg=name)


def test_known_answers():
    found = summarize(np.zeros((2, 4)), np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, -1.0, 0.0]]))
    assert found["effect_mean"].tolist() == [2.5, -0.25]
    assert found["effect_median"].tolist() == [2.5, 0]
    assert found["effect_q25"].tolist() == [1.75, -0.25]
    assert found["fraction_positive"].tolist() == [1, 0]  # an effect of nothing is not positive
    np.testing.assert_allclose(found["effect_std"], [math.sqrt(5 / 3), 0.5], rtol=1e-15)


@pytest.mark.parametrize("n", range(2, 30))
def test_equal_effects_have_no_size(n):
    """Also where the mean of equal numbers is rounded."""
    found = summarize(np.full((1, n), 456.0), np.full((1, n), 9.99999972e-10))
    assert math.isnan(found["effect_size"][0])


def test_a_single_background_has_no_spread(recwarn):
    found = summarize(np.array([[1.0]]), np.array([[3.0]]))
    assert math.isnan(found["effect_std"][0])
    assert math.isnan(found["effect_sem"][0])
    assert {name: found[name][0] for name in ("effect_mean", "effect_min", "effect_q95")} == {
        "effect_mean": 2,
        "effect_min": 2,
        "effect_q95": 2,
    }
    assert not recwarn.list


@pytest.mark.parametrize("n", [20, 50, 51, 100])
def test_p_values_of_many_backgrounds(n):
    rng = np.random.default_rng(n)
    effect = rng.normal(rng.uniform(0, 0.5, (40, 1)), 1, (40, n))
    effect[::4] = effect[::4].round(1)  # ties and zeros
    found = signed_rank(effect)
    np.testing.assert_allclose(found, [p_by_itself(row.tolist()) for row in effect], rtol=1e-12)
    # whichever rows come along
    np.testing.assert_array_equal(found[:7], signed_rank(effect[:7]))
