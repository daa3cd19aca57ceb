"""Motifs: read from tables of them, trimmed, and turned into the sequences to substitute."""

from __future__ import annotations

import difflib
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from ..errors import InputError
from ..sequences.letters import DNA, UNKNOWN, named_generator, unknown_letters
from .matrices import normalised, read_homer, read_jaspar_text, read_meme, read_modisco, read_transfac
from .text import fasta_records, fits, table_rows

Format = Literal["meme", "jaspar", "homer", "transfac", "modisco", "tsv", "fasta"]
Sequences = Literal["consensus", "informative", "sampled"]
"""What a matrix becomes."""

SUFFIXES: dict[str, Format] = {
    ".meme": "meme",
    ".jaspar": "jaspar",
    ".pfm": "jaspar",
    ".motif": "homer",
    ".motifs": "homer",
    ".transfac": "transfac",
    ".h5": "modisco",
    ".hdf5": "modisco",
    ".tsv": "tsv",
    ".fa": "fasta",
    ".fasta": "fasta",
}


class Motif(NamedTuple):
    """A motif, given by a matrix or by a sequence.

    Attributes:
        name: its name; `distinct_names` makes the names of a screen unique.
        matrix: float64 (width, 4), the probabilities of A, C, G and T at each position; None for a sequence.
        sequence: upper-case letters A, C, G, T and N; empty for a matrix.
        source: where it comes from: "motifs.meme:12", path and line, "JASPAR2026:MA0139.2" or
            "modisco.h5:pos_patterns/pattern_0".
        tf_class, tf_family: of the factor, as JASPAR has them; those of a dimer's two are joined by "; ".
    """

    name: str
    matrix: np.ndarray | None
    sequence: str
    source: str
    tf_class: str = ""
    tf_family: str = ""


TRIM_CONTRIBUTION = 0.3
"""How TF-MoDISco's report and Fi-NeMo trim patterns."""


def read_motifs(path: str | Path, format: str | None = None, trim_contribution: float | None = None) -> list[Motif]:
    """Read a table of motifs, in file order; names may be repeated, see `distinct_names`.

    Args:
        path: the table, gzipped or not.
        format: "meme"; "jaspar" (with or without titles, letters and brackets); "homer"; "transfac"; "modisco"
            (TF-MoDISco's results, .h5); "tsv" (a header with the columns name and sequence, in any place among
            others); "fasta". None goes by the suffix.
        trim_contribution: of TF-MoDISco's patterns, drop positions at the ends that contribute less than this share of
            the largest; None drops those under 0.3.

    Raises:
        InputError: an unknown format, an empty table, or the first motif that is malformed.
    """
    path = Path(path)
    if format is None:
        suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
        format = SUFFIXES.get(suffix)
    if format == "modisco":
        trim = TRIM_CONTRIBUTION if trim_contribution is None else trim_contribution
        return [Motif(name, matrix, "", source) for source, name, matrix in read_modisco(path, trim)]
    if trim_contribution is not None and format in get_args(Format):
        raise InputError(f"{path} is read as {format}, which has no contributions; leave out trim_contribution")
    if format == "meme":
        return [Motif(name, matrix, "", f"{path}:{line}") for line, name, matrix in read_meme(path)]
    if format == "jaspar":
        return [Motif(name, matrix, "", f"{path}:{line}") for line, name, matrix in read_jaspar_text(path)]
    if format == "transfac":
        return [Motif(name, matrix, "", f"{path}:{name}") for name, matrix in read_transfac(path)]
    if format == "homer":
        return [Motif(name, matrix, "", f"{path}:{line}") for line, name, matrix in read_homer(path)]
    if format == "tsv":
        return [_from_sequence(path, *row) for row in _tsv_rows(path)]
    if format == "fasta":
        return [_from_sequence(path, *record) for record in fasta_records(path)]
    formats = ", ".join(get_args(Format))
    if format is None:
        raise InputError(f"the format of {path} is not known by its suffix; give `format`, one of {formats}")
    raise InputError(f"the format '{format}' of {path} is not known; use one of {formats}")


def read_jaspar(
    release: str,
    collection: str = "CORE",
    tax_group: str | None = None,
    tf_class: str | None = None,
    tf_family: str | None = None,
) -> list[Motif]:
    """The newest version of each matrix of a JASPAR release, from the database that pyjaspar carries.

    Args:
        release: such as "JASPAR2026".
        collection: such as "CORE".
        tax_group: such as "vertebrates"; None takes all.
        tf_class, tf_family: of the factor, or of one of a dimer's, where `*` and `?` stand for any letters and any
            letter; None takes all.

    Returns:
        Motifs sorted by matrix identifier, with names such as "MA0139.2 CTCF" and probabilities without
        pseudocounts.

    Raises:
        InputError: an unknown release, collection or taxonomic group, no motif in both of the latter, or none of the
            class and family.
    """
    import pyjaspar

    releases = pyjaspar.jaspar_releases
    _check_known("release", release, list(releases), "pyjaspar")
    database = pyjaspar.jaspardb(release=release)
    with closing(database.conn) as connection:
        collections = connection.execute("SELECT DISTINCT collection FROM MATRIX ORDER BY collection")
        _check_known("collection", collection, [row[0] for row in collections], release)
        if tax_group is not None:
            groups = connection.execute(
                "SELECT DISTINCT val FROM MATRIX_ANNOTATION WHERE tag = 'tax_group' ORDER BY val"
            )
            _check_known("taxonomic group", tax_group, [row[0] for row in groups], release)
        records = database.fetch_motifs(collection=collection, tax_group=tax_group)
    if not records:
        raise InputError(f"{release} has no motif of {tax_group} in {collection}; choose another of the two")
    for what, wanted in (("tf_class", tf_class), ("tf_family", tf_family)):
        there = Counter(name for record in records for name in getattr(record, what))
        if wanted is not None:
            records = [record for record in records if any(fits(of, wanted) for of in getattr(record, what))]
        if not records:
            near = difflib.get_close_matches(str(wanted), there, n=3) or [of for of, _ in there.most_common(5)]
            raise InputError(f"no motif of {release} here has the {what} '{wanted}'; others are {', '.join(near)}")
    motifs = []
    for record in sorted(records, key=lambda record: record.matrix_id):
        source = f"{release}:{record.matrix_id}"
        counts = np.array([record.counts[letter] for letter in DNA], dtype=np.float64).T
        kinds = "; ".join(record.tf_class), "; ".join(record.tf_family)
        motifs.append(Motif(f"{record.matrix_id} {record.name}", normalised(counts, source), "", source, *kinds))
    return motifs


def distinct_names(motifs: list[Motif]) -> list[Motif]:
    """The motifs with the second, third, ... of the same name called "name#2", "name#3", ...

    Apply it once, to all motifs of a screen. A number that another motif already has in its name is passed over.
    """
    taken = {motif.name for motif in motifs}
    seen: Counter[str] = Counter()
    distinct = []
    for motif in motifs:
        name = motif.name
        seen[motif.name] += 1
        if seen[motif.name] > 1:
            while (name := f"{motif.name}#{seen[motif.name]}") in taken:
                seen[motif.name] += 1
        distinct.append(motif._replace(name=name))
    return distinct


def information(matrix: np.ndarray) -> np.ndarray:
    """The information content of each position in bits, float64 (width,): 2 - entropy, from 0 to 2.

    As Schneider and Stephens (Nucleic Acids Res. 18:6097, 1990), with equal background frequencies and without
    their correction for small samples.
    """
    logarithms = np.log2(matrix, out=np.zeros_like(matrix), where=matrix > 0)
    return (2 + (matrix * logarithms).sum(axis=1)).clip(0, 2)


def trim(motif: Motif, min_information: float) -> Motif:
    """The motif without the positions at its ends that have less than `min_information` bits.

    A motif given as a sequence is returned as it is.

    Raises:
        InputError: nothing would remain.
    """
    if motif.matrix is None:
        return motif
    bits = information(motif.matrix)
    informative = np.flatnonzero(bits >= min_information)
    if not len(informative):
        raise _uninformative(motif, bits, min_information)
    return motif._replace(matrix=motif.matrix[informative[0] : informative[-1] + 1])


def motif_sequences(
    motif: Motif, how: str = "consensus", n: int = 1, min_information: float = 0.0, seed: int = 0
) -> list[str]:
    """The sequences to substitute for a motif; `trim` it beforehand.

    Args:
        motif: the motif, of a name that no other motif of the screen has.
        how: "consensus": the likeliest letter at each position, of equally likely ones the first in A, C, G, T.
            "informative": likewise, but N, which keeps the background's base, where a position has less than
            `min_information` bits. "sampled": letters drawn independently with their probabilities. A motif given
            as a sequence is its own consensus.
        n: how many to draw when "sampled"; more draws begin with the same ones.
        min_information: in bits, for "informative".
        seed: the screen's seed, for "sampled".

    Returns:
        n sequences when "sampled", which may be equal, else one.

    Raises:
        InputError: "sampled" of a sequence, no informative position, or an unknown `how`.
    """
    if how not in get_args(Sequences):
        raise InputError(f"motifs cannot be made sequences by '{how}'; use consensus, informative or sampled")
    if motif.matrix is None:
        if how == "sampled":
            raise InputError(
                f"{motif.source}: motif '{motif.name}' is a sequence, so there are no probabilities to sample from; "
                "use consensus, or give a matrix"
            )
        return [motif.sequence]
    if how == "sampled":
        return [_draw(motif.matrix, named_generator(seed, "motif", motif.name, i)) for i in range(n)]
    letters = np.array(list(DNA))[motif.matrix.argmax(axis=1)]
    if how == "informative":
        bits = information(motif.matrix)
        if (bits < min_information).all():
            raise _uninformative(motif, bits, min_information)
        letters[bits < min_information] = UNKNOWN
    return ["".join(letters)]


def _draw(matrix: np.ndarray, rng: np.random.Generator) -> str:
    """A sequence with each letter drawn from its row of `matrix`, by the inverse of the distribution function."""
    bounds = matrix.cumsum(axis=1)[:, :-1]
    letters = (rng.random((len(matrix), 1)) >= bounds).sum(axis=1)
    return "".join(DNA[letter] for letter in letters)


def _uninformative(motif: Motif, bits: np.ndarray, min_information: float) -> InputError:
    return InputError(
        f"{motif.source}: motif '{motif.name}' has no position of {min_information:g} bits or more (the most is "
        f"{bits.max():.2f}); lower min_information, or drop the motif"
    )


def _from_sequence(path: Path, line: int, name: str, sequence: str) -> Motif:
    if unknown := unknown_letters(sequence):
        remedy = "write T for U" if unknown[0] == "U" else "write A, C, G, T, or N to keep the background's base"
        raise InputError(f"{path}, line {line}: motif '{name}' has the letter '{unknown[0]}'; {remedy}")
    return Motif(name, None, sequence, f"{path}:{line}")


def _tsv_rows(path: Path) -> list[tuple[int, str, str]]:
    """The line number, name and upper-case sequence of each row of a table with a header, blank lines skipped."""
    motifs = []
    for number, row in table_rows(path, ["name", "sequence"], "motifs"):
        if not row.get("name") or not row.get("sequence"):
            raise InputError(f"{path}, line {number}: no name or no sequence; give both, separated by a tab")
        motifs.append((number, row["name"], row["sequence"].upper()))
    return motifs


def _check_known(what: str, value: str, known: list[str], where: str) -> None:
    if value not in known:
        raise InputError(f"JASPAR {what} '{value}' is not in {where}; use one of {', '.join(known)}")
