"""The network of Cherimoya (Schreiber, https://github.com/jmschrei/cherimoya, version 0.3) in plain PyTorch.

Its package asks for Triton and Lightning, and on a GPU multiplies in bfloat16 where nobody asked for it; what it
computes on a CPU is this.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import conv1d, layer_norm

from ...config.sections import Model
from ...errors import InputError
from ...packages.cherimoya import Settings
from ...packages.stored import open_cherimoya

EPSILON = 1e-3
"""Added to the variance of a block's norm."""

OF_TRAINING = ("lw0", "lw1")
"""Tensors of a file that weigh the losses."""


def load_cherimoya(spec: Model, place: str) -> nn.Module:
    """The network of a section `cherimoya`.

    Raises:
        InputError: the file holds other weights than its settings ask for, or more than tensors.
    """
    with open_cherimoya(vars(spec), place) as (settings, file):
        try:
            network = Cherimoya(settings)
            state = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
            network.load_state_dict({name: value for name, value in state.items() if name not in OF_TRAINING})
        except Exception as error:
            message = " ".join(str(error).split())
            raise InputError(f"config: {place}: {spec.cherimoya} can not be loaded: {message[:300]}") from error
    return network.eval()


class Cherimoya(nn.Module):
    """One-hot sequences (batch, 4, length) and, of a model with control tracks, those (batch, tracks, length).

    Gives profile logits (batch, tracks, length - 2 x trimming) and log counts (batch, assays).
    """

    def __init__(self, of: Settings):
        super().__init__()
        self.trimming = of.trimming
        self.iconv = nn.Conv1d(4, of.n_filters, 21, padding=10)
        self.igelu = nn.GELU(approximate="tanh")
        self.blocks = nn.ModuleList(
            Block(of.n_filters, 2**i, of.expansion, of.residual_scale) for i in range(of.n_layers)
        )
        self.fconv = nn.Conv1d(of.n_filters + of.n_control_tracks, sum(of.signal_groups), 75, padding=37)
        self.linear = nn.Linear(of.n_filters + (of.n_control_tracks > 0), len(of.signal_groups))

    def forward(self, X: torch.Tensor, controls: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.igelu(self.iconv(X)).transpose(1, 2)  # (batch, length, filters)
        for block in self.blocks:
            hidden = block(hidden)
        hidden = hidden.transpose(1, 2)
        kept = slice(self.trimming, X.shape[2] - self.trimming)
        means = hidden[:, :, kept].mean(dim=2)
        if controls is not None:
            hidden = torch.cat([hidden, controls], dim=1)
            reads = controls[:, :, kept].sum(dim=(1, 2))
            means = torch.cat([means, torch.log(reads + 1).unsqueeze(1)], dim=1)
        return self.fconv(hidden)[:, :, kept], self.linear(means)


class Block(nn.Module):
    """A depthwise dilated convolution, a norm over positions and channels, two products: (batch, length, filters)."""

    def __init__(self, filters: int, dilation: int, expansion: int, scale: float):
        super().__init__()
        self.dilation, self.scale = dilation, scale
        self.conv_weight = nn.Parameter(torch.zeros(3, filters))
        self.linear1 = nn.Linear(filters, expansion * filters, bias=False)
        self.linear2 = nn.Linear(expansion * filters, filters, bias=False)
        self.activation = nn.GELU(approximate="tanh")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.conv_weight.t().unsqueeze(1)  # (filters, 1, 3)
        y = conv1d(x.transpose(1, 2), weight, padding=self.dilation, dilation=self.dilation, groups=x.shape[2])
        y = layer_norm(y.transpose(1, 2), x.shape[1:], eps=EPSILON)
        return x + self.linear2(self.activation(self.linear1(y))) * self.scale
