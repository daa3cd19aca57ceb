"""How small a q a screen can reach: what is said beforehand is what the verdicts then are."""

import numpy as np
import pytest
from marginalization.statistics.families import Families
from marginalization.statistics.nulls import compare
from marginalization.statistics.resolution import Resolution, resolution

SPEC = {"per": "element", "shuffles": 5, "level": 0.05}


def verdicts(n, shuffles, acting, level=0.05):
    """The significant of n elements, of which some act by far more than any control."""
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(n), shuffles + 1)
    is_control = np.tile(np.arange(shuffles + 1) > 0, n)
    effect = np.where(is_control, rng.normal(size=len(family)), 0.0)
    effect[np.flatnonzero(~is_control)[:acting]] = 1e9
    among = Families(is_control, family, np.zeros(n, int), level)
    found = compare(np.ones((len(effect), 1)), effect[:, None], among)
    own = ~is_control
    return np.asarray(found["significant"][own], dtype=bool), found["element_q"][own], among


@pytest.mark.parametrize(("n", "shuffles"), [(1, 19), (1, 20), (3, 5), (4, 25), (30, 2), (30, 5), (700, 2), (90, 20)])
def test_the_smallest_q_is_what_a_lone_element_gets(n, shuffles):
    significant, q, among = verdicts(n, shuffles, 1)
    found = resolution(among, SPEC)
    assert (found.n_elements, found.n_controls) == (n, n * shuffles)
    assert found.smallest_q == pytest.approx(q[0], rel=1e-12)
    assert significant[0] == (found.together == 1) == (found.limits() == "")
    assert f"{found.smallest_q:.2g}" in found.describe()


@pytest.mark.parametrize(("n", "shuffles"), [(3, 5), (4, 5), (12, 2), (20, 3), (300, 2)])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_how_many_are_found_together(n, shuffles, level):
    found = Resolution(n, n * shuffles, {**SPEC, "level": level})
    for acting in range(1, min(n, found.together + 2) + 1):
        significant, *_ = verdicts(n, shuffles, acting, level)
        assert significant[0] == (acting >= found.together)


@pytest.mark.parametrize("n", [1, 3, 7, 19, 50, 101, 700])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_the_shuffles_that_find_one(n, level):
    needed = Resolution(n, 2 * n, {**SPEC, "level": level}).shuffles
    for shuffles in {needed, max(2, needed - 1)}:
        found = Resolution(n, n * shuffles, {**SPEC, "level": level})
        assert (found.together == 1) == (shuffles >= needed)
    of_stratum = Resolution(n, 2, {**SPEC, "level": level, "per": "stratum"}).shuffles
    assert Resolution(n, of_stratum, SPEC | {"level": level}).together == 1
    assert Resolution(n, of_stratum - 1, SPEC | {"level": level}).together > 1


def test_limits_say_what_to_set():
    assert Resolution(3, 15, SPEC).limits() == (
        "with 15 controls none of 3 elements can be significant, for the smallest q of a lone one is 0.19: "
        "set controls.shuffles to 20 or more"
    )
    assert Resolution(16, 80, SPEC).limits() == (
        "with 80 controls only 4 or more at once of 16 elements can be significant, for the smallest q of a lone one "
        "is 0.2: set controls.shuffles to 7 or more"
    )
    assert Resolution(700, 14_000, SPEC).describe() == (
        "with 14,000 controls in a stratum the smallest q of a lone one among 700 elements is 0.005, and 0.05 just "
        "past the last control; more controls.shuffles reach less"
    )
