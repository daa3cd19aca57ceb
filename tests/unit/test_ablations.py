import numpy as np
import pytest
import tangermeme.ablate
import tangermeme.ersatz
import tangermeme.saturation_mutagenesis
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization import ablate, ablate_annotations
from marginalization.inference import ablations
from marginalization.sequences.onehot import one_hot_encode
from toy_models import Composition, Convolution, Scaled, TwoHeads
from trees import assert_same

X = one_hot_encode(["ACGTACGTAC", "AAAAACCCCN", "GGGGTGGGGG"])
MODEL = Convolution()  # the same in all examples, so that it is captured once


@st.composite
def stretches(draw):
    length = draw(st.sampled_from([5, 24]))  # a model is captured for each
    text = st.text("ACGTN", min_size=length, max_size=length)
    sequences = one_hot_encode(draw(st.lists(text, min_size=1, max_size=4)))
    start = draw(st.integers(0, length - 1))
    return sequences, start, draw(st.integers(start + 1, length))


@settings(max_examples=60, deadline=None)
@given(stretches(), st.integers(1, 4), st.integers(0, 9), st.sampled_from([None, False, True]))
def test_ablate_equals_tangermeme(stretch, n, seed, incremental):
    sequences, start, end = stretch
    ours = ablate(MODEL, sequences, start, end, n=n, random_state=seed, incremental=incremental)
    assert_same(ours, tangermeme.ablate.ablate(MODEL, sequences, start, end, n=n, random_state=seed))


@settings(max_examples=40, deadline=None)
@given(stretches(), st.data())
def test_annotations_equal_tangermeme(stretch, data):
    sequences, start, end = stretch
    index = st.integers(0, len(sequences) - 1)
    rows = [(data.draw(index), start, end) for _ in range(data.draw(st.integers(1, 5)))]
    ours = ablate_annotations(MODEL, sequences, rows, n=3, random_state=2, incremental=True)
    reference = tangermeme.ablate.ablate_annotations(MODEL, sequences, rows, n=3, random_state=2)
    assert_same(ours, reference)


def test_a_generator_goes_on_as_in_tangermeme():
    rows = np.array([[2, 3, 6], [0, 1, 9], [0, 2, 4]])
    found = [
        function(MODEL, X, rows, n=4, random_state=np.random.RandomState(5))
        for function in (ablate_annotations, tangermeme.ablate.ablate_annotations)
    ]
    assert_same(*found)


def test_other_shuffles_and_functions_equal_tangermeme():
    sequences = one_hot_encode(["ACGTTGCAACGGTCATTTACGA", "GGCATCATTACCATATCAGGGA"])
    options = {"shuffle_fn": tangermeme.ersatz.dinucleotide_shuffle, "n": 5, "random_state": 1}
    ours = ablate(MODEL, sequences, 2, 20, **options)
    assert_same(ours, tangermeme.ablate.ablate(MODEL, sequences, 2, 20, **options))
    whole = {"shuffle_fn": lambda X, start, end, n, random_state: ablations.shuffle(X, 0, 22, n, random_state)}
    assert_same(
        ablate(MODEL, sequences, 2, 9, n=3, random_state=1, batch_size=2, incremental=True, **whole),
        tangermeme.ablate.ablate(MODEL, sequences, 0, 22, n=3, random_state=1),
    )
    mutagenesis = {"func": tangermeme.saturation_mutagenesis.saturation_mutagenesis, "n": 2, "random_state": 3}
    for functions in (
        (ablate, tangermeme.ablate.ablate, (4, 9)),
        (ablate_annotations, tangermeme.ablate.ablate_annotations, ([(1, 2, 6), (0, 4, 9)],)),
    ):
        *both, arguments = functions
        ours, theirs = (function(Composition(), sequences, *arguments, **mutagenesis) for function in both)
        assert_same(ours, theirs)


def test_several_inputs_and_outputs():
    args = (torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[10.0], [20.0], [30.0]]))
    ours = ablate(Scaled(), X, 1, 8, n=3, args=args, random_state=0)
    assert_same(ours, tangermeme.ablate.ablate(Scaled(), X, 1, 8, n=3, args=args, random_state=0))
    assert_same(
        ablate(TwoHeads(), X, 0, 9, random_state=0), tangermeme.ablate.ablate(TwoHeads(), X, 0, 9, random_state=0)
    )
    # tangermeme gives each annotation the rows of the whole batch, which no model takes.
    y_befores, y_afters = ablate_annotations(Scaled(), X, [[2, 0, 9], [1, 2, 10]], n=3, args=args, random_state=0)
    for i, (index, start, end) in enumerate([[2, 0, 9], [1, 2, 10]]):
        own = [arg[index : index + 1] for arg in args]
        alone = tangermeme.ablate.ablate(Scaled(), X[index : index + 1], start, end, n=3, args=own, random_state=0)
        assert_same([y_befores[i], y_afters[i]], list(alone))


def test_what_can_not_be_ablated():
    for start, end in ((-1, 3), (3, 3), (0, 11)):
        with pytest.raises(ValueError, match=f"sequence 0, {start}-{end}.*out of range"):
            ablate(MODEL, X, start, end)
    with pytest.raises(ValueError, match="no annotations"):
        ablate_annotations(MODEL, X, torch.zeros(0, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="one-hot"):
        ablate(MODEL, X * 2, 0, 3)
    with pytest.raises(ValueError, match="n is 0"):
        ablate(MODEL, X, 0, 3, n=0)
    with pytest.raises(TypeError, match="incremental"):
        ablate(MODEL, X, 0, 3, additional_func_kwargs={"incremental": True})
