"""Strata: elements of like width and like GC content, which are compared with each other's controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..sequences.letters import gc_fraction


def strata(elements: pd.DataFrame, spec: dict[str, Any]) -> np.ndarray:
    """The stratum of each element: by quantiles of the width, and within these of the GC content.

    Elements of equal width, or within a width of equal GC content, are never parted. Where elements have controls of
    their own, each stratum needs as many as find a lone element among all at the level; else it is the width alone that
    parts them, or nothing.

    Args:
        elements: no controls; with sequence and width.
        spec: the section `controls` of the config.

    Returns:
        int64 (elements,), numbers from 0 on, none left out.
    """
    n_widths, n_gcs = spec["strata"]["width"], spec["strata"]["gc"]
    gc = np.nan_to_num(np.array([gc_fraction(sequence) for sequence in elements["sequence"]]), nan=0.5)
    for bins in ((n_widths, n_gcs), (n_widths, 1)):
        labels = _labels(elements["width"].to_numpy(), gc, *bins)
        resolved = (np.bincount(labels) * spec["shuffles"] + 1) * spec["level"] > len(elements)
        if spec["per"] == "stratum" or resolved.all():
            return labels
    return np.zeros(len(elements), dtype=np.int64)


def _labels(width: np.ndarray, gc: np.ndarray, n_widths: int, n_gcs: int) -> np.ndarray:
    """The number of the bin of each element, by its width and then by its GC content."""
    wide = _quantile_bins(width, n_widths)
    labels = np.zeros(len(width), dtype=np.int64)
    for label in range(n_widths):
        rows = wide == label
        if rows.any():
            labels[rows] = label * n_gcs + _quantile_bins(gc[rows], n_gcs)
    return np.unique(labels, return_inverse=True)[1]


def _quantile_bins(values: np.ndarray, n: int) -> np.ndarray:
    """Which of n bins, with about equally many values each, every value is in; equal values are in the same."""
    edges = np.quantile(values, np.arange(1, n) / n)
    return np.searchsorted(edges, values, side="right")
