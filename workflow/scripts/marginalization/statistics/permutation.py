"""Instances of a motif against stretches elsewhere in the same sequences: an exact test, and its tail.

Each of n sequences has the effect of ablating an instance, and those of m other stretches. If instances are nothing
special, each is as likely as any of its m others to have any of the row's values, whatever these are: the mean over
sequences is one draw from that of a value of each row, drawn at random. That is a stratified permutation test, exact
without any assumption on how effects are distributed, or how much they differ between sequences. A row's values have

    K_i(t) = log mean_j exp(t x_ij),    and their sum K(t) = sum_i K_i(t)

as cumulant generating function. Of few rows all draws are counted. Of more, the tail is the saddlepoint approximation
that Robinson has for permutation tests (J. R. Stat. Soc. B 44:91, 1982), in the form of Barndorff-Nielsen (Biometrika
73:307, 1986), which holds its relative error into the far tail. Lugannani and Rice's form differs little where it can
be used; of rows with a long tail it can be negative in the middle, where it would be taken for the far end.
"""

from __future__ import annotations

import numpy as np
import scipy

ENUMERATED = 2**14
"""Up to how many sums of half of the rows all draws are counted: of six rows of 21 values, or fewer."""

NEAR = 1e-4
"""How near to the mean, in standard deviations, the approximation is taken at the mean itself."""

STEPS = 100


def permutation_p(values: np.ndarray) -> float:
    """The two-sided p-value of the sum of a column's first values among all draws of one value of each row.

    Args:
        values: float64, shape (n, 1 + m): of each row the instance's first.

    Returns:
        Twice the smaller of both tails, which hold what was observed: at least 2 (1 + m)^-n, at most 1.
    """
    centred = values - values.mean(axis=1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=1).sum())
    if scale == 0:
        return 1.0
    centred /= scale
    n, each = centred.shape
    enumerable = (n + 1) // 2 * np.log(each) <= np.log(ENUMERATED)
    tails = [_enumerated(x) if enumerable else _saddlepoint(x) for x in (centred, -centred)]
    return float(min(1.0, 2 * max(min(tails), float(each) ** -n)))


def _enumerated(values: np.ndarray) -> float:
    """The share of all draws whose sum is at least that of the first values."""
    half = len(values) // 2
    some, others = _sums(values[:half]), np.sort(_sums(values[half:]))
    # Sums of the same values in another order may differ by rounding.
    enough = values[:, 0].sum() - 1e-9 - some
    return float((len(others) - np.searchsorted(others, enough)).mean() / len(others))


def _sums(values: np.ndarray) -> np.ndarray:
    """Those of all draws of a value of each row."""
    sums = np.zeros(1)
    for row in values:
        sums = np.add.outer(sums, row).ravel()
    return sums


def _saddlepoint(values: np.ndarray) -> float:
    """The approximate share of draws whose sum is at least that of the first values; of a sum of variance 1."""
    observed, largest = values[:, 0].sum(), values.max(axis=1)
    if observed >= largest.sum() - 1e-9:
        return float(np.exp(np.log((values >= largest[:, None] - 1e-12).mean(axis=1)).sum()))
    if observed <= values.min(axis=1).sum() + 1e-9:
        return 1.0
    if abs(observed) < NEAR:
        skewness = (values**3).mean(axis=1).sum()
        return float(scipy.stats.norm.sf(observed + skewness / 6))
    t = _solution(values, observed)
    cumulant, _, variance = _cumulants(values, t)
    w = np.sign(t) * np.sqrt(max(2 * (t * observed - cumulant), 0.0))
    u = t * np.sqrt(variance)
    p = float(scipy.stats.norm.sf(w + np.log(max(u / w, 1e-300)) / w))
    # Next to either end the approximation is of nothing; Chernoff's bound on the nearer tail always holds.
    bound = float(np.exp(-(w**2) / 2))
    return min(p, bound) if w > 0 else max(p, 1 - bound)


def _solution(values: np.ndarray, observed: float) -> float:
    """The t at which K'(t) is what was observed: by Newton's method, within bounds that close around it."""
    low, high = -1.0, 1.0
    while _cumulants(values, low)[1] > observed:
        low *= 2
    while _cumulants(values, high)[1] < observed:
        high *= 2
    t = float(np.clip(observed, low, high))
    for _ in range(STEPS):
        _, mean, variance = _cumulants(values, t)
        if abs(mean - observed) < 1e-12:
            break
        low, high = (t, high) if mean < observed else (low, t)
        step = t + (observed - mean) / variance if variance > 0 else np.inf
        t = step if low < step < high else (low + high) / 2
    return t


def _cumulants(values: np.ndarray, t: float) -> tuple[float, float, float]:
    """K(t), K'(t) and K''(t) of draws of a value of each row."""
    exponent = t * values
    top = exponent.max(axis=1, keepdims=True)
    weights = np.exp(exponent - top)
    total = weights.sum(axis=1, keepdims=True)
    weights /= total
    mean = (weights * values).sum(axis=1)
    variance = (weights * (values - mean[:, None]) ** 2).sum(axis=1)
    cumulant = top[:, 0] + np.log(total[:, 0] / values.shape[1])
    return float(cumulant.sum()), float(mean.sum()), float(variance.sum())
