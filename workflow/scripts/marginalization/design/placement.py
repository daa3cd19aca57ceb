"""Where elements go in backgrounds: strands and starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..config.sections.substitutions import Placement, Range
from ..errors import InputError
from ..sequences.letters import UNKNOWN, resolve_start, reverse_complement


class Placed(NamedTuple):
    """An element on a strand, at a start, and its sequence as it is substituted there."""

    element_id: str
    strand: str
    start: int
    sequence: str


def strands(placement: Placement) -> list[str]:
    """The strands of a config's section `placement`, sorted."""
    return ["+", "-"] if placement.strands == "both" else [placement.strands]


def steps(spec: Range, place: str, last: int | None = None) -> range:
    """The numbers of a config's range, which ends at `last` where it does not say `to`.

    Raises:
        InputError: there are none, or nothing says where they end; the message names the `place` in the config.
    """
    last = last if spec.to is None else spec.to
    if last is None:
        raise InputError(f"config: {place}: the range needs an end; give `to`")
    numbers = range(spec.from_, last + 1, spec.step)
    if not numbers:
        raise InputError(
            f"config: {place}: there is nothing from {spec.from_} to {numbers.stop - 1}; "
            f"set `from` to {numbers.stop - 1} or less"
        )
    return numbers


def starts(placement: Placement) -> list[int | None]:
    """The starts of a section `placement` that is `written_out`, sorted; None for the centre."""
    start = placement.start
    assert not isinstance(start, Range)
    return [None] if start == "centre" else [*sorted(start if isinstance(start, tuple) else [start])]


def last_start(placement: Placement, last: int) -> int:
    """The last of a section's starts; 0 for the centre. The arguments and errors are those of `written_out`."""
    start = placement.start
    return steps(start, "placement.start", last)[-1] if isinstance(start, Range) else starts(placement)[-1] or 0


def written_out(placement: Placement, last: int) -> Placement:
    """A config's section `placement` with the starts in place of a range of them.

    Args:
        placement: the section.
        last: the last start that fits the widest element of the screen, where a range without `to` ends.

    Raises:
        InputError: the range is empty.
    """
    start = placement.start
    if isinstance(start, Range):
        return replace(placement, start=tuple(steps(start, "placement.start", last)))
    return placement


def place(elements: pd.DataFrame, placement: Placement, length: int) -> Iterator[Placed]:
    """Each element, in the order of the table, on each strand, at each start, in backgrounds of `length`.

    Args:
        elements: with element_id and sequence.
        placement: as `written_out` gives it.
        length: of the backgrounds.
    """
    for element_id, sequence in zip(elements["element_id"], elements["sequence"], strict=True):
        for strand in strands(placement):
            oriented = sequence if strand == "+" else reverse_complement(sequence)
            for start in starts(placement):
                yield Placed(element_id, strand, resolve_start(length, len(sequence), start), oriented)


def changed_part(placed: Placed) -> tuple[str, int]:
    """What changes a background of an element in place: its sequence without N on either end, and where that begins.

    A model needs no more, and narrower changes are computed faster. Of an element of N alone one N is left.
    """
    sequence = placed.sequence.strip(UNKNOWN) or UNKNOWN
    return sequence, placed.start + placed.sequence.index(sequence)


class Distinct(NamedTuple):
    """Which of some placements change a background alike.

    Fields:
        firsts: int64 (different ones,), the first placement of each, ascending.
        which: int64 (placements,), which of the different ones each is.
    """

    firsts: np.ndarray
    which: np.ndarray


def distinct_placements(placed: Sequence[Placed]) -> Distinct:
    """The different ones of some placements: equal are those whose `changed_part` is."""
    parts: dict[str, tuple[int, int]] = {}
    numbers: dict[str, int] = {}
    keys = np.empty(len(placed), dtype=np.int64)
    for i, each in enumerate(placed):
        if each.sequence not in parts:
            part, begin = changed_part(each)
            parts[each.sequence] = numbers.setdefault(part, len(numbers)), begin - each.start
        number, offset = parts[each.sequence]
        keys[i] = number << 32 | each.start + offset
    _, firsts, which = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Distinct(firsts[order], rank[which])


def count_repeats(elements: pd.DataFrame, placement: Placement, length: int) -> int:
    """How many placements of all elements change a background as another one does.

    Args:
        elements, placement, length: as for `place`.
    """
    begins = starts(placement)
    at = np.array([begin or 0 for begin in begins], dtype=np.int64)
    offsets: dict[str, list[int]] = {}
    for first in place(elements, replace(placement, start="centre" if begins == [None] else 0), length):
        part, begin = changed_part(first)
        offsets.setdefault(part, []).append(begin)
    shared = [np.array(of_part) for of_part in offsets.values() if len(of_part) > 1]
    return sum(len(of_part) * len(at) - len(np.unique(of_part[:, None] + at)) for of_part in shared)


def placed_table(elements: pd.DataFrame, placement: Placement, length: int) -> pd.DataFrame:
    """The rows of `elements`, each repeated for its placements in the order of `place`, with strand and start.

    Args:
        elements: all of a screen; with width.
        placement: the section of the config.
        length: of the backgrounds.
    """
    placement = written_out(placement, length - int(elements["width"].max()))
    n_starts = len(starts(placement))
    per_element = len(strands(placement)) * n_starts
    table = elements.iloc[np.repeat(np.arange(len(elements)), per_element)].reset_index(drop=True)
    table["strand"] = pd.Categorical(np.tile(np.repeat(strands(placement), n_starts), len(elements)))
    if starts(placement) == [None]:
        table["start"] = length // 2 - table["width"] // 2
    else:
        table["start"] = np.tile(np.array(starts(placement)), len(table) // n_starts)
    return table


def window_starts(starts: np.ndarray, widths: np.ndarray, length: int, window: int) -> np.ndarray:
    """Where the windows around elements begin: centred on them, as far as the background reaches."""
    return np.clip(starts + widths // 2 - window // 2, 0, length - window)
