"""Scans: where along the backgrounds an element does most, and how far from there half of its effect is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ...store.files import parquet_writer
from ...store.other_schemas import SCANS
from ...store.reading import read_groups
from ...store.schemas import SUMMARY

KEYS = ["model", "readout", "target", "element_id", "strand"]
SCANNED = pa.array(["motif", "annotation", "arrangement"])
"""The kinds of elements with rows."""


def half_distances(effects: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far from the largest effect half of it is left.

    With the effects e at the starts s, and p the start of the largest |e|, that is on either side the distance from p
    to the nearest place where e, drawn as straight lines between neighbouring starts, is e(p) / 2.

    Args:
        effects: float64 (elements, starts), as distances from no effect.
        starts: (starts,), ascending.

    Returns:
        Which start has the largest, int64 (elements,), the first of equals; and the distance to the left and to the
        right of it, float64 (elements,), NaN where more than half is left at all starts of that side, or there is none.
    """
    best = np.argmax(np.abs(effects), axis=1)
    turned = effects.shape[1] - 1 - best
    with np.errstate(invalid="ignore", divide="ignore"):
        share = effects / np.take_along_axis(effects, best[:, None], axis=1)
    return best, _to_the_right(share[:, ::-1], -starts[::-1], turned), _to_the_right(share, starts, best)


def _to_the_right(share: np.ndarray, starts: np.ndarray, best: np.ndarray) -> np.ndarray:
    """How far to the right of each row's best start its share is first a half."""
    fallen = (share <= 0.5) & (np.arange(share.shape[1]) > best[:, None])
    found = np.full(len(share), np.nan)
    rows = np.flatnonzero(fallen.any(axis=1))
    after = np.argmax(fallen[rows], axis=1)
    high, low = share[rows, after - 1], share[rows, after]
    place = starts[after - 1] + (high - 0.5) / (high - low) * (starts[after] - starts[after - 1])
    found[rows] = place - starts[best[rows]]
    return found


def merge_scans(summary: str, n_starts: int, neutral: Mapping[str, float], path: str, facts: dict[str, Any]) -> None:
    """Write the table of scans, from the summary, a row group of it at a time.

    Args:
        summary: its path.
        n_starts: of each element on each strand.
        neutral: of each readout the effect of what changes nothing.
        path: of the table.
        facts: for its metadata.
    """
    with parquet_writer(path, SCANS, facts) as writer:
        for rows in _whole_scans(summary, n_starts):
            firsts = rows.iloc[::n_starts][KEYS].reset_index(drop=True)
            starts, means = (rows[name].to_numpy().reshape(-1, n_starts) for name in ("start", "effect_mean"))
            none = firsts["readout"].map(neutral).to_numpy(np.float64)
            best, left, right = half_distances(means - none[:, None], starts[0])
            each = np.arange(len(firsts))
            found = firsts.assign(
                start=starts[0][best], effect_mean=means[each, best], half_left=left, half_right=right
            )
            writer.write_table(pa.Table.from_pandas(found, schema=writer.schema, preserve_index=False))


def _whole_scans(summary: str, n_starts: int) -> Iterator[pd.DataFrame]:
    """The summary's rows of scans, in its order, those of no scan apart from each other."""
    columns, kept = [*KEYS, "start", "effect_mean"], pd.DataFrame()
    wanted = "kind", lambda kind: pc.is_in(kind.cast("string"), SCANNED)
    for group in read_groups(summary, SUMMARY, columns, wanted):
        rows = pd.concat([kept, group.to_pandas().astype(dict.fromkeys(KEYS, "str"))], ignore_index=True)
        n = len(rows) // n_starts * n_starts
        kept = rows.iloc[n:]
        if n:
            yield rows.iloc[:n]
