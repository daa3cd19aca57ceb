import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from marginalization.sequences.letters import resolve_start
from marginalization.sequences.onehot import one_hot_encode, substitute
from tangermeme.ersatz import substitute as reference_substitute
from tangermeme.utils import one_hot_encode as reference_encode

PROTEIN = "ACDEFGHIKLMNPQRSTVWY"


@given(st.text("ACGTN", min_size=1, max_size=60))
def test_encoding_equals_tangermeme(sequence):
    assert torch.equal(one_hot_encode(sequence)[0], reference_encode(sequence))


def test_encoding_of_several_sequences_and_other_alphabets():
    assert one_hot_encode(["ACG", "TTN"]).tolist() == [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 0]],
    ]
    assert torch.equal(one_hot_encode("ACGU", "ACGU")[0], torch.eye(4, dtype=torch.int8))


def test_n_is_asparagine_in_protein():
    """Here tangermeme refuses: it takes N for unknown in every alphabet."""
    assert one_hot_encode("N", PROTEIN)[0, :, 0].argmax() == PROTEIN.index("N")
    with pytest.raises(ValueError, match="N in the alphabet"):
        reference_encode("N", alphabet=list(PROTEIN))


@pytest.mark.parametrize("sequence", ["acgt", "ACGU", "AC-T", "ACGé"])
def test_other_letters_are_named(sequence):
    with pytest.raises(ValueError, match="not in the alphabet"):
        one_hot_encode(["ACGT", sequence])


def test_sequences_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"differ in length: \[2, 3\]"):
        one_hot_encode(["AC", "ACG"])


def test_no_sequences_are_refused():
    with pytest.raises(ValueError, match="no sequences"):
        one_hot_encode([])


@given(st.data())
def test_substitution_equals_tangermeme(data):
    length = data.draw(st.integers(1, 40), "length")
    X = one_hot_encode(data.draw(st.lists(st.text("ACGTN", min_size=length, max_size=length), min_size=1, max_size=4)))
    motif = data.draw(st.text("ACGTN", min_size=1, max_size=length), "motif")
    start = data.draw(st.none() | st.integers(0, length - len(motif)), "start")
    original = X.clone()
    assert torch.equal(substitute(X, motif, start), reference_substitute(X, motif, start=start))
    assert torch.equal(X, original)


def test_one_motif_for_each_background():
    X = one_hot_encode(["AAAA", "CCCC", "GGGG"]).float()
    motifs = one_hot_encode(["TN", "NT", "TT"])
    assert torch.equal(substitute(X, motifs, 1), one_hot_encode(["ATAA", "CCTC", "GTTG"]).float())
    assert torch.equal(substitute(X, motifs.float(), 1), reference_substitute(X, motifs.float(), start=1))


@pytest.mark.parametrize(("length", "width", "start"), [(10, 4, 3), (10, 3, 4), (9, 4, 2), (9, 3, 3), (5, 5, 0)])
def test_the_centre_of_odd_and_even_lengths(length, width, start):
    assert resolve_start(length, width, None) == start


X = one_hot_encode(["ACGTACGT"])


@pytest.mark.parametrize(
    ("X", "motif", "start", "message"),
    [
        (X, "A" * 9, None, "width 9 is longer than the sequence of length 8"),
        (X, "ACG", -1, "off the end"),
        (X, "ACG", 6, "choose 0 <= start <= 5"),
        (X[:0], "ACG", None, "X is empty"),
        (X, "", None, "motif is empty"),
        (X, "ACU", None, "not in the alphabet"),
        (X, torch.ones(1, 4, 3), None, "motif must be one-hot"),
        (X, torch.full((1, 4, 3), 0.25), None, "motif must be one-hot"),
        (X, torch.zeros(1, 3, 3), None, "motif has shape"),
        (X, one_hot_encode(["AC", "CA"]), None, "motif holds 2 sequences"),
        (2 * X, "ACG", None, "X must be one-hot"),
        (X[0], "ACG", None, "X has shape"),
        (X.numpy(), "ACG", None, r"X must be a torch\.Tensor"),
    ],
)
def test_bad_substitutions_are_named(X, motif, start, message):
    with pytest.raises(ValueError, match=message):
        substitute(X, motif, start)
