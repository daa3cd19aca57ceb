"""Models captured once for all sessions, as long as they are the same; and what a session computes once."""

import collections
import dataclasses
import functools
import gc
import inspect
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from marginalization import marginalize_motifs, predict, saturation_mutagenesis
from marginalization.inference import cost, marginals
from marginalization.inference.cost import AT_MOST, MULTIPLICATIONS, NUMBERS, TOO_LITTLE, Cost
from marginalization.inference.incremental import capture
from marginalization.inference.incremental.engine import CACHE_BYTES, Incremental
from marginalization.inference.incremental.graphs.hindrances import CaptureError, hindrance
from marginalization.inference.incremental.graphs.identity import MOST_PARTS
from marginalization.inference.incremental.saving import saving
from marginalization.models.outputs import as_callable, leaves
from marginalization.sequences.letters import named_generator
from marginalization.sequences.onehot import one_hot_encode, substitute
from torch import nn

X = one_hot_encode(["".join(named_generator(0, "capture", i).choice(list("ACGT"), 40)) for i in range(3)])
MOTIFS = ["GATA", "CCCGG", "TNA"]


class Adjustable(nn.Module):
    """A model of which everything can be changed from outside."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 5, padding=2)
        self.register_buffer("shift", torch.full((1, 6, 1), 0.1))
        self.plain = torch.full((1,), 2.0)
        self.scale = 1.5
        self.options = {"powers": [1.0, 2.0]}
        self.table = np.array([1.0, 3.0])
        self.activation = torch.relu
        self.last = lambda h: h * 1.0005

    def forward(self, X):
        h = self.activation(self.conv(X) + self.shift) * self.plain * self.scale
        h = sum(h**power for power in self.options["powers"]) * float(self.table.sum())
        return self.last(h.sum(-1))


def made():
    torch.manual_seed(0)
    return Adjustable().double().eval()


@pytest.fixture
def captures(monkeypatch):
    """The models that were captured, one by one."""
    found, right = [], capture._capture
    monkeypatch.setattr(capture, "_capture", lambda model, inputs: found.append(type(model)) or right(model, inputs))
    return found


def assert_as_in_full(model):
    ours = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
    full = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=False)
    torch.testing.assert_close(ours.y_before, full.y_before, rtol=1e-12, atol=0)
    torch.testing.assert_close(ours.y_afters, full.y_afters, rtol=1e-12, atol=0)


def test_a_model_is_captured_once(captures):
    model = made()
    for _ in range(3):
        assert_as_in_full(model)
    saturation_mutagenesis(model, X, device="cpu", incremental=True)
    marginalize_motifs(model, X[:1], MOTIFS, device="cpu", incremental=True)
    assert len(captures) == 1
    marginalize_motifs(model, X[:, :, :30], MOTIFS, device="cpu", incremental=True)
    assert len(captures) == 2  # of sequences of another length
    marginalize_motifs(made(), X, MOTIFS, device="cpu", incremental=True)
    assert len(captures) == 3


def test_a_recurrent_model_is_captured_once(captures):
    """It holds weak references to its weights."""

    class Reading(nn.LSTM):
        def forward(self, X):
            return super().forward(X)[0]

    model = nn.Sequential(nn.Conv1d(4, 6, 5), Reading(36, 3, batch_first=True)).eval()
    for n in (1, 1, 2):
        if n == 2:
            with torch.no_grad():
                model[1].weight_hh_l0.mul_(1.0005)
        marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
        assert len(captures) == n


class Rows(nn.Sequential):
    """With tuples among its attributes, and an ellipsis in its code."""

    def forward(self, X):
        return super().forward(X.unsqueeze(2))[..., 0]


@pytest.mark.parametrize("traced", [False, True])
def test_what_capturing_replaces_by_copies_is_the_same_model(captures, traced):
    sizes = (1, 5)
    model = Rows(nn.Conv2d(4, 6, sizes), nn.ReLU(), nn.Conv2d(6, 4, sizes)).eval()
    if traced:
        model = torch.jit.trace(model, X.float())
    for n in (1, 1, 2):
        if n == 2:
            with torch.no_grad():
                next(model.parameters()).mul_(1.0005)
        marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
        assert len(captures) == n


class Scripted(nn.Module):
    """With a number that is no weight, and two outputs."""

    def __init__(self):
        super().__init__()
        self.conv, self.scale = nn.Conv1d(4, 6, 5, padding=2), 1.5

    def forward(self, X: torch.Tensor) -> dict[str, torch.Tensor]:
        h = self.conv(X).relu() * self.scale
        return {"profile": h, "counts": h.flatten(1).sum(1, keepdim=True)}


def stored(model):
    """As it comes back from a file."""
    file = io.BytesIO()
    torch.jit.save(model, file)
    file.seek(0)
    return torch.jit.load(file)


SCRIPTS = {
    "scripted": torch.jit.script,
    "stored": lambda model: stored(torch.jit.script(model)),
    "traced and stored": lambda model: stored(torch.jit.trace(model, X[:1].float(), strict=False)),
    "within another": lambda model: nn.Sequential(torch.jit.script(model)),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_captured_while_they_are_the_same(name, captures, caplog):
    model = SCRIPTS[name](Scripted().eval())
    for n in (1, 1, 2, 2, 3):
        if n > len(captures) > 0:
            script = model[0] if isinstance(model, nn.Sequential) else model
            with torch.no_grad():
                if n == 3 and name != "traced and stored":
                    script.scale = 1.5005
                else:
                    script.conv.weight.mul_(1.0005)
        with caplog.at_level("INFO", "marginalization"):
            ours = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
        assert caplog.records[-1].facts["incremental"]
        full = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=False)
        for y, expected in zip(leaves(ours.y_afters), leaves(full.y_afters), strict=True):
            torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
        assert len(captures) == n


def test_a_script_that_goes_another_way_by_its_data_runs_in_full(caplog):
    class Odd(nn.Module):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            if bool(X[:, 0].sum() > 1e9):
                return X.mean(2)
            return X.sum(2)

    marginalize_motifs(torch.jit.script(Odd()), X, MOTIFS, device="cpu", incremental=True, dtype="float32")
    assert "it is a TorchScript model, not all of which PyTorch can follow" in caplog.text


def write_weights(model):
    with torch.no_grad():
        model.conv.weight.mul_(1.0005)


def write_behind_the_back(model):
    model.conv.weight.data *= 1.0005
    model.shift.data += 1e-4
    model.plain.data *= 1.0005


def replace_weights(model):
    model.conv.weight = nn.Parameter(model.conv.weight.detach() * 1.0005)


def replace_layer(model):
    model.conv = nn.Conv1d(4, 6, 5, padding=2).double()


def write_buffer(model):
    model.shift += 1e-4


def write_list(model):
    model.options["powers"][1] = 2.0005


def write_array(model):
    model.table[0] = 1.0005


def replace_function(model):
    model.last = lambda h: h * 1.0006


def add_hook(model):
    model.conv.register_forward_hook(lambda module, inputs, output: output * 1.0005)


def replace_forward(model):
    class Other(Adjustable):
        def forward(self, X):
            return super().forward(X) * 1.0005

    model.__class__ = Other


@pytest.mark.parametrize(
    "change",
    [
        write_weights,
        write_behind_the_back,
        replace_weights,
        replace_layer,
        write_buffer,
        write_list,
        write_array,
        replace_function,
        add_hook,
        replace_forward,
        lambda model: setattr(model, "scale", 1.5005),
        lambda model: setattr(model, "plain", model.plain * 1.0005),
        lambda model: setattr(model, "activation", torch.nn.functional.gelu),
    ],
)
def test_what_is_changed_is_seen(change):
    """By less than the first comparison with a full pass would catch."""
    model = made()
    before = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
    change(model)
    assert_as_in_full(model)
    after = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
    assert not torch.equal(before.y_afters, after.y_afters)


@pytest.mark.parametrize("of_what", ["partial", "many"])
def test_a_model_of_unknown_parts_is_captured_each_time(of_what, captures):
    model = made()
    if of_what == "partial":
        model.last = functools.partial(torch.mul, other=1.5)  # of which nothing tells whether it changes
    else:
        model.names = list(map(str, range(MOST_PARTS)))
    for _ in range(2):
        assert_as_in_full(model)
    assert len(captures) == 2


GOES_WITH_THE_MODEL = """
import gc, weakref
from marginalization import marginalize_motifs
from marginalization.inference.incremental import capture
from test_capture import MOTIFS, X, made

model = made()
marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
held = weakref.ref(capture._captured[model][1].module), weakref.ref(model.conv.weight)
del model
for _ in range(2):  # the model, and then the graph, which only it kept
    gc.collect()
assert all(thing() is None for thing in held)
"""


def test_what_is_captured_goes_with_the_model():
    """In a process of its own, where no record of a test and no log keeps anything."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    subprocess.run([sys.executable, "-c", GOES_WITH_THE_MODEL], check=True, env=environment)


def test_infinite_backgrounds_do_not_stay_with_the_model():
    """Their programs, which take activations whole, are of these backgrounds alone."""

    class Logarithm(nn.Module):
        def forward(self, X):
            return (X[:, 0] - X[:, 1].cumsum(-1)).exp().log().cumsum(-1) + X.sum(1)

    model, odd = Logarithm(), X.clone()
    odd[:, :, :10] = 0
    odd[:, 1, :10] = 1
    for backgrounds in (X, odd, X):
        ours = marginalize_motifs(model, backgrounds, MOTIFS, device="cpu", dtype="float64", incremental=True)
        full = marginalize_motifs(model, backgrounds, MOTIFS, device="cpu", dtype="float64", incremental=False)
        torch.testing.assert_close(ours.y_afters, full.y_afters, rtol=1e-10, atol=1e-10, equal_nan=True)


@pytest.mark.parametrize("cache", [1, 2**31])
def test_backgrounds_run_once_for_before_and_after(cache, monkeypatch):
    """Where all can be kept; where they can not, the numbers are the same."""
    monkeypatch.setitem(CACHE_BYTES, "cpu", cache)
    model, runs, right = made(), [], Incremental._run_backgrounds

    def run(engine, inputs, *rest):
        runs.append(len(inputs[0]))
        right(engine, inputs, *rest)

    monkeypatch.setattr(Incremental, "_run_backgrounds", run)
    y_before, _ = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True, func=lambda y: y.square())
    torch.testing.assert_close(y_before, predict(model, X, func=lambda y: y.square()), rtol=1e-12, atol=0)
    if cache > 1:
        assert runs == [3]


class Counting(nn.Module):
    """Layers whose multiplications are known, once as modules and once as functions, and what they give of X."""

    def __init__(self):
        super().__init__()
        self.conv, self.dense, self.shared = nn.Conv1d(4, 8, 3), nn.Linear(8 * 38, 5), nn.Linear(5, 5)

    def forward(self, X):
        x = self.dense(self.conv(X).relu().flatten(1))
        return nn.functional.linear(self.shared(x), self.shared.weight)


MULTIPLIED = 4 * 16 * 3 * 38 + 8 * 38 * 5 + 2 * 5 * 5
GIVEN = 2 * 8 * 38 + 3 * 5


@torch.no_grad()
def test_costs_are_counted():
    """A dense layer is used once, a convolution at each position, and a weight as often as something calls for it.

    The convolution's 8 channels take as long as 16.
    """
    model, one, (each, number) = Counting(), X[:1].float(), (MULTIPLICATIONS, NUMBERS)
    counted = Cost(model, 40, 6, 3)
    assert counted.marginals == 18
    assert counted.full == AT_MOST * 40 * sum(weight.numel() for weight in model.parameters()) / each
    counted.count(lambda: model(one), 1)
    assert counted.full == pytest.approx(MULTIPLIED / each + GIVEN / number)
    assert counted.largest == 8 * 38
    assert Cost(nn.LSTM(4, 4), 40, 1, 1).capture > Cost(model, 40, 1, 1).capture
    several, three = Cost(model, 40, 6, 3), X[:3].float()
    several.count(lambda: model(three), 3)
    assert (several.full, several.largest) == (pytest.approx(counted.full), counted.largest)


def test_the_exporter_is_imported_once(monkeypatch):
    Incremental(nn.Conv1d(4, 2, 3), [X.float()])
    assert cost.EXPORTER in sys.modules
    capture = Cost(nn.Conv1d(4, 2, 3), 40, 1, 1).capture
    monkeypatch.delitem(sys.modules, cost.EXPORTER)
    assert Cost(nn.Conv1d(4, 2, 3), 40, 1, 1).capture == capture + cost.IMPORT


def test_a_model_that_is_called_on_and_on_is_captured_once_that_would_have_paid(captures, monkeypatch):
    """With the third of calls that take two fifths of that each; another model's calls are not its own."""
    model, other, of_call = made(), made(), len(MOTIFS) * len(X)
    counted = Cost(model, 40, 1, 1)
    counted.count(lambda: model(X[:1].double()), 1)
    for name in ("IMPORT", "CAPTURE_STEP", "STEP", "TIMES"):
        monkeypatch.setattr(cost, name, 0)
    monkeypatch.setattr(cost, "CAPTURE", 2.5 * of_call * counted.full / cost.PAYS_FROM)
    monkeypatch.setattr(cost, "AT_MOST", 1000)
    for of, n in ((model, 0), (other, 0), (model, 0), (other, 0), (model, 1), (model, 1), (other, 2)):
        marginalize_motifs(of, X, MOTIFS, device="cpu")
        assert len(captures) == n


@pytest.mark.parametrize("n", [8, 3])
def test_short_calls_run_in_batches_of_one_size(n, monkeypatch):
    """Where there are enough backgrounds; each of them runs once as it is, also where what that takes is counted."""
    sizes = []
    for name, value in {"AT_MOST": 1e12, "CAPTURE_STEP": 1e3, "SURE_FROM": 1e12}.items():
        monkeypatch.setattr(cost, name, value)

    class Sizes(nn.Sequential):
        def forward(self, X):
            sizes.append(len(X))
            return super().forward(X).mean(2)

    model = Sizes(nn.Conv1d(4, 16, 5), nn.ReLU(), nn.Conv1d(16, 2, 1)).eval()
    backgrounds = torch.cat([X.roll(i, 2) for i in range(3)])[:n]
    for incremental in (None, False):
        sizes.clear()
        y_before, y_afters = marginalize_motifs(model, backgrounds, MOTIFS, device="cpu", incremental=incremental)
        assert sizes == ([8] * (1 + len(MOTIFS)) if n == 8 else [n, n * len(MOTIFS)])
    torch.testing.assert_close(y_before, predict(model, backgrounds, device="cpu"), rtol=1e-6, atol=1e-6)
    for motif, y in zip(MOTIFS, y_afters, strict=True):
        torch.testing.assert_close(y, predict(model, substitute(backgrounds, motif), device="cpu"), rtol=0, atol=1e-5)


@torch.no_grad()
def test_what_differs_is_counted():
    """Of the convolution the positions 10 to 14 of 38 do, of what follows all."""
    model, (each, number) = Counting(), (MULTIPLICATIONS, NUMBERS)
    with torch.no_grad():
        model.conv.bias.fill_(10)  # so that no difference is lost
    both = X[[0, 0]].float()
    both[1, :, 12:14] = both[0, :, 12:14].roll(1, 0)
    counted = Cost(model, 40, 6, 3)
    counted.count(lambda: model(both[:1]), 1)
    counted.compare(lambda: model(both))
    differs = (4 * 16 * 3 * 4 + 8 * 38 * 5 + 2 * 5 * 5) / each + (2 * 8 * 4 + 3 * 5) / number
    assert counted.share == pytest.approx(differs / counted.full)


@torch.no_grad()
def test_capturing_pays_where_enough_is_saved():
    def of(marginals, share):
        counted = Cost(nn.Linear(1, 1), 40, marginals, 1)
        counted.full, counted.capture, counted.share = 1e-3, 1.0, share
        return counted

    assert of(1000, 0.1).hindrance == TOO_LITTLE
    assert of(2000, 0.1).hindrance is None
    assert of(2000, 0.4).hindrance.startswith("about 40% of what the model computes differs")
    assert of(8000, 0.4).hindrance is None  # each saves a fifth
    assert of(8000, 0.9).hindrance is not None
    assert of(21000, 0.9).hindrance is None  # what a program saves is told by its plan


@pytest.mark.parametrize(
    ("capture", "reason"), [(1, TOO_LITTLE), (1e-4, "about 9"), (1e-6, "only 1% of the operations")]
)
def test_a_model_of_which_all_differs_runs_in_full(capture, reason, captures, caplog, monkeypatch):
    """By a count where capturing would cost too much, or else by the plan, unless it is asked for."""
    monkeypatch.setattr(cost, "CAPTURE", capture)
    for name in ("IMPORT", "CAPTURE_STEP"):
        monkeypatch.setattr(cost, name, 0)
    model = nn.Sequential(nn.Conv1d(4, 64, 5, padding=2), nn.Softmax(2), nn.Conv1d(64, 64, 5, padding=2)).eval()
    with caplog.at_level("INFO", "marginalization"):
        marginalize_motifs(model, X, MOTIFS, device="cpu")
    facts = caplog.records[-1].facts
    assert not facts["incremental"]
    assert facts["reason"].startswith(reason)
    assert len(captures) == reason.startswith("only")
    with caplog.at_level("INFO", "marginalization"):
        marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
    assert caplog.records[-1].facts["incremental"]


def test_all_motifs_of_a_call_count(captures, monkeypatch):
    """Not only those that are looked at first."""
    monkeypatch.setattr(marginals, "LOOK_AHEAD", 2)
    model = nn.Sequential(nn.Conv1d(4, 64, 5), nn.Conv1d(64, 64, 5)).eval()
    each = Cost(model, 40, 1, 1)
    each.count(lambda: model(X[:1].float()), 1)
    monkeypatch.setattr(cost, "CAPTURE", 2.5 * len(X) * each.full / cost.PAYS_FROM)
    for name in ("IMPORT", "CAPTURE_STEP", "STEP", "TIMES"):
        monkeypatch.setattr(cost, name, 0)
    for motifs in (MOTIFS[:2], MOTIFS):
        captures.clear()
        marginalize_motifs(model, X, motifs, device="cpu")
        assert len(captures) == (len(motifs) > 2)


FIRST = nn.Conv1d(4, 8, 5, padding=2), (40 * 8 * 4 * 5, 8 / 40)
"""A layer; its operations, and the part that differs where its input does from 20 to 24: from 18 to 26."""


class Channels(nn.Module):
    """A product over channels."""

    def forward(self, X):
        return torch.einsum("ncl,cd->nld", X, torch.ones(8, 5))


SAVINGS = [
    ([FIRST, (nn.ReLU(), (8 * 40, 8 / 40)), (nn.Conv1d(8, 2, 3, padding=1), (40 * 2 * 8 * 3, 10 / 40))], None),
    ([FIRST, (nn.Flatten(), (8 * 40, 8 / 40)), (nn.Linear(8 * 40, 6), (6 * 8 * 40, 8 / 40))], None),
    ([FIRST, (nn.ConvTranspose1d(8, 2, 3, stride=2), (40 * 8 * 2 * 3, 17 / 81))], None),  # 36 to 53 of 81
    ([FIRST, (Channels(), (40 * 8 * 5, 8 / 40))], None),
    ([FIRST, (nn.Softmax(2), (8 * 40, 1))], "aten.softmax.int at 1"),
]


@pytest.mark.parametrize(("layers", "whole_from"), SAVINGS)
@torch.no_grad()
def test_what_is_saved_is_counted(layers, whole_from):
    """Of each layer the part of the positions that differ, of a dense one that of its inputs, or all."""
    engine = Incremental(nn.Sequential(*(layer for layer, _ in layers)).eval(), [X.float()])
    found = saving(engine.nodes, engine.program(20, 24))
    full, left = (sum(figures) for figures in zip(*((n, n * part) for _, (n, part) in layers), strict=True))
    assert found.share == pytest.approx(1 - left / full, rel=1e-12)
    assert found.whole_from == whole_from


# Forward as people write it.


class Body(nn.Module):
    """A convolution, and a dense layer over the positions."""

    def __init__(self):
        super().__init__()
        self.conv, self.dense = nn.Conv1d(4, 6, 5, padding=2), nn.Linear(6 * 40, 2)


class ByLength(Body):
    def forward(self, X):
        assert len(X) > 0, "an empty batch"
        return self.dense(self.conv(X).relu().reshape(len(X), -1)) + torch.zeros(int(X.shape[0]), 2, dtype=X.dtype)


class ByName(Body):
    def forward(self, *, inputs, scale=None):
        y = self.dense(self.conv(inputs).relu().flatten(1))
        return y if scale is None else y * scale


@dataclasses.dataclass
class Heads:
    scores: torch.Tensor
    profile: torch.Tensor
    loss: torch.Tensor | None = None


class OfDataclass(Body):
    def forward(self, X, scale=None, *, detailed=False):
        if detailed:
            raise NotImplementedError
        y = self.conv(X).relu()
        return Heads(self.dense(y.flatten(1)), profile=y)


class OfNamedTuple(Body):
    def forward(self, X):
        y = self.conv(X).relu()
        return collections.namedtuple("Outputs", ["scores", "profile"])(self.dense(y.view(X.size()[0], -1)), y)


def traced():
    """What `torch.jit.trace` makes of a model."""
    model = nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.ConvTranspose1d(6, 2, 3)).double()
    return torch.jit.trace(model, X.double(), check_trace=False)


@pytest.mark.parametrize("make", [ByLength, ByName, OfDataclass, OfNamedTuple, traced], ids=lambda make: make.__name__)
def test_forward_as_people_write_it_is_captured(make, caplog):
    """And by rules alone, up to the dense layer."""
    torch.manual_seed(0)
    model = make().double().eval()
    with caplog.at_level("INFO", logger="marginalization"):
        ours = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=True)
    full = marginalize_motifs(model, X, MOTIFS, device="cpu", incremental=False)
    for y, reference in zip(leaves(ours.y_afters), leaves(full.y_afters), strict=True):
        torch.testing.assert_close(y, reference, rtol=1e-12, atol=1e-14)
    facts = {key: value for record in caplog.records for key, value in getattr(record, "facts", {}).items()}
    assert facts["incremental"], facts
    assert facts["share"] > 0.1


def test_dataclasses_are_dicts_by_their_fields():
    y = predict(OfDataclass().double().eval(), X)
    assert list(y) == ["scores", "profile", "loss"]
    assert y["loss"] is None
    assert y["profile"].shape == (3, 6, 40)


def test_inputs_by_name_alone_are_given_in_their_order():
    model, scales = ByName().double().eval(), torch.tensor([[1.0], [2], [3]])
    with torch.no_grad():
        expected = model(inputs=X.double(), scale=scales.double())
    torch.testing.assert_close(predict(model, X, args=[scales.double()]), expected)
    as_function = as_callable(lambda *, inputs: inputs.sum(-1))
    assert torch.equal(as_function(X), X.sum(-1))
    assert as_callable(torch.relu) is torch.relu


class OneByOne(nn.Module):
    def forward(self, X):
        return torch.stack([sequence.sum() for sequence in X])


class Branching(nn.Module):
    def forward(self, X):
        if X[:, 0].sum() > 3:
            return X.sum(-1)
        return X.mean(-1)


class Numbers(nn.Module):
    def forward(self, X):
        return X.sum(-1) * float(X.max())


HINDRANCES = {
    OneByOne: ("forward fixes the number of sequences", "for sequence in X", "compute all sequences at once"),
    Branching: ("data-dependent", "if X[:, 0].sum() > 3:", "write torch.where(condition, this, that), not if"),
    Numbers: ("data-dependent", "float(X.max())", "keep it a tensor, not a number of Python"),
}
"""What hinders, in which line, and what is to be written there."""


@pytest.mark.parametrize("model", HINDRANCES, ids=lambda model: model.__name__)
def test_what_hinders_is_told_with_its_line_and_a_remedy(model, caplog):
    marginalize_motifs(model().eval(), X, MOTIFS, device="cpu", incremental=True)
    (said,) = (record.getMessage() for record in caplog.records if "no incremental" in record.getMessage())
    code = next(line for line in inspect.getsource(model).splitlines() if HINDRANCES[model][1] in line)
    number = inspect.getsourcelines(model)[1] + inspect.getsource(model).splitlines().index(code)
    assert f"{__file__}, line {number}: {code.strip()} (" in said
    assert all(part in said for part in HINDRANCES[model])
    assert len(said.splitlines()) == 1


def test_of_what_no_line_is_known_the_usual_remedy_is_told():
    error = RuntimeError("Constraints violated (batch)! For more information, ...")
    assert hindrance(nn.ReLU(), [error]) == (
        "forward fixes the number of sequences (write x.shape[0], not len(x) or int(x.shape[0]))"
    )
    other = RuntimeError("no such thing.\nAnd more of it")
    assert hindrance(nn.ReLU(), [error, other]).endswith("; RuntimeError: no such thing")
    scripted = torch.jit.script(nn.Sequential(nn.Conv1d(4, 2, 3), nn.ReLU()))
    assert "give its class and its weights" in hindrance(scripted, [error])


@pytest.mark.parametrize("collecting", [True, False])
def test_cycles_are_collected_as_before_after_a_capture_and_after_one_that_fails(collecting):
    class Refused(nn.Module):
        def forward(self, X):
            return X.sum() if X.sum() > 0 else X.mean()

    was = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        capture.captured(made(), [X.double()])
        assert gc.isenabled() == collecting
        with pytest.raises(CaptureError):
            capture.captured(Refused(), [X.double()])
        assert gc.isenabled() == collecting
    finally:
        (gc.enable if was else gc.disable)()
