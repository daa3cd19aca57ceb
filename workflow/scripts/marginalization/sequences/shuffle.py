"""Shuffles of a sequence: of its letters, and of its letters with their neighbours kept, over all of it or locally."""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def shuffle(sequence: str, rng: np.random.Generator) -> str:
    """A uniformly random order of the letters of `sequence`; its letters, N too, keep their counts."""
    return rng.permutation(_codes(sequence)).tobytes().decode()


def dinucleotide_shuffle(sequence: str, rng: np.random.Generator) -> str:
    """A uniformly random sequence with the dinucleotide counts, and the first and last letter, of `sequence`.

    The letters are the vertices of a graph and the dinucleotides its edges, so that sequences with these counts are
    the Eulerian trails from the first letter to the last (Altschul and Erikson, Mol. Biol. Evol. 2:526, 1985). The
    edges by which a trail leaves each letter for the last time form a spanning tree directed towards the last
    letter. Drawing that tree uniformly, and the order of all other edges of each letter, draws the trail uniformly
    (Kandel, Matias, Unger and Winkler, Discrete Appl. Math. 71:171, 1996); the tree comes from loop-erased random
    walks (Wilson, STOC 1996).

    Args:
        sequence: one letter or more; any letter, such as N, is a vertex of its own.
        rng: the source of randomness.
    """
    codes = _codes(sequence)
    before, after = codes[:-1], codes[1:]
    exits = {letter: after[before == letter] for letter in np.unique(before).tolist()}
    last_exits = _spanning_tree(exits, int(codes[-1]), rng)
    orders = {}
    for letter, following in exits.items():
        if letter in last_exits:
            last = last_exits[letter]
            others = np.delete(following, np.argmax(following == last))
            orders[letter] = iter([*rng.permutation(others).tolist(), last])
        else:
            orders[letter] = iter(rng.permutation(following).tolist())
    trail = [int(codes[0])]
    for _ in after:
        trail.append(next(orders[trail[-1]]))
    return bytes(trail).decode()


def local_dinucleotide_shuffle(sequence: str, rng: np.random.Generator, bin_size: int) -> str:
    """Dinucleotide shuffles of stretches of a sequence, so that its composition is kept along it too.

    The stretches are cut as tangermeme cuts them, anew for each draw: the first has from half of `bin_size` to all of
    it, at random, the others have `bin_size`, and a last one of less than half goes with the one before. As each keeps
    its ends, the dinucleotide counts of the whole are kept.

    Args:
        sequence: one letter or more.
        rng: the source of randomness.
        bin_size: letters that are shuffled together, 2 or more.
    """
    first = int(rng.integers(bin_size // 2, bin_size + 1))
    stretches = local_stretches(len(sequence), bin_size, first)
    return "".join(dinucleotide_shuffle(sequence[start:end], rng) for start, end in stretches)


def local_stretches(length: int, bin_size: int, first: int) -> list[tuple[int, int]]:
    """Where the stretches of a local shuffle begin and end, of which the first has `first` letters."""
    cuts = list(range(first, length, bin_size))
    if cuts and length - cuts[-1] < bin_size // 2:
        cuts.pop()
    return list(pairwise([0, *cuts, length]))


def _codes(sequence: str) -> np.ndarray:
    """The ASCII codes of the letters, uint8 (length,)."""
    return np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)


def _spanning_tree(exits: dict[int, np.ndarray], root: int, rng: np.random.Generator) -> dict[int, int]:
    """A uniformly random spanning tree directed towards `root`, as the next letter of every other letter.

    Args:
        exits: for each letter the letters that follow it, as often as they do; from each the root can be reached.
        root: the letter that all paths in the tree lead to.
    """
    tree: dict[int, int] = {}
    for start in exits:
        path: dict[int, int] = {}
        letter = start
        while letter != root and letter not in tree:
            # a letter met again gets a new exit, which erases the loop that the walk made
            path[letter] = int(exits[letter][rng.integers(len(exits[letter]))])
            letter = path[letter]
        letter = start
        while letter != root and letter not in tree:
            tree[letter] = path[letter]
            letter = tree[letter]
    return tree
