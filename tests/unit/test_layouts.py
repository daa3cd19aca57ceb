"""Which axis of an output is of positions: said by the config, seen from the model, or asked for."""

import logging

import numpy as np
import pytest
import torch
from binned_models import Binned, LettersLast, Steep, by_hand
from marginalization.config.checks import check_config
from marginalization.config.sections import Config
from marginalization.errors import InputError
from marginalization.inference.incremental.engine import Incremental
from marginalization.inference.marginals import marginalize_motifs
from marginalization.models.readouts import Profile, ReadoutModel
from marginalization.probing.probe import load_readout_model, probe
from screens import check_readout, resolved, schema

LENGTH = 48
BINS_FIRST = ["positions", "tracks"]
ASKED = (
    "config: readouts.r: output 0 of the model is (batch, {}), and which of its axes is of positions does not show; "
    "write `layout: [positions, tracks]` or `layout: [tracks, positions]`"
)
SEEN = (
    "config: readouts.r: output 0 of the model is (batch, {}), and its positions are the axis of {}; write `layout: "
    "[positions, tracks]`"
)


def config_of(readout, spec, length=LENGTH, **placement):
    """A screen by one model and readout; keys that are left out have the defaults of their sections."""
    sections = {"models": {"m": spec}, "readouts": {"r": readout}, "placement": placement}
    return Config.of({**resolved(), **sections, "backgrounds": {"length": length, "random": {"n": 5}}})


def binned(**kwargs):
    return {"factory": "binned_models:Binned", "kwargs": kwargs}


def targets(readout, spec, **options):
    return probe(config_of(readout, spec, **options), "m", 5)["targets"]["r"]


def refusal(readout, spec, **options):
    with pytest.raises(InputError) as error:
        targets(readout, spec, **options)
    return str(error.value)


def sequences(n=3, length=LENGTH, seed=1):
    letters = np.random.default_rng(seed).integers(4, size=(n, length))
    return np.eye(4)[letters].transpose(0, 2, 1)


def read(X, readout, model, average_strands=False):
    readouts = config_of(readout, binned()).readouts
    return ReadoutModel(model.double().eval(), readouts, average_strands)(torch.from_numpy(X))


SUMS = {"positions": 2, "reduce": "sum"}


@pytest.mark.parametrize("crop", [0, 2])
@pytest.mark.parametrize(
    ("readout", "expected"),
    [
        ({"positions": 4, "reduce": "sum"}, lambda y: y[:, y.shape[1] // 2 - 2 : y.shape[1] // 2 + 2].sum(axis=1)),
        ({"positions": [1, 6], "reduce": "mean"}, lambda y: y[:, 1:6].mean(axis=1)),
        ({"reduce": "max"}, lambda y: y.max(axis=1)),
        ({"positions": [2, 4]}, lambda y: y[:, 2:4].transpose(0, 2, 1).reshape(len(y), -1)),
    ],
    ids=["sum", "mean", "max", "none"],
)
def test_positions_are_those_of_the_layout(readout, expected, crop):
    X = sequences()
    wanted = expected(by_hand(X, crop))
    given = read(X, {**readout, "layout": BINS_FIRST}, Binned(crop=crop))["r"]
    np.testing.assert_allclose(given.detach(), wanted, rtol=1e-6)
    turned = read(X, {**readout, "layout": ["tracks", "positions"]}, Binned(order=(0, 1, 2), crop=crop))["r"]
    assert torch.equal(given, turned)
    assert torch.equal(turned, read(X, readout, Binned(order=(0, 1, 2), crop=crop))["r"])


def test_positions_between_tracks():
    """Borzoi's ports have a further axis at times; any but the one of positions is of tracks."""
    X = sequences()
    model = torch.nn.Sequential(Binned(), torch.nn.Unflatten(2, (3, 1)))
    given = read(X, {**SUMS, "layout": ["positions", "tracks", "tracks"]}, model)["r"]
    np.testing.assert_allclose(given.detach(), by_hand(X)[:, 5:7].sum(axis=1), rtol=1e-6)


@pytest.mark.parametrize("positions", ["all", [1, 6]])
@pytest.mark.parametrize("reduce", ["none", "sum"])
def test_a_reverse_complement_is_turned_round_along_the_positions(positions, reduce):
    X = sequences()
    first, last = (0, LENGTH // 4) if positions == "all" else positions
    parts = (by_hand(X)[:, first:last], by_hand(X[:, ::-1, ::-1])[:, ::-1][:, first:last])
    expected = (parts[0] + parts[1]) / 2
    expected = expected.sum(axis=1) if reduce == "sum" else expected.transpose(0, 2, 1).reshape(len(X), -1)
    readout = {"layout": BINS_FIRST, "positions": positions, "reduce": reduce}
    given = read(X, readout, Binned(), average_strands=True)["r"]
    np.testing.assert_allclose(given.detach(), expected, rtol=1e-6)


def test_profiles_of_another_layout():
    X = sequences()
    plain, turned = {"profile": {"logits": 0, "counts": 1}}, Steep()
    given = read(X, {**plain, "layout": BINS_FIRST}, turned)
    expected = read(X, plain, Turned())
    assert given[Profile("r")].shape == (3, 2, LENGTH)
    assert all(torch.equal(given[key], expected[key]) for key in given)


class Turned(torch.nn.Module):
    """`Steep` with its logits as (n, strands, positions)."""

    def __init__(self):
        super().__init__()
        self.steep = Steep()

    def forward(self, X):
        logits, counts = self.steep(X)
        return logits.transpose(1, 2), counts


@pytest.mark.parametrize("readout", [SUMS, {"positions": [0, 3]}, {"reduce": "logsumexp"}], ids=str)
@pytest.mark.parametrize(
    ("kwargs", "shape"),
    [({}, "12, 3"), ({"crop": 2}, "8, 3"), ({"bins": 10}, "10, 3"), ({"mixed": True, "crop": 2}, "8, 3")],
    ids=str,
)
def test_bins_that_come_first_are_seen(readout, kwargs, shape):
    """By two lengths of the input, or, of as many bins whatever the length, by what each end of it changes."""
    assert refusal(readout, binned(**kwargs)) == SEEN.format(shape, shape.split(",")[0])
    assert targets({**readout, "layout": BINS_FIRST}, binned(**kwargs))


@pytest.mark.parametrize("kwargs", [{}, {"crop": 2}, {"bins": 10}, {"mixed": True, "crop": 2}], ids=str)
def test_bins_that_come_last_need_no_layout(kwargs):
    assert targets(SUMS, binned(order=[0, 1, 2], **kwargs)) == ["0", "1", "2"]


def test_a_layout_that_is_seen_to_be_wrong():
    spec = binned(crop=2)
    assert refusal({**SUMS, "layout": ["tracks", "positions"]}, spec) == SEEN.format("8, 3", 8)
    turned = refusal({**SUMS, "layout": BINS_FIRST}, binned(order=[0, 1, 2]))
    assert turned.endswith("its positions are the axis of 12; write `layout: [tracks, positions]`")


def test_a_program_of_one_length_is_seen(tmp_path):
    batch = torch.export.Dim("batch", min=1)
    for order, asked in (((0, 2, 1), True), ((0, 1, 2), False)):
        path = str(tmp_path / f"{asked}.pt2")
        example = (torch.zeros(2, 4, LENGTH),)
        program = torch.export.export(Binned(order, crop=2).eval(), example, dynamic_shapes=({0: batch},))
        torch.export.save(program, path)
        if asked:
            assert refusal(SUMS, {"file": path}) == SEEN.format("8, 3", 8)
        else:
            assert targets(SUMS, {"file": path}) == ["0", "1", "2"]


@pytest.mark.parametrize(("order", "shape"), [([0, 2, 1], "10, 3"), ([0, 1, 2], "3, 10")])
def test_what_does_not_show_is_asked_for(order, shape):
    """As of Enformer: so many bins whatever the length, each of which looks at the whole sequence."""
    spec = binned(order=order, bins=10, mixed=True)
    assert refusal(SUMS, spec) == ASKED.format(shape)
    layout = BINS_FIRST if order[1] == 2 else BINS_FIRST[::-1]
    assert targets({**SUMS, "layout": layout}, spec) == ["0", "1", "2"]


def test_without_positions_no_axis_is_asked_for():
    spec = binned(bins=10, mixed=True)
    assert len(targets({}, spec)) == 30
    assert targets({"output": 2, "reduce": "sum"}, {"factory": "screens:Tracks"}) == ["0"]


def test_profiles_are_seen_too():
    readout = {"profile": {"logits": 0, "counts": 1}}
    spec = {"factory": "binned_models:Steep", "kwargs": {"crop": 3}}
    assert refusal(readout, spec) == SEEN.format("42, 2", 42)
    assert targets({**readout, "layout": BINS_FIRST}, spec) == ["+", "-"]


@pytest.mark.parametrize(("positions", "told"), [(4, "4 to 8 of 12"), (5, "3 to 8 of 12")])
def test_a_number_of_positions_says_which(caplog, positions, told):
    caplog.set_level(logging.INFO)
    targets({"layout": BINS_FIRST, "positions": positions, "reduce": "sum"}, binned())
    assert f"readouts.r: its positions are {told}" in caplog.messages


def test_targets_that_may_be_positions_are_told(caplog):
    """They are averaged with those of the same place, as documented, which for positions would be wrong."""
    targets({}, binned(), average_strands=True)
    assert "readouts.r: each number of (batch, 12, 3) is averaged with the one of the same place" in caplog.text
    caplog.clear()
    targets({"layout": BINS_FIRST}, binned(), average_strands=True)
    assert not caplog.messages


def test_layouts_that_do_not_fit():
    X = sequences()
    with pytest.raises(InputError, match=r"layout: \[positions, tracks\] are 2 axes, but the output is \(batch, 3\)"):
        read(X, {"layout": BINS_FIRST}, torch.nn.Sequential(Binned(), torch.nn.Flatten(), torch.nn.Linear(36, 3)))
    for readout, message in [
        ({"layout": ["tracks", "tracks"]}, "r.layout: 0 of its axes are of positions; give the one that is"),
        ({"layout": ["positions", "positions"]}, "r.layout: 2 of its axes are of positions; give the one that is"),
        ({"layout": ["bins", "tracks"]}, "'bins' is not one of"),
        ({"layout": ["positions"]}, "is too short"),
        ({"layout": BINS_FIRST, "function": "a.b:c"}, "a function takes outputs as they are; leave out layout"),
    ]:
        with pytest.raises(InputError, match=message):
            check_readout(readout)


def test_a_window_that_is_longer_than_the_last_axis():
    """Where the last axis is of tracks, the message says what to look at."""
    said = refusal({"positions": 4, "reduce": "sum"}, binned())
    assert said == (
        "config: readouts.r.positions: 4 does not lie within the output's 3 positions; it is (batch, 12, 3), and where "
        "the last axis is not of positions `layout` says so"
    )


@pytest.mark.parametrize("readout", [SUMS, {"reduce": "mean"}], ids=str)
def test_it_is_computed_by_windows(readout):
    """Incremental inference goes through the permuted axes, and no operation runs as a whole."""
    X = torch.from_numpy(sequences(2))
    model = ReadoutModel(Binned(), config_of({**readout, "layout": BINS_FIRST}, binned()).readouts).double().eval()
    engine = Incremental(model, [X])
    engine.prepare([X], (0, 2), 20, 25, 2)
    Z = X.clone()
    Z[:, :, 20:25] = torch.eye(4, dtype=torch.float64)[:, [0, 1, 2, 3, 0]]
    with torch.no_grad():
        reference = model(Z)["r"]
    after = engine.after((Z - X)[:, :, 20:25], 20, slice(0, 2))["r"]
    torch.testing.assert_close(after, reference, rtol=0, atol=1e-12)
    rules = [type(step.rule).__name__ for step in engine.program(20, 25).steps]
    assert "NoneType" not in rules[: rules.index("Reduction")]


LETTERS_LAST = {"factory": "binned_models:LettersLast", "input_layout": ["positions", "letters"]}


@pytest.mark.parametrize("flat", [False, True])
def test_models_of_letters_last(flat):
    X, readout = sequences(), {**SUMS, "layout": BINS_FIRST}
    config = config_of(readout, {**LETTERS_LAST, "kwargs": {"flat": flat}})
    model = load_readout_model(config, "m").double()
    y = model(torch.from_numpy(X))["r"]
    np.testing.assert_allclose(y, by_hand(X)[:, 5:7].sum(axis=1), rtol=1e-6)
    assert refusal(SUMS, LETTERS_LAST) == SEEN.format("12, 3", 12)
    said = refusal(readout, {"factory": "binned_models:LettersLast"})
    assert said.endswith("as (batch, length, 4): write `input_layout: [positions, letters]` in models.m")


def test_a_stored_program_of_letters_last(tmp_path):
    path, batch = str(tmp_path / "model.pt2"), torch.export.Dim("batch", min=1)
    example = torch.zeros(2, LENGTH, 4)
    program = torch.export.export(LettersLast().eval(), (example,), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    readout = {**SUMS, "layout": BINS_FIRST}
    assert targets(readout, {"file": path, "input_layout": ["positions", "letters"]}) == ["0", "1", "2"]


def test_letters_last_are_computed_by_windows():
    model = load_readout_model(config_of({**SUMS, "layout": BINS_FIRST}, LETTERS_LAST), "m").double().eval()
    X = torch.from_numpy(sequences(2))
    motif = "ACGTA"
    _, after = marginalize_motifs(model, X.float(), [motif], incremental=True, dtype="float64")
    Z = X.clone()
    Z[:, :, 22:27] = torch.eye(4, dtype=torch.float64)[:, ["ACGT".index(letter) for letter in motif]]
    torch.testing.assert_close(after["r"][0], model(Z)["r"], rtol=0, atol=1e-12)
    engine = Incremental(model, [X])
    rules = [type(step.rule).__name__ for step in engine.program(22, 27).steps]
    assert "NoneType" not in rules[: rules.index("Reduction")]


@pytest.mark.parametrize("package", ["chrombpnet", "bpnet"])
def test_packages_bring_their_input_layout(package):
    models = {"m": {package: "model.h5", "input_layout": ["positions", "letters"]}}
    with pytest.raises(InputError, match=r"models\.m: input_layout goes only with file or factory; leave it out"):
        check_config({**resolved(), "models": models}, schema())
