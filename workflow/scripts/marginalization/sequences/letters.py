"""Sequences as strings: letters, complements, composition, stable identifiers and named random draws.

Nothing here imports torch, because the plan of a screen is made while Snakemake parses.
"""

from __future__ import annotations

import hashlib

import numpy as np

DNA = "ACGT"
UNKNOWN = "N"
"""The letter for an unknown base: in an element it keeps the background's base."""

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


def reverse_complement(sequence: str) -> str:
    """The reverse complement of an upper-case DNA sequence; N stays N."""
    return sequence.translate(_COMPLEMENT)[::-1]


def unknown_letters(sequence: str, alphabet: str = DNA + UNKNOWN) -> list[str]:
    """The letters of `sequence` that are not in `alphabet`, each once, sorted."""
    return sorted(set(sequence) - set(alphabet))


def gc_fraction(sequence: str) -> float:
    """(G + C) / (A + C + G + T); NaN for a sequence without any of them."""
    gc = sequence.count("G") + sequence.count("C")
    known = gc + sequence.count("A") + sequence.count("T")
    return gc / known if known else float("nan")


def identifier(sequence: str) -> str:
    """The id of an element: the first 16 hex digits of the SHA-256 of its sequence.

    It depends on the sequence alone, so it is the same in every run and every screen. Digits spread evenly, so
    ranges of ids make equal shards, and adding an element changes one shard.
    """
    return hashlib.sha256(sequence.encode()).hexdigest()[:16]


def named_generator(seed: int, *names: object) -> np.random.Generator:
    """A random generator that depends on the seed and on what is drawn for, never on the order of draws.

    Args:
        seed: the screen's seed.
        names: what the draws are for, such as ("shuffle", name of a background, number of the copy).
    """
    key = "\x1f".join([str(seed), *map(str, names)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "big"))


def resolve_start(length: int, width: int, start: int | None) -> int:
    """Where an element of `width` begins in a background of `length`: `start`, or the centre when None.

    The centre is `length // 2 - width // 2`, as in tangermeme's `substitute`.

    Raises:
        ValueError: the element is longer than the background or runs off its ends.
    """
    if width > length:
        raise ValueError(f"motif of width {width} is longer than the sequence of length {length}")
    if start is None:
        return length // 2 - width // 2
    if not 0 <= start <= length - width:
        raise ValueError(
            f"start {start} puts a motif of width {width} off the end of a sequence of length {length}; "
            f"choose 0 <= start <= {length - width}"
        )
    return int(start)
