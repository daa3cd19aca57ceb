"""Which rules are used, and over which windows, by arithmetic."""

import contextlib
from functools import partial

import pytest
import torch
from marginalization.inference.incremental.engine import Incremental
from marginalization.inference.incremental.graphs.in_place import out_of_place
from marginalization.inference.incremental.registry import RULES
from marginalization.inference.incremental.rules.base import aten, in_rows, overloads
from marginalization.inference.incremental.rules.convolution import Convolution
from marginalization.inference.incremental.rules.recurrent import Recurrent
from marginalization.inference.incremental.rules.windows import Window
from marginalization.inference.incremental.simplify import SYNONYMS
from random_networks import ACTIVATIONS, Layer, of_module, simple
from test_incremental import assert_full, random_backgrounds
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

LENGTH = 40


def engine_of(model, length=LENGTH):
    """An engine for a model in float64, which gives what a forward pass gives."""
    model = model.double().eval()
    X = random_backgrounds(3, length)
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            rng = torch.Generator().manual_seed(i)
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64) / 3)
        engine = Incremental(model, [X])
        for lo, hi in ((20, 24), (0, 1), (length - 3, length), (0, length)):
            engine.prepare([X], (0, 3), lo, hi, 2)
            motif = random_backgrounds(3, hi - lo, seed=1)
            assert_full(engine, model, [X], motif, lo, slice(0, 3))
            assert_full(engine, model, [X], motif, lo, slice(1, 2))
    return engine


def without_rule(engine, lo=20, hi=24):
    """The names of the operations without a rule."""
    return [str(step.node.target).removeprefix("aten.") for step in engine.program(lo, hi).steps if step.rule is None]


class Branches(nn.Module):
    """Models side by side, so that they are captured at once."""

    def __init__(self, *models):
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, X):
        return tuple(model(X) for model in self.models)


def windows(engine, lo=20, hi=24):
    """Where each step's output differs, or None where it is whole."""
    return [step.out and (step.out.lo, step.out.hi) for step in engine.program(lo, hi).steps]


def conv(*args, **options):
    return nn.Conv1d(*args, **options)


class Picked(nn.Module):
    """Some of the channels, in another order."""

    def __init__(self):
        super().__init__()
        self.register_buffer("indices", torch.tensor([2, 0, 2]))

    def forward(self, X):
        return X.index_select(1, self.indices)


def backend(layer, x, transposed=False):
    """Convolutions as PyTorch's backends have them."""
    return torch.convolution(x, layer.weight, None, [1], [1], [1], transposed, [0], 1)


def weighted(function, *shape):
    """A function of the activation and of a parameter."""
    return Layer(lambda layer, x: function(x, layer.weight), weight=torch.ones(shape))


WINDOWS = {
    # By name: layers, and where the output of the last one differs when the positions 20 to 24 of 40 do.
    "conv": ([conv(4, 5, 7)], (14, 24)),
    "conv padded": ([conv(4, 5, 7, padding=3)], (17, 27)),
    "conv same": ([conv(4, 5, 6, padding="same")], (17, 26)),
    "conv valid": ([conv(4, 5, 6, padding="valid")], (15, 24)),
    "conv dilated": ([conv(4, 5, 3, padding=4, dilation=4)], (16, 28)),
    "conv strided": ([conv(4, 5, 5, stride=3, padding=2)], (6, 9)),  # output o looks at 3 o - 2 to 3 o + 2
    "conv in groups": ([conv(4, 8, 3, groups=4, bias=False)], (18, 24)),
    "conv of many channels": ([conv(4, 16, 1), conv(16, 3, 3, dilation=2, padding=2)], (18, 26)),
    "conv 2d": (
        [simple(lambda x: x[:, None]), nn.Conv2d(1, 5, (4, 3), padding=(0, 1)), nn.Conv2d(5, 2, (1, 3))],
        (17, 25),
    ),
    "conv 2d of rows": ([simple(lambda x: x.unsqueeze(2)), nn.Conv2d(4, 5, (1, 3), dilation=(1, 2))], (16, 24)),
    "conv 2d same": ([simple(lambda x: x[:, None]), nn.Conv2d(1, 2, (2, 4), padding="same")], (18, 25)),
    "transposed conv": ([nn.ConvTranspose1d(4, 5, 3, stride=2)], (40, 49)),  # input i adds to 2 i to 2 i + 2
    "transposed conv padded": ([nn.ConvTranspose1d(4, 2, 5, 3, 2, 1, dilation=2)], (58, 76)),
    "transposed conv of stride 1": ([nn.ConvTranspose1d(4, 2, 7, padding=3)], (17, 27)),
    "transposed conv in groups": ([nn.ConvTranspose1d(4, 4, 3, groups=2, bias=False)], (20, 26)),
    "transposed conv 2d": ([simple(lambda x: x[:, None]), nn.ConvTranspose2d(1, 2, (2, 3), (2, 1), 1)], (19, 25)),
    "convolution": ([Layer(backend, weight=torch.ones(5, 4, 3))], (19, 25)),
    "convolution transposed": ([Layer(partial(backend, transposed=True), weight=torch.ones(4, 5, 3))], (19, 25)),
    "upsampling": ([nn.Upsample(scale_factor=3)], (60, 72)),
    "upsampling uneven": ([nn.Upsample(30)], (15, 18)),  # output o is of 4 o // 3, so 15 of 20 and 17 of 22
    "upsampling 2d": ([simple(lambda x: x[:, None]), nn.Upsample(scale_factor=2, mode="nearest-exact")], (40, 48)),
    "upsampling linear": ([nn.Upsample(scale_factor=2, mode="linear")], (39, 49)),  # output o lies at o / 2 - 1 / 4
    "upsampling linear to the corners": ([nn.Upsample(79, mode="linear", align_corners=True)], (39, 48)),  # at o / 2
    "upsampling bilinear": (
        [simple(lambda x: x[:, None]), nn.Upsample(scale_factor=(2, 3), mode="bilinear")],
        (59, 73),
    ),
    "linear to fewer": ([nn.Upsample(10, mode="linear")], (5, 6)),  # output o lies at 4 o + 1.5
    "sums up to each position": ([simple(lambda x: x.cumsum(2))], (20, 40)),
    "sums from each position on": ([simple(lambda x: x.flip(2).cumsum(2).flip(2))], (0, 24)),
    "sums up to some positions": ([simple(lambda x: x.cumsum(-1)[:, :, 22:30])], (0, 8)),
    "roll": ([simple(lambda x: x.roll(3, 2))], (23, 27)),
    "roll of channels": ([simple(lambda x: x.roll((1, -2), (1, 2)))], (18, 22)),
    "each position twice": ([simple(lambda x: x.repeat_interleave(2, 2).repeat_interleave(3, 1))], (40, 48)),
    "list of positions": ([simple(lambda x: x[:, :, [30, 21, 5, 22, -17]])], (1, 5)),  # 40 - 17 is 23
    "list of channels": ([simple(lambda x: x[:, [3, 2, 1, 0]].index_select(1, torch.arange(2)))], (20, 24)),
    "gathered positions": (
        [simple(lambda x: x.gather(2, torch.tensor([30, 23, 5, 20]).expand(x.shape[0], 3, -1)))],
        (1, 4),
    ),
    "gathered channels": (
        [simple(lambda x: x.gather(1, torch.tensor([2, 0]).view(1, 2, 1).expand(x.shape[0], -1, 30)))],
        (20, 24),
    ),
    "differences of neighbours": ([simple(lambda x: x.diff() + x.diff(dim=1)[:, :1, 1:])], (19, 24)),
    "channels shuffled": ([simple(lambda x: functional.channel_shuffle(x[..., None], 2)[..., 0])], (20, 24)),
    "roll by nothing, written over": ([simple(lambda x: (y := 2 * x, y.roll(0, 2).tanh() + y)[1])], (20, 24)),
    "mirrored ends": ([simple(lambda x: functional.pad(x, (2, 30), mode="reflect"))], (22, 61)),  # 20 is at 60 too
    "repeated ends": ([nn.ReplicationPad1d((2, 3))], (22, 26)),
    "conv with mirrored ends": ([conv(4, 5, 3, padding=1, padding_mode="reflect")], (19, 25)),
    "stretches beginning at each third": ([simple(lambda x: x.unfold(2, 5, 3).flatten(2))], (30, 40)),  # 6 and 7
    "stretches of channels": ([simple(lambda x: x.mT.unfold(2, 2, 1).sum(-1))], (20, 24)),
    "stack": ([simple(lambda x: torch.stack([x, x.relu(), x], 2).sum(2))], (20, 24)),
    "unbind": ([simple(lambda x: torch.stack(x.unbind(1)[1:3], -1))], (20, 24)),
    "narrow": ([simple(lambda x: x.narrow(2, -25, 10))], (5, 9)),
    "matmul": ([weighted(lambda x, w: x.mT @ w, 4, 5)], (20, 24)),
    "matmul from the left": ([weighted(lambda x, w: w @ x, 5, 4)], (20, 24)),
    "matmul for each position": ([weighted(lambda x, w: x.mT[:, :, None] @ w, LENGTH, 4, 3)], (20, 24)),
    "bmm": ([weighted(lambda x, w: torch.bmm(x.mT, w.expand(x.shape[0], 4, 2)), 1, 4, 2)], (20, 24)),
    "einsum": ([weighted(lambda x, w: torch.einsum("bcl,oc->blo", x, w), 5, 4)], (20, 24)),
    "einsum of two": ([simple(lambda x: torch.einsum("ncl, ncl -> nl", x, x.exp())[:, None])], (20, 24)),
    "tensordot": ([weighted(lambda x, w: torch.tensordot(x, w, [[1], [0]]), 4, 5)], (20, 24)),
    "products added to": (
        [weighted(lambda x, w: torch.baddbmm(x, w.expand(x.shape[0], 4, 4), x, beta=2, alpha=0.5), 4, 4)],
        (20, 24),
    ),
    "spread over channels": ([simple(lambda x: x.var(1)[:, None] + x.std(1, correction=0, keepdim=True))], (20, 24)),
    "smooth maximum over channels": ([simple(lambda x: x.logsumexp(1, keepdim=True))], (20, 24)),
    "norm over channels": ([simple(lambda x: functional.normalize(x.exp(), dim=1))], (20, 24)),
    "mean and spread over channels": ([simple(lambda x: sum(torch.var_mean(x, 1, keepdim=True)))], (20, 24)),
    "product over channels": ([simple(lambda x: (x + 2).prod(1)[:, None] + x.cumsum(1))], (20, 24)),
    "masked": ([simple(lambda x: x.masked_fill((x > 0) & ~(x < 0), 0.5))], (20, 24)),
    "mask of letters": ([simple(lambda x: (x.sum(1) == 0)[:, None] * 2.0 + x.bool().any(1)[:, None])], (20, 24)),
    "counts of letters": ([simple(lambda x: functional.pad(x.bool(), (1, 1)).sum(1, keepdim=True))], (21, 25)),
    "tokens": ([weighted(lambda x, w: functional.embedding(x.mT.argmax(-1), w), 4, 3)], (20, 24)),
    "shapes of others": ([simple(lambda x: x.sum(1, keepdim=True).expand_as(x) + torch.ones_like(x))], (20, 24)),
    "table of the type and shape of others": (
        [weighted(lambda x, w: x + w.type_as(x).expand_as(x) + w.double().to(x), 4, 1)],
        (20, 24),
    ),
    "zeros beside": ([simple(lambda x: torch.cat([x.new_zeros(x.shape[0], 4, 3), x], 2))], (23, 27)),
    "batch norm": ([nn.BatchNorm1d(4)], (20, 24)),
    "batch norm 2d": ([simple(lambda x: x[:, None]), nn.BatchNorm2d(1)], (20, 24)),
    "layer norm": ([simple(lambda x: x.transpose(1, 2)), nn.LayerNorm(4)], (20, 24)),
    "rms norm": ([simple(lambda x: x.transpose(1, 2)), nn.RMSNorm(4)], (20, 24)),
    "softmax": ([nn.Softmax(dim=1)], (20, 24)),
    "prelu": ([nn.PReLU(4)], (20, 24)),
    "glu": ([nn.GLU(dim=1)], (20, 24)),
    "gate": ([simple(lambda x: x[:, :2].tanh() * x[:, 2:].sigmoid())], (20, 24)),
    "gate by chunks": ([simple(lambda x: torch.mul(*x.chunk(2, 1)))], (20, 24)),
    "gate by split": ([simple(lambda x: torch.mul(*x.split([2, 2], 1)))], (20, 24)),
    "max pool": ([nn.MaxPool1d(3)], (6, 8)),
    "max pool overlapping": ([nn.MaxPool1d(3, 2, 1, ceil_mode=True)], (10, 13)),  # output o looks at 2 o - 1 to 2 o + 1
    "max pool dilated": ([nn.MaxPool1d(3, 1, dilation=2)], (16, 24)),
    "max pool 2d": ([simple(lambda x: x.unsqueeze(2)), nn.MaxPool2d((1, 4), ceil_mode=True)], (5, 6)),
    "max pool of products": (
        [conv(4, 16, 3, padding=1), conv(16, 16, 3, padding=1), nn.MaxPool1d(3, 2, 1, 2, ceil_mode=True)],
        (8, 14),  # of 18 to 26: output o looks at 2 o - 1, 2 o + 1 and 2 o + 3
    ),
    "max pool of one": ([conv(4, 16, 1), conv(16, 16, 1), nn.MaxPool1d(1, 3)], (7, 8)),
    "conv from few, strided and dilated": ([conv(4, 16, 5, stride=3, padding=5, dilation=2)], (6, 10)),
    "average pool": ([nn.AvgPool1d(3)], (6, 8)),
    "average pool padded": ([nn.AvgPool1d(5, 2, 2, ceil_mode=True, count_include_pad=False)], (9, 13)),
    "average pool 2d": ([simple(lambda x: x.unsqueeze(2)), nn.AvgPool2d((1, 4), padding=(0, 1))], (5, 7)),
    "adaptive average pool": ([nn.AdaptiveAvgPool1d(8)], (4, 5)),
    "adaptive max pool": ([nn.AdaptiveMaxPool1d(8)], (4, 5)),
    "adaptive pool uneven": ([nn.AdaptiveAvgPool1d(7)], (3, 5)),  # of 17 to 23 and 22 to 29
    "adaptive pool 2d": ([simple(lambda x: x.unsqueeze(2)), nn.AdaptiveMaxPool2d((1, 8))], (4, 5)),
    "residual": ([Layer(lambda layer, x: x + layer.inner[0](x), conv(4, 4, 3, padding=1))], (19, 25)),
    "product": ([Layer(lambda layer, x: x * layer.inner[0](x), conv(4, 4, 3, padding=1))], (19, 25)),
    "channels": ([Layer(lambda layer, x: torch.cat([x, layer.inner[0](x)], 1), conv(4, 2, 3, padding=1))], (19, 25)),
    "positions": ([simple(lambda x: torch.cat([x, x[..., :22]], -1))], (20, 62)),
    "crop": ([simple(lambda x: x[:, :, 5:-5])], (15, 19)),
    "crop through": ([simple(lambda x: x[:, :, 22:30])], (0, 2)),
    "crop by steps": ([simple(lambda x: x[:, :, 1::3])], (7, 8)),  # of 1 + 3 o those in 20 to 24: 22
    "pad": ([simple(lambda x: functional.pad(x, (3, 4)))], (23, 27)),
    "crop by padding": ([simple(lambda x: functional.pad(x, (-21, 2), value=1))], (0, 3)),
    "flip": ([simple(lambda x: x.flip(1, 2))], (16, 20)),
    "some of the channels": ([of_module(Picked())], (20, 24)),
    "transposed": ([simple(lambda x: x.transpose(1, 2)), simple(lambda x: x.permute(0, 2, 1).mT)], (20, 24)),
    "dimensions": ([simple(lambda x: x[:, None].swapaxes(2, 3).squeeze(1).movedim(1, 2))], (20, 24)),
    "copies": ([simple(lambda x: x[:, None].expand(-1, 3, -1, -1).flatten(1, 2).repeat(1, 2, 1))], (20, 24)),
    "reverse complement": (
        [Layer(lambda layer, x: layer.inner[0](x) + layer.inner[0](x.flip(1, 2)).flip(2), conv(4, 3, 5, padding=2))],
        (18, 26),
    ),
    "scaled": ([Layer(lambda layer, x: (2 - x) * layer.weight / 3, weight=torch.ones(4, 1))], (20, 24)),
    "by position": ([Layer(lambda layer, x: x * layer.weight, weight=torch.ones(LENGTH))], (20, 24)),
    "positional embedding": ([Layer(lambda layer, x: x + layer.weight, weight=torch.ones(4, LENGTH))], (20, 24)),
    "dense at each position": ([simple(lambda x: x.transpose(1, 2)), nn.Linear(4, 3)], (20, 24)),
    "sum over channels": ([simple(lambda x: x.sum(1)[:, None])], (20, 24)),
    "maximum over channels": ([simple(lambda x: x.max(1, keepdim=True)[0])], (20, 24)),
    "other type": ([simple(lambda x: x.to(torch.float64).type(torch.float64))], (20, 24)),
    "dropout": ([nn.Dropout(0.5)], (20, 24)),
}


@pytest.fixture(scope="module")
def windowed():
    """Where the outputs of those models differ, by name."""
    engine = engine_of(Branches(*(nn.Sequential(*layers) for layers, _ in WINDOWS.values())))
    assert without_rule(engine) == []
    program = engine.program(20, 24)
    return dict(zip(WINDOWS, (program.windows[node] for node in engine.outputs), strict=True))


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name, windowed):
    assert (windowed[name].lo, windowed[name].hi) == WINDOWS[name][1]


def test_pointwise_operations():
    engine = engine_of(nn.Sequential(conv(4, 4, 3), Branches(*map(simple, ACTIVATIONS.values()))))
    assert without_rule(engine) == []
    assert set(windows(engine)) == {(18, 24)}


def test_operations_in_place():
    layers = [conv(4, 4, 3), nn.BatchNorm1d(4), nn.ReLU(inplace=True), nn.Dropout(0.5, inplace=True)]
    residual = Layer(lambda layer, x: layer.inner[0](x).add_(x), conv(4, 4, 3, padding=1))
    aliased = simple(lambda x: (y := 2 * x, part := y[:, :, 1:], y.relu_(), part)[-1])
    reshaped = simple(lambda x: (2 * x).relu_().unflatten(1, (2, 2)).transpose(1, 2).flatten(1, 2))
    engine = engine_of(Branches(nn.Sequential(*layers), residual, aliased, reshaped))
    assert without_rule(engine) == []
    found = engine.program(20, 24).windows
    assert [(found[node].lo, found[node].hi) for node in engine.outputs] == [(18, 24), (19, 25), (19, 23), (20, 24)]


def test_a_norm_of_a_convolution_is_in_its_weights():
    plain = nn.Sequential(conv(4, 5, 3, padding="same"), nn.BatchNorm1d(5), nn.ReLU())
    bare = nn.Sequential(conv(4, 6, 5, stride=2, groups=2, bias=False), nn.BatchNorm1d(6, affine=False))
    wide = nn.Sequential(simple(lambda x: x[:, None]), nn.Conv2d(1, 3, (4, 3), dilation=(1, 2)), nn.BatchNorm2d(3))
    both = Layer(lambda layer, x: (y := layer.inner[0](x)) + layer.inner[1](y), conv(4, 5, 3), nn.BatchNorm1d(5))
    for module in (plain, bare, wide, both):
        for norm in (inner for inner in module.modules() if isinstance(inner, nn.modules.batchnorm._BatchNorm)):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    engine = engine_of(Branches(plain, bare, wide, both))
    assert without_rule(engine) == []
    assert sum(node.target is aten.batch_norm.default for node in engine.nodes) == 1  # what else is taken stays


OVERWRITTEN = {
    # By name: a function that writes over something, and whether only that sees it.
    "own": (lambda x: x.tanh().relu_().add_(x), True),
    "read before": (lambda x: (y := x.tanh(), z := y * x, y.relu_())[2] + z, True),
    "constant": (lambda x: x * torch.tensor([1.0, 2, 3, 4], dtype=x.dtype)[:, None], True),
    "read after, under its old name": (lambda x: (y := x.tanh(), y.relu_(), y * x)[2], True),
    "seen by a view": (lambda x: (y := x.tanh(), y[:, 1:], y.relu_())[1] + 0, False),
    "seen through dropout": (lambda x: (y := x.tanh(), functional.dropout(y, 0.5, False).relu_(), y * x)[2], False),
    "seen through a sum of one": (lambda x: (y := x.tanh(), torch.einsum("ncl->nlc", y), y.relu_())[1] + 1, False),
}


@pytest.mark.parametrize("name", OVERWRITTEN)
def test_what_nobody_else_sees_is_written_elsewhere(name):
    function, alone = OVERWRITTEN[name]
    program = torch.export.export(simple(function), (torch.rand(2, 4, 9),))
    assert out_of_place(program.graph) == alone
    engine_of(simple(function))


REDUCTIONS = [
    lambda x: x.mean(-1),
    lambda x: x.sum(2, keepdim=True),
    lambda x: x.mean((1, 2)),
    lambda x: x.amax(-1),
    lambda x: x.max(-1)[0],
    lambda x: x.min(2).values,
    lambda x: functional.linear(x.flatten(1), torch.ones(3, 4 * LENGTH, dtype=x.dtype)),
    lambda x: functional.linear(x.mT.reshape(x.shape[0], -1), torch.ones(3, 4 * LENGTH, dtype=x.dtype)),
    lambda x: functional.linear(x, torch.ones(3, LENGTH, dtype=x.dtype)),
    lambda x: x @ torch.ones(LENGTH, 3, dtype=x.dtype),
    lambda x: x.flatten(1) @ torch.ones(4 * LENGTH, 3, dtype=x.dtype),
    lambda x: torch.einsum("ncl,cl->nc", x, torch.ones(4, LENGTH, dtype=x.dtype)),
    lambda x: torch.tensordot(x, torch.ones(LENGTH, 5, dtype=x.dtype), 1),
    lambda x: x.logsumexp(2),
    lambda x: x.logsumexp((1, 2), keepdim=True),
    lambda x: x[:, :, 21],
    lambda x: x.mT[:, -17],
]


def test_reductions_have_rules_and_are_whole_from_there():
    engine = engine_of(Branches(*(nn.Sequential(simple(function), nn.Sigmoid()) for function in REDUCTIONS)))
    assert without_rule(engine) == ["sigmoid.default"] * len(REDUCTIONS)
    assert not engine.program(20, 24).windows.keys() & set(engine.outputs)


class Reading(nn.Module):
    """A recurrent layer on an activation, of whose outputs one is taken."""

    def __init__(self, kind, taken=0, **options):
        super().__init__()
        self.first, self.layer, self.taken = conv(4, 4, 3, padding=1), kind(4, 3, **options), taken

    def forward(self, X):
        return self.layer(self.first(X).relu().mT)[self.taken]


READING = {
    "LSTM": (nn.LSTM, {}),
    "GRU of two layers": (nn.GRU, {"num_layers": 2}),
    "without biases": (nn.GRU, {"bias": False}),
    "tanh": (nn.RNN, {}),
    "ReLU": (nn.RNN, {"nonlinearity": "relu"}),
}


@pytest.mark.parametrize("name", READING)
def test_what_is_read_differs_from_the_first_position_on(name):
    kind, options = READING[name]
    engine = engine_of(Reading(kind, batch_first=True, **options), 26)
    assert without_rule(engine) == []
    assert engine.program(20, 24).windows[engine.outputs[0]] == Window(1, 19, 26)


def test_of_two_directions_one_reads_on_and_the_other_back():
    engine = engine_of(Reading(nn.LSTM, batch_first=True, bidirectional=True), 26)
    assert without_rule(engine) == []
    read = [step for step in engine.program(20, 24).steps if isinstance(step.rule, Recurrent)]
    assert [(step.out.lo, step.out.hi) for step in read] == [(19, 26), (1, 26)]


def test_a_state_is_whole():
    engine = engine_of(Reading(nn.GRU, 1, batch_first=True), 26)
    assert without_rule(engine) == ["zeros.default", "gru.input", "<built-in function getitem>"]
    assert windows(engine)[:3] == [(19, 25)] * 3


STRETCHES = [
    (lambda x: x.reshape(x.shape[0], 4, LENGTH // 2, 2), (2, 10, 12)),
    (lambda x: x.unflatten(2, (-1, 1, 2)).amax(-1), (2, 10, 12)),
    (lambda x: x.reshape(x.shape[0], 4, LENGTH // 4, 2, 2).flatten(3).sum(-1), (2, 5, 6)),
    (lambda x: x.mT.reshape(x.shape[0], LENGTH // 2, 8), (1, 10, 12)),
    (lambda x: x.mT.reshape(x.shape[0], LENGTH // 2, 8).reshape(x.shape[0], LENGTH, 4), (1, 20, 24)),
    (lambda x: x.reshape(x.shape[0], 4, -1, 5).softmax(-1).flatten(2), (2, 20, 25)),
    (lambda x: x.reshape(x.shape[0], 4, -1, 5).flatten(2)[:, :, 19:23], (2, 1, 4)),
    (lambda x: x.unsqueeze(-1).expand(-1, -1, -1, 2).flatten(2), (2, 40, 48)),
    (lambda x: x.unflatten(1, (2, 2)).transpose(2, 3).flatten(2), (2, 40, 48)),  # channels become positions
    (lambda x: x.unflatten(2, (-1, 2)).transpose(2, 3).flatten(1, 2), (2, 10, 12)),  # and back
]
"""Positions split into stretches, and merged again: what differs of an input that differs from 20 to 24."""


def test_positions_in_stretches():
    engine = engine_of(Branches(*(simple(function) for function, _ in STRETCHES)))
    assert without_rule(engine) == []
    found = engine.program(20, 24).windows
    assert [(w.axis, w.lo, w.hi) for w in map(found.get, engine.outputs)] == [window for _, window in STRETCHES]


class Dispatched(TorchDispatchMode):
    """The operations that are run."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.found.append(function)
        return function(*args, **(kwargs or {}))


OTHERWISE = [
    "adjoint",
    "chalf",
    "data",
    "dsplit.int",
    "expand_as",
    "float_power.Tensor_Scalar",
    "float_power.Tensor_Tensor",
    "fliplr",
    "flipud",
    "hsplit.int",
    "numpy_T",
    "ravel",
    "reshape_as",
    "tensor_split.sections",
    "view_as",
    "vsplit.int",
]
"""Those that run others with other arguments, or move the batch."""


def test_synonyms_of_operations_with_rules_are_known():
    """All operations of PyTorch that do nothing but run one that has a rule."""
    x, y = torch.rand(2, 2, 3, 4, dtype=torch.float64) / 2 + 0.25
    samples = {
        ("Tensor",): (x,),
        ("Tensor", "Tensor"): (x, y),
        ("Tensor", "Tensor", "number"): (x, y),
        ("List[Tensor]", "int"): ([x, y], 1),
        ("Tensor", "int"): (x, 1),
        ("Tensor", "int", "int"): (x, 1, 2),
        ("Tensor", "int", "Optional[int]"): (x, 1),
        ("Tensor", "number"): (x, 2.0),
        ("Tensor", "List[int]"): (x, [1, 2, 1]),
        ("Tensor", "Optional[number]", "Optional[number]"): (x, 0.3, 0.6),
    }
    found = set()
    for name in torch._C._dispatch_get_all_op_names():
        packet, _, overload = name.removeprefix("aten::").partition(".")
        operation = getattr(getattr(aten, packet, None), overload or "default", None)
        if operation is None or packet.startswith("_") or packet.endswith("_") or operation in RULES:
            continue
        kinds = tuple(str(a.type) for a in operation._schema.arguments if not a.kwarg_only or a.name == "alpha")
        with contextlib.suppress(Exception), Dispatched() as dispatched:
            operation(*samples[kinds])
        if len(dispatched.found) == 1 and dispatched.found[0] in RULES.keys() - {operation}:
            found.add(".".join(filter(None, (packet, overload))))
    assert len(found) > 20
    assert found - set(OTHERWISE) <= SYNONYMS.keys()
    for name, other in SYNONYMS.items():
        (operation,), (spelling,) = overloads(name), overloads(other)
        assert spelling in RULES
        by_place = ([a.type for a in op._schema.arguments if not a.kwarg_only] for op in (operation, spelling))
        assert next(by_place) == next(by_place)


def test_synonyms_are_spelled_as_others():
    functions = [
        lambda x: torch.subtract(torch.multiply(x, 2), torch.divide(x, 3), alpha=2),
        lambda x: torch.negative(torch.absolute(torch.clip(x, -0.5, 0.5))),
        lambda x: torch.concat([torch.max(x, x.flip(1)), torch.min(x, x + 1)], 1),
        lambda x: torch.special.expit(torch.arctan(x)).tile(1, 2, 1).moveaxis(1, 2),
    ]
    assert without_rule(engine_of(Branches(*map(simple, functions)))) == []


def test_what_has_no_rule():
    functions = [
        (lambda x: x.softmax(2), "softmax.int"),
        (lambda x: x.roll(1, 0).roll(-1, 0), "roll.default"),
        (lambda x: x.cumprod(2), "cumprod.default"),
        (lambda x: (x > 0).cumsum(2).to(x.dtype), "cumsum.default"),
        (lambda x: x @ x.mT, "matmul.default"),
        (lambda x: x * torch.einsum("ncl,ncm->nlm", x, x).mean(1, keepdim=True), "einsum.default"),
        (lambda x: x.var(2), "var.dim"),
        (
            lambda x: (x.exp() == x.exp().amax(1, keepdim=True)).to(x.dtype),
            "eq.Tensor",
        ),  # ties
        (lambda x: (x.exp() >= 1).to(x.dtype), "ge.Scalar"),
        (lambda x: (x.sin().relu().sum(1) > 0).to(x.dtype), "gt.Scalar"),  # zero, where all parts are
        (lambda x: x.exp().argmax(1), "argmax.default"),
        (lambda x: functional.layer_norm(x, (4, LENGTH)), "layer_norm.default"),
        (lambda x: functional.prelu(x.mT, torch.ones(LENGTH, dtype=x.dtype)), "prelu.default"),
        (lambda x: torch.cat([x, x], 0).view(-1, 8, LENGTH), "cat.default"),
    ]
    engine = engine_of(Branches(*(simple(function) for function, _ in functions)))
    assert set(without_rule(engine)) >= {name for _, name in functions}
    assert not engine.program(20, 24).windows.keys() & set(engine.outputs)


class Heads(nn.Module):
    """A body, a profile head of which the middle is read, and counts of the middle."""

    def __init__(self, profile):
        super().__init__()
        self.body = nn.Sequential(conv(4, 8, 5, padding=2), nn.ReLU(), conv(8, 8, 3, padding=2, dilation=2), nn.ReLU())
        self.profile = conv(8, 2, 5, padding=2)
        self.counts = nn.Linear(8, 1)
        self.with_profile = profile

    def forward(self, X):
        h = self.body(X)
        profile, counts = self.profile(h)[:, :, 10:-10], self.counts(h[:, :, 15:-15].mean(-1))
        return (profile, counts) if self.with_profile else counts


def test_what_the_counts_do_not_need_is_not_run():
    assert len(windows(engine_of(Heads(True)))) > len(windows(engine_of(Heads(False))))
    engine = engine_of(Heads(False))
    assert [tuple(step.node.meta["val"].shape[1:]) for step in engine.program(20, 24).steps][-1] == (1,)
    assert not any(node.op == "get_attr" and "profile" in node.target for node in engine.nodes)
    convolutions = [step for step in engine.program(20, 24).steps if isinstance(step.rule, Convolution)]
    assert [(step.out.lo, step.out.hi) for step in convolutions] == [(18, 26), (16, 25)]


def test_cropped_flanks_are_not_computed():
    engine = engine_of(Heads(False))
    # The counts look at 15 to 25, so the second convolution is needed there, and the first from 13 to 27.
    convolutions = [step for step in engine.program(0, 40).steps if isinstance(step.rule, Convolution)]
    assert [(step.out.lo, step.out.hi) for step in convolutions] == [(13, 27), (15, 25)]
    # Of 0 to 14 the first convolution changes 0 to 16, of which 13 to 16 matter, and the second 0 to 18.
    convolutions = [step for step in engine.program(0, 14).steps if isinstance(step.rule, Convolution)]
    assert [(step.out.lo, step.out.hi) for step in convolutions] == [(13, 16), (15, 18)]


def test_a_substitution_that_nothing_reads():
    engine = engine_of(nn.Sequential(conv(4, 3, 3), simple(lambda x: x[:, :, 20:].mean(-1))))
    program = engine.program(0, 10)
    assert program.steps == []
    assert program.windows == {}


def test_what_differs_elsewhere_than_where_it_is_needed():
    """Two windows with a gap between them, of which only the gap is read."""
    engine = engine_of(simple(lambda x: torch.maximum(x, x.flip(2))[:, :, 15:25].relu()))
    assert engine.program(0, 4).steps == []


def test_only_windows_are_kept():
    engine = engine_of(Heads(True))
    # relu: before and after it, 8 channels; the second is at 16 to 28; profile 2 x 20; counts 1, and the mean's 8.
    first, second = 2 * 8 * (26 - 18), 2 * 8 * (28 - 16)
    assert engine.floats_per_background(20, 24) == first + second + 2 * 20 + 1 + 8


def test_windows_of_which_each_goes_another_way():
    """Of what a wider window computes whole, a narrower one may read the background's."""

    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = (nn.GRU(4, 3, batch_first=True) for _ in range(2))

        def forward(self, X):
            return torch.cat([self.left(X[:, :, :20].mT)[0], self.right(X[:, :, 20:].mT)[0].relu()], 1)

    model = Towers().double().eval()
    X = random_backgrounds(3, LENGTH)
    with torch.no_grad():
        engine = Incremental(model, [X])
        engine.prepare([X], (0, 3), 10, 30, 2)
        for lo, hi in ((10, 30), (10, 15), (25, 30)):
            assert_full(engine, model, [X], random_backgrounds(3, hi - lo, seed=1), lo, slice(0, 3))


def test_infinite_activations_are_taken_whole():
    """A difference from minus infinity says nothing."""

    class Masked(nn.Module):
        def forward(self, X):
            h = X.log().clamp(max=1)
            return h, functional.conv1d(X, torch.ones(2, 4, 3, dtype=X.dtype)), h[:, :2].logsumexp(1), h.exp()

    model, X = Masked(), random_backgrounds(3, LENGTH)
    with torch.no_grad():
        engine = Incremental(model, [X])
        engine.prepare([X], (0, 3), 20, 24, 2)
        assert_full(engine, model, [X], random_backgrounds(3, 4, seed=1), 20, slice(0, 3))
    assert without_rule(engine)[:2] == ["log.default", "clamp.default"]
    assert "conv1d.default" not in without_rule(engine)


AFTER_MIXING = {
    # By name: what follows attention, before the positions 11 to 14 are taken.
    "normed": [simple(lambda x: x.mT), nn.LayerNorm(4), nn.Linear(4, 3), nn.GELU(), simple(lambda x: x.mT)],
    "convolution": [conv(4, 3, 5, padding=2, dilation=1), nn.BatchNorm1d(3), nn.ReLU(), nn.MaxPool1d(3, 1, 1)],
    "transposed": [nn.ConvTranspose1d(4, 3, 4, 2, 1), nn.AvgPool1d(3, 2, 1, count_include_pad=False)],
    "unpooled": [nn.Upsample(scale_factor=2), conv(4, 3, 3, padding=1, padding_mode="reflect")],
    "between": [nn.Upsample(scale_factor=2, mode="linear"), nn.AvgPool1d(2)],
    "convolution 2d": [simple(lambda x: x[:, None]), nn.Conv2d(1, 3, 3, padding=1), simple(lambda x: x.flatten(1, 2))],
    "gated": [Layer(lambda layer, x: torch.cat([x, x * layer.inner[0](x).sigmoid()], 1), conv(4, 4, 1))],
    "masked": [simple(lambda x: torch.where(x > 0, x, x.mean(1, keepdim=True)).masked_fill(x < -1, -1.0))],
    "products": [Layer(lambda layer, x: torch.einsum("ncl,cd->ndl", x, layer.weight), weight=torch.ones(4, 3))],
    "positions": [Layer(lambda layer, x: x.softmax(1) + layer.weight, weight=torch.ones(4, LENGTH))],
    "scaled": [simple(lambda x: x * x.std(1, keepdim=True) - x.sum(1, keepdim=True) / 2)],
    "moved": [simple(lambda x: functional.pad(x.flip(1), (3, 1)).roll(-2, 2).unfold(2, 2, 1)[..., 1])],
}


class Attending(nn.Module):
    """PyTorch's attention layer on an activation, and of it the middle."""

    def __init__(self, given=None, mask=None, weights=False, **options):
        super().__init__()
        self.first, self.layer = conv(4, 4, 3, padding=1), nn.MultiheadAttention(4, 2, **options)
        self.given, self.mask, self.weights = given or {}, mask, weights

    def forward(self, X):
        x, order = self.first(X), (0, 2, 1) if self.layer.batch_first else (2, 0, 1)
        queries, keys = x.tanh().permute(order), x.permute(order)
        y, weights = self.layer(queries, keys, keys, attn_mask=self.mask, **self.given)
        y = y.mT if self.layer.batch_first else y.permute(1, 2, 0)
        return (y[:, :, 15:25], weights) if self.weights else y[:, :, 15:25]


UPPER = torch.ones(LENGTH, LENGTH).triu(1)
ATTENDING = {
    "rows first": ({}, {"batch_first": True}),
    "positions first": ({}, {}),
    "without biases": ({"given": {"need_weights": False}}, {"batch_first": True, "bias": False}),
    "of keys of their own": ({}, {"batch_first": True, "kdim": 4, "vdim": 4}),
    "hidden from": ({"mask": UPPER.bool()}, {"batch_first": True}),
    "causal": ({"mask": UPPER.bool(), "given": {"is_causal": True}}, {}),
    "biased": ({"mask": UPPER.double() / 3}, {}),
    "with its weights": ({"weights": True}, {"batch_first": True}),
    "with each head's weights": (
        {"weights": True, "mask": UPPER.double(), "given": {"average_attn_weights": False}},
        {"batch_first": True},
    ),
}


@pytest.mark.parametrize("name", ATTENDING)
def test_attention_layers_of_pytorch_keep_their_rows_first(name):
    """What lies before the scores is incremental, and of what follows only what is taken is computed."""
    of_call, options = ATTENDING[name]
    model = Attending(**of_call, **options)
    engine = engine_of(model)
    steps = engine.program(20, 24).steps
    place = next(i for i, step in enumerate(steps) if "attention" in str(step.node.target))
    assert {(step.out.lo, step.out.hi) for step in steps[:place]} == {(19, 25)}
    assert steps[place].out.width == 10
    assert "forward" not in vars(model.layer)


class PositionsFirst(nn.Module):
    """PyTorch's encoder as it is by default, after numbers for each position, and what is made of its positions."""

    def __init__(self, over, norm_first):
        super().__init__()
        self.first, self.places, self.over = conv(4, 4, 3, padding=1), nn.Parameter(torch.ones(LENGTH, 1, 4)), over
        layer = nn.TransformerEncoderLayer(4, 2, 8, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 1, nn.LayerNorm(4), enable_nested_tensor=False)
        self.last = nn.Linear(4, 2)

    def forward(self, X):
        x = functional.dropout(self.first(X).permute(2, 0, 1) + self.places, 0.1, self.training)
        return self.over(self.last(self.encoder(x)))


OVER_POSITIONS = [lambda x: x[15:25].permute(1, 2, 0), lambda x: x.mean(0), lambda x: x[-1], lambda x: x.amax((0, 2))]


@pytest.mark.parametrize("norm_first", [False, True])
def test_positions_may_be_before_the_rows(norm_first):
    engine = engine_of(Branches(*(PositionsFirst(over, norm_first) for over in OVER_POSITIONS)))
    steps = engine.program(20, 24).steps
    assert all(in_rows(step.node) for step in steps)
    firsts = {step.out.width for step in steps if step.out is not None and step.parts is None}
    assert firsts == {6}
    assert sum("attention" in str(step.node.target) for step in steps) == len(OVER_POSITIONS)


@pytest.mark.parametrize("options", [{"add_bias_kv": True}, {"add_zero_attn": True}])
def test_other_attention_layers_are_as_pytorch_has_them(options):
    engine_of(Attending(batch_first=True, **options))


class Mixing(nn.Module):
    """Attention, some layers, and of what they give a few positions."""

    def __init__(self, layers):
        super().__init__()
        self.first, self.layers = conv(4, 4, 3, padding=1), nn.Sequential(*layers)

    def forward(self, X):
        x = self.first(X).mT
        x = functional.scaled_dot_product_attention(x.tanh(), x, x) + x
        return self.layers(x.mT)[:, :, 11:14]


@pytest.mark.parametrize(("n_outputs", "size"), [(3, 3), (12, 1)])
def test_what_is_taken_of_a_convolution_is_not_written_over(n_outputs, size):
    """By the rows that come after it, which are computed in the same memory."""
    wide = [conv(4, 16, 1), conv(16, n_outputs, size, padding=size // 2, bias=False)]
    model = Mixing(wide).double().eval()
    X, motif = random_backgrounds(3, LENGTH), random_backgrounds(3, 4, seed=1)
    with torch.no_grad():
        engine = Incremental(model, [X])
        engine.work_bytes = 1
        engine.prepare([X], (0, 3), 20, 24, 2)
        assert_full(engine, model, [X], motif, 20, slice(0, 3))


@pytest.mark.parametrize("name", AFTER_MIXING)
def test_what_is_taken_after_positions_were_mixed(name):
    engine = engine_of(Mixing(AFTER_MIXING[name]))
    attention = next(step for step in engine.program(20, 24).steps if "attention" in str(step.node.target))
    assert attention.parts
    assert attention.out.width < 14


def test_views_of_what_lies_in_memory_in_another_order():
    """A view that is possible in the model, but not of an activation that is put together."""

    def function(layer, x):
        y = layer.inner[0](x.mT).mT
        return (y * y.mean(2, keepdim=True)).mT.view(x.shape[0], -1)

    assert without_rule(engine_of(Layer(function, nn.Linear(4, 3))))[0] == "mul.Tensor"
