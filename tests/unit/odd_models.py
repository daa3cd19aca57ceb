"""Factories of models as strangers bring them: most are no functions of their sequences, the others only look so."""

import dataclasses
import functools
import random
import typing

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Net(nn.Module):
    """A small network with batch normalization and dropout."""

    def __init__(self, dropout=0.5):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv = nn.Conv1d(4, 8, 5, padding=2)
            self.dense = nn.Linear(8, 3)
        self.norm = nn.BatchNorm1d(8)
        self.dropout = nn.Dropout(dropout)

    def forward(self, X):
        return self.dense(self.dropout(self.norm(self.conv(X)).relu()).amax(dim=-1))


class Of(nn.Module):
    """A module of a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, X, *args):
        return self.function(X, *args)


def counts(X):
    return X.sum(dim=-1)


class MovingNorm(nn.Module):
    """Counts divided by a moving mean that each call moves, in evaluation mode too."""

    def __init__(self, momentum=0.9):
        super().__init__()
        self.register_buffer("moving", torch.ones(4))
        self.momentum = momentum

    def forward(self, X):
        self.moving.mul_(self.momentum).add_((1 - self.momentum) * X.mean(dim=(0, 2)))
        return counts(X) / self.moving


class Replaced(nn.Module):
    """Counts times a number that each call replaces."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, X):
        self.calls = self.calls + 1
        return X.sum(dim=-1) * self.calls


class Counter(nn.Module):
    """Counts times the number of calls, which no buffer holds."""

    calls = 0

    def forward(self, X):
        self.calls += 1
        return self.calls * counts(X)


class TrainedNorm(Net):
    """Batch normalization that is in training mode always."""

    def train(self, mode=True):
        super().train(mode)
        self.norm.train()
        return self


class Noisy(nn.Module):
    """Counts weighted by a parameter that wanders."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, X):
        with torch.no_grad():
            self.weight.add_(torch.randn(4))
        return counts(X) * self.weight


class CallsCounted(nn.Module):
    """Counts; the number of calls is kept, and read by nothing."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(1, dtype=torch.int64))

    def forward(self, X):
        self.calls += 1
        return counts(X)


class RampKept(nn.Module):
    """Sums of positions, by a table that the first call makes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("ramp", None)

    def forward(self, X):
        if self.ramp is None:
            self.ramp = torch.arange(1.0, X.shape[-1] + 1)
        return X @ self.ramp


class Wrapper:
    """A plain object around a module."""

    def __init__(self):
        self.parts = {"net": Net()}

    def __call__(self, X):
        return self.parts["net"](X)


class Unregistered(nn.Module):
    """A module that keeps another in a list."""

    def __init__(self):
        super().__init__()
        self.nets = [Net()]

    def forward(self, X):
        return self.nets[0](X)


class WithoutStatistics(Net):
    """Batch normalization by the batch's own statistics, in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8, track_running_stats=False)


def closure(training=True):
    net = Net().train(training)
    return lambda X: net(X)


def closure_without_dropout():
    net = Net(dropout=0.0)
    return lambda X: net(X)


def closure_in_float64():
    net = Net().double().eval()
    return lambda X: net(X)


def part():
    return functools.partial(lambda net, X: net(X), Net())


def alone():
    """Takes one sequence at a time."""
    return lambda X: counts(X.reshape(1, 4, 40))


def stacked():
    return nn.Sequential(nn.Flatten(), nn.Linear(120, 1))


def pooled():
    """Takes lengths from 240 to 255."""
    return nn.Sequential(nn.MaxPool1d(16), nn.Flatten(), nn.Linear(60, 1))


class LettersLast(nn.Module):
    """A model that takes (n, length, 4)."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, X):
        return self.model(X.transpose(1, 2))


def letters_last(name):
    return LettersLast(globals()[name]())


def positions_last():
    return nn.Sequential(nn.Linear(4, 2), nn.Flatten(), nn.Linear(80, 1))


def as_images():
    return nn.Sequential(nn.Conv2d(4, 2, (1, 5)), nn.Flatten())


def long():
    """Takes 979 bases, which no message says."""
    return nn.Sequential(nn.Conv1d(4, 1, 3), nn.Flatten(), nn.Linear(977, 1))


class Pair(typing.NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


@dataclasses.dataclass
class Heads:
    first: torch.Tensor
    second: torch.Tensor | None = None


GENERATOR = torch.Generator()

FUNCTIONS = {
    "counts": counts,
    "functional dropout": lambda X: functional.dropout(counts(X), 0.5),
    "functional batch norm": lambda X: counts(functional.batch_norm(X, None, None, training=True)),
    "functional batch norm of counts": lambda X: functional.batch_norm(counts(X), None, None, training=True),
    "torch's noise": lambda X: counts(X) + torch.rand(1),
    "numpy's noise": lambda X: counts(X) + np.random.rand(),
    "python's noise": lambda X: counts(X) + random.random(),
    "noise of its own": lambda X: counts(X) + torch.rand(1, generator=GENERATOR),
    "batch mean": lambda X: counts(X) - counts(X).mean(dim=0),
    "batch mean beside much": lambda X: 1000 + 0.1 * (counts(X) - counts(X).mean(dim=0)),
    "batch size": lambda X: counts(X) / X.shape[0],
    "squeezed": lambda X: X[:, :1].squeeze(),
    "transposed": lambda X: counts(X).T,
    "as many as sequences": lambda X: counts(X)[:, :3].T,
    "a number": lambda X: X.sum(),
    "python's number": lambda X: 1.0,
    "numpy": lambda X: counts(X).numpy(),
    "complex": lambda X: torch.fft.fft(counts(X)),
    "boolean": lambda X: counts(X) > 10,
    "integers": lambda X: X.sum(dim=-1).argmax(dim=1),
    "nothing": lambda X: {},
    "no numbers": lambda X: counts(X)[:, :0],
    "None": lambda X: (None, None),
    "nested": lambda X: {"human": {"counts": counts(X)}},
    "named tuple": lambda X: Pair(counts(X), 2 * counts(X)),
    "dataclass": lambda X: Heads(2 * counts(X)),
    "NaN": lambda X: counts(X).where(counts(X)[:, 1:2] < 15, torch.nan),
    "infinite": lambda X: counts(X).where(counts(X)[:, 1:2] < 15, torch.inf),
    "constant": lambda X: torch.ones(X.shape[0], 2),
    "strands last": lambda X: (X[:, :2].transpose(1, 2), counts(X)[:, :1]),
    "two inputs": lambda X, track: counts(X) + track,
    "inputs summed": lambda X, track: counts(X) + track.sum(dim=(1, 2)).unsqueeze(1),
    "inputs joined": lambda X, *rows: torch.cat([X[:, 2:3].sum(dim=2), *rows], dim=1),
    "half noise": lambda X: (counts(X), torch.rand(X.shape[0], 1)),
    "defect": lambda X: undefined,  # noqa: F821
}


def module(function):
    """A module of one of the functions."""
    return Of(FUNCTIONS[function])


def read_x(outputs):
    """A readout of something that no model here returns."""
    return outputs.x
