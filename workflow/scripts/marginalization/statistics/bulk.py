"""How far the bulk of an element's controls spread, whatever a few of them do.

A shuffle may hold a motif by chance. It is an outlier among its siblings, and would alone set their standard deviation,
so that an element whose shuffles now and then become such motifs stood out from none. So the spread of a family is
1.4826 times the median absolute deviation from its median (Hampel, J. Am. Stat. Assoc. 69:383, 1974), which for normal
effects is near the standard deviation, and which outliers that are fewer than half do not move far.
"""

from __future__ import annotations

import numpy as np

OF_NORMAL = 1.4826
"""The standard deviation of a normal distribution, in units of its median absolute deviation."""


def bulk_variance(x: np.ndarray, of: np.ndarray, n_families: int) -> tuple[np.ndarray, np.ndarray]:
    """The squared spread of families, and of the siblings of each of their members.

    Args:
        x: float64 (members,), effects.
        of: int64 (members,), the family of each.
        n_families: number of families.

    Returns:
        float64 (families,) and (members,); NaN where there is no member, or no sibling.
    """
    n = np.bincount(of, minlength=n_families)
    order, first = np.lexsort((x, of)), np.cumsum(n) - n
    whole, siblings = np.full(n_families, np.nan), np.full(len(x), np.nan)
    for size in np.unique(n[n > 0]):
        families = np.flatnonzero(n == size)
        members = order[first[families][:, None] + np.arange(size)]
        sorted_x = x[members]
        middle = np.median(sorted_x, axis=1, keepdims=True)
        whole[families] = np.median(_far(sorted_x, middle), axis=1)
        if size > 1:
            siblings[members] = _of_others(sorted_x)
    return (OF_NORMAL * whole) ** 2, (OF_NORMAL * siblings) ** 2


def difference(x: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """x - centre, zero where that is rounding alone: effects that are all equal have no spread."""
    return np.where(np.isclose(x, centre, rtol=1e-12, atol=0), 0.0, x - centre)


def _far(x: np.ndarray, middle: np.ndarray) -> np.ndarray:
    return np.abs(difference(x, middle))


def _of_others(x: np.ndarray) -> np.ndarray:
    """The median absolute deviation of each row of sorted values without each of them, in the shape of x."""
    size = x.shape[1]
    place = np.arange(size)
    found = np.empty_like(x)
    # The median without a value takes three values at most: that of one on the left, in the middle, or on the right.
    sides = (place > (size - 2) // 2).astype(int) + (place > (size - 1) // 2)
    for side in np.unique(sides):
        own = np.flatnonzero(sides == side)
        far = _far(x, _median_without(x, np.full((len(x), 1), own[0])))
        order = np.argsort(far, axis=1)
        rank = np.argsort(order, axis=1)
        found[:, own] = _median_without(np.take_along_axis(far, order, axis=1), rank[:, own])
    return found


def _median_without(x: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The median of each row of sorted values without the one at each place, int64 (rows, places)."""
    size = x.shape[1]
    low, high = (np.take_along_axis(x, i + (place <= i), axis=1) for i in ((size - 2) // 2, (size - 1) // 2))
    return (low + high) / 2
