"""Pairs: two motifs at a distance from each other, and each of them alone at its place in the pair.

As N keeps the background's base, a pair is one sequence, and so is each half: the same with N for the other. All three
are of one width, so wherever a pair is placed its halves are placed alike.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from ..config.sections.substitutions import Pair, Range
from ..errors import InputError
from ..sequences.letters import UNKNOWN, reverse_complement
from .placement import steps

IDS = ["element_id", "first_id", "second_id"]
"""The columns of the pairs' table that say which elements a pair, its first part and its second are."""

COLUMNS = ["first", "second", "distance", "orientation", "source", "first_source", "second_source"]


class Arrangement(NamedTuple):
    """The sequences, of one width, of a pair, of its first motif alone and of its second alone."""

    pair: str
    first: str
    second: str


def arrange(first: str, second: str, distance: int, orientation: str) -> Arrangement:
    """Two motifs side by side, the first on the left.

    Substituted at the centre, as in tangermeme's `multisubstitute` and `space`.

    Args:
        first, second: sequences.
        distance: bases between the end of the first and the start of the second; they stay the background's.
        orientation: the strands of the first and of the second, such as "+-".
    """
    left, right = (
        sequence if strand == "+" else reverse_complement(sequence)
        for sequence, strand in zip((first, second), orientation, strict=True)
    )
    gap = UNKNOWN * distance
    return Arrangement(left + gap + right, left + gap + UNKNOWN * len(right), UNKNOWN * len(left) + gap + right)


def read_pairs(specs: Sequence[Pair], motifs: pd.DataFrame, length: int) -> pd.DataFrame:
    """The pairs of a config, in its order, those of an entry by distance and then in the order of its orientations.

    Args:
        specs: the section `elements.pairs` of a resolved config.
        motifs: with name, sequence and source.
        length: of the backgrounds.

    Returns:
        A row for each pair: pair_id, first, second (names), distance, orientation, `source`, `first_source`,
        `second_source`, and the three sequences as `pair_sequence`, `first_sequence`, `second_sequence`.

    Raises:
        InputError: there is no motif of a name, no distance, or a pair is wider than the backgrounds.
    """
    known = {row.name: row for row in motifs[["name", "sequence", "source"]].itertuples(index=False)}
    rows = []
    for i, spec in enumerate(specs):
        place = f"elements.pairs[{i}]"
        first, second = (_motif(getattr(spec, key), known, f"{place}.{key}") for key in ("first", "second"))
        distances = _distances(spec.distances, f"{place}.distances")
        _check_width(first, second, distances[-1], length, place)
        sources = f"{first.source};{second.source}", first.source, second.source
        for distance in distances:
            for orientation in spec.orientations:
                arranged = arrange(first.sequence, second.sequence, distance, orientation)
                rows.append((first.name, second.name, distance, orientation, *sources, *arranged))
    columns = [*COLUMNS, *(f"{which}_sequence" for which in Arrangement._fields)]
    frame = pd.DataFrame(rows, columns=columns)
    frame.insert(0, "pair_id", range(len(frame)))
    return frame


def _motif(name: str, known: dict[str, Any], place: str) -> Any:
    if name in known:
        if not known[name].sequence.strip(UNKNOWN):
            raise InputError(
                f"config: {place}: motif {name} ({known[name].source}) is N alone, so there is nothing to substitute; "
                "name another"
            )
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise InputError(f"config: {place}: there is no motif {name}{hint} Names are those of motifs.parquet")


def _distances(spec: tuple[int, ...] | Range, place: str) -> Sequence[int]:
    """Ascending."""
    return steps(spec, place) if isinstance(spec, Range) else sorted(spec)


def _check_width(first: Any, second: Any, distance: int, length: int, place: str) -> None:
    most = length - len(first.sequence) - len(second.sequence)
    if distance > most:
        remedy = f"the largest distance that fits is {most}" if most >= 0 else "trim motifs, or set backgrounds.length"
        raise InputError(
            f"config: {place}: {first.name} and {second.name} with {distance} bases between them are wider than the "
            f"backgrounds' {length}; {remedy}"
        )
