"""Saturation mutagenesis: as tangermeme's, whichever way it is computed, at every position."""

import pytest
import tangermeme.saturation_mutagenesis
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization import marginalize, saturation_mutagenesis
from marginalization.sequences.onehot import one_hot_encode
from test_incremental import random_backgrounds
from torch import nn
from toy_models import Composition, Convolution, Tower, TwoHeads

reference = tangermeme.saturation_mutagenesis.saturation_mutagenesis


@pytest.mark.parametrize("channels", [3, 16])
def test_every_position_of_a_cropped_tower(channels):
    X = random_backgrounds(3, 90)
    model = Tower(channels).double()
    ours = saturation_mutagenesis(model, X, raw_outputs=True, incremental=True)
    theirs = reference(model, X, raw_outputs=True, fast=False)
    for pair in ((ours.y0, theirs.y0), (ours.y_hat, theirs.y_hat)):
        for y, exact in zip(*pair, strict=True):
            torch.testing.assert_close(y, exact, rtol=0, atol=1e-12)


@st.composite
def spans(draw):
    length = draw(st.integers(1, 12))
    sequences = draw(st.lists(st.text("ACGTN", min_size=length, max_size=length), min_size=1, max_size=3))
    start = draw(st.integers(0, length - 1))
    end = draw(st.integers(start + 1, length) | st.just(-1))
    return one_hot_encode(sequences), start, end


@settings(max_examples=12, deadline=None)
@given(spans(), st.sampled_from([None, 0, slice(1, 3)]), st.booleans(), st.booleans())
def test_equals_tangermeme(span, target, hypothetical, incremental):
    X, start, end = span
    options = {"start": start, "end": end, "target": target, "hypothetical": hypothetical}
    for model in (Convolution(), Composition()):
        ours = saturation_mutagenesis(model, X, incremental=incremental, **options)
        torch.testing.assert_close(ours, reference(model, X, fast=False, **options), rtol=1e-4, atol=1e-5)


def test_as_the_function_of_a_marginalization():
    X = one_hot_encode(["ACGTACGTAC", "AAAAACCCCN"])
    options = {"additional_func_kwargs": {"start": 2, "end": 9}}
    ours = marginalize(Composition(), X, "TTT", func=saturation_mutagenesis, **options)
    theirs = marginalize(Composition(), X, "TTT", func=reference, **options)
    torch.testing.assert_close(ours.y_before, theirs.y_before)
    torch.testing.assert_close(ours.y_after, theirs.y_after)


def test_other_alphabets():
    X = nn.functional.one_hot(torch.tensor([[0, 1, 2, 1], [2, 2, 0, 1]]), 3).mT
    assert saturation_mutagenesis(Composition(), X, hypothetical=True).shape == (2, 3, 4)


def test_refusals():
    X = one_hot_encode(["ACGT"])
    with pytest.raises(ValueError, match="nothing to edit from 3 to 2 in sequences of length 4"):
        saturation_mutagenesis(Composition(), X, start=3, end=2)
    with pytest.raises(ValueError, match="set raw_outputs, or choose one with func"):
        saturation_mutagenesis(TwoHeads(), X)
