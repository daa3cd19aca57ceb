"""Elements among each other: what their effects are against those of their controls, which is the null.

For an element with effect x (its mean over backgrounds) and n controls of mean m and spread r, all placed alike,

    t = (x - m) / sqrt(v (1 + 1/n)),    v = (d0 s0 + (n - 1) r^2) / (d0 + n - 1)

is how far it lies from where another draw from its controls is expected, in units of that draw's standard deviation. r
is that of the `bulk` of the controls, which a shuffle that holds a motif does not widen. It is moderated by s0, the
variance within the families (an element's controls) of the same stratum and placement, as Smyth has it (Stat. Appl.
Genet. Mol. Biol. 3:3, 2004), so that a few controls that happen to agree do not make a large t; the weight d0 is
`PRIOR_DF`.

Each control is put on the same scale, left out of m, r and s0: it is compared with its siblings, n - 1 of them. If the
element is exchangeable with its controls, which is the null hypothesis, its t is one more draw from what the t of the
controls are drawn from, and `tails.tail_p` says how rare so large a one is. v needs not be right for that, only alike
for both: it sets the power. The one difference, n against n - 1 controls, is what 1 + 1/n stands for.

What is tested is the element: its largest |t| over its placements, among the largest |t| of each control over the same
placements. Rows, of one placement, have a p of their own beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy

from .bulk import bulk_variance, difference
from .families import Families, Widths
from .tails import tail_p

PRIOR_DF = 10.0
"""How many controls the variance of the stratum counts for beside an element's own."""

MIDDLE = (0.025, 0.975)
"""The quantiles of the controls' effects between which an effect is no larger than those of shuffles."""

CONTROL_COLUMNS = [
    "n_controls",
    "control_mean",
    "control_std",
    "control_z",
    "control_t",
    "control_p",
    "control_q",
    "n_stratum",
    "control_low",
    "control_high",
    "beyond_floor",
    "element_p",
    "element_q",
    "significant",
]


def compare(p_value: np.ndarray, effect: np.ndarray, among: Families, neutral: float = 0.0) -> dict[str, Any]:
    """The columns of the summary that follow from all elements together, for one model, readout and target.

    Args:
        p_value: float64 (elements, placements), of each element's effects over backgrounds.
        effect: the same, their means.
        among: the families.
        neutral: the effect of what changes nothing.

    Returns:
        Columns (elements x placements,): `q_value` (Benjamini-Hochberg of p_value), `rank` (1 for the largest
        |mean - neutral|), those of `against_controls`, `control_q` and `element_q` (Benjamini-Hochberg of control_p
        over rows, and of element_p over elements), `beyond_floor` and `significant`. All are missing for controls, but
        for control_t, and for pairs and parts, which are not among the elements compared.
    """
    screened = among.compared
    rank = np.full(effect.shape, np.nan)
    size = np.abs(effect[screened] - neutral)
    rank[screened] = scipy.stats.rankdata(-size, method="min").reshape(size.shape)
    found = {"q_value": benjamini_hochberg(np.where(screened[:, None], p_value, np.nan)), "rank": rank}
    found |= dict.fromkeys(CONTROL_COLUMNS, np.full(effect.shape, np.nan))
    if len(among.stratum):
        found |= against_controls(effect, among)
        found |= _verdict(found, effect, among, neutral)
    columns = {name: values.ravel() for name, values in found.items()}
    whole = {name: pd.array(columns[name], dtype="Int64") for name in ("rank", "n_controls", "n_stratum")}
    said = {name: pd.array(columns[name], dtype="boolean") for name in ("beyond_floor", "significant")}
    return {**columns, **whole, **said}


def percentiles(effect: np.ndarray, widths: Widths | None) -> np.ndarray:
    """Where effects are among those of random stretches of a genome of the nearest width, placed alike.

    Args:
        effect: float64 (elements, placements), means over backgrounds.
        widths: of the screen's families.

    Returns:
        float64 (elements x placements,): the percentage of stretches of a smaller effect, and half of those of an equal
        one; NaN of what has none.
    """
    found = np.full(effect.shape, np.nan)
    for number in range(0 if widths is None else widths.of.max() + 1):
        assert widths
        own = widths.of == number
        mine = np.flatnonzero(own & ~widths.is_genomic)
        null = np.sort(effect[own & widths.is_genomic], axis=0)
        for i, column in enumerate(null.T):
            below, up_to = (np.searchsorted(column, effect[mine, i], side=side) for side in ("left", "right"))
            found[mine, i] = 100 * (below + up_to) / (2 * len(column))
    return found.ravel()


def against_controls(effect: np.ndarray, among: Families) -> dict[str, np.ndarray]:
    """Compare elements with their controls.

    Args:
        effect: float64 (elements, placements), means over backgrounds.
        among: the families.

    Returns:
        Arrays of the same shape, NaN for all but motifs and annotations: `n_controls`; `control_mean` and `control_std`
        (ddof 1) of the effects of an element's controls; `control_z`, (effect - mean) / std; `control_t`, the t above,
        of controls too; `control_p`, of a row among those of the controls of its stratum; `n_stratum`, how many these
        are; `control_low` and `control_high`, the `MIDDLE` of their effects at this placement; `element_p`, of an
        element. NaN too where the controls are too few.
    """
    columns = [standardised(effect[:, i], among) for i in range(effect.shape[1])]
    found = {name: np.stack([column[name] for column in columns], axis=1) for name in columns[0]}
    names = ("control_p", "n_stratum", "control_low", "control_high", "element_p")
    found |= {name: np.full(effect.shape, np.nan) for name in names}
    t = np.abs(found["control_t"])
    largest = np.fmax.reduce(t, axis=1)
    strata_of = among.stratum[among.family]
    for stratum in range(among.stratum.max() + 1):
        rows = strata_of == stratum
        mine, controls = rows & among.compared, rows & among.is_control
        null = largest[controls]
        found["control_p"][mine] = tail_p(known(t[controls]), t[mine])
        found["element_p"][mine] = tail_p(known(null), largest[mine])[:, None]
        found["n_stratum"][mine] = len(known(null))
        if controls.any():
            found["control_low"][mine], found["control_high"][mine] = np.quantile(effect[controls], MIDDLE, axis=0)
    return found


def _verdict(
    found: dict[str, np.ndarray], effect: np.ndarray, among: Families, neutral: float
) -> dict[str, np.ndarray]:
    """What follows from `against_controls`: q-values, and who is significant."""
    p, t = found["element_p"], np.abs(found["control_t"])
    q = np.broadcast_to(benjamini_hochberg(p[:, 0])[:, None], p.shape)
    if among.effect_floor is None:
        beyond = (effect < found["control_low"]) | (effect > found["control_high"])
    else:
        beyond = np.abs(effect - neutral) > among.effect_floor
    # The effect has to be large where the element stands out most.
    most = np.argmax(np.nan_to_num(t, nan=-1.0), axis=1)
    significant = (q < among.level) & np.take_along_axis(beyond, most[:, None], axis=1)
    return {
        "control_q": benjamini_hochberg(found["control_p"]),
        "element_q": q,
        "beyond_floor": np.where(np.isnan(found["control_p"]), np.nan, beyond),
        "significant": np.where(np.isnan(q), np.nan, significant),
    }


def known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def control_spread(effect: np.ndarray, among: Families) -> float:
    """The standard deviation of controls within their families, pooled over families and placements; NaN for none.

    Args:
        effect: float64 (elements, placements), means over backgrounds.
        among: the families.
    """
    of, x = among.family[among.is_control], effect[among.is_control]
    sums = np.zeros((len(among.stratum), x.shape[1]))
    np.add.at(sums, of, x)
    n = np.bincount(of, minlength=len(among.stratum))
    mean = sums / np.maximum(n, 1)[:, None]
    df = x.shape[1] * (n[n > 0] - 1).sum()
    return float(np.sqrt((difference(x, mean[of]) ** 2).sum() / df)) if df else np.nan


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """The q-values of p-values of any shape, all one family; NaN where p is."""
    q = np.full_like(p, np.nan)
    known = ~np.isnan(p)
    if known.any():
        q[known] = scipy.stats.false_discovery_control(p[known])
    return q


def standardised(x: np.ndarray, among: Families) -> dict[str, np.ndarray]:
    """What there is to say of each element (elements,), from the effects x of all at one placement."""
    n_families, n_strata = len(among.stratum), among.stratum.max() + 1
    of = among.family[among.is_control]
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.bincount(of, minlength=n_families).astype(np.float64)
        mean = np.bincount(of, x[among.is_control], n_families) / n
        deviation = difference(x[among.is_control], mean[of])
        squares = np.bincount(of, deviation**2, n_families)
        df = np.maximum(n - 1, 0)
        bulk, bulk_of_siblings = bulk_variance(x[among.is_control], of, n_families)
        pooled, pooled_df = (np.bincount(among.stratum, values, n_strata) for values in (squares, df))

        # Elements against all controls of their family.
        mine = among.family[among.compared]
        std = np.sqrt(squares / np.where(df > 0, df, np.nan))[mine]
        distance = difference(x[among.compared], mean[mine])
        stratum = among.stratum[mine]
        t = _moderated(distance, bulk[mine], n[mine], pooled[stratum], pooled_df[stratum])

        # Controls against their siblings, with the sums that leaving one out gives.
        less = deviation**2 * n[of] / (n[of] - 1)
        stratum = among.stratum[of]
        t_control = _moderated(
            deviation * n[of] / (n[of] - 1),
            bulk_of_siblings,
            n[of] - 1,
            np.maximum(difference(pooled[stratum], less), 0),
            pooled_df[stratum] - 1,
        )
        z = distance / std
    columns = {"n_controls": n[mine], "control_mean": mean[mine], "control_std": std, "control_z": z, "control_t": t}
    found = {name: np.full(len(x), np.nan) for name in columns}
    for name, values in columns.items():
        found[name][among.compared] = values
    found["control_t"][among.is_control] = t_control
    return found


def _moderated(
    distance: np.ndarray, bulk: np.ndarray, n: np.ndarray, pooled: np.ndarray, pooled_df: np.ndarray
) -> np.ndarray:
    """t from the variance of n controls' bulk, and the sum of squares in the stratum; NaN where n or a df is 0."""
    prior = pooled / np.where(pooled_df > 0, pooled_df, np.nan)
    variance = (PRIOR_DF * prior + (n - 1) * bulk) / (PRIOR_DF + n - 1) * (1 + 1 / n)
    t = distance / np.sqrt(variance)
    t[(variance == 0) & (distance == 0)] = 0.0
    t[n < 1] = np.nan
    return t
