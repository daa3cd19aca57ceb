"""How like a map is to the matrices of motifs: does the model read this motif, or something else in it?

A map says what each single-base change of an element does; the matrix of a motif, how often each base stands where.
Where a model reads the motif as its matrix has it, what a change takes away goes by the difference of the logarithms of
the two bases' frequencies: of these the energy of binding is a sum (Berg & von Hippel, J. Mol. Biol. 193:723, 1987). So
both are compared as numbers for each position and base, from each position's mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

PSEUDO_FREQUENCY = 0.01
"""Added to each base's frequency, so that one that was never seen has a logarithm."""

CARRIED = 0.9
"""Which share of what all bases carry those of the shortest stretch do that is said to carry an effect."""

LEAST = 0.5
"""The least similarity at which a map is said to be like a motif."""

AS_STRONG = 0.5
"""How much of a motif's effect another needs to have by itself to be what is read in it."""

MARGIN = 0.05
"""By how much less similar than another motif a motif may be, and still be the one that is read."""


class Match(NamedTuple):
    """How similar a matrix is to a map where it is most so.

    Fields:
        similarity: the correlation.
        offset: where in the map the matrix begins, 0-based; it can hang over either end.
        strand: on which the matrix lies.
    """

    similarity: float
    offset: int
    strand: str


def weights(matrix: np.ndarray) -> np.ndarray:
    """What a motif's matrix says of each base: the logarithm of its frequency, less the position's mean.

    Args:
        matrix: probabilities of A, C, G and T, (width, 4).

    Returns:
        float64 (width, 4), each row of mean 0.
    """
    p = np.asarray(matrix, np.float64) + PSEUDO_FREQUENCY
    logarithms = np.log2(p / p.sum(axis=1, keepdims=True))
    return logarithms - logarithms.mean(axis=1, keepdims=True)


def contributions(changes: np.ndarray, sign: float) -> np.ndarray:
    """What a map says of each base in the direction of the element's effect: its effect, less the position's mean.

    Args:
        changes: what a change to each base does, (width, 4), 0 for the element's own.
        sign: 1 for an element that raises, -1 for one that lowers.
    """
    return sign * (changes - changes.mean(axis=1, keepdims=True))


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation (Pearson) of two maps over all positions and bases, each (width, 4) with rows of mean 0.

    NaN where one of them is 0 everywhere.
    """
    norm = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / norm) if norm > 0 else np.nan


def best_match(a: np.ndarray, b: np.ndarray) -> Match:
    """Where a motif is most similar to a map, on either strand at any offset: their correlation, over all positions.

    Where one of both has no position it counts as 0 there, so that a motif of which the map has a part alone is less
    similar than the same motif where it is whole.

    Args:
        a, b: as for `similarity`; neither 0 everywhere.
    """
    width = len(b)
    norm = np.sqrt((a * a).sum() * (b * b).sum())
    padded = np.pad(a, ((width - 1, width - 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)  # (offsets, 4, width)
    best = []
    for strand, own in (("+", b), ("-", b[::-1, ::-1])):
        products = np.einsum("obw,wb->o", windows, own) / norm
        i = int(products.argmax())
        best.append(Match(float(products[i]), i - (width - 1), strand))
    return max(best, key=lambda match: match.similarity)


def carried_stretch(losses: np.ndarray) -> tuple[int, int] | None:
    """The shortest stretch whose bases carry `CARRIED` of what all do; None where no base carries any.

    Args:
        losses: what the mean change of each base takes away, (width,); what is negative carries nothing.

    Returns:
        Its first position and that past its last; of equally short ones the one that carries most, then the first.
    """
    cumulative = np.r_[0, np.cumsum(np.maximum(losses, 0))]
    if cumulative[-1] <= 0:
        return None
    for width in range(1, len(losses) + 1):
        carried = cumulative[width:] - cumulative[:-width]
        if carried.max() >= CARRIED * cumulative[-1] * (1 - 1e-12):
            first = int(carried.argmax())
            return first, first + width
    raise AssertionError("the whole carries all")


class Read(NamedTuple):
    """What a model reads in an element.

    Fields:
        reads: "itself", "another", or "unclear".
        closest: which motif that is, or of an unclear one the most similar; None without any.
        match: where it is.
    """

    reads: str
    closest: int | None
    match: Match | None


def what_is_read(matches: Sequence[Match | None], own: np.ndarray, others: np.ndarray) -> Read:
    """Which motif a map is of: the element's own, or another that the model is known to read.

    Itself is read where the most similar of the motifs of its cluster is no more than `MARGIN` less similar than the
    most similar of all. If not, another is read where that is so of a motif of a cluster that the model reads, and that
    does about as much by itself as this one, or more. Either needs a similarity of `LEAST`.

    Args:
        matches: the map's with each motif, None without a matrix.
        own: which motifs are of the element's own cluster, booleans.
        others: which are of clusters that are significant in the same direction, with `AS_STRONG` of its effect.
    """
    similarities = np.array([-1.0 if match is None else match.similarity for match in matches])
    if not len(similarities) or similarities.max() <= -1:
        return Read("unclear", None, None)
    near = (similarities >= LEAST) & (similarities >= similarities.max() - MARGIN)
    known = {"itself": near & own, "another": near & others, "unclear": similarities > -1}
    reads, these = next((reads, these) for reads, these in known.items() if these.any())
    i = int(np.where(these, similarities, -1).argmax())
    return Read(reads, i, matches[i])
