"""The demo's model: a small BPNet (Avsec et al. 2021, https://doi.org/10.1038/s41588-021-00782-6).

From 400 bp of sequence it predicts what a two-strand assay would show over the central 200 bp, in two parts:
how the reads spread over strands and positions (profile logits), and how many there are (log counts).
"""

from __future__ import annotations

import torch
from torch import nn


class BPNet(nn.Module):
    """One-hot sequences (N, 4, 400) to profile logits (N, 2, 200) and log counts (N, 1).

    A wide convolution finds motifs, dilated ones with residual connections let each position see its
    surroundings, and two heads read the result.

    Args:
        filters: channels of every hidden layer.
        layers: dilated convolutions; the i-th, counted from one, has dilation 2**i.
        motif_width: width of the first convolution, odd.
        profile_width: width of the profile head's convolution, odd.
        window: central positions that are predicted.
    """

    def __init__(
        self,
        filters: int = 24,
        layers: int = 5,
        motif_width: int = 21,
        profile_width: int = 25,
        window: int = 200,
    ) -> None:
        super().__init__()
        self.window = window
        self.motifs = nn.Conv1d(4, filters, motif_width, padding=motif_width // 2)
        self.dilated = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i) for i in range(1, layers + 1)
        )
        # Modules, one for each layer, because DeepLIFT puts its rules on those.
        self.activations = nn.ModuleList(nn.ReLU() for _ in range(layers + 1))
        self.profile = nn.Conv1d(filters, 2, profile_width, padding=profile_width // 2)
        self.counts = nn.Linear(filters, 1)

    def forward(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.activations[0](self.motifs(X))
        for convolution, activation in zip(self.dilated, self.activations[1:], strict=True):
            hidden = hidden + activation(convolution(hidden))
        margin = (X.shape[-1] - self.window) // 2
        central = slice(margin, margin + self.window)
        profile = self.profile(hidden)[..., central]
        # One site is a small part of the mean; ten times it keeps the weights that must be learnt moderate.
        counts = self.counts(10 * hidden[..., central].mean(dim=-1))
        return profile, counts
