"""Which motifs are alike, by the columns of their matrices."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

ALIKE = 1e-3
"""Tomtom's p-value under which two motifs are alike."""


def clusters_of_matrices(matrices: Sequence[np.ndarray], others: Sequence[np.ndarray] = ()) -> np.ndarray:
    """The cluster of each motif, numbered in their order from 0.

    Similarity is Tomtom's p-value (Gupta et al., Genome Biol. 8:R24, 2007) as memelite computes it; clusters are those
    of average linkage cut at `ALIKE`.

    Args:
        matrices: probabilities, each (width, 4).
        others: whose columns are, beside those of the motifs themselves, the background of the p-values.

    Returns:
        int64 (motifs,).
    """
    if len(matrices) < 2:
        return np.zeros(len(matrices), dtype=np.int64)
    from memelite import tomtom

    turned = [np.asarray(matrix).T for matrix in [*matrices, *others]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a screen of few motifs makes a poor background
        p = tomtom(turned[: len(matrices)], turned, n_jobs=1)[0][:, : len(matrices)]
    distance = np.minimum(p, p.T)
    np.fill_diagonal(distance, 0)
    labels = fcluster(linkage(squareform(distance, checks=False), "average"), ALIKE, "distance")
    _, first, which = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[which].astype(np.int64)
