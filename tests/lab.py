"""A lab's own models, whose outputs are known by hand."""

import torch
from torch import nn


class Letters(nn.Module):
    """Weighted counts of letters in the left and in the right half, float64: (n, 2). `scale` comes as a weight."""

    def __init__(self, weights=(1.0, 2.0, 4.0, 8.0)):
        super().__init__()
        self.letters = nn.Parameter(torch.tensor(weights, dtype=torch.float32))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, X):
        half = X.shape[-1] // 2
        weighted = (X * self.letters[:, None]).sum(dim=1) * self.scale
        return torch.stack([weighted[:, :half].sum(dim=-1), weighted[:, half:].sum(dim=-1)], dim=1)


class TwoHeads(nn.Module):
    """Profile logits that favour G on the plus and C on the minus strand, and log(1 + 10 x letters G)."""

    def forward(self, X):
        return 3 * X[:, [2, 1]], (10 * X[:, 2].sum(dim=-1, keepdim=True)).log1p()


class Controlled(nn.Module):
    """Letters A, plus a constant track's sum, plus a number for each background."""

    def forward(self, X, track, number):
        return X[:, :1].sum(dim=-1) + track.sum(dim=(1, 2)).unsqueeze(1) + number


class Overflows(nn.Module):
    """Infinite for a sequence that holds GGGG."""

    def forward(self, X):
        runs = nn.functional.avg_pool1d(X[:, 2:3], 4, stride=1).amax(dim=-1)
        return torch.where(runs == 1, torch.inf, runs)


def halves(outputs):
    """A lab's own readout: the difference of the halves."""
    return (outputs[:, 0] - outputs[:, 1]).unsqueeze(1)
