import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.checks import Everything
from marginalization.config.sections import Config
from marginalization.errors import InputError
from marginalization.models.readouts import (
    LARGEST_DEFAULT,
    Profile,
    ReadoutModel,
    expected_profile,
    taken,
    target_names,
)
from scipy.special import logsumexp, softmax
from screens import resolved

X = torch.zeros(2, 4, 5)


def section(**readout):
    """A readout of the config, with the schema's defaults."""
    return Config.of(resolved(readouts={"r": readout})).readouts["r"]


def read(outputs, **readout):
    """What a readout makes of the outputs."""
    return ReadoutModel(lambda X: outputs, {"r": section(**readout)})(X)["r"]


def randoms(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape) * 3


REDUCTIONS = {
    "none": lambda y: y,
    "sum": lambda y: y.sum(axis=-1),
    "mean": lambda y: y.mean(axis=-1),
    "max": lambda y: y.max(axis=-1),
    "logsumexp": lambda y: logsumexp(y, axis=-1),
}


@st.composite
def windows(draw):
    length = draw(st.integers(1, 9))
    start = draw(st.integers(0, length - 1))
    positions = draw(st.just("all") | st.integers(1, length) | st.just([start, draw(st.integers(start + 1, length))]))
    return length, positions


@settings(deadline=None, max_examples=60)
@given(windows(), st.sampled_from(sorted(REDUCTIONS)), st.lists(st.integers(1, 3), max_size=2), st.integers(0, 99))
def test_reductions_and_windows_equal_numpy(drawn, reduce, between, seed):
    length, positions = drawn
    y = randoms(2, *between, length, seed=seed)
    if positions == "all":
        taken = y
    elif isinstance(positions, int):  # the spare positions are split evenly, an odd one at the end
        spare = length - positions
        taken = y[..., spare // 2 : length - (spare + 1) // 2]
        assert taken.shape[-1] == positions
    else:
        taken = y[..., positions[0] : positions[1]]
    expected = REDUCTIONS[reduce](taken).reshape(2, -1)
    values = read(torch.from_numpy(y), positions=positions, reduce=reduce)
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


def test_an_output_without_further_dimensions_is_one_target():
    assert read(torch.tensor([3.0, 4.0])).tolist() == [[3], [4]]


@pytest.mark.parametrize("positions", [6, [0, 6], [5, 6], [3, 3], [4, 2]])
def test_windows_that_do_not_lie_within(positions):
    with pytest.raises(InputError, match=r"readouts\.r\.positions: .* does not lie within the output's 5 positions"):
        taken(torch.zeros(2, 5), positions, "r")


def by_hand(logits, counts):
    """Expected counts of a float64 profile (strands, positions), with one count in all or one for each strand."""
    shares = softmax(logits) if len(counts) == 1 else np.stack([softmax(strand) for strand in logits])
    return np.stack([strand * (np.exp(counts[i % len(counts)]) - 1) for i, strand in enumerate(shares)])


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3), st.booleans(), windows(), st.integers(0, 99))
def test_profiles_times_counts(strands, stranded_counts, drawn, seed):
    length, positions = drawn
    logits, counts = randoms(2, strands, length, seed=seed), abs(randoms(2, strands if stranded_counts else 1))
    readout = section(profile={"logits": "p", "counts": "c"}, positions=positions)
    outputs = {"p": torch.from_numpy(logits), "c": torch.from_numpy(counts)}
    values = ReadoutModel(lambda X: outputs, {"r": readout})(X)
    expected = np.stack([by_hand(*pair) for pair in zip(logits, counts, strict=True)])
    np.testing.assert_allclose(values[Profile("r")], expected, rtol=1e-12)
    sums = taken(torch.from_numpy(expected), positions, "r").numpy().sum(axis=-1)
    np.testing.assert_allclose(values["r"], sums, rtol=1e-12)
    if positions == "all":
        totals = np.expm1(counts) if stranded_counts else np.expm1(counts).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(values["r"].sum(1, keepdim=True), totals.sum(1, keepdims=True), rtol=1e-12)


def test_a_profile_without_strands():
    logits, counts = randoms(2, 5), abs(randoms(2))
    readout = section(profile={"logits": 0, "counts": 1, "keep": False})
    values = ReadoutModel(lambda X: (torch.from_numpy(logits), torch.from_numpy(counts)), {"r": readout})(X)
    assert list(values) == ["r"]
    np.testing.assert_allclose(values["r"], np.expm1(counts)[:, None], rtol=1e-12)


@pytest.mark.parametrize(
    "shapes", [((2, 2, 5), (2, 3)), ((2, 1, 5), (2, 2)), ((2, 2, 5, 1), (2, 1)), ((2, 5), (2, 1, 1))]
)
def test_shapes_that_make_no_profile(shapes):
    with pytest.raises(
        InputError, match=r"needs logits \(batch, strands, positions\) and log counts .*, not \(batch, "
    ):
        expected_profile(*map(torch.zeros, shapes))


def everything(outputs):
    return ReadoutModel(lambda X: outputs, {"prediction": Everything()})(X)["prediction"]


def test_the_default_readout_is_every_output_side_by_side():
    a, b, c = torch.arange(4.0).reshape(2, 2), torch.arange(12.0).reshape(2, 2, 3), torch.tensor([7.0, 8.0])
    expected = [[0, 1, 0, 1, 2, 3, 4, 5, 7], [2, 3, 6, 7, 8, 9, 10, 11, 8]]
    assert everything((a, None, b, c)).tolist() == expected
    assert everything({"z": a, "none": None, "b": b, "a": c}).tolist() == expected
    assert everything(b).tolist() == [row[2:8] for row in expected]


@pytest.mark.parametrize(
    ("wrap", "key"), [(lambda y: y, "0"), (lambda y: (None, y[:, :1], y), "2"), (lambda y: {"head": y}, "'head'")]
)
def test_the_default_readout_of_a_large_output(wrap, key):
    assert everything(wrap(torch.zeros(2, LARGEST_DEFAULT))).shape[1] in (LARGEST_DEFAULT, LARGEST_DEFAULT + 1)
    with pytest.raises(InputError) as error:
        everything(wrap(torch.zeros(2, 5, 205)))
    assert f"output {key} of the model has 1025 numbers for each sequence, more than the 1024" in str(error.value)
    assert f"`readouts: {{total: {{output: {key.strip(chr(39))}, reduce: sum}}}}`" in str(error.value)


def test_outputs_are_picked_by_place_or_key():
    a, b = torch.zeros(2, 3), torch.ones(2, 4)
    assert torch.equal(read((a, None, b), output=2), b)
    assert torch.equal(read({"a": a, "none": None, "b": b}, output="b"), b)
    with pytest.raises(InputError, match=r"has no output 1; it has 0 \(batch, 3\), 2 \(batch, 4\)"):
        read([a, None, b], output=1)
    with pytest.raises(InputError, match=r"has no output 'none'; it has 'a' \(batch, 3\), 'b' \(batch, 4\)"):
        read({"a": a, "none": None, "b": b}, output="none")
    with pytest.raises(InputError, match=r"has no output 0; it has 'a' \(batch, 3\)"):
        read({"a": a})


def test_functions_of_the_lab(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def ratio(y): return (y[0] / y[1]).sum(dim=-1, keepdim=True)\ndef wrong(y): return y[0].sum()\n")
    outputs = (torch.tensor([[2.0, 6.0], [1.0, 3.0]]), torch.tensor([[1.0, 2.0], [4.0, 4.0]]))
    assert read(outputs, function=f"{path}:ratio").tolist() == [[5], [1]]
    with pytest.raises(
        InputError, match=r"own\.py:wrong must return a tensor of shape \(batch, targets\), not \(batch"
    ):
        read(outputs, function=f"{path}:wrong")
    with pytest.raises(InputError, match=r"readouts\.r\.function: .*own\.py has no ration; did you mean ratio"):
        read(outputs, function=f"{path}:ration")
    with pytest.raises(InputError, match=r"must return a tensor .*, not tuple"):
        read(outputs, function="builtins:tuple")


def test_target_names():
    profile = section(profile={"logits": 0, "counts": 1})
    assert target_names(section(), 3, "r") == ["0", "1", "2"]
    assert target_names(Everything(), 2, "r") == ["0", "1"]
    assert [target_names(profile, n, "r") for n in (1, 2, 3)] == [["total"], ["+", "-"], ["0", "1", "2"]]
    assert target_names(section(targets=["b", "a"]), 2, "r") == ["b", "a"]
    with pytest.raises(InputError, match=r"readouts\.r\.targets names 2 targets, but the readout has 3: b, a"):
        target_names(section(targets=["b", "a"]), 3, "r")
    for order in ([0, 1], [0, 1, 3], [0, 1, 2, 3]):
        with pytest.raises(InputError, match=r"readouts\.r\.reverse_order must hold each of 0 to 2 once"):
            target_names(section(reverse_order=order), 3, "r")
