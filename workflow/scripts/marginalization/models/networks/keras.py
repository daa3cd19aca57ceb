"""The networks of Keras files in PyTorch: the same layers in the same order, on (batch, channels, length)."""

from __future__ import annotations

import torch
from torch import nn

from ...config.sections import Model
from ...packages.keras import Layer, Network
from ...packages.stored import open_network


def load_keras(spec: Model, place: str) -> nn.Module:
    """The network of a section `chrombpnet` or `bpnet`, which gives profile logits and log counts."""
    with open_network(vars(spec), place) as network:
        return KerasNetwork(network).eval()


class KerasNetwork(nn.Module):
    """Takes the sequence, and after it what else the network takes; gives a tuple of its outputs."""

    def __init__(self, network: Network):
        super().__init__()
        self.inputs, self.outputs = network.inputs, network.outputs
        computed = [layer for layer in network.layers.values() if layer.kind != "InputLayer"]
        self.steps = [(layer.name, layer.sources) for layer in computed]
        self.layers = nn.ModuleList(_module(layer) for layer in computed)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = {(name, 0): x for name, x in zip(self.inputs, inputs, strict=True)}
        for (name, sources), layer in zip(self.steps, self.layers, strict=True):
            y = layer(*(values[source] for source in sources))
            values |= {(name, i): part for i, part in enumerate(y)} if isinstance(y, tuple) else {(name, 0): y}
        return tuple(values[source] for source in self.outputs)


class _Crop(nn.Module):
    def __init__(self, left: int, right: int):
        super().__init__()
        self.left, self.right = left, right

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, self.left : x.shape[2] - self.right]


class _Add(nn.Module):
    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


class _Concatenate(nn.Module):
    """Of channels, which come last in Keras."""

    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        return torch.cat(parts, dim=1)


class _MeanOfPositions(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=2)


class _LogSumExp(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.logsumexp(dim=1, keepdim=True)


class _Flatten(nn.Module):
    """Position by position, as Keras does it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x if x.shape[1] == 1 else x.transpose(1, 2)).flatten(1)


_PLAIN = {
    "Add": _Add,
    "Concatenate": _Concatenate,
    "Dropout": nn.Identity,
    "Flatten": _Flatten,
    "GlobalAveragePooling1D": _MeanOfPositions,
    "Lambda": _LogSumExp,
    "ReLU": nn.ReLU,
}


def _module(layer: Layer) -> nn.Module:
    """A layer with its weights."""
    if layer.network is not None:
        return KerasNetwork(layer.network)
    if layer.kind == "Cropping1D":
        return _Crop(*layer.settings["cropping"])
    if layer.kind == "Activation":
        return _activated(nn.Identity(), layer)
    if layer.kind in _PLAIN:
        return _PLAIN[layer.kind]()
    kernel = torch.from_numpy(layer.weights["kernel"][()])
    has_bias = "bias" in layer.weights
    if layer.kind == "Dense":
        channels, units = kernel.shape
        linear: nn.Conv1d | nn.Linear = nn.Linear(channels, units, bias=has_bias)
    else:
        width, channels, filters = kernel.shape
        (dilation,) = layer.settings["dilation_rate"]
        padding = dilation * (width - 1) // 2 if layer.settings["padding"] == "same" else 0
        linear = nn.Conv1d(channels, filters, width, padding=padding, dilation=dilation, bias=has_bias)
    # Keras has (width, channels, filters) or (channels, units), PyTorch the other way round.
    state = {"weight": kernel.permute(*reversed(range(kernel.ndim))).contiguous()}
    linear.load_state_dict(state | ({"bias": torch.from_numpy(layer.weights["bias"][()])} if has_bias else {}))
    return _activated(linear, layer)


def _activated(module: nn.Module, layer: Layer) -> nn.Module:
    return nn.Sequential(module, nn.ReLU()) if layer.settings["activation"] == "relu" else module
