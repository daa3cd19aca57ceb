"""Where elements go in backgrounds: strands and starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .sequence import reverse_complement


class Placed(NamedTuple):
    """An element on a strand, at a start, and its sequence as it is substituted there."""

    element_id: str
    strand: str
    start: int
    sequence: str


def resolve_start(length: int, width: int, start: int | None) -> int:
    """Where an element of `width` begins in a background of `length`: `start`, or the centre when None.

    The centre is `length // 2 - width // 2`, as in tangermeme's `substitute`.

    Raises:
        ValueError: the element is longer than the background or runs off its ends.
    """
    if width > length:
        raise ValueError(f"motif of width {width} is longer than the sequence of length {length}")
    if start is None:
        return length // 2 - width // 2
    if not 0 <= start <= length - width:
        raise ValueError(
            f"start {start} puts a motif of width {width} off the end of a sequence of length {length}; "
            f"choose 0 <= start <= {length - width}"
        )
    return int(start)


def strands(placement: dict[str, Any]) -> list[str]:
    """The strands of a config's section `placement`, sorted."""
    return ["+", "-"] if placement["strands"] == "both" else [placement["strands"]]


def starts(placement: dict[str, Any]) -> list[int | None]:
    """The starts of a config's section `placement`, sorted; None for the centre."""
    start = placement["start"]
    return [None] if start == "centre" else sorted(start if isinstance(start, list) else [start])


def place(elements: pd.DataFrame, placement: dict[str, Any], length: int) -> Iterator[Placed]:
    """Each element, in the order of the table, on each strand, at each start, in backgrounds of `length`."""
    for element_id, sequence in zip(elements["element_id"], elements["sequence"], strict=True):
        for strand in strands(placement):
            oriented = sequence if strand == "+" else reverse_complement(sequence)
            for start in starts(placement):
                yield Placed(element_id, strand, resolve_start(length, len(sequence), start), oriented)


def placed_table(elements: pd.DataFrame, placement: dict[str, Any], length: int) -> pd.DataFrame:
    """The rows of `elements`, each repeated for its placements in the order of `place`, with strand and start."""
    n_starts = len(starts(placement))
    per_element = len(strands(placement)) * n_starts
    table = elements.iloc[np.repeat(np.arange(len(elements)), per_element)].reset_index(drop=True)
    table["strand"] = pd.Categorical(np.tile(np.repeat(strands(placement), n_starts), len(elements)))
    if starts(placement) == [None]:
        table["start"] = length // 2 - table["width"] // 2
    else:
        table["start"] = np.tile(np.array(starts(placement)), len(table) // n_starts)
    return table
