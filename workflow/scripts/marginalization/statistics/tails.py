"""How rare a distance is among those of controls: counted, and past the last of the controls predicted.

With r of the N controls at least as far from zero as an element, p = (r + 1) / (N + 1) (Phipson and Smyth, Stat. Appl.
Genet. Mol. Biol. 9:39, 2010). That holds whatever the controls are drawn from, but says of an element that is beyond
all of them the same however far it is, and many elements need more: a lone one among m is found at a level only when
N + 1 > m / level.

Past the last control the tail is predicted. Distances over a high threshold follow a generalized Pareto distribution
(Knijnenburg et al., Bioinformatics 25:i161, 2009). Its scale s and shape g are not estimated, which would make p too
small. With all values equally likely, of log s and of g >= 0, the chance that one more distance is over the threshold
by x, after the k excesses y of the controls, is the mean of (1 + g x / s)^(-1 / g) over the posterior. With
b = g / s the integral over g is solved, and what is left is a sum over b,

    P(x) = sum_b w(b) (1 + log(1 + b x) / S(b))^(1 - k) / sum_b w(b),
    S(b) = sum_i log(1 + b y_i),    w(b) = b^k exp(-S(b)) S(b)^(1 - k)

A few of the controls may hold a motif, and lie in a cluster of their own past the others. So the threshold is put below
the last 10 controls, below the last 20, 40 and so on, and the largest of the predictions is taken.
"""

from __future__ import annotations

import numpy as np

FEWEST_EXCESSES = 10
MOST_EXCESSES = 640
"""Over how many excesses a prediction is made: from the fewest, doubled while they are no more than this."""

TAIL = 10
"""The excesses are at most one in so many of the controls."""

REACH = 10
"""How many times rarer than the N controls can show a prediction may be: p >= 1 / (REACH (N + 1))."""

_SHAPES = 2.0 ** (np.arange(-112, 113) / 8)
"""b, in units of 1 / mean(y)."""


def tail_p(null: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """The chance of distances at least as large.

    Args:
        null: float64 (N,), the distances of controls.
        distance: float64, of any shape.

    Returns:
        float64 of the shape of `distance`; NaN where that is, or there are no controls.
    """
    null = np.sort(null)
    p = np.where(np.isnan(distance) | (len(null) == 0), np.nan, 1.0)
    known = ~np.isnan(p)
    beyond = len(null) - np.searchsorted(null, distance[known], side="left")
    p[known] = (beyond + 1) / (len(null) + 1)
    past = known & (p == 1 / (len(null) + 1))
    if past.any():
        far, where = np.unique(distance[past], return_inverse=True)
        p[past] = _predicted(null, far)[where]
    return p


def least_p(n: int | np.ndarray) -> float | np.ndarray:
    """The smallest that `tail_p` says with n controls."""
    return 1 / (np.where(n >= TAIL * FEWEST_EXCESSES, REACH, 1) * (n + 1))


def controls_needed(n_elements: int, level: float) -> int:
    """The fewest controls with which the q-value of a lone one among so many elements can be under the level."""
    # 1 / least_p(n), which is a whole number, has to be over n_elements / level.
    ratio = n_elements / level * (1 + 1e-12)
    return min(int(ratio), max(TAIL * FEWEST_EXCESSES, int(ratio / REACH)))


def _predicted(null: np.ndarray, far: np.ndarray) -> np.ndarray:
    """p of distances past the last of the sorted null."""
    n = len(null)
    p = np.zeros(len(far))
    k = FEWEST_EXCESSES
    while k <= min(MOST_EXCESSES, n // TAIL):
        threshold, excesses = null[-k - 1], null[-k:] - null[-k - 1]
        # Excesses that are all zero tell nothing of the tail; nor do infinite ones.
        usable = 0 < excesses[-1] < np.inf
        p = np.maximum(p, (k + 1) / (n + 1) * (_exceeded(excesses, far - threshold) if usable else 1.0))
        k *= 2
    floor = 1 / (n + 1)
    return np.clip(p, least_p(n), floor) if k > FEWEST_EXCESSES else np.full(len(far), floor)


def _exceeded(excesses: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The chance that one more excess is larger than each x."""
    k, unit = len(excesses), excesses.mean()
    logs = np.log1p(np.outer(_SHAPES, excesses / unit)).sum(axis=1)
    weights = k * np.log(_SHAPES) - logs - (k - 1) * np.log(logs)
    weights = np.exp(weights - weights.max())
    # An infinite x is exceeded by none.
    farther = np.log1p(np.log1p(np.outer(x / unit, _SHAPES)) / logs)
    return np.exp((1 - k) * farther) @ weights / weights.sum()
