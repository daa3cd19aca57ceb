"""Models of bins and tracks, shaped as Enformer, Basenji and Borzoi are, whose numbers are computed by hand."""

import numpy as np
import torch
from torch import nn

BIN, KERNEL, TRACKS = 4, 5, 3


def weights():
    """Of the convolution, (tracks, letters, kernel), float64."""
    return np.random.default_rng(0).normal(size=(TRACKS, 4, KERNEL)).astype(np.float32).astype(np.float64)


def by_hand(X, crop=0):
    """What `Binned` gives for sequences (n, 4, length): float64 (n, bins, tracks)."""
    padded = np.pad(X, ((0, 0), (0, 0), (KERNEL // 2, KERNEL // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, KERNEL, axis=2)
    tracks = np.maximum(np.einsum("tlk,nlpk->ntp", weights(), windows), 0)
    bins = tracks.reshape(*tracks.shape[:2], -1, BIN).max(axis=3)
    return bins[:, :, crop : bins.shape[2] - crop].transpose(0, 2, 1)


class Binned(nn.Module):
    """Convolution, ReLU, bins by their maximum, a crop of the ends: (n, bins, tracks), or the axes in another order.

    Args:
        order: of the output's axes; (0, 2, 1) gives (n, bins, tracks).
        crop: bins at each end that are left out.
        bins: how many are kept, whatever the length; None for all.
        mixed: subtract the mean over all bins, so that every bin looks at the whole sequence.
    """

    def __init__(self, order=(0, 2, 1), crop=0, bins=None, mixed=False):
        super().__init__()
        self.conv = nn.Conv1d(4, TRACKS, KERNEL, padding=KERNEL // 2, bias=False)
        self.conv.weight.data = torch.from_numpy(weights()).float()
        self.requires_grad_(False)
        self.order, self.crop, self.bins, self.mixed = tuple(order), crop, bins, mixed

    def forward(self, X):
        y = nn.functional.max_pool1d(self.conv(X).relu(), BIN)
        y = y[:, :, self.crop : y.shape[2] - self.crop]
        if self.bins is not None:
            if y.shape[2] < self.bins:
                raise ValueError("the sequence is too short")
            y = y[:, :, : self.bins]
        return (y - y.mean(dim=2, keepdim=True) if self.mixed else y).permute(self.order)


class Steep(nn.Module):
    """Profile logits (n, positions, strands) and log(1 + counts), from the letters."""

    def __init__(self, crop=0):
        super().__init__()
        self.crop = crop

    def forward(self, X):
        logits = X[:, :2].transpose(1, 2)
        return logits[:, self.crop : logits.shape[1] - self.crop], X[:, 2].sum(dim=1, keepdim=True).log1p()


class LettersLast(nn.Module):
    """As Keras's models are: sequences (n, length, 4), which may be flattened as they lie in memory, and bins first."""

    def __init__(self, flat=False):
        super().__init__()
        self.binned, self.flat = Binned(), flat

    def forward(self, X):
        n, length, letters = X.shape
        if letters != 4:
            raise ValueError(f"sequences of {letters} letters")
        X = X.view(n, length * 4).view(n, length, 4) if self.flat else X
        return self.binned(X.permute(0, 2, 1))
