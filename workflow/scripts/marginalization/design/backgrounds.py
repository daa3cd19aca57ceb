"""Backgrounds: the sequences that elements are substituted into."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from ..config.sections import Config
from ..config.sections.backgrounds import LOCAL, Loci
from ..errors import InputError
from ..inputs.genome import Genome
from ..inputs.intervals import centred, locations, overlaps, places, read_intervals, read_numbers, require_summits
from ..inputs.text import fasta_records
from ..sequences.letters import DNA, UNKNOWN, gc_fraction, named_generator, reverse_complement, unknown_letters
from ..sequences.shuffle import dinucleotide_shuffle, local_dinucleotide_shuffle, shuffle

GC_BIN = 0.02
"""Width of the bins within which GC contents count as equal."""

SHUFFLES: dict[str, Callable[..., str]] = {"shuffle": shuffle, "dinucleotide_shuffle": dinucleotide_shuffle}
SHUFFLES[LOCAL] = local_dinucleotide_shuffle

COLUMNS = ["name", "chrom", "start", "end", "strand", "sequence"]


def select_backgrounds(config: Config) -> tuple[pd.DataFrame, dict[str, int]]:
    """Choose the backgrounds of a screen, before any shuffling.

    Args:
        config: the same seed chooses the same backgrounds, and a larger `maximum` adds to them.

    Returns:
        The backgrounds, in file order: name (unique), chrom, start, end (Int64; 0-based, half-open), strand (these
        four null when not genomic) and sequence (upper-case, `length` letters); and float64 the `columns` of loci.
        How many candidates were read, how many were dropped for each reason (one that could be dropped for several
        counts for the first), and how many were kept.

    Raises:
        InputError: input that cannot be read, or no background left.
    """
    counts = dict.fromkeys(
        [
            "read",
            "other_chromosomes",
            "holdout",
            "past_chromosome_end",
            "duplicates",
            "overlapping",
            "unknown_letters",
            "unmatched_gc",
            "over_maximum",
        ],
        0,
    )
    spec = config.backgrounds
    table = _from_loci(config, spec.loci, counts) if spec.loci else _from_sequences(config, counts)
    if spec.maximum is not None:
        chosen = np.zeros(len(table), dtype=bool)
        chosen[_random_order(table["name"], config.seed, "maximum")[: spec.maximum]] = True
        table = _keep(table, chosen, counts, "over_maximum")
    counts["kept"] = len(table)
    if table.empty:
        reasons = ", ".join(f"{reason} {count}" for reason, count in counts.items() if count or reason == "kept")
        raise InputError(f"no background is left ({reasons}); loosen the `backgrounds` section of the config")
    return table[[*COLUMNS, *(spec.loci.columns if spec.loci else [])]], counts


def transform_backgrounds(
    table: pd.DataFrame, transform: str, n: int, seed: int, bin_size: int | None = None
) -> pd.DataFrame:
    """Shuffle the chosen backgrounds, or leave them, and number them.

    Args:
        table: as `select_backgrounds` returns it.
        transform: "none", or one of SHUFFLES.
        n: shuffled copies of each background; 1 with "none".
        seed: the screen's seed; each copy is drawn by the background's name and the copy's number.
        bin_size: of a local shuffle.

    Returns:
        background_id (int64, from 0), name ("name/0", "name/1", ... for shuffled copies), chrom, start, end, strand
        (of the original), gc (float64, of the sequence as it is here; NaN for one of N alone) and sequence.

    Raises:
        InputError: an unknown transform, or copies without a shuffle.
    """
    if transform not in ("none", *SHUFFLES):
        raise InputError(f"the transform '{transform}' is not known; use one of none, {', '.join(SHUFFLES)}")
    check_copies(transform, n)
    result = table.loc[table.index.repeat(n)].reset_index(drop=True)
    options = {} if bin_size is None else {"bin_size": bin_size}
    if transform != "none":
        copies = [(name, copy) for name in table["name"] for copy in range(n)]
        result["sequence"] = [
            SHUFFLES[transform](sequence, named_generator(seed, transform, name, copy), **options)
            for sequence, (name, copy) in zip(result["sequence"], copies, strict=True)
        ]
        result["name"] = names_after(table["name"], transform, n)
    result["background_id"] = np.arange(len(result), dtype=np.int64)
    result["gc"] = [gc_fraction(sequence) for sequence in result["sequence"]]
    return result[["background_id", "name", "chrom", "start", "end", "strand", "gc", "sequence"]]


def names_after(names: Iterable[str], transform: str, n: int) -> list[str]:
    """The names of backgrounds after a transform, by which shuffles are numbered."""
    return list(names) if transform == "none" else [f"{name}/{copy}" for name in names for copy in range(n)]


def equal_backgrounds(table: pd.DataFrame) -> list[str]:
    """A line on backgrounds (columns name and sequence) that have the sequence of another, if there are any."""
    equal = table["sequence"].duplicated()
    if not equal.any():
        return []
    name, sequence = table.loc[equal.idxmax(), ["name", "sequence"]]
    first = table["name"][table["sequence"] == sequence].iloc[0]
    return [
        f"{equal.sum():,} of {len(table):,} backgrounds have the sequence of another, such as {name} that of {first}: "
        "they count again, and make confidence intervals too narrow; leave them out"
    ]


def check_copies(transform: str, n: int) -> None:
    """Raise an InputError when the n copies of each background would be equal."""
    if transform == "none" and n != 1:
        raise InputError(f"{n} copies of each background would be equal; shuffle them, or set the copies to 1")


def _from_loci(config: Config, loci: Loci, counts: dict[str, int]) -> pd.DataFrame:
    """Regions of the genome centred on loci, less those that the config drops; enters them in `counts`."""
    spec, path, length = config.backgrounds, loci.file, config.length
    table = read_intervals(path, summits=loci.summits)
    table["where"] = places(path, table)
    counts["read"] = len(table)
    with Genome(loci.genome) as genome:
        for key, named, reason, keeps in (
            ("chromosomes", spec.chromosomes, "other_chromosomes", True),
            ("holdout", spec.holdout, "holdout", False),
        ):
            if named is not None:
                # a misspelt chromosome would hold nothing out, and nobody would notice
                genome.check_chromosomes(
                    pd.Series(named, dtype="str"),
                    pd.Series(f"config: backgrounds.{key}", index=range(len(named))),
                )
                table = _keep(table, table["chrom"].isin(named) == keeps, counts, reason)
        genome.check_chromosomes(table["chrom"], table["where"])
        if loci.summits:
            require_summits(path, table, "drop the row, or set `summits: false` to centre on midpoints")
        table = centred(table, length, loci.summits)
        if spec.past_end == "error":
            genome.check_ends(table, table["where"], "set `past_end: drop` to drop such regions")
        table = _keep(table, ~genome.outside(table), counts, "past_chromosome_end")
        table["name"] = locations(table)
        table = _keep(table, ~table.duplicated("name"), counts, "duplicates")
        if spec.exclude is not None:
            excluded = read_intervals(spec.exclude)
            if not excluded["chrom"].isin(list(genome.lengths)).any():
                genome.check_chromosomes(excluded["chrom"], places(spec.exclude, excluded))
            table = _keep(table, ~overlaps(table, excluded), counts, "overlapping")
        table["sequence"] = pd.Series(genome.sequences(table, table["where"]), dtype="str")
        table = _keep(table, _known(table, spec.max_unknown), counts, "unknown_letters")
        if spec.match_gc is not None:
            targets = _target_gc(spec.match_gc, genome, length)
            table = _keep(table, _match_gc(table, targets, config.seed), counts, "unmatched_gc")
    if loci.columns:
        # Put in place, not joined: names of the lab's own may be those of what is known of intervals.
        numbers = read_numbers(path, loci.columns, set(table["line"]))
        table[list(loci.columns)] = numbers.reindex(table["line"]).to_numpy()
    reverse = table["strand"] == "-"
    table["sequence"] = table["sequence"].mask(reverse, table["sequence"].map(reverse_complement))
    return table.astype({"start": "Int64", "end": "Int64"})


def _from_sequences(config: Config, counts: dict[str, int]) -> pd.DataFrame:
    """Sequences of a FASTA file or random ones, less those with too many N; enters them in `counts`."""
    spec = config.backgrounds
    for key in ("chromosomes", "holdout", "exclude", "match_gc"):
        if getattr(spec, key) is not None:
            raise InputError(f"config: backgrounds.{key} needs the places of backgrounds in a genome; give `loci`")
    if spec.random:
        table = _random(spec.random.n, spec.random.gc, config.length, config.seed)
    else:
        assert spec.fasta is not None
        table = _from_fasta(spec.fasta, config.length)
    counts["read"] = len(table)
    return _keep(table, _known(table, spec.max_unknown), counts, "unknown_letters")


def _from_fasta(path: str, length: int) -> pd.DataFrame:
    """The records of a FASTA file, all of `length` letters, by the first word of their titles."""
    lines: dict[str, int] = {}
    sequences = []
    for line, title, sequence in fasta_records(path):
        name = title.split()[0]
        where = f"{path}, line {line}: record '{name}'"
        if name in lines:
            raise InputError(f"{where} has the name of the record on line {lines[name]}; give each its own")
        if len(sequence) != length:
            raise InputError(
                f"{where} has {len(sequence)} letters, but `length` is {length}; trim or pad it, or drop the record"
            )
        if unknown := unknown_letters(sequence):
            raise InputError(f"{where} has the letter '{unknown[0]}'; write A, C, G, T, or N for unknown")
        lines[name] = line
        sequences.append(sequence)
    return _not_genomic(list(lines), sequences)


def _random(n: int, gc: float, length: int, seed: int) -> pd.DataFrame:
    """n sequences of independent letters, with P(G) = P(C) = gc / 2 and P(A) = P(T) = (1 - gc) / 2."""
    letters = np.frombuffer(DNA.encode(), dtype=np.uint8)
    probabilities = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    sequences = [
        named_generator(seed, "random", i).choice(letters, size=length, p=probabilities).tobytes().decode()
        for i in range(n)
    ]
    return _not_genomic([f"random_{i}" for i in range(n)], sequences)


def _not_genomic(names: list[str], sequences: list[str]) -> pd.DataFrame:
    table = pd.DataFrame({"name": names, "sequence": sequences}, dtype="str")
    for column, dtype in (("chrom", "str"), ("start", "Int64"), ("end", "Int64"), ("strand", "str")):
        table[column] = pd.Series(None, index=table.index, dtype=dtype)
    return table


def _keep(table: pd.DataFrame, kept: np.ndarray | pd.Series, counts: dict[str, int], reason: str) -> pd.DataFrame:
    """The rows that are `kept`; how many are not goes into `counts`."""
    counts[reason] = int((~kept).sum())
    return table[kept].reset_index(drop=True)


def _known(table: pd.DataFrame, max_unknown: int | None) -> np.ndarray:
    """Which sequences have at most `max_unknown` N; bool (n,)."""
    if max_unknown is None:
        return np.ones(len(table), dtype=bool)
    return np.array([sequence.count(UNKNOWN) <= max_unknown for sequence in table["sequence"]], dtype=bool)


def _target_gc(path: str, genome: Genome, length: int) -> pd.Series:
    """GC contents to match, by location: of the regions of `length` bases centred on the intervals of a BED file.

    Regions that leave their chromosome or hold no known letter have none and are left out.
    """
    table = read_intervals(path)
    where = places(path, table)
    genome.check_chromosomes(table["chrom"], where)
    table = centred(table, length)
    inside = ~genome.outside(table)
    table, where = table[inside], where[inside]
    gc = [gc_fraction(sequence) for sequence in genome.sequences(table, where)]
    return pd.Series(gc, index=locations(table), dtype="float64").dropna()


def _match_gc(table: pd.DataFrame, targets: pd.Series, seed: int) -> np.ndarray:
    """Which candidates to take so that their GC contents are distributed like those of `targets`; bool (n,).

    Each target, in random order, takes a random candidate not yet taken, of its own bin of GC content or of the
    nearest one that has any left (of two as near, the one poorer in GC).
    """
    gc = [gc_fraction(sequence) for sequence in table["sequence"]]
    unused: dict[int, list[int]] = defaultdict(list)
    for row in _random_order(table["name"], seed, "match_gc candidate"):
        if not np.isnan(gc[row]):
            unused[_gc_bin(gc[row])].append(row)
    chosen = np.zeros(len(table), dtype=bool)
    for target in _random_order(targets.index, seed, "match_gc target"):
        if not unused:
            break
        wanted = _gc_bin(targets.iloc[target])
        nearest = min((abs(bin - wanted), bin) for bin in unused)[1]
        chosen[unused[nearest].pop()] = True
        if not unused[nearest]:
            del unused[nearest]
    return chosen


def _gc_bin(gc: float) -> int:
    # the small number keeps 0.58, which is 28.999... bins in floating point, in bin 29
    return int(gc / GC_BIN + 1e-9)


def _random_order(names: Sequence[str], seed: int, purpose: str) -> list[int]:
    """Positions of `names` in a random order in which the order of any two does not depend on the others."""
    keys = [hashlib.sha256(f"{seed}\x1f{purpose}\x1f{name}".encode()).digest() for name in names]
    return sorted(range(len(keys)), key=keys.__getitem__)
