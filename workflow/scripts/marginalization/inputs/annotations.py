"""Annotations: genomic intervals whose own sequences are substituted."""

from __future__ import annotations

import difflib
from pathlib import Path

import pandas as pd

from ..errors import InputError
from ..sequences.letters import UNKNOWN, reverse_complement
from .genome import Genome
from .intervals import locations, places, read_intervals, require_summits
from .motifs import motif_sequences, read_motifs


def read_annotations(
    path: str | Path,
    genome: str | Path | None,
    *,
    format: str | None = None,
    summit_flank: int | None = None,
    max_width: int | None = None,
    stranded: bool = True,
    patterns: str | Path | None = None,
) -> pd.DataFrame:
    """Read annotations, and take their sequences from the genome, or from the patterns that they are hits of.

    Args:
        path: BED, narrowPeak or Fi-NeMo hits; see `read_intervals` for the formats.
        genome: FASTA file; None with patterns.
        format: "bed", "narrowpeak" or "finemo"; None goes by the file.
        summit_flank: bases to take on each side of the summit, so 2 * summit_flank + 1 in all; None takes the whole
            interval.
        max_width: wider intervals are clipped to their middle max_width bases; None clips none.
        stranded: whether annotations on the "-" strand are reverse complemented; of patterns, whether they are as
            TF-MoDISco has them on both strands, and else reverse complemented on the "-" strand.
        patterns: TF-MoDISco's results, whose patterns' consensuses are the sequences of hits that are named after them.

    Returns:
        One row per annotation, in file order: name (the file's, or "chrom:start-end(strand)"), chrom, start, end
        (int64; 0-based, half-open, as taken), strand ("+" or "-"), sequence (upper-case), n_unknown (int64, the
        number of N in it), source ("path:line").

    Raises:
        InputError: a malformed row, a row without a summit where one is needed, a chromosome or a position that
            the genome lacks, a letter other than A, C, G, T and N, or no rows.
    """
    if patterns is not None and (summit_flank is not None or max_width is not None):
        raise InputError(
            f"{path}: patterns are substituted whole; leave out summit_flank and max_width, or give a genome"
        )
    table = read_intervals(path, format, summits=summit_flank is not None)
    where = places(path, table)
    if summit_flank is not None:
        require_summits(path, table, "drop the row, or leave summit_flank out to take whole intervals")
        table["start"] = table["summit"] - summit_flank
        table["end"] = table["summit"] + summit_flank + 1
    if patterns is not None:
        return _with_sequences(path, table, _pattern_sequences(path, table, where, patterns, stranded))
    if max_width is not None:
        width = table["end"] - table["start"]
        clipped = width.clip(upper=max_width)
        table["start"] += (width - clipped) // 2
        table["end"] = table["start"] + clipped
    assert genome is not None
    with Genome(genome) as chromosomes:
        chromosomes.check_chromosomes(table["chrom"], where)
        chromosomes.check_ends(table, where, "use the genome of the same assembly, or drop the row")
        sequences = chromosomes.sequences(table, where)
    if stranded:
        sequences = _turned(sequences, table["strand"])
    return _with_sequences(path, table, sequences)


def _pattern_sequences(
    path: str | Path, table: pd.DataFrame, where: pd.Series, patterns: str | Path, stranded: bool
) -> list[str]:
    """The consensus of the pattern that each row is named after."""
    consensus = {motif.name: motif_sequences(motif)[0] for motif in read_motifs(patterns, "modisco")}
    unknown = (~table["name"].isin(consensus.keys())).to_numpy()
    if unknown.any():
        row = int(unknown.argmax())
        near = difflib.get_close_matches(table["name"].iloc[row], consensus, n=1, cutoff=0)
        raise InputError(
            f"{where.iloc[row]}: {patterns} has no pattern {table['name'].iloc[row] or 'without a name'}; its patterns "
            f"are called as {near[0]} is"
        )
    sequences = [consensus[name] for name in table["name"]]
    return sequences if stranded else _turned(sequences, table["strand"])


def _turned(sequences: list[str], strands: pd.Series) -> list[str]:
    """Sequences, those on the "-" strand reverse complemented."""
    return [
        reverse_complement(sequence) if strand == "-" else sequence
        for sequence, strand in zip(sequences, strands, strict=True)
    ]


def _with_sequences(path: str | Path, table: pd.DataFrame, sequences: list[str]) -> pd.DataFrame:
    table["name"] = table["name"].mask(table["name"] == "", locations(table))
    table["n_unknown"] = [sequence.count(UNKNOWN) for sequence in sequences]
    table["sequence"] = pd.Series(sequences, dtype="str")
    table["source"] = f"{path}:" + table["line"].astype("str")
    return table[["name", "chrom", "start", "end", "strand", "sequence", "n_unknown", "source"]]
