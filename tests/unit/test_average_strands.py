"""Readouts averaged over each construct and its reverse complement."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.sections import Config
from marginalization.errors import InputError
from marginalization.models.readouts import Profile, ReadoutModel
from marginalization.sequences.letters import reverse_complement
from marginalization.sequences.onehot import one_hot_encode
from screens import Tracks, expected_activities, expected_counts, resolved

sequences = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.text("ACGTN", min_size=n, max_size=n), min_size=1, max_size=4)
)


def both(letters, readout):
    """A readout of `Tracks`, averaged over strands."""
    config = resolved(readouts={"r": readout}, placement={"average_strands": True})
    return ReadoutModel(Tracks(), Config.of(config).readouts, average_strands=True)(one_hot_encode(letters).double())


@settings(deadline=None, max_examples=40)
@given(sequences, st.none() | st.permutations(range(3)))
def test_outputs(letters, order):
    values = both(letters, {"output": 2, **({} if order is None else {"reverse_order": list(order)})})
    for value, sequence in zip(values["r"], letters, strict=True):
        reverse = expected_activities(reverse_complement(sequence))
        expected = (expected_activities(sequence) + reverse[list(order or range(3))]) / 2
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(sequences, st.data(), st.none() | st.permutations(range(2)))
def test_profiles(letters, data, order):
    """The reverse complement's profile is turned round: its strands unless an order is given, its positions always."""
    length = len(letters[0])
    start = data.draw(st.integers(0, length - 1))
    end = data.draw(st.integers(start + 1, length))
    readout = {"profile": {"logits": 0, "counts": 1}, "positions": [start, end]}
    values = both(letters, {**readout, **({} if order is None else {"reverse_order": list(order)})})
    for i, sequence in enumerate(letters):
        reverse = expected_counts(reverse_complement(sequence))[list(order or [1, 0])][:, ::-1]
        expected = (expected_counts(sequence) + reverse) / 2
        np.testing.assert_allclose(values[Profile("r")][i], expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(values["r"][i], expected[:, start:end].sum(axis=1), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(sequences)
def test_a_construct_and_its_reverse_complement_read_the_same(letters):
    turned = [reverse_complement(sequence) for sequence in letters]
    for readout in ({"output": 2}, {"profile": {"logits": 0, "counts": 1, "keep": False}}):
        ours, theirs = both(letters, readout)["r"], both(turned, readout)["r"]
        np.testing.assert_allclose(ours, theirs if "output" in readout else theirs.flip(1), rtol=1e-12, atol=1e-12)


def test_further_inputs_go_along_with_both_strands():
    model = ReadoutModel(lambda X, scale: X[:, :, 0] * scale, Config.of(resolved(readouts={"r": {}})).readouts, True)
    value = model(one_hot_encode(["AG", "CC"]).float(), torch.tensor([[2.0], [4.0]]))["r"]
    assert value.tolist() == [[1, 1, 0, 0], [0, 2, 2, 0]]  # AG and CT, CC and GG


@pytest.mark.parametrize("order", [[1, 0], [0], [0, 1, 3], [0, 1, 2, 3]])
def test_an_order_of_other_targets(order):
    with pytest.raises(InputError, match=r"readouts\.r\.reverse_order must hold each of 0 to 2 once"):
        both(["ACGT"], {"output": 2, "reverse_order": order})
