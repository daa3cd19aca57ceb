"""Toy models whose outputs are known by hand."""

import torch
from torch import nn


class Composition(nn.Module):
    """Counts of each letter: (n, letters)."""

    def forward(self, X):
        return X.sum(dim=-1)


class Positions(nn.Module):
    """For each letter the sum of the 1-based positions where it stands: (n, letters)."""

    def forward(self, X):
        return X @ torch.arange(1, X.shape[-1] + 1, dtype=X.dtype)


class Scaled(nn.Module):
    """`alpha` times the composition plus `beta`, from two further inputs of shape (n, 1)."""

    def forward(self, X, alpha, beta):
        return alpha * X.sum(dim=-1) + beta


class Lookup(nn.Module):
    """A row of a table by an integer input: fails unless the input keeps its dtype."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(3, 4)

    def forward(self, X, index):
        return X.sum(dim=-1) * self.table(index)


class Centre(nn.Module):
    """Attention between all positions, of which the four in the middle are taken: (n, 8, 4)."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv, self.queries = nn.Conv1d(4, 8, 5, padding=2), nn.Linear(8, 8)

    def forward(self, X):
        x, middle = self.conv(X).mT, X.shape[2] // 2
        y = nn.functional.scaled_dot_product_attention(self.queries(x), x, x)
        return (x + y).relu()[:, middle - 2 : middle + 2].mT


class TwoHeads(nn.Module):
    """A tuple of the letters along the sequence, (n, letters, length), and the composition."""

    def forward(self, X):
        return 2 * X, X.sum(dim=-1)


class Convolution(nn.Module):
    """A small random network with dropout, which shows whether evaluation mode was on."""

    def __init__(self, letters=4):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv = nn.Conv1d(letters, 8, 5, padding=2)
            self.dense = nn.Linear(8, 3)
        self.dropout = nn.Dropout(0.5)

    def forward(self, X):
        return self.dense(self.dropout(self.conv(X).relu()).amax(dim=-1))


class Tower(nn.Module):
    """Dilated convolutions with residuals, of many channels or of few, then a crop, as in BPNet."""

    def __init__(self, channels):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv1d(4, channels, 5, padding=2)
        self.dilated = nn.ModuleList(nn.Conv1d(channels, channels, 3, padding=2**i, dilation=2**i) for i in range(1, 5))
        self.profile = nn.Conv1d(channels, 2, 5)
        self.counts = nn.Linear(channels, 1)

    def forward(self, X):
        h = self.first(X).relu()
        for convolution in self.dilated:
            h = h + convolution(h).relu()
        return self.profile(h)[:, :, 20:-20], self.counts(h[:, :, 25:-25].mean(-1))


class Words(nn.Module):
    """For each of some words the sum over positions of 4 ** (letters of it that stand there, less its length): (n, 2).

    The second is taken negative: that word lowers.
    """

    words = ("GATTACAT", "CCTGAGTC")

    def __init__(self):
        super().__init__()
        kernels = torch.tensor([[[float(x == letter) for x in word] for letter in "ACGT"] for word in self.words])
        self.register_buffer("kernels", kernels)

    def forward(self, X):
        matches = nn.functional.conv1d(X, self.kernels.to(X.dtype))
        return (4.0 ** (matches - 8)).sum(dim=-1) * torch.tensor([1.0, -1.0], dtype=X.dtype, device=X.device)
