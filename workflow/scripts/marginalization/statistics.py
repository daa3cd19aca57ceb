"""Statistics of effects over backgrounds, in float64."""

from __future__ import annotations

import numpy as np

QUANTILES = {
    "effect_min": 0.0,
    "effect_q05": 0.05,
    "effect_q25": 0.25,
    "effect_median": 0.5,
    "effect_q75": 0.75,
    "effect_q95": 0.95,
    "effect_max": 1.0,
}


def summarize(before: np.ndarray, after: np.ndarray) -> dict[str, np.ndarray]:
    """The statistics of a summary's rows.

    Args:
        before: float64, shape (rows, n_backgrounds).
        after: the same.

    Returns:
        Arrays (rows,) by the name of the summary's column. Quantiles interpolate linearly (numpy's default); the
        standard deviation has ddof 1, and is NaN, as is the standard error, for a single background.
    """
    effect = after - before
    n = effect.shape[1]
    std = effect.std(axis=1, ddof=1) if n > 1 else np.full(len(effect), np.nan)
    quantiles = np.quantile(effect, list(QUANTILES.values()), axis=1)
    return {
        "before_mean": before.mean(axis=1),
        "after_mean": after.mean(axis=1),
        "effect_mean": effect.mean(axis=1),
        "effect_std": std,
        "effect_sem": std / np.sqrt(n),
        **dict(zip(QUANTILES, quantiles, strict=True)),
        "fraction_positive": (effect > 0).mean(axis=1),
    }
