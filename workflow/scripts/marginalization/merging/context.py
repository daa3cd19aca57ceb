"""Which loci respond: the effects of significant elements against what is known of each locus.

A locus is a background, or all shuffles of one, whose effects are averaged. Known of it are its GC content, what the
model predicts of it before the substitution, and the `columns` of the loci's file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import scipy

from ..config.sections import Readout
from ..statistics.nulls import benjamini_hochberg
from ..store.other_schemas import CONTEXT, LOCI
from ..store.reading import read_table
from ..store.schemas import SUMMARY
from .parts import Screened, aligned, of_target
from .spilled import spilled_effects

MOST_ELEMENTS = 100
"""Of a readout of a model: those of the best ranks."""

FEWEST = 8
"""Loci of which a quarter means something."""

KEYS = ["model", "readout", "target"]
PLACED = ["element_id", "strand", "start"]


def merge_context(
    summary: str,
    screened: Sequence[Screened],
    placed: pd.DataFrame,
    known: pd.DataFrame,
    copies: int,
    readouts: dict[str, Readout],
) -> pd.DataFrame:
    """The rows of context.parquet.

    Args:
        summary: path of the summary.
        screened, placed, readouts: as for `merge_effects`.
        known: float64 columns, a row for each background in order; of shuffles of one locus the means are taken.
        copies: how many backgrounds are of each locus, side by side.

    Raises:
        InputError: a file of a shard is missing, damaged, or not of this screen.
    """
    chosen = _chosen(summary, len(placed) // placed["element_id"].nunique())
    by_readout = dict(list(chosen.groupby(["model", "readout"])))
    tables: list[pd.DataFrame] = []
    for item in screened:
        if (rows := by_readout.get((item.model, item.readout))) is not None:
            tables += _of_readout(item, rows, placed, known, copies, readouts[item.readout], Path(summary).parent)
    return pd.concat([pd.DataFrame(columns=CONTEXT.names), *tables])[CONTEXT.names]


def table_of_loci(backgrounds: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """The rows of loci.parquet, of backgrounds (background_id and name) and what is known of each, by its name."""
    return pd.concat([backgrounds.assign(covariate=name, value=known[name])[LOCI.names] for name in known])


def _chosen(summary: str, n_placements: int) -> pd.DataFrame:
    """Where each significant element does most on a target, of those with the best ranks on some target of a readout.

    Of a screen without controls, the strongest elements.
    """
    last = MOST_ELEMENTS * n_placements  # as many rows as those elements can have
    columns = [*KEYS, *PLACED, "name", "rank", "significant"]
    rows = read_table(summary, SUMMARY, columns, ("rank", lambda rank: pc.less_equal(rank, last)))
    rows = rows.astype(dict.fromkeys([*KEYS, "strand"], "str"))
    if rows["significant"].notna().any():
        rows = rows[rows["significant"].fillna(False).astype(bool)]
    best = rows.groupby([*KEYS[:2], "element_id"])["rank"].min().sort_values(kind="stable")
    best = best.groupby(KEYS[:2]).head(MOST_ELEMENTS)
    rows = rows[pd.MultiIndex.from_frame(rows[[*KEYS[:2], "element_id"]]).isin(best.index)]
    return rows.sort_values([*KEYS, "rank"], kind="stable").drop_duplicates([*KEYS, "element_id"])


def _of_readout(
    item: Screened,
    rows: pd.DataFrame,
    placed: pd.DataFrame,
    known: pd.DataFrame,
    copies: int,
    readout: Readout,
    folder: Path,
) -> Iterator[pd.DataFrame]:
    """The rows of each target of a readout, of the elements chosen on it."""
    where = pd.MultiIndex.from_frame(placed[PLACED].astype({"strand": "str"}))
    places = where.get_indexer(pd.MultiIndex.from_frame(rows[PLACED]))
    needed = np.zeros(len(placed), dtype=bool)
    needed[places] = True
    before = _before(item)
    with spilled_effects(item, readout.scale, needed, folder) as spilled:
        for target, of_target in rows.assign(place=np.searchsorted(np.flatnonzero(needed), places)).groupby("target"):
            t = item.targets.index(str(target))
            effects = _of_loci(np.array(spilled[t, of_target["place"]]), copies)
            covariates = {"gc": known["gc"].to_numpy(), "before": before[t]}
            covariates |= {name: known[name].to_numpy() for name in known if name != "gc"}
            found = [
                of_target[[*KEYS, *PLACED, "name"]].assign(
                    covariate=name, **dependence(effects, _of_loci(values[None], copies)[0])
                )
                for name, values in covariates.items()
            ]
            table = pd.concat(found).sort_values(["covariate", "element_id"], kind="stable")
            yield table.assign(q_value=benjamini_hochberg(table["p_value"].to_numpy()))


def _before(item: Screened) -> np.ndarray:
    """What a model or a group predicts of backgrounds, float64 (targets, backgrounds)."""
    part, n_targets = item.parts[0], len(item.targets)
    found: list[np.ndarray] = [np.zeros(0)] * n_targets
    first_alone = np.arange(part.n) == 0
    for rows, before, _ in aligned(part, n_targets, first_alone):
        for t in range(n_targets):
            first, own = of_target(rows, t, n_targets)
            if first == 0:
                found[t] = before.mean(axis=0)[own][0]
    return np.stack(found)


def _of_loci(values: np.ndarray, copies: int) -> np.ndarray:
    """The means over the shuffles of each locus, (rows, backgrounds) to (rows, loci)."""
    return values.reshape(len(values), -1, copies).mean(axis=2)


def dependence(effects: np.ndarray, covariate: np.ndarray) -> dict[str, np.ndarray | int]:
    """How effects go with what is known of loci.

    Args:
        effects: float64 (rows, loci).
        covariate: float64 (loci,); loci of which it is NaN are left out.

    Returns:
        `n_loci`, and arrays (rows,): `spearman`, the rank correlation, with the 95 % interval by Fisher's z with the
        standard error sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright, Psychometrika 65:23, 2000), and the two-sided
        `p_value` by Student's t with n - 2 degrees of freedom; `effect_lowest` and `effect_highest`, the means over the
        quarter of the loci where the covariate is lowest and highest. NaN where the covariate is all
        equal or there are fewer than four loci, of quarters where there are fewer than `FEWEST`, and of correlations
        where effects are all equal.
    """
    known = ~np.isnan(covariate)
    effects, covariate = effects[:, known], covariate[known]
    n = len(covariate)
    nothing = np.full(len(effects), np.nan)
    found = {"spearman": nothing, "spearman_ci_low": nothing, "spearman_ci_high": nothing, "p_value": nothing}
    if n > 3:
        of_effects, of_covariate = scipy.stats.rankdata(effects, axis=1), scipy.stats.rankdata(covariate)
        of_effects -= of_effects.mean(axis=1, keepdims=True)
        of_covariate -= of_covariate.mean()
        with np.errstate(invalid="ignore", divide="ignore"):
            r = of_effects @ of_covariate / np.sqrt((of_effects**2).sum(axis=1) * (of_covariate**2).sum())
            r = r.clip(-1, 1)
            half = scipy.stats.norm.ppf(0.975) * np.sqrt((1 + r**2 / 2) / (n - 3))
            low, high = np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)
            p = 2 * scipy.stats.t.sf(np.abs(r) * np.sqrt((n - 2) / (1 - r**2)), n - 2)
        found = {"spearman": r, "spearman_ci_low": low, "spearman_ci_high": high, "p_value": p}
    quarter = n // 4 if n >= FEWEST and np.ptp(covariate) > 0 else 0
    order = np.argsort(covariate, kind="stable")
    ends = {"effect_lowest": order[:quarter], "effect_highest": order[n - quarter :]}
    means = {name: effects[:, own].mean(axis=1) if quarter else nothing for name, own in ends.items()}
    return {"n_loci": n, **found, **means}
