"""Who is compared with whom: an element's family of controls, and strata of elements of like width and GC content."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..sequences.letters import gc_fraction


class Widths(NamedTuple):
    """Who has a percentile among which stretches of a genome: among those of the nearest width.

    Fields:
        is_genomic: bool (elements,).
        of: int64 (elements,): the number of the width, of stretches and of motifs and annotations; -1 of others.
    """

    is_genomic: np.ndarray
    of: np.ndarray


class Families(NamedTuple):
    """Which elements are compared with each other, and with which controls.

    Fields:
        is_control: bool (elements,).
        family: int64 (elements,): of an element that of its controls, of a control its own; -1 for pairs and their
            parts, which are compared with none.
        stratum: int64 (families,); none in a screen without controls.
        level: `significant` needs an `element_q` under it.
        effect_floor: and an effect that differs from none by more than this, or lies outside the `MIDDLE` of the
            controls' where it is None.
        widths: of a screen with stretches of a genome.
    """

    is_control: np.ndarray
    family: np.ndarray
    stratum: np.ndarray
    level: float
    effect_floor: float | None = None
    widths: Widths | None = None

    @property
    def compared(self) -> np.ndarray:
        """The elements that are compared with each other, bool (elements,): motifs and annotations."""
        return ~self.is_control & (self.family >= 0)


def families(elements: pd.DataFrame, spec: dict[str, Any] | None) -> Families:
    """The families of a screen: a stratum's controls are one when there are controls for strata alone.

    Args:
        elements: with element_id, kind, control_of, sequence and width, controls among them.
        spec: the section `controls` of the config, if there is one.
    """
    is_control = (elements["kind"] == "control").to_numpy()
    compared = elements["kind"].isin(["motif", "annotation"]).to_numpy()
    family = np.where(compared | is_control, 0, -1)
    if spec is None:
        return Families(is_control, family, np.zeros(0, dtype=np.int64), 0.0)
    others = elements[compared]
    stratum = strata(others, spec)
    if spec["per"] == "element":
        own, of_families = np.arange(len(others)), stratum
    else:
        own, of_families = stratum, np.arange(stratum.max() + 1)
    family[compared] = own
    parents = pd.Index(others["element_id"]).get_indexer(elements["control_of"][is_control])
    family[is_control] = own[parents]
    return Families(is_control, family, of_families, spec["level"], spec["effect_floor"], _widths(elements, compared))


def _widths(elements: pd.DataFrame, compared: np.ndarray) -> Widths | None:
    """The nearest width of stretches of a genome, the smaller of two as near; None without any."""
    is_genomic, width = (elements["kind"] == "genomic").to_numpy(), elements["width"].to_numpy()
    if not is_genomic.any():
        return None
    known = np.unique(width[is_genomic])
    of = np.full(len(width), -1)
    rows = compared | is_genomic
    of[rows] = np.searchsorted((known[1:] + known[:-1]) / 2, width[rows])
    return Widths(is_genomic, of)


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
