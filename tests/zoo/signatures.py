"""One small network whose `forward` is written in the ways in which people write it."""

import dataclasses

import torch
from torch import nn


class Body(nn.Module):
    """Dilated convolutions with residuals: large enough to save something."""

    def __init__(self, filters=32, length=400):
        super().__init__()
        self.first = nn.Conv1d(4, filters, 15, padding=7)
        self.dilated = nn.ModuleList(nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i) for i in range(1, 5))
        self.narrow, self.dense = nn.Conv1d(filters, 4, 1), nn.Linear(4 * length, 2)

    def features(self, x):
        x = self.first(x).relu()
        for convolution in self.dilated:
            x = x + convolution(x).relu()
        return self.narrow(x)

    def forward(self, x):
        return self.dense(self.features(x).flatten(1))


class LengthInView(Body):
    """`x.view(len(x), -1)`."""

    def forward(self, x):
        y = self.features(x)
        return self.dense(y.view(len(y), -1))


class IntInReshape(Body):
    """`int(x.shape[0])`."""

    def forward(self, x):
        n = int(x.shape[0])
        return self.dense(self.features(x).reshape(n, -1))


class LengthInZeros(Body):
    """A tensor of `len(x)` rows, made by `forward` itself."""

    def forward(self, x):
        start = torch.zeros(len(x), 2, dtype=x.dtype)
        return start + super().forward(x)


class ChecksShape(Body):
    """Checks of the input, with a message."""

    def forward(self, x):
        if x.dim() != 3 or x.shape[1] != 4:
            raise ValueError(f"expected (n, 4, length), got {tuple(x.shape)}")
        assert len(x) > 0, "an empty batch"
        return super().forward(x)


class OptionalInputs(Body):
    """Further inputs that may be left out, by position and by keyword."""

    def forward(self, x, mask=None, *, return_features=False):
        y = self.features(x if mask is None else x * mask)
        return (y, self.dense(y.flatten(1))) if return_features else self.dense(y.flatten(1))


class KeywordOnly(Body):
    """The sequence by keyword alone, as models of the transformers package have it."""

    def forward(self, *, inputs):
        return super().forward(inputs)


class DictOut(Body):
    """A dictionary of heads."""

    def forward(self, x):
        y = self.features(x)
        return {"profile": y, "heads": {"scores": self.dense(y.flatten(1))}}


@dataclasses.dataclass
class Heads:
    """What a model of a dataclass returns."""

    scores: torch.Tensor
    profile: torch.Tensor
    loss: torch.Tensor | None = None


class DataclassOut(Body):
    """A dataclass, of which one field is None."""

    def forward(self, x):
        y = self.features(x)
        return Heads(self.dense(y.flatten(1)), y)


def scripted():
    """The network in TorchScript."""
    return torch.jit.script(Body())


def traced():
    """The network as TorchScript traced it on one sequence."""
    return torch.jit.trace(Body().eval(), torch.zeros(1, 4, 400), check_trace=False)
