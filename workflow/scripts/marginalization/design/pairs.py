"""Pairs: two motifs at a distance from each other, and each of them alone at its place in the pair; and arrangements.

As N keeps the background's base, a pair is one sequence, and so is each half: the same with N for the other. All three
are of one width, so wherever a pair is placed its halves are placed alike.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from ..config.sections.substitutions import Arrangement, Pair, Range
from ..errors import InputError
from ..inputs.text import fits
from ..sequences.letters import UNKNOWN, identifier, reverse_complement
from .placement import steps

IDS = ["element_id", "first_id", "second_id"]
"""The columns of the pairs' table that say which elements a pair, its first part and its second are."""

FAMILY = "family:"
"""What a family of JASPAR's begins with where a motif is named."""

COLUMNS = ["first", "second", "distance", "orientation", "source", "first_source", "second_source"]


PREFIX = 4
"""Hex digits of an id that a pair or part has in common with all others of the same letters, and with their motif. So
these are in one shard, which computes what they share once. They are few, so that the others tell elements apart."""


class PairSequences(NamedTuple):
    """The sequences, of one width, of a pair, of its first motif alone and of its second alone."""

    pair: str
    first: str
    second: str


def arrange(first: str, second: str, distance: int, orientation: str) -> PairSequences:
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
    return PairSequences(left + gap + right, left + gap + UNKNOWN * len(right), UNKNOWN * len(left) + gap + right)


def read_pairs(specs: Sequence[Pair], motifs: pd.DataFrame, length: int) -> pd.DataFrame:
    """The pairs of a config, in its order, those of an entry by distance and then in the order of its orientations.

    Args:
        specs: the section `elements.pairs` of a resolved config.
        motifs: with name, sequence, source and tf_family.
        length: of the backgrounds.

    Returns:
        A row for each pair: pair_id, first, second (names), distance, orientation, `source`, `first_source`,
        `second_source`, and the three sequences as `pair_sequence`, `first_sequence`, `second_sequence`.

    Raises:
        InputError: there is no motif of a name, no distance, or a pair is wider than the backgrounds.
    """
    known = _by_name(motifs)
    rows = []
    for i, spec in enumerate(specs):
        place = f"elements.pairs[{i}]"
        firsts, seconds = (_motifs(getattr(spec, key), known, f"{place}.{key}") for key in ("first", "second"))
        distances = _distances(spec.distances, f"{place}.distances")
        for first, second in itertools.product(firsts, seconds):
            _check_width(first, second, distances[-1], length, place)
            sources = f"{first.source};{second.source}", first.source, second.source
            for distance, orientation in itertools.product(distances, spec.orientations):
                arranged = arrange(first.sequence, second.sequence, distance, orientation)
                rows.append((first.name, second.name, distance, orientation, *sources, *arranged))
    columns = [*COLUMNS, *(f"{which}_sequence" for which in PairSequences._fields)]
    frame = pd.DataFrame(rows, columns=columns)
    # Entries with several motifs can overlap.
    frame = frame.drop_duplicates(["first", "second", "distance", "orientation"], ignore_index=True)
    frame.insert(0, "pair_id", range(len(frame)))
    return frame


def read_arrangements(specs: Sequence[Arrangement], motifs: pd.DataFrame, length: int) -> pd.DataFrame:
    """The arrangements of a config, in its order, copies by their number.

    Args:
        specs: the section `elements.arrangements` of a resolved config.
        motifs: with name, sequence and source.
        length: of the backgrounds.

    Returns:
        A row for each arrangement: arrangement_id, name (such as "A+ 10 B- 5 C+"), motifs, distances (lists),
        orientation, n_motifs, source and sequence.

    Raises:
        InputError: there is no motif of a name, an entry has too few or too many distances or strands, or an
            arrangement is wider than the backgrounds.
    """
    known = _by_name(motifs)
    rows = []
    for i, spec in enumerate(specs):
        place = f"elements.arrangements[{i}]"
        named = [_motif(name, known, f"{place}.motifs[{j}]") for j, name in enumerate(spec.motifs)]
        if spec.copies is not None and len(named) > 1:
            raise InputError(
                f"config: {place}: copies are of one motif, not of {len(named)}; name one, or leave out copies"
            )
        if spec.copies is None and len(named) == 1:
            raise InputError(f"config: {place}: one motif is no arrangement; name several, or give copies")
        for distances in spec.distances:
            for n in range(1, spec.copies + 1) if spec.copies else [len(named)]:
                chosen = named * n if spec.copies else named
                rows.append(_arranged(chosen, distances, spec, length, place))
    columns = ["name", "motifs", "distances", "orientation", "n_motifs", "source", "sequence"]
    frame = pd.DataFrame(rows, columns=columns).drop_duplicates("name", ignore_index=True)
    frame.insert(0, "arrangement_id", range(len(frame)))
    return frame


def id_prefixes(elements: pd.DataFrame) -> dict[str, str]:
    """What the ids of motifs begin with, by their sequence in whichever orientation sorts first.

    Not those of controls, which are all in their motif's shard: their parts would make it the largest.
    """
    motifs = elements[elements["kind"] == "motif"]
    found: dict[str, str] = {}
    for sequence, element_id in zip(motifs["sequence"], motifs["element_id"], strict=True):
        found.setdefault(_either_strand(sequence), element_id[:PREFIX])
    return found


def _either_strand(sequence: str) -> str:
    """What a sequence changes, in whichever orientation sorts first."""
    letters = sequence.strip(UNKNOWN)
    return min(letters, reverse_complement(letters))


def _beside(sequence: str, prefixes: dict[str, str]) -> str:
    """The id of a pair or part, which begins like those of all others of the same letters, so they are in one shard."""
    letters = _either_strand(sequence)
    if letters not in prefixes:
        prefixes[letters] = identifier(letters)[:PREFIX]
    return prefixes[letters] + identifier(sequence)[PREFIX:]


def pair_rows(pairs: pd.DataFrame, kind: str, part_kind: str, prefixes: dict[str, str]) -> pd.DataFrame:
    """Rows as `elements` takes them: of all pairs, which are of a kind, then of their parts, of another.

    What their ids begin with is noted in `prefixes`.
    """
    first, second = (pairs[key] + pairs["orientation"].str[i] for i, key in enumerate(("first", "second")))
    name = first + " " + pairs["distance"].astype("str") + " " + second
    tables = [
        pd.DataFrame({"name": name, "sequence": pairs["pair_sequence"], "source": pairs["source"], "kind": kind}),
        *(
            pd.DataFrame(
                {
                    "name": name + f"/{part}",
                    "sequence": pairs[f"{part}_sequence"],
                    "source": pairs[f"{part}_source"],
                    "kind": part_kind,
                }
            )
            for part in ("first", "second")
        ),
    ]
    rows = pd.concat(tables, ignore_index=True)
    return rows.assign(element_id=[_beside(sequence, prefixes) for sequence in rows["sequence"]])


def _arranged(
    motifs: Sequence[Any], distances: int | tuple[int, ...], spec: Arrangement, length: int, place: str
) -> tuple[Any, ...]:
    """A row of `read_arrangements`."""
    n = len(motifs)
    gaps = [distances] * (n - 1) if isinstance(distances, int) else list(distances)
    if spec.copies is not None and not isinstance(distances, int):
        raise InputError(f"config: {place}.distances: copies are all as far apart; give numbers in place of {gaps}")
    orientation = spec.orientation or "+"
    orientation = orientation * n if len(orientation) == 1 else orientation
    for what, of, many in (("distances", gaps, n - 1), ("orientation", orientation, n)):
        if len(of) != many:
            raise InputError(f"config: {place}.{what}: {len(of)} for {n} motifs; give {many}")
    oriented = [
        motif.sequence if strand == "+" else reverse_complement(motif.sequence)
        for motif, strand in zip(motifs, orientation, strict=True)
    ]
    name, sequence = f"{motifs[0].name}{orientation[0]}", oriented[0]
    for gap, motif, strand, letters in zip(gaps, motifs[1:], orientation[1:], oriented[1:], strict=True):
        name, sequence = f"{name} {gap} {motif.name}{strand}", sequence + UNKNOWN * gap + letters
    if len(sequence) > length:
        raise InputError(
            f"config: {place}: {name} has {len(sequence)} bases, more than the backgrounds' {length}; give smaller "
            f"distances, or fewer motifs"
        )
    sources = ";".join(dict.fromkeys(motif.source for motif in motifs))
    return name, [motif.name for motif in motifs], gaps, orientation, n, sources, sequence


def _by_name(motifs: pd.DataFrame) -> dict[str, Any]:
    return {row.name: row for row in motifs.itertuples(index=False)}


def _motifs(named: str | Sequence[str], known: dict[str, Any], place: str) -> list[Any]:
    """The motifs of one or several names, patterns or families, each once; of patterns none of N alone."""
    found: dict[str, Any] = {}
    for name in [named] if isinstance(named, str) else named:
        of_family = name.startswith(FAMILY) and name not in known
        if name in known or not (of_family or "*" in name):
            found[name] = _motif(name, known, place)
            continue
        pattern = name.removeprefix(FAMILY) if of_family else name
        fitting = {
            motif.name: motif
            for motif in known.values()
            if motif.sequence.strip(UNKNOWN)
            and any(fits(of, pattern) for of in (_families(motif) if of_family else [motif.name]))
        }
        if not fitting:
            what = "is of the family" if of_family else "is called"
            raise InputError(
                f"config: {place}: no motif {what} {pattern}. Names and families are those of motifs.parquet"
            )
        found |= fitting
    return list(found.values())


def _families(motif: Any) -> list[str]:
    """JASPAR's of a motif: of a dimer two, of another table's none."""
    return [] if pd.isna(motif.tf_family) else motif.tf_family.split("; ")


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
