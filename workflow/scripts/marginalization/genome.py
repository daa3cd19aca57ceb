"""A genome: a FASTA file whose intervals are read through its index."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyfaidx

from .errors import InputError
from .sequence import unknown_letters


class Genome:
    """The chromosomes of a FASTA file, plain or compressed by bgzip; close it or use it in a `with`.

    Each interval is read by itself through the index (2 microseconds for 20 bases), so the memory needed does not
    grow with the chromosomes.

    Attributes:
        path: the FASTA file.
        lengths: bases of each chromosome, in the order of the file.

    Raises:
        InputError: the file is missing or is no FASTA that can be indexed; its index (.fai) is missing or older
            than the file and cannot be written beside it.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"genome {self.path} does not exist; check the path")
        try:
            if not _has_index(self.path):
                _write_index(self.path)
            self._faidx = pyfaidx.Faidx(self.path, as_raw=True, sequence_always_upper=True)
        except (pyfaidx.UnsupportedCompressionFormat, pyfaidx.FastaIndexingError, ValueError) as error:
            raise InputError(f"genome {self.path} is no FASTA that can be indexed: {error}") from error
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

    def sequences(self, intervals: pd.DataFrame, where: pd.Series) -> list[str]:
        """The upper-case forward-strand sequences of `intervals` (columns chrom, start, end; 0-based, half-open).

        Args:
            intervals: n intervals that lie within their chromosomes.
            where: for each the place to name in a message.

        Raises:
            InputError: a letter other than A, C, G, T and N.
        """
        chroms, starts, ends = (intervals[column].tolist() for column in ("chrom", "start", "end"))
        sequences = [""] * len(intervals)
        # in the genome's order, so that each block of the file is read (and, in a .gz, unpacked) once
        for row in np.lexsort((intervals["start"], pd.factorize(intervals["chrom"])[0])).tolist():
            sequence = self._faidx.fetch(chroms[row], starts[row] + 1, ends[row])
            if unknown := unknown_letters(sequence):
                raise InputError(
                    f"{where.iloc[row]}: the genome {self.path} has the letter '{unknown[0]}' within "
                    f"{chroms[row]}:{starts[row]}-{ends[row]}; only A, C, G, T and N are understood: "
                    "mask it with N or drop the row"
                )
            sequences[row] = sequence
        return sequences

    def _missing(self, chrom: str) -> str:
        other = chrom.removeprefix("chr") if chrom.startswith("chr") else f"chr{chrom}"
        if other in self.lengths:
            return f"chromosome '{chrom}' is not in {self.path}, which calls it '{other}'; use one name in both"
        few = ", ".join(list(self.lengths)[:5]) + (", ..." if len(self.lengths) > 5 else "")
        return f"chromosome '{chrom}' is not in {self.path}, which has {few}; use the genome of the same assembly"


def _index_files(path: Path) -> list[Path]:
    """The files that pyfaidx needs beside the FASTA `path`."""
    suffixes = [".fai", ".gzi"] if path.suffix in (".gz", ".bgz") else [".fai"]
    return [path.with_name(path.name + suffix) for suffix in suffixes]


def _has_index(path: Path) -> bool:
    """Whether the index is there and, going by the times, was made after the FASTA was last changed."""
    return all(index.exists() and index.stat().st_mtime >= path.stat().st_mtime for index in _index_files(path))


def _write_index(path: Path) -> None:
    """Index the FASTA `path` through pyfaidx, in a folder beside it, then move the index into its place.

    pyfaidx alone writes the index in place, where a second process that starts meanwhile reads half of it.
    """
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            new = [Path(folder, index.name) for index in _index_files(path)]
            pyfaidx.Faidx(path, indexname=new[0], gzi_indexname=new[-1]).close()
            for built, index in zip(new, _index_files(path), strict=True):
                os.replace(built, index)
    except pyfaidx.UnsupportedCompressionFormat:
        raise
    except OSError as error:
        raise InputError(
            f"genome {path} has no up-to-date index (.fai) and none can be written beside it "
            f"({error.strerror or error}); run `samtools faidx` there, or link the file into a folder of yours with "
            "`ln -s` and give the link"
        ) from error
