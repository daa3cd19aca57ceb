"""On which elements strands, or the models of a group, differ: there they are drawn apart, elsewhere in one figure."""

from __future__ import annotations

from itertools import pairwise, starmap

import numpy as np

from ....statistics.summary import equal_means
from .screens import Screen, scale_in

LEVEL = 0.05
LARGE = 0.2
"""Of the largest effect among those compared: less does not show in a figure."""


def differ(means: np.ndarray, sems: np.ndarray, n: int) -> np.ndarray:
    """Whether effects differ by more than their intervals allow, and by enough to be seen.

    Args:
        means: effects less the one of what changes nothing, shape (rows, k); NaN where there is none.
        sems: their standard errors, the same shape.
        n: backgrounds.

    Returns:
        bool (rows,): the p of `equal_means` is under `LEVEL`, and the largest less the smallest is more than `LARGE` of
        the one that is farthest from zero.
    """
    if n < 2:
        return np.zeros(len(means), bool)
    known = np.isfinite(means)
    low, high = np.where(known, means, np.inf).min(axis=1), np.where(known, means, -np.inf).max(axis=1)
    visible = high - low > LARGE * np.where(known, np.abs(means), 0.0).max(axis=1)
    return visible & (equal_means(means, sems, n) < LEVEL)


def differing(screen: Screen) -> list[dict[str, list[int]]]:
    """Of each view the numbers of the elements on which `strands` differ, and, of a group, its models: `folds`.

    Each effect is that at the start where the element does most; models are compared on the strand where the group
    does most.
    """
    places, views = screen.places, screen.shown.views
    neutral = np.array([scale_in(screen.config, readout).neutral for _, readout, _ in views])
    n_elements = len(screen.shown.elements)
    minus = (places["strand"].astype(str) == "-").to_numpy()
    key = (places["view"].to_numpy() * n_elements + places["element"].to_numpy()) * 2 + minus
    order = np.argsort(key)
    key = key[order]
    mean = (places["effect_mean"].to_numpy() - neutral[places["view"]])[order]
    sem = places["effect_sem"].to_numpy(np.float64)[order]

    def of(wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = np.searchsorted(key, wanted).clip(max=len(key) - 1)
        there = key[at] == wanted
        return np.where(there, mean[at], np.nan), np.where(there, sem[at], np.nan)

    cells = np.unique(key // 2)
    view, element = np.divmod(cells, n_elements)
    strands = of(cells[:, None] * 2 + [0, 1])
    best = np.where(np.isnan(strands[0]), -1, np.abs(strands[0])).argmax(axis=1)
    members = _members(screen)[view]
    folds = of(np.where(members < 0, -1, (members * n_elements + element[:, None]) * 2 + best[:, None]))
    found = {
        "strands": differ(*strands, screen.shown.n_backgrounds),
        "folds": differ(*folds, screen.shown.n_backgrounds),
    }
    ends = np.searchsorted(view, np.arange(len(views) + 1))  # cells are sorted by view
    parts = list(starmap(slice, pairwise(ends.tolist())))
    return [{name: element[part][own[part]].tolist() for name, own in found.items()} for part in parts]


def _members(screen: Screen) -> np.ndarray:
    """Of each view of a group the views of its models, int64 (views, the most that a group has); -1 for none."""
    number = {view: i for i, view in enumerate(screen.shown.views)}
    groups = screen.config.groups
    most = max(map(len, groups.values()), default=1)
    found = np.full((len(number), most), -1)
    for (model, readout, target), i in number.items():
        for k, member in enumerate(groups.get(model, ())):
            found[i, k] = number.get((member, readout, target), -1)
    return found
