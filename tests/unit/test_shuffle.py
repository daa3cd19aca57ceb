from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marginalization.sequences.shuffle import dinucleotide_shuffle, shuffle
from scipy.stats import chisquare

SEQUENCES = st.text("ACGTN", min_size=1, max_size=80)
SEEDS = st.integers(0, 2**32)


@given(SEQUENCES, SEEDS)
def test_shuffle_keeps_the_letters(sequence, seed):
    assert Counter(shuffle(sequence, np.random.default_rng(seed))) == Counter(sequence)


@given(SEQUENCES, SEEDS)
def test_dinucleotide_shuffle_keeps_the_dinucleotides_and_both_ends(sequence, seed):
    shuffled = dinucleotide_shuffle(sequence, np.random.default_rng(seed))
    assert Counter(pairwise(shuffled)) == Counter(pairwise(sequence))
    assert (len(shuffled), shuffled[0], shuffled[-1]) == (len(sequence), sequence[0], sequence[-1])


def same_letters(sequence):
    return {"".join(order) for order in permutations(sequence)}


def same_dinucleotides(sequence):
    return {
        candidate
        for candidate in same_letters(sequence)
        if Counter(pairwise(candidate)) == Counter(pairwise(sequence))
        and candidate[0] == sequence[0]
        and candidate[-1] == sequence[-1]
    }


@pytest.mark.parametrize(
    ("draw", "sequence", "possible"),
    [
        (shuffle, "AACGT", same_letters),
        # unequal numbers of spanning trees and repeated dinucleotides, where a biased shuffle shows
        (dinucleotide_shuffle, "CACAGCGA", same_dinucleotides),
        (dinucleotide_shuffle, "ACAGACCGA", same_dinucleotides),
        (dinucleotide_shuffle, "ANCAACNGT", same_dinucleotides),
        (dinucleotide_shuffle, "AACTAGCAT", same_dinucleotides),
    ],
)
def test_every_possible_sequence_is_as_likely(draw, sequence, possible):
    rng = np.random.default_rng(0)
    outcomes = possible(sequence)
    assert len(outcomes) >= 6
    counts = Counter(draw(sequence, rng) for _ in range(300 * len(outcomes)))
    assert counts.keys() == outcomes
    assert chisquare(list(counts.values())).pvalue > 0.01


def test_a_sequence_with_one_possible_order_comes_back():
    assert dinucleotide_shuffle("AAAAAC", np.random.default_rng(0)) == "AAAAAC"
    assert dinucleotide_shuffle("G", np.random.default_rng(0)) == "G"


@pytest.mark.parametrize("draw", [shuffle, dinucleotide_shuffle])
def test_the_generator_decides(draw):
    sequence = "".join(np.random.default_rng(1).choice(list("ACGT"), 200))
    first, again, other = (draw(sequence, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert sequence not in (first, other)
