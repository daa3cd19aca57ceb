"""Controls: shuffled elements, which say what other orders of the same letters do; and random stretches of a genome.

Almost any element moves a model a little. Controls tell what its letters do from what their order does; `nulls` is the
comparison.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ..config.sections.substitutions import Controls, Genomic
from ..errors import InputError
from ..inputs.genome import Genome
from ..sequences.letters import UNKNOWN, identifier, named_generator, reverse_complement
from ..sequences.shuffle import dinucleotide_shuffle, shuffle
from ..statistics.families import strata

SHUFFLES = {"mononucleotide": shuffle, "dinucleotide": dinucleotide_shuffle}

ATTEMPTS = 20
"""Draws for each control, before a sequence counts as one that has no other order left."""


WIDTHS = 20
"""Of how many widths stretches of a genome are drawn at most."""

_PREFIX = 8
"""Hex digits of the id of an element that its controls' ids begin with."""


def draw_controls(elements: pd.DataFrame, spec: Controls, seed: int) -> pd.DataFrame:
    """Shuffles of elements.

    Those of an element depend on the seed and its sequence, and on others only where two shuffles would be equal. None
    equals an element, another control, or the reverse complement of one. The id of a control begins with that of its
    element, so that both are in one shard.

    Args:
        elements: sorted by element_id; with name, sequence and source.
        spec: the section `controls` of the config.
        seed: the screen's.

    Returns:
        A table with the columns of `elements`: for each element or stratum as many as `spec` says, or as there are.
    """
    draw = SHUFFLES[spec.kind]
    taken = set(itertools.chain.from_iterable(_both_strands(sequence) for sequence in elements["sequence"]))
    ids = set(elements["element_id"])
    rows = []
    for order in _orders(elements, spec, seed):
        generators: dict[str, np.random.Generator] = {}
        drawn = 0
        for _ in range(ATTEMPTS * spec.shuffles):
            if drawn == spec.shuffles:
                break
            element = next(order)
            parent = element.element_id
            if parent not in generators:
                generators[parent] = named_generator(seed, "control", parent)
            sequence = draw(element.sequence, generators[parent])
            element_id = parent[:_PREFIX] + identifier(sequence)[_PREFIX:]
            if sequence in taken or element_id in ids:
                continue
            drawn += 1
            taken.update(_both_strands(sequence))
            ids.add(element_id)
            rows.append((element_id, "control", sequence, element.source, f"{element.name}/shuffle {drawn}", parent))
    columns = ["element_id", "kind", "sequence", "source", "name", "control_of"]
    return pd.DataFrame(rows, columns=columns).assign(width=lambda table: table["sequence"].str.len().astype(np.int64))


def draw_genomic(elements: pd.DataFrame, widths: pd.Series, spec: Genomic, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """Random stretches of a genome, of the widths of elements, or of `WIDTHS` of these where there are more.

    Each place where one has no N is as likely. None equals an element or another one, in either orientation. Those of a
    width depend on the seed and the genome, and on elements only where one would be equal.

    Args:
        elements: all others of the screen; with sequence.
        widths: of those that are to have percentiles.
        spec: the section `controls.genomic` of the config.
        seed: the screen's.

    Returns:
        A table with the columns of `elements`, and a line on widths of which there are fewer than asked, if any.

    Raises:
        InputError: the genome can not be read, or none of its chromosomes is as long as the widest.
    """
    taken = set(itertools.chain.from_iterable(_both_strands(sequence) for sequence in elements["sequence"]))
    rows: list[tuple[Any, ...]] = []
    few: list[int] = []
    with Genome(spec.genome) as genome:
        for width in _some_widths(widths):
            before = len(rows)
            for name, sequence in itertools.islice(_stretches(genome, width, spec.n, seed), ATTEMPTS * spec.n):
                if len(rows) - before == spec.n:
                    break
                if UNKNOWN not in sequence and sequence not in taken:
                    taken.update(_both_strands(sequence))
                    rows.append((identifier(sequence), "genomic", sequence, spec.genome, name, None, width))
            few += [width] * (len(rows) - before < spec.n)
    table = pd.DataFrame(rows, columns=["element_id", "kind", "sequence", "source", "name", "control_of", "width"])
    said = f"{spec.genome} has fewer than {spec.n:,} different stretches for percentiles of elements of"
    return table, [f"{said} {', '.join(map(str, few))} bases"] if few else []


def _some_widths(widths: pd.Series) -> list[int]:
    """All of some widths, or quantiles of them where they are many."""
    distinct = np.unique(widths)
    if len(distinct) > WIDTHS:
        distinct = np.unique(np.quantile(widths, np.linspace(0, 1, WIDTHS), method="nearest"))
    return distinct.tolist()


def _stretches(genome: Genome, width: int, n: int, seed: int) -> Iterator[tuple[str, str]]:
    """Random stretches of a genome without end, n read at a time: such as chr1:100-119, and the sequence."""
    chroms = np.array(list(genome.lengths), dtype=object)
    ends = np.cumsum([max(0, length - width + 1) for length in genome.lengths.values()])
    if ends[-1] == 0:
        raise InputError(f"no chromosome of {genome.path} has the {width} bases of an element; give the whole genome")
    rng = named_generator(seed, "genomic", width)
    while True:
        places = rng.integers(ends[-1], size=n)
        which = np.searchsorted(ends, places, side="right")
        starts = places - np.r_[0, ends][which]
        table = pd.DataFrame({"chrom": chroms[which], "start": starts, "end": starts + width})
        names = table["chrom"] + ":" + table["start"].astype("str") + "-" + table["end"].astype("str")
        yield from zip(names, genome.sequences(table, None), strict=True)


def missing_controls(elements: pd.DataFrame, controls: pd.DataFrame, spec: Controls) -> list[str]:
    """A line on elements or strata that have fewer controls than asked, if there are any.

    Args:
        elements: what `draw_controls` took.
        controls: what it gave.
        spec: the section `controls` of the config.
    """
    labels = elements["element_id"].to_numpy() if spec.per == "element" else strata(elements, asdict(spec))
    of_element = elements["element_id"].map(controls["control_of"].value_counts()).fillna(0).astype(int)
    drawn = of_element.groupby(labels).sum()
    few = drawn[drawn < spec.shuffles]
    if few.empty:
        return []
    one = elements["name"][labels == few.index[0]].iloc[0]
    what = "elements" if spec.per == "element" else "strata of elements"
    n_none = (few == 0).sum()
    none = f"{n_none:,} of them none, " if n_none else ""
    return [
        f"{len(few):,} of {len(drawn):,} {what} have fewer controls than the {spec.shuffles:,} asked for, "
        f"{none}such as {one}: their letters have no more other orders"
    ]


def _orders(elements: pd.DataFrame, spec: Controls, seed: int) -> Iterator[Iterator[Any]]:
    """For each element, or for each stratum, the elements to shuffle for it, without end."""
    rows = list(elements[["element_id", "name", "sequence", "source"]].itertuples(index=False))
    if spec.per == "element":
        yield from map(itertools.repeat, rows)
        return
    keys = [named_generator(seed, "stratum", row.element_id).random() for row in rows]
    labels = strata(elements, asdict(spec))
    for stratum in range(labels.max() + 1):
        yield itertools.cycle([rows[i] for i in sorted(np.flatnonzero(labels == stratum), key=keys.__getitem__)])


def _both_strands(sequence: str) -> tuple[str, str]:
    return sequence, reverse_complement(sequence)
