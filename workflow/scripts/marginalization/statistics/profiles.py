"""Measures of what an element does to a profile, from mean profiles over backgrounds without and with it."""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr

FLANK = 100
"""Positions on either side of an element's centre in which its footprint is looked for: those that chrombpnet plots."""


def profile_measures(before: np.ndarray, after: np.ndarray, centres: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """The measures of profiles, each of one strand.

    Args:
        before: mean profiles, float64, shape (rows, positions); position i is `(length - positions) // 2 + i` of the
            backgrounds, as models crop both ends alike.
        after: the same with an element.
        centres: the positions in the backgrounds of the elements' centres, start + width // 2, shape (rows,).
        length: of the backgrounds.

    Returns:
        Arrays (rows,) by the name of the column. `log2_fold_change`: of total counts, log2(sum after / sum before).
        `jensen_shannon`: the distance, the square root of the divergence to base 2, of the profiles each divided by its
        sum, as scipy's `jensenshannon`. `footprint_before`, `footprint_after`: the largest of a profile divided by its
        sum, among positions from centre - `FLANK` up to, not with, centre + `FLANK`, as chrombpnet's marginal
        footprints. `largest_change`: int64, the position in the backgrounds where |after - before| is largest, the
        first of equals. The others are NaN where a profile they need has a sum of 0 or negative counts, and footprints
        where no such position is in the output.
    """
    cropped = (length - before.shape[1]) // 2
    totals = _totals(before), _totals(after)
    shares = before / totals[0], after / totals[1]
    footprints = [_footprint(share, centres - cropped) for share in shares]
    return {
        "log2_fold_change": np.log2(totals[1] / totals[0])[:, 0],
        "jensen_shannon": _jensen_shannon(*shares),
        "footprint_before": footprints[0],
        "footprint_after": footprints[1],
        "largest_change": np.abs(after - before).argmax(axis=1) + cropped,
    }


def _totals(profiles: np.ndarray) -> np.ndarray:
    """Sums over positions, (rows, 1); NaN for profiles that can not be made shares of their sum."""
    totals = profiles.sum(axis=1, keepdims=True)
    return np.where((totals > 0) & (profiles >= 0).all(axis=1, keepdims=True), totals, np.nan)


def _jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The distance of each row of p from that of q."""
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle).sum(axis=1) + rel_entr(q, middle).sum(axis=1)) / (2 * np.log(2))
    # That of profiles which are all but equal can be rounded to less than nothing.
    return np.sqrt(np.maximum(divergence, 0))


def _footprint(shares: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The largest share of each row within the flanks of its centre, a position of the output."""
    distance = np.arange(shares.shape[1]) - centres[:, np.newaxis]
    near = (distance >= -FLANK) & (distance < FLANK)
    return np.where(near.any(axis=1), np.where(near, shares, 0).max(axis=1), np.nan)
