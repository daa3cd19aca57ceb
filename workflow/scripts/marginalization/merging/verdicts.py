"""Verdicts on pairs: the cooperativity of two motifs against that of control pairs, which have one of them shuffled.

Two motifs cooperate where the order of letters matters in both. So a pair has two families of controls, those with the
first motif shuffled and those with the second. It has the t of an element (`nulls`) against each, and the one nearer to
zero counts. Each control pair is treated as though it were the pair: it has the t against its siblings and against the
other family. The pair is compared with the controls of either family, and the larger p counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..design.control_pairs import SHUFFLED, Arranged
from ..statistics.families import Families
from ..statistics.nulls import benjamini_hochberg, known, standardised
from ..statistics.tails import tail_p

HALF_TURN = 5
"""Bases of half a turn of the double helix: a spacing is hard where no farther distance has half of the best effect."""


def against_control_pairs(
    pairs: np.ndarray, controls: np.ndarray, alike: list[Arranged]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Compare pairs with their controls, for one model, readout and target.

    Args:
        pairs: float64 (pairs, placements), the means of their cooperativity over backgrounds.
        controls: the same of control pairs.
        alike: of the screen.

    Returns:
        Columns (pairs, placements): `n_controls`, of both families, `control_t`, that of the two which is nearer to
        zero, and `control_p`; and pair_p (pairs,), of both motifs in all arrangements. NaN where there are no controls.
    """
    found = {name: np.full(pairs.shape, np.nan) for name in ("n_controls", "control_t", "control_p")}
    pair_p = np.full(len(pairs), np.nan)
    for arranged in alike:
        kind, family, values = _together(arranged, pairs, controls)
        n, t = _nearer(kind, family, values)
        far, own = np.abs(t), kind < 0
        largest = np.fmax.reduce(far, axis=1)
        of_rows, of_pairs = (
            np.max([tail_p(known(size[kind == k]), size[own]) for k in range(len(SHUFFLED))], axis=0)
            for size in (far, largest)
        )
        shape = (*arranged.pairs.shape, pairs.shape[1])
        for name, columns in {"n_controls": n[own], "control_t": t[own], "control_p": of_rows}.items():
            found[name][arranged.pairs] = columns.reshape(shape)
        pair_p[arranged.pairs] = of_pairs[:, None]
    return found, pair_p


def _together(arranged: Arranged, pairs: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of motifs, then their controls, (these,): which motif is shuffled (-1 for none), and of which pair each is;
    and their cooperativity (these, arrangements x placements)."""
    n = len(arranged.pairs)
    rows, of = zip(*(arranged.controls[shuffled] for shuffled in SHUFFLED), strict=True)
    values = [pairs[arranged.pairs], *(controls[which] for which in rows)]
    kind = np.repeat([-1, 0, 1], [len(members) for members in values])
    family = np.concatenate([np.arange(n), *of])
    n_columns = arranged.pairs.shape[1] * pairs.shape[1]
    return kind, family, np.concatenate([members.reshape(-1, n_columns) for members in values])


def _nearer(kind: np.ndarray, family: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many controls the two families have, and the t that is nearer to zero; both of the shape of `values`."""
    one_stratum = np.zeros((kind < 0).sum(), dtype=np.int64)
    t, n = np.empty((2, *values.shape)), np.zeros(values.shape)
    for k in range(len(SHUFFLED)):
        among = Families(kind == k, family, one_stratum, 0.0)
        for i in range(values.shape[1]):
            column = standardised(values[:, i], among)
            t[k, :, i] = column["control_t"]
            n[:, i] += column["n_controls"]
    nearer = np.take_along_axis(t, np.argmin(np.abs(t), axis=0)[None], axis=0)[0]
    return np.where(n > 0, n, np.nan), nearer


def summarize_pairs(rows: pd.DataFrame, pair_p: np.ndarray, neutral: float, level: float | None) -> pd.DataFrame:
    """A row for each pair of motifs, where it does most.

    Args:
        rows: of cooperativity, for one model, readout and target, pair by pair, each in all placements.
        pair_p: float64 (pairs,), as `against_control_pairs` gives it.
        neutral: the cooperativity of what does not cooperate.
        level: pair_q under it is significant; None without controls.
    """
    n_placements = len(rows) // len(pair_p)
    rows = rows.assign(pair_p=np.repeat(pair_p, n_placements), placement=np.arange(len(rows)) % n_placements)
    found = pd.DataFrame([_summary(own, neutral) for _, own in rows.groupby(["first", "second"], sort=False)])
    q = benjamini_hochberg(found["pair_p"].to_numpy(np.float64))
    significant = np.where(np.isnan(q), np.nan, q < (level or 0))
    reach = found["spacing_reach"].astype("Int64")
    return found.assign(spacing_reach=reach, pair_q=q, significant=pd.array(significant, dtype="boolean"))


def _summary(rows: pd.DataFrame, neutral: float) -> dict[str, Any]:
    """What there is to say of one pair of motifs."""
    values = rows["cooperativity"].to_numpy() - neutral
    best = rows.iloc[np.argmax(np.nan_to_num(np.abs(values), nan=-1))]
    names = ["first", "second", "distance", "orientation", "strand", "start", "pair_p"]
    names += ["cooperativity", "cooperativity_ci_low", "cooperativity_ci_high"]
    alike = ((rows["orientation"] == best["orientation"]) & (rows["placement"] == best["placement"])).to_numpy()
    away = np.abs(rows["distance"].to_numpy()[alike] - best["distance"])
    share = values[alike] / (best["cooperativity"] - neutral or np.nan)
    reach = int(away[share >= 0.5].max(initial=0))
    resolved = away.max() > HALF_TURN and not np.isnan(share).all()
    return {
        **{name: best[name] for name in names},
        "n_arrangements": len(rows) // rows["placement"].nunique(),
        "spacing_reach": reach if resolved else None,
        "spacing": ("hard" if reach <= HALF_TURN else "soft") if resolved else None,
    }
