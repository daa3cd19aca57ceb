"""A genome: a FASTA file whose intervals are read through its index."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import InputError
from ..sequences.letters import DNA, UNKNOWN, unknown_letters
from .fasta_index import open_fasta
from .text import first_bytes, is_gzipped, refuse_foreign

BGZIP = b"\x1f\x8b\x08\x04"
"""The first bytes of a file compressed by bgzip; those of a plain gzip differ in the last."""


class Genome:
    """The chromosomes of a FASTA file, plain or compressed by bgzip; close it or use it in a `with`.

    Each interval is read by itself through the index (see `fasta_index`), so the memory needed does not grow with the
    chromosomes.

    Attributes:
        path: the FASTA file.
        lengths: bases of each chromosome, in the order of the file.

    Raises:
        InputError: the file can not be read, is no FASTA, is damaged, or has lines of different lengths.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        first = first_bytes(self.path)
        refuse_foreign(self.path, first)
        bgzip = first.startswith(BGZIP)
        if is_gzipped(first) and not bgzip:
            plain = self.path.with_suffix("") if self.path.suffix == ".gz" else self.path
            raise InputError(
                f"genome {self.path} is compressed by gzip, in which no place can be found; compress it by bgzip: "
                f"`gunzip -c {self.path} | bgzip > {plain.name}.bgz`, or give it unpacked"
            )
        if first.startswith(codecs.BOM_UTF8):
            raise InputError(f"genome {self.path} begins with a byte order mark; save it without one")
        self._faidx = open_fasta(self.path, bgzip=bgzip)
        self.lengths: dict[str, int] = {chrom: record.rlen for chrom, record in self._faidx.index.items()}

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._faidx.close()

    def check_chromosomes(self, chroms: pd.Series, where: pd.Series) -> None:
        """Raise an InputError for the first of `chroms` that the genome lacks.

        Args:
            chroms: names of chromosomes.
            where: for each the place to name in the message, such as "peaks.bed, line 3".
        """
        missing = ~chroms.isin(list(self.lengths)).to_numpy()
        if missing.any():
            first = int(missing.argmax())
            raise InputError(f"{where.iloc[first]}: {self._missing(chroms.iloc[first])}")

    def check_ends(self, intervals: pd.DataFrame, where: pd.Series, remedy: str) -> None:
        """Raise an InputError for the first of `intervals` that leaves its chromosome, saying its length."""
        outside = self.outside(intervals)
        if outside.any():
            first = int(outside.argmax())
            row = intervals.iloc[first]
            raise InputError(
                f"{where.iloc[first]}: {row.chrom}:{row.start}-{row.end} is outside its chromosome, "
                f"which has {self.lengths[row.chrom]:,} bases in {self.path}; {remedy}"
            )

    def outside(self, intervals: pd.DataFrame) -> np.ndarray:
        """Which of `intervals` (columns chrom, start, end) begin before 0 or end past their chromosome; bool (n,)."""
        lengths = intervals["chrom"].map(self.lengths).astype("int64")  # also when there are none
        return ((intervals["start"] < 0) | (intervals["end"] > lengths)).to_numpy()

    def sequences(self, intervals: pd.DataFrame, where: pd.Series | None) -> list[str]:
        """The upper-case forward-strand sequences of `intervals` (columns chrom, start, end; 0-based, half-open).

        Args:
            intervals: n intervals that lie within their chromosomes.
            where: for each the place to name in a message; None takes letters that are not understood for N, of places
                that nobody chose.

        Raises:
            InputError: a letter other than A, C, G, T and N.
        """
        chroms, starts, ends = (intervals[column].tolist() for column in ("chrom", "start", "end"))
        sequences = [""] * len(intervals)
        # in the genome's order, so that each block of the file is read (and, in a .gz, unpacked) once
        for row in np.lexsort((intervals["start"], pd.factorize(intervals["chrom"])[0])).tolist():
            place = f"{chroms[row]}:{starts[row]}-{ends[row]}"
            try:
                sequence = self._faidx.fetch(chroms[row], starts[row] + 1, ends[row])
            except UnicodeDecodeError as error:
                sequence = chr(error.object[error.start]).upper()
            unknown = unknown_letters(sequence)
            if unknown and where is None:
                sequence = re.sub(f"[^{DNA}]", UNKNOWN, sequence)
            elif unknown and where is not None:
                raise InputError(
                    f"{where.iloc[row]}: the genome {self.path} has the letter '{unknown[0]}' within {place}; only A, "
                    "C, G, T and N are understood: mask it with N or drop the row"
                )
            if len(sequence) != ends[row] - starts[row]:
                raise InputError(
                    f"genome {self.path} has a line's end within a line of {place}, or was changed while it was read; "
                    "fix it, or run again"
                )
            sequences[row] = sequence
        return sequences

    def _missing(self, chrom: str) -> str:
        other = chrom.removeprefix("chr") if chrom.startswith("chr") else f"chr{chrom}"
        if other in self.lengths:
            return f"chromosome '{chrom}' is not in {self.path}, which calls it '{other}'; use one name in both"
        few = ", ".join(list(self.lengths)[:5]) + (", ..." if len(self.lengths) > 5 else "")
        return f"chromosome '{chrom}' is not in {self.path}, which has {few}; use the genome of the same assembly"
