"""Strata: elements of like width and like GC content, which are compared with each other's controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..sequences.letters import gc_fraction

STRATUM_CONTROLS = 1000
"""The fewest controls for each stratum, when elements have controls of their own: fewer make coarse p-values."""


def strata(elements: pd.DataFrame, spec: dict[str, Any]) -> np.ndarray:
    """The stratum of each element: by quantiles of the width, and within these of the GC content.

    Elements of equal width, or within a width of equal GC content, are never parted. There is one stratum alone when
    elements with controls of their own are too few for `STRATUM_CONTROLS` in each.

    Args:
        elements: no controls; with sequence and width.
        spec: the section `controls` of the config.

    Returns:
        int64 (elements,), numbers from 0 on, none left out.
    """
    n_widths, n_gcs = spec["strata"]["width"], spec["strata"]["gc"]
    few = len(elements) * spec["shuffles"] < STRATUM_CONTROLS * n_widths * n_gcs
    if spec["per"] == "element" and few:
        return np.zeros(len(elements), dtype=np.int64)
    gc = np.nan_to_num(np.array([gc_fraction(sequence) for sequence in elements["sequence"]]), nan=0.5)
    wide = _quantile_bins(elements["width"].to_numpy(), n_widths)
    labels = np.zeros(len(elements), dtype=np.int64)
    for label in range(n_widths):
        rows = wide == label
        if rows.any():
            labels[rows] = label * n_gcs + _quantile_bins(gc[rows], n_gcs)
    return np.unique(labels, return_inverse=True)[1]


def _quantile_bins(values: np.ndarray, n: int) -> np.ndarray:
    """Which of n bins, with about equally many values each, every value is in; equal values are in the same."""
    edges = np.quantile(values, np.arange(1, n) / n)
    return np.searchsorted(edges, values, side="right")
