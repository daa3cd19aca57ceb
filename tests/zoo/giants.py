"""Enformer and Borzoi in full size, with random weights: for what they take of memory and time.

Their layers are those of the papers: how many there are, how wide, and over how many positions. With the sizes of
`SMALL` they are small.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional
from transformers import AttentionPool, convolution_block


class Plus(nn.Module):
    """A sum of what goes in and what comes out."""

    def __init__(self, *layers):
        super().__init__()
        self.inner = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.inner(x)


class RelativeAttention(nn.Module):
    """Attention whose logits have a part by what keys are, and one by how far they lie from the query, on either side.

    Heads have keys of 64 channels; `features` are functions of the distance.
    """

    def __init__(self, channels, length, features, heads=8, key=64):
        super().__init__()
        self.heads, self.key, self.length = heads, key, length
        self.queries, self.keys = (nn.Linear(channels, heads * key, bias=False) for _ in range(2))
        self.values, self.out = nn.Linear(channels, channels, bias=False), nn.Linear(channels, channels)
        self.by_distance = nn.Linear(features, heads * key, bias=False)
        self.content, self.position = (nn.Parameter(torch.randn(heads, 1, key)) for _ in range(2))
        distances = torch.arange(1 - length, length)
        widths = 2.0 ** torch.linspace(1, torch.tensor(length).log2().item(), features // 2)
        near = (-distances.abs()[:, None] / widths).exp()
        self.register_buffer("distances", torch.cat([near, near * distances.sign()[:, None]], dim=1))

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(-2, -3)

    def forward(self, x):
        n, length, channels = x.shape
        queries = self.split(self.queries(x)) * self.key**-0.5
        logits = (queries + self.content) @ self.split(self.keys(x)).transpose(-1, -2)
        far = (queries + self.position) @ self.split(self.by_distance(self.distances)).transpose(-1, -2)
        # Of each query the distances to all keys: rows of 2 length - 1 are shifted against each other by one.
        far = functional.pad(far, (1, 0)).reshape(n, self.heads, 2 * length, length)[:, :, 1:]
        far = far.reshape(n, self.heads, length, 2 * length - 1)[..., :length]
        y = (logits + far).softmax(dim=-1) @ self.split(self.values(x))
        return self.out(y.transpose(1, 2).reshape(n, length, channels))


def transformer(channels, length, features, layers):
    """Layers of attention and dense ones, each normed before and added to what goes in."""
    made = []
    for _ in range(layers):
        made.append(Plus(nn.LayerNorm(channels), RelativeAttention(channels, length, features)))
        wide = [nn.Linear(channels, 2 * channels), nn.ReLU(), nn.Linear(2 * channels, channels)]
        made.append(Plus(nn.LayerNorm(channels), *wide))
    return nn.Sequential(*made)


class Enformer(nn.Module):
    """Enformer (Avsec et al. 2021): 196,608 bases to 896 bins of 128 bases in 5,313 tracks, (n, bins, tracks)."""

    def __init__(
        self,
        widths=(768, 768, 896, 1024, 1152, 1280, 1536),
        layers=11,
        bins=1536,
        kept=896,
        tracks=5313,
        features=192,
    ):
        super().__init__()
        stem = [nn.Conv1d(4, widths[0], 15, padding=7), Plus(convolution_block(widths[0], widths[0], 1))]
        tower = [*stem, AttentionPool(widths[0])]
        for before, after in itertools.pairwise(widths):
            tower += [convolution_block(before, after, 5), Plus(convolution_block(after, after, 1))]
            tower.append(AttentionPool(after))
        self.tower, self.crop = nn.Sequential(*tower), (bins - kept) // 2
        self.transformer = transformer(widths[-1], bins, features, layers)
        self.last = convolution_block(widths[-1], 2 * widths[-1], 1)
        self.head = nn.Linear(2 * widths[-1], tracks)

    def forward(self, x):
        x = self.transformer(self.tower(x).transpose(1, 2))
        x = self.last(x[:, self.crop : -self.crop].transpose(1, 2))
        return functional.softplus(self.head(functional.gelu(x).transpose(1, 2)))


class Borzoi(nn.Module):
    """Borzoi (Linder et al. 2025): 524,288 bases to 6,144 bins of 32 bases in 7,611 tracks, (n, tracks, bins)."""

    def __init__(
        self,
        widths=(512, 608, 736, 896, 1056, 1280),
        channels=1536,
        layers=8,
        bins=16384,
        kept=6144,
        tracks=7611,
        features=32,
    ):
        super().__init__()
        tower = [nn.Conv1d(4, widths[0], 15, padding=7)]
        for before, after in itertools.pairwise(widths):
            tower += [nn.MaxPool1d(2), convolution_block(before, after, 5)]
        self.tower, self.crop = nn.Sequential(*tower), (bins - kept) // 2
        self.down = nn.Sequential(nn.MaxPool1d(2), convolution_block(widths[-1], channels, 5))
        self.transformer = transformer(channels, bins // 4, features, layers)
        self.ups = nn.ModuleList(convolution_block(channels, channels, 1) for _ in range(2))
        self.skips = nn.ModuleList(convolution_block(n, channels, 1) for n in (channels, widths[-1]))
        self.separable = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(channels, channels, 3, padding=1, groups=channels, bias=False),
                nn.Conv1d(channels, channels, 1),
            )
            for _ in range(2)
        )
        self.last, self.head = convolution_block(channels, 1920, 1), nn.Conv1d(1920, tracks, 1)

    def forward(self, x):
        fine = self.tower(x)
        coarse = self.down(fine)
        x = self.transformer(functional.max_pool1d(coarse, 2).transpose(1, 2)).transpose(1, 2)
        for up, skip, separable, y in zip(self.ups, self.skips, self.separable, (coarse, fine), strict=True):
            x = separable(functional.interpolate(up(x), scale_factor=2.0, mode="nearest") + skip(y))
        return functional.softplus(self.head(functional.gelu(self.last(x[:, :, self.crop : -self.crop]))))


LENGTHS = {"Enformer": 196_608, "Borzoi": 524_288}
FULL = {"Enformer": Enformer, "Borzoi": Borzoi}
SMALL = {
    "Enformer": {"widths": (16, 24, 32), "layers": 2, "bins": 64, "kept": 32, "tracks": 7, "features": 8},
    "Borzoi": {"widths": (8, 12, 16), "channels": 32, "layers": 2, "bins": 128, "kept": 64, "tracks": 7, "features": 8},
}
"""Of 512 bases."""
