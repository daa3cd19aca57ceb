"""Annotations: genomic intervals whose own sequences are substituted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..sequences.letters import UNKNOWN, reverse_complement
from .genome import Genome
from .intervals import locations, places, read_intervals, require_summits


def read_annotations(
    path: str | Path,
    genome: str | Path,
    *,
    format: str | None = None,
    summit_flank: int | None = None,
    max_width: int | None = None,
    stranded: bool = True,
) -> pd.DataFrame:
    """Read annotations and take their sequences from the genome.

    Args:
        path: BED, narrowPeak or Fi-NeMo hits; see `read_intervals` for the formats.
        genome: FASTA file.
        format: "bed", "narrowpeak" or "finemo"; None goes by the file.
        summit_flank: bases to take on each side of the summit, so 2 * summit_flank + 1 in all; None takes the whole
            interval.
        max_width: wider intervals are clipped to their middle max_width bases; None clips none.
        stranded: whether annotations on the "-" strand are reverse complemented.

    Returns:
        One row per annotation, in file order: name (the file's, or "chrom:start-end(strand)"), chrom, start, end
        (int64; 0-based, half-open, as taken), strand ("+" or "-"), sequence (upper-case), n_unknown (int64, the
        number of N in it), source ("path:line").

    Raises:
        InputError: a malformed row, a row without a summit where one is needed, a chromosome or a position that
            the genome lacks, a letter other than A, C, G, T and N, or no rows.
    """
    table = read_intervals(path, format, summits=summit_flank is not None)
    where = places(path, table)
    if summit_flank is not None:
        require_summits(path, table, "drop the row, or leave summit_flank out to take whole intervals")
        table["start"] = table["summit"] - summit_flank
        table["end"] = table["summit"] + summit_flank + 1
    if max_width is not None:
        width = table["end"] - table["start"]
        clipped = width.clip(upper=max_width)
        table["start"] += (width - clipped) // 2
        table["end"] = table["start"] + clipped
    with Genome(genome) as chromosomes:
        chromosomes.check_chromosomes(table["chrom"], where)
        chromosomes.check_ends(table, where, "use the genome of the same assembly, or drop the row")
        sequences = chromosomes.sequences(table, where)
    if stranded:
        sequences = [
            reverse_complement(sequence) if strand == "-" else sequence
            for sequence, strand in zip(sequences, table["strand"], strict=True)
        ]
    table["name"] = table["name"].mask(table["name"] == "", locations(table))
    table["n_unknown"] = [sequence.count(UNKNOWN) for sequence in sequences]
    table["sequence"] = pd.Series(sequences, dtype="str")
    table["source"] = f"{path}:" + table["line"].astype("str")
    return table[["name", "chrom", "start", "end", "strand", "sequence", "n_unknown", "source"]]
