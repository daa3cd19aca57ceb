"""Matrices of motifs: MEME (minimal, or as MEME, STREME and DREME write it), JASPAR, HOMER, TRANSFAC, TF-MoDISco.

Own readers, because existing ones change what they read. Biopython's for MEME rounds probabilities to counts,
demands a background section and drops the second word of a name; memelite's keeps one of several motifs of the same
name and demands `w=`. Biopython's for JASPAR drops a motif that lacks a row, gives a fifth row to the next motif, and
keeps one word of a name. None says on which line a fault is.
"""

from __future__ import annotations

import re
from io import StringIO
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..sequences.letters import DNA
from .text import first_bytes, numbered_lines, refuse_foreign

SUM_TOLERANCE = 0.02
"""How far from 1 the rounded probabilities of a position may add up to."""

# A MEME matrix ends at the first line that begins with a word (URL, Time) or with a rule (-----, *****).
_END_OF_MATRIX = re.compile(r"\s*([A-Za-z]{2}|[-*]{2})")

# A row of a JASPAR matrix: counts, perhaps with their letter before them and brackets around them.
_JASPAR_ROW = re.compile(r"\s*([A-Z]\b)?\s*\[?([^\[\]]*)\]?\s*")

Lines = list[tuple[int, str]]


def read_meme(path: str | Path) -> list[tuple[int, str, np.ndarray]]:
    """Read the letter-probability matrices of a MEME file; its log-odds matrices are skipped.

    Returns:
        For each motif, in file order: the number of its MOTIF line; its name, identifier and alternate name as in
        "MA0004.1 Arnt"; its probabilities, float64 (width, 4) in the order A, C, G, T, scaled to add up to 1.

    Raises:
        InputError: no motifs, an alphabet other than ACGT, a motif without a name or without a letter-probability
            matrix, a matrix whose rows are no probabilities or are not as many as its `w=`.
    """
    lines = list(numbered_lines(path))
    beginnings = [i for i, (_, line) in enumerate(lines) if re.match(r"MOTIF\b", line)]
    if not beginnings:
        raise InputError(f"{path} has no MOTIF line; give a MEME file with motifs, or the right format")
    _check_alphabet(path, lines[: beginnings[0]])
    motifs = []
    for beginning, end in pairwise([*beginnings, len(lines)]):
        number, line = lines[beginning]
        # MEME's own output goes on with "width = 11 sites = 20 ..."
        name = " ".join(re.split(r"\swidth\s*=", line)[0].split()[1:])
        if not name:
            raise InputError(f"{path}, line {number}: MOTIF without a name; write one after it")
        motifs.append((number, name, _meme_matrix(path, number, name, lines[beginning + 1 : end])))
    return motifs


def read_jaspar_text(path: str | Path) -> list[tuple[int, str, np.ndarray]]:
    """Read count matrices in JASPAR's text format: a title ">ID name", then the rows A, C, G and T.

    Rows may begin with their letter and have brackets. A file of one matrix without a title has the file's name.

    Returns:
        For each motif, in file order: the number of its first line, its name, and its counts as probabilities,
        float64 (width, 4) in the order A, C, G, T, each position adding up to 1.

    Raises:
        InputError: no motifs, a motif without a name or with other rows than A, C, G and T, rows of different
            length, an entry that is no count, a position without counts.
    """
    motifs: list[tuple[int, str, Lines]] = []
    for number, line in numbered_lines(path):
        if line.startswith(">"):
            name = " ".join(line[1:].split())
            if not name:
                raise InputError(f"{path}, line {number}: a motif without a name; write one after the '>'")
            motifs.append((number, name, []))
        elif line.strip():
            if not motifs:
                motifs.append((number, Path(path).name.removesuffix(".gz").rpartition(".")[0], []))
            motifs[-1][2].append((number, line))
    if not motifs:
        raise InputError(f"{path} is empty; give at least one motif")
    return [(number, name, _jaspar_matrix(path, number, name, rows)) for number, name, rows in motifs]


def read_homer(path: str | Path) -> list[tuple[int, str, np.ndarray]]:
    """Read a file of HOMER's motifs, of titles and probabilities, as `read_meme` does.

    A motif's name is its title's second column or, without one, the first, which is its consensus.

    Raises:
        InputError: no motifs, rows before the first title, a motif without rows, or a row that is no probabilities.
    """
    motifs: list[tuple[int, str, list[np.ndarray]]] = []
    for number, line in numbered_lines(path):
        if line.startswith(">"):
            columns = [column.strip() for column in line[1:].split("\t")]
            motifs.append((number, next(filter(None, [*columns[1:2], *columns]), ""), []))
        elif line.strip():
            if not motifs:
                raise InputError(f"{path}, line {number}: text before the first '>'; give HOMER's motifs")
            motifs[-1][2].append(_probabilities(line, f"{path}, line {number}: motif '{motifs[-1][1]}'"))
    if not motifs:
        raise InputError(f"{path} is empty; give at least one motif")
    for number, name, rows in motifs:
        if not name or not rows:
            raise InputError(f"{path}, line {number}: a motif without a name or without rows; give both")
    return [(number, name, np.array(rows)) for number, name, rows in motifs]


def read_transfac(path: str | Path) -> list[tuple[str, np.ndarray]]:
    """Read a file of TRANSFAC's matrices, by Biopython: their names, accession and identifier, and probabilities.

    Raises:
        InputError: no matrices, one without its end `//`, or rows that are no counts.
    """
    from Bio import motifs

    text = "\n".join(line for _, line in numbered_lines(path))
    try:
        found = motifs.parse(StringIO(text), "transfac", strict=False)
    except ValueError as error:
        raise InputError(f"{path} is no file of TRANSFAC's matrices: {error}") from error
    begun = len(re.findall("^P[0O]", text, re.MULTILINE))
    if not found or len(found) < begun:
        raise InputError(f"{path} has {begun} matrices, {len(found)} of them whole; end each, the last too, with `//`")
    names = [" ".join(dict.fromkeys(filter(None, (motif.get("AC"), motif.get("ID"))))) for motif in found]
    counts = (np.array([motif.counts[letter] for letter in DNA]).T for motif in found)
    return [(name, normalised(rows, f"{path}: motif '{name}'")) for name, rows in zip(names, counts, strict=True)]


def read_modisco(path: str | Path, trim: float) -> list[tuple[str, str, np.ndarray]]:
    """Read the patterns of a TF-MoDISco results file (.h5), positive ones first, each in the order of their numbers.

    Args:
        path: as tfmodisco-lite writes it.
        trim: positions at the ends whose absolute contributions add up to less than this share of the largest are left
            out, as TF-MoDISco's report and Fi-NeMo do it.

    Returns:
        For each pattern: its place in the file, its name as in "pos_patterns.pattern_0", and its letters' shares,
        float64 (width, 4) in the order A, C, G, T, each position adding up to 1.

    Raises:
        InputError: no such file, no patterns, or one that is not of A, C, G and T.
    """
    import h5py

    refuse_foreign(path, first_bytes(path))
    found = []
    try:
        with h5py.File(path, "r") as file:
            if "metacluster_idx_to_submetacluster_results" in file:
                raise InputError(f"{path} is of the first TF-MoDISco; convert it with `modisco convert`")
            for signed in ("pos_patterns", "neg_patterns"):
                names = [name for name in file.get(signed, ()) if re.fullmatch(r"pattern_\d+", name)]
                for name in sorted(names, key=lambda name: int(name.rpartition("_")[2])):
                    pattern, place = file[signed][name], f"{path}:{signed}/{name}"
                    matrix = _modisco_matrix(pattern["sequence"][()], pattern["contrib_scores"][()], trim, place)
                    found.append((place, f"{signed}.{name}", matrix))
    except (OSError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise InputError(f"{path} is no whole results file of TF-MoDISco: {error}") from error
    if not found:
        raise InputError(f"{path} has no patterns of TF-MoDISco; give the .h5 file that `modisco motifs` writes")
    return found


def _modisco_matrix(counts: np.ndarray, contributions: np.ndarray, trim: float, where: str) -> np.ndarray:
    if counts.shape != contributions.shape or counts.ndim != 2 or counts.shape[1] != len(DNA):
        raise InputError(
            f"{where} has sequences of shape {counts.shape} and contributions of {contributions.shape}; patterns of "
            f"{DNA} have (width, 4) of both"
        )
    size = np.abs(contributions.astype(np.float64)).sum(axis=1)
    if not np.isfinite(size).all():
        raise InputError(f"{where} has contributions that are no numbers; run TF-MoDISco on finite ones")
    kept = np.flatnonzero(size >= trim * size.max())
    return normalised(counts.astype(np.float64)[kept[0] : kept[-1] + 1], where)


def _check_alphabet(path: str | Path, preamble: Lines) -> None:
    """Raise an InputError if the lines before the first motif name an alphabet other than ACGT."""
    for i, (number, line) in enumerate(preamble):
        if not line.startswith("ALPHABET"):
            continue
        if "=" in line:
            letters = line.partition("=")[2].strip().upper()
        else:
            letters = _defined_letters([definition for _, definition in preamble[i + 1 :]])
        if letters != DNA:
            remedy = ": convert RNA with T for U" if "U" in letters else ", in this order"
            raise InputError(
                f"{path}, line {number}: alphabet '{letters}'; only motifs over {DNA} can be substituted{remedy}"
            )


def _defined_letters(definitions: list[str]) -> str:
    """The letters, sorted, that lines such as 'A "Adenine" CC0000 ~ T "Thymine" 008000' define."""
    letters: set[str] = set()
    for line in definitions:
        if line.startswith("END ALPHABET"):
            break
        if line.strip() and "=" not in line:  # a '=' defines a letter that means several
            letters.update(letter.split()[0] for letter in line.split("~"))
    return "".join(sorted(letters))


def _meme_matrix(path: str | Path, number: int, name: str, section: Lines) -> np.ndarray:
    """The probabilities, float64 (width, 4), in the lines of one motif of a MEME file."""
    headers = [i for i, (_, line) in enumerate(section) if line.startswith("letter-probability matrix")]
    if len(headers) != 1:
        raise InputError(
            f"{path}, line {number}: motif '{name}' has {len(headers)} letter-probability matrices; give it one"
        )
    header_number, header = section[headers[0]]
    rows = []
    for row_number, line in section[headers[0] + 1 :]:
        if _END_OF_MATRIX.match(line):
            break
        if line.strip():
            rows.append(_probabilities(line, f"{path}, line {row_number}: motif '{name}'"))
    width = re.search(r"\bw\s*=\s*(\S+)", header)
    if not rows or (width and width[1] != str(len(rows))):
        declared = f" where its header says w= {width[1]}" if width else ""
        raise InputError(
            f"{path}, line {header_number}: motif '{name}' has {len(rows)} rows{declared}; give one row for each "
            "position"
        )
    return np.array(rows)


def _probabilities(line: str, where: str) -> np.ndarray:
    """The probabilities of one position, float64 (4,), scaled to add up to 1."""
    numbers = _numbers(line, where)
    if len(numbers) != len(DNA) or abs(numbers.sum() - 1) > SUM_TOLERANCE:
        raise InputError(
            f"{where}: '{line.strip()}' is not four probabilities that add up to 1; give those of A, C, G and T"
        )
    return numbers / numbers.sum()


def _jaspar_matrix(path: str | Path, number: int, name: str, lines: Lines) -> np.ndarray:
    """The probabilities, float64 (width, 4), of one motif of a JASPAR file."""
    letters, rows = [], []
    for row_number, line in lines:
        where = f"{path}, line {row_number}: motif '{name}'"
        row = _JASPAR_ROW.fullmatch(line)
        if row is None:
            raise InputError(f"{where}: '{line.strip()}' is no row of counts; write it as A [ 4 19 0 ]")
        letters.append(row[1])
        rows.append(_numbers(row[2], where))
        if len(rows[-1]) != len(rows[0]) or not len(rows[0]):
            raise InputError(
                f"{where}: {len(rows[-1])} counts where the first row has {len(rows[0])}; give one or more, as "
                "many in every row"
            )
    where = f"{path}, line {number}: motif '{name}'"
    if letters == [None] * len(DNA):
        counts = np.array(rows)
        if counts.shape[1] == len(DNA) and _add_up_to_1(counts) and not _add_up_to_1(counts.T):
            raise InputError(
                f"{where}: each row adds up to 1, so the rows are positions; in JASPAR's format they are A, C, G and T"
            )
    elif sorted(map(str, letters)) == list(DNA):
        counts = np.array([rows[letters.index(letter)] for letter in DNA])
    else:
        found = f", not {', '.join(letter or '-' for letter in letters)}" if any(letters) else ""
        raise InputError(
            f"{where} has {len(rows)} rows; give four, of A, C, G and T, all with or without letters{found}"
        )
    return normalised(counts.T, where)


def _add_up_to_1(rows: np.ndarray) -> bool:
    return bool((np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def normalised(counts: np.ndarray, where: str) -> np.ndarray:
    """Counts (width, 4) as probabilities, float64 (width, 4); an InputError for a position without counts."""
    totals = counts.sum(axis=1, keepdims=True)
    if (counts < 0).any():
        raise InputError(f"{where} has a negative count; give counts or probabilities")
    if not totals.all():
        raise InputError(f"{where} has no counts at position {int(np.argmin(totals)) + 1}; remove the position")
    return counts / totals


def _numbers(text: str, where: str) -> np.ndarray:
    """The numbers in `text`, float64, none negative or infinite."""
    try:
        numbers = np.array([float(word) for word in text.split()])
    except ValueError as error:
        raise InputError(f"{where}: {error}; write numbers with a decimal point") from error
    if not np.isfinite(numbers).all() or (numbers < 0).any():
        raise InputError(f"{where}: '{text.strip()}' holds a negative or infinite number; give counts or probabilities")
    return numbers
