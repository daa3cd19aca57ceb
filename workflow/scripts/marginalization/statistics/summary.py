"""Statistics of effects over backgrounds, in float64."""

from __future__ import annotations

import numpy as np
import scipy

from . import scales

QUANTILES = {
    "effect_min": 0.0,
    "effect_q05": 0.05,
    "effect_q25": 0.25,
    "effect_median": 0.5,
    "effect_q75": 0.75,
    "effect_q95": 0.95,
    "effect_max": 1.0,
}


ROUNDING = 1e-12
"""Effects that are all equal have a standard deviation of up to this share of their mean, by rounding."""

EXACT_UP_TO = 50
"""The most backgrounds for which the Wilcoxon test is exact, as in scipy."""


def summarize(before: np.ndarray, after: np.ndarray, scale: scales.Scale = scales.DIFFERENCE) -> dict[str, np.ndarray]:
    """The statistics of a summary's rows.

    Args:
        before: float64, shape (rows, n_backgrounds).
        after: the same.
        scale: of the effects.

    Returns:
        Arrays (rows,) by the name of the summary's column. Quantiles interpolate linearly (numpy's default); the
        standard deviation has ddof 1; `effect_ci_low` and `effect_ci_high` are the 95 % interval of the mean by
        Student's t; `effect_size` is Cohen's d of paired samples, (mean - neutral) / standard deviation; `p_value` is
        the two-sided one of `signed_rank` of effect - neutral; `fraction_positive` is of effects above neutral. All
        that needs a spread is NaN for a single background, and `effect_size` where there is none.
    """
    effect = scales.effect(before, after, scale)
    mean, std, sem, low, high = spread(effect)
    quantiles = np.quantile(effect, list(QUANTILES.values()), axis=1)
    return {
        "before_mean": before.mean(axis=1),
        "after_mean": after.mean(axis=1),
        "effect_mean": mean,
        "effect_std": std,
        "effect_sem": sem,
        "effect_ci_low": low,
        "effect_ci_high": high,
        **dict(zip(QUANTILES, quantiles, strict=True)),
        "fraction_positive": (effect > scale.neutral).mean(axis=1),
        "effect_size": np.divide(
            mean - scale.neutral, std, out=np.full(len(mean), np.nan), where=std > ROUNDING * np.abs(mean)
        ),
        "p_value": signed_rank(effect - scale.neutral),
    }


def summarize_models(before: np.ndarray, after: np.ndarray, scale: scales.Scale) -> dict[str, np.ndarray]:
    """The statistics of a summary's rows, of the averaged predictions of the models of a group, or of one model's.

    Args:
        before, after: float64, shape (models, rows, n_backgrounds).
        scale: of the effects.

    Returns:
        Arrays (rows,): those of `summarize` and of `agreement`.
    """
    found = summarize(before.mean(axis=0), after.mean(axis=0), scale)
    means = scales.effect(before, after, scale).mean(axis=2)
    return found | agreement(means - scale.neutral, found["effect_mean"] - scale.neutral)


def spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means and how sure they are.

    Args:
        values: float64, shape (rows, n).

    Returns:
        Arrays (rows,): the mean, the standard deviation (ddof 1), the standard error, and the ends of the 95 % interval
        of the mean by Student's t; all but the mean are NaN where n is 1.
    """
    n = values.shape[1]
    std = values.std(axis=1, ddof=1) if n > 1 else np.full(len(values), np.nan)
    mean, sem = values.mean(axis=1), std / np.sqrt(n)
    half_width = scipy.stats.t.ppf(0.975, n - 1) * sem if n > 1 else sem
    return mean, std, sem, mean - half_width, mean + half_width


def welch(
    first: tuple[np.ndarray, np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The difference of the means of two samples that are independent of each other (Welch, Biometrika 34:28, 1947).

    Args:
        first, second: the mean, its standard error and the size of each sample, arrays (rows,); NaN for a standard
            error of one value.

    Returns:
        Arrays (rows,): second less first, the ends of its 95 % interval, and the two-sided p-value, by Student's t with
        Satterthwaite's degrees of freedom; NaN, but for the difference, without a standard error.
    """
    (mean, sem, n), (other, other_sem, m) = first, second
    difference, variances = other - mean, np.stack([sem**2, other_sem**2])
    variance = variances.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / (variances**2 / (np.stack([n, m]) - 1)).sum(axis=0)
        t = np.where(difference == 0, 0.0, difference / np.sqrt(variance))
    sure = variance == 0  # both samples are each of one value
    df = np.where(sure, 1.0, df)
    half_width = np.where(sure, 0.0, scipy.stats.t.ppf(0.975, df) * np.sqrt(variance))
    p = np.where(np.isnan(variance), np.nan, 2 * scipy.stats.t.sf(np.abs(t), df))
    return difference, difference - half_width, difference + half_width, p


def equal_means(means: np.ndarray, sems: np.ndarray, n: int) -> np.ndarray:
    """The p-values that means are equal whatever their variances, by Welch's test (Biometrika 38:330, 1951).

    Args:
        means: float64, shape (rows, k); NaN where there is none.
        sems: their standard errors, the same shape.
        n: of how many values each is the mean.

    Returns:
        (rows,): NaN where fewer than two have a standard error. With two it is Welch's t-test.
    """
    known = np.isfinite(means) & np.isfinite(sems)
    k = known.sum(axis=1).astype(np.float64)
    k[k < 2] = np.nan
    means = np.where(known, means, 0.0)
    least = ROUNDING * np.abs(means).max(axis=1, keepdims=True, initial=1e-100)
    weights = np.where(known, np.maximum(np.where(known, sems, 1.0), least) ** -2.0, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    shares = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    centre = (shares * means).sum(axis=1, keepdims=True)
    between = (weights * (means - centre) ** 2).sum(axis=1) / (k - 1)
    spread_of_weights = (known * (1 - shares) ** 2).sum(axis=1) / (n - 1)
    F = between / (1 + 2 * (k - 2) / (k**2 - 1) * spread_of_weights)
    return scipy.stats.f.sf(F, k - 1, (k**2 - 1) / (3 * spread_of_weights))


def agreement(means: np.ndarray, mean: np.ndarray) -> dict[str, np.ndarray]:
    """How far the models of a group agree.

    Args:
        means: effects' means over backgrounds less the scale's neutral value, shape (models, rows).
        mean: the same of the group, (rows,): on another scale than `difference` no mean of the models'.

    Returns:
        Arrays (rows,): `models_std`, the standard deviation between models (ddof 1; NaN for one), and
        `n_models_agree`, how many have the sign of the group's mean.
    """
    std = means.std(axis=0, ddof=1) if len(means) > 1 else np.full(means.shape[1], np.nan)
    agree = np.sign(means) == np.sign(mean)
    return {"models_std": std, "n_models_agree": agree.sum(axis=0).astype(np.float64)}


def signed_rank(effect: np.ndarray) -> np.ndarray:
    """The p-values of Wilcoxon's signed-rank test that effects are symmetric around zero, two-sided.

    Exact for up to `EXACT_UP_TO` backgrounds without zeros or ties, else by the normal approximation without correction
    for continuity, zeros left out, as scipy's `wilcoxon` has it; 1 where all effects are zero.

    Args:
        effect: float64, shape (rows, n_backgrounds).
    """
    sizes = np.sort(np.abs(effect), axis=1)
    plain = (sizes[:, 0] > 0) & (np.diff(sizes, axis=1) > 0).all(axis=1)
    # Which method a row gets must not depend on the rows that it is computed with.
    exact = plain & (effect.shape[1] <= EXACT_UP_TO)
    p = np.ones(len(effect))
    for rows, method in ((exact, "exact"), (~exact & (sizes[:, -1] > 0), "asymptotic")):
        if rows.any():
            p[rows] = scipy.stats.wilcoxon(effect[rows], axis=1, method=method).pvalue
    return p
