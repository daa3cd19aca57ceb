from collections import Counter
from itertools import pairwise, permutations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marginalization.sequences.shuffle import dinucleotide_shuffle, local_dinucleotide_shuffle, local_stretches, shuffle
from scipy.stats import chisquare
from tangermeme.ersatz import _local_bins

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


@given(SEQUENCES, SEEDS, st.integers(2, 40))
def test_local_shuffles_keep_the_dinucleotides_and_both_ends(sequence, seed, bin_size):
    shuffled = local_dinucleotide_shuffle(sequence, np.random.default_rng(seed), bin_size)
    assert Counter(pairwise(shuffled)) == Counter(pairwise(sequence))
    assert (len(shuffled), shuffled[0], shuffled[-1]) == (len(sequence), sequence[0], sequence[-1])


def test_local_shuffles_keep_the_composition_along_the_sequence():
    """Of a sequence of two halves no letter goes further than two stretches; over all of it letters mix."""
    rng = np.random.default_rng(0)
    sequence = "".join(rng.choice(list("AC"), 400)) + "".join(rng.choice(list("GT"), 400))
    local = [local_dinucleotide_shuffle(sequence, rng, 50) for _ in range(20)]
    assert all(set(shuffled[:300]) == set("AC") and set(shuffled[-300:]) == set("GT") for shuffled in local)
    assert len({shuffled[100:300] for shuffled in local}) == 20


@pytest.mark.parametrize("length", [51, 75, 100, 400])
@pytest.mark.parametrize("first", range(25, 51))
def test_local_shuffles_are_cut_as_tangermemes(length, first):
    drawn = SimpleNamespace(randint=lambda low, high: first)
    assert local_stretches(length, 50, first) == _local_bins(drawn, length, 50, 25)


def test_where_local_shuffles_are_cut_is_drawn_anew():
    """Of each first cut from 25 to 50 the letters beside it are kept, and nothing between two cuts is."""
    sequence = "".join(np.random.default_rng(1).choice(list("ACGT"), 120))
    drawn = [local_dinucleotide_shuffle(sequence, np.random.default_rng(seed), 50) for seed in range(300)]
    kept = np.mean([[a == b for a, b in zip(sequence, shuffled, strict=True)] for shuffled in drawn], axis=0)
    assert kept[0] == kept[-1] == 1
    assert kept[1:-1].max() < 0.7
