"""Models with attention, and with convolutions as long as their sequences."""

import math

import torch
from torch import nn
from torch.nn import functional


def convolution_block(before, after, width):
    """Norm, GELU and convolution, as Enformer has them."""
    return nn.Sequential(nn.BatchNorm1d(before), nn.GELU(), nn.Conv1d(before, after, width, padding=width // 2))


class AttentionPool(nn.Module):
    """Pooling of Enformer: pairs of positions weighted by a softmax, each channel with weights of its own."""

    def __init__(self, channels, size=2):
        super().__init__()
        self.size = size
        self.logits = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x):
        n, channels, length = x.shape
        x = x.reshape(n, channels, length // self.size, self.size)
        return (x * self.logits(x).softmax(dim=-1)).sum(dim=-1)


class Attention(nn.Module):
    """Heads of attention, with keys and queries turned by their positions (`rotary`), or with a bias by distance."""

    def __init__(self, channels, length, heads=4, rotary=True):
        super().__init__()
        self.heads, self.rotary = heads, rotary
        self.qkv, self.out = nn.Linear(channels, 3 * channels, bias=False), nn.Linear(channels, channels)
        angles = torch.arange(length)[:, None] * 0.1 ** torch.linspace(0, 3, channels // heads // 2)
        self.register_buffer("cos", torch.cat([angles, angles], dim=1).cos())
        self.register_buffer("sin", torch.cat([angles, angles], dim=1).sin())
        self.bias = nn.Parameter(torch.randn(heads, 2 * length - 1))
        self.register_buffer("distances", torch.arange(length)[:, None] - torch.arange(length) + length - 1)

    def turned(self, x):
        first, second = x.chunk(2, dim=-1)
        return x * self.cos + torch.cat([-second, first], dim=-1) * self.sin

    def forward(self, x):
        n, length, channels = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if self.rotary:
            y = functional.scaled_dot_product_attention(self.turned(q), self.turned(k), v)
        else:
            scores = torch.einsum("b h i d, b h j d -> b h i j", q, k) / math.sqrt(q.shape[-1])
            y = (scores + self.bias[:, self.distances]).softmax(dim=-1) @ v
        return self.out(y.transpose(1, 2).reshape(n, length, channels))


class Block(nn.Module):
    """A layer of a transformer, normed before."""

    def __init__(self, channels, length, rotary=True, activation=nn.GELU):
        super().__init__()
        self.attend = nn.Sequential(nn.LayerNorm(channels), Attention(channels, length, rotary=rotary))
        wide = [nn.Linear(channels, 2 * channels), nn.Dropout(0.4), activation(), nn.Linear(2 * channels, channels)]
        self.feed = nn.Sequential(nn.LayerNorm(channels), *wide)

    def forward(self, x):
        x = x + self.attend(x)
        return x + self.feed(x)


class Enformer(nn.Module):
    """Enformer (Avsec et al. 2021): convolutions with attention pooling, a transformer, a crop."""

    def __init__(self, channels=48, tracks=20, length=1024):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, channels, 15, padding=7), AttentionPool(channels))
        tower = [(convolution_block(channels, channels, 5), AttentionPool(channels)) for _ in range(4)]
        self.conv_tower = nn.Sequential(*(layer for pair in tower for layer in pair))
        self.transformer = nn.Sequential(*(Block(channels, length // 32, False, nn.ReLU) for _ in range(2)))
        self.last, self.heads = convolution_block(channels, 2 * channels, 1), nn.Linear(2 * channels, tracks)

    def forward(self, x):
        x = self.transformer(self.conv_tower(self.stem(x)).transpose(1, 2))
        x = self.last(x[:, 8:-8].transpose(1, 2))
        return functional.softplus(self.heads(functional.gelu(x).transpose(1, 2)))


class EinopsPooling(nn.Module):
    """A convolutional model of gReLU that pools by einops: `reduce(x, "b c (n p) -> b c n", "max")` and "mean"."""

    def __init__(self, channels=48):
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(4, channels, 15, padding=7), nn.GELU())
        self.blocks = nn.ModuleList(convolution_block(channels, channels, 5) for _ in range(3))
        self.out = nn.Linear(channels * 8, 10)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
            x = x.reshape(x.shape[0], x.shape[1], x.shape[2] // 4, 4).amax(dim=-1)
        x = x.unflatten(2, (8, 2)).mean(dim=-1)
        return self.out(x.flatten(1))


class Borzoi(nn.Module):
    """Borzoi (Linder et al. 2025): convolutions with pooling, a transformer, then up again with skips."""

    def __init__(self, channels=48, tracks=40, length=1024):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, channels, 11, padding=5), nn.MaxPool1d(2))
        self.tower = nn.Sequential(*(self.down(channels) for _ in range(2)))
        self.unet = nn.ModuleList(self.down(channels) for _ in range(2))
        self.transformer = nn.Sequential(*(Block(channels, length // 32, False, nn.ReLU) for _ in range(2)))
        self.up = nn.ModuleList(convolution_block(channels, channels, 1) for _ in range(2))
        self.skips = nn.ModuleList(convolution_block(channels, channels, 1) for _ in range(2))
        self.separable = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(channels, channels, 3, padding=1, groups=channels), nn.Conv1d(channels, channels, 1)
            )
            for _ in range(2)
        )
        self.last, self.head = convolution_block(channels, 2 * channels, 1), nn.Conv1d(2 * channels, tracks, 1)

    @staticmethod
    def down(channels):
        return nn.Sequential(convolution_block(channels, channels, 5), nn.MaxPool1d(2))

    def forward(self, x):
        x = self.tower(self.stem(x))
        skips = []
        for down in self.unet:
            skips.append(x)
            x = down(x)
        x = self.transformer(x.permute(0, 2, 1)).permute(0, 2, 1)
        for up, skip, separable, y in zip(self.up, self.skips, self.separable, reversed(skips), strict=True):
            x = separable(functional.interpolate(up(x), scale_factor=2, mode="nearest") + skip(y))
        return functional.softplus(self.head(functional.gelu(self.last(x[:, :, 16:-16]))))


class Satori(nn.Module):
    """Satori (Ullah and Ben-Hur 2021), of EUGENe: a convolution with pooling, PyTorch's attention, a dense head."""

    def __init__(self, channels=64):
        super().__init__()
        self.convolution = nn.Sequential(nn.Conv1d(4, channels, 13, padding=6), nn.BatchNorm1d(channels), nn.ReLU())
        self.attention, self.norm = nn.MultiheadAttention(channels, 4, batch_first=True), nn.LayerNorm(channels)
        self.dense = nn.Sequential(nn.Linear(channels * 75, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, x):
        x = functional.max_pool1d(self.convolution(x), 8).permute(0, 2, 1)
        y, _ = self.attention(x, x, x)
        return self.dense(self.norm(x + y).flatten(1))


class ConvTransformer(nn.Module):
    """gReLU's convolutional transformer: a stem with pooling, PyTorch's encoder layers, the mean over positions.

    Or with the positions before the rows, as PyTorch's layers have it unless they are told otherwise.
    """

    def __init__(self, channels=64, rows_first=True):
        super().__init__()
        stem = [nn.Conv1d(4, channels, 15, padding=7), nn.GELU(), nn.MaxPool1d(4)]
        stem += [convolution_block(channels, channels, 5), nn.MaxPool1d(4)]
        self.stem = nn.Sequential(*stem)
        self.order, self.positions = ((0, 2, 1), 1) if rows_first else ((2, 0, 1), 0)
        layer = nn.TransformerEncoderLayer(channels, 4, 2 * channels, batch_first=rows_first, norm_first=True)
        self.transformer = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(channels, 10)

    def forward(self, x):
        return self.head(self.transformer(self.stem(x).permute(self.order)).mean(dim=self.positions))


class LanguageModel(nn.Module):
    """A nucleotide language model after ESM-2: each base a token, attention with rotary positions, the mean."""

    def __init__(self, channels=48, length=128):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(4, channels))
        self.blocks = nn.Sequential(*(Block(channels, length) for _ in range(3)))
        self.norm, self.out = nn.LayerNorm(channels), nn.Linear(channels, 3)

    def forward(self, x):
        return self.out(self.norm(self.blocks(x.transpose(1, 2) @ self.embedding)).mean(dim=1))


class Hyena(nn.Module):
    """HyenaDNA (Nguyen et al. 2023): gates and causal convolutions as long as the sequence, as products of spectra."""

    def __init__(self, channels=32, layers=2, length=512):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(4, channels))
        self.into = nn.ModuleList(nn.Linear(channels, 3 * channels) for _ in range(layers))
        self.short = nn.ModuleList(
            nn.Conv1d(3 * channels, 3 * channels, 3, padding=2, groups=3 * channels) for _ in range(layers)
        )
        decay = torch.exp(-torch.arange(length) / (length / 8))
        self.filters = nn.Parameter(torch.randn(layers, channels, length) * decay / 4)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(layers))
        self.back = nn.ModuleList(nn.Linear(channels, channels) for _ in range(layers))
        self.out = nn.Linear(channels, 2)

    def forward(self, x):
        length = x.shape[-1]
        x = x.transpose(1, 2) @ self.embedding
        for norm, into, short, kernel, back in zip(
            self.norms, self.into, self.short, self.filters, self.back, strict=True
        ):
            gated = short(into(norm(x)).transpose(1, 2))[..., :length]
            first, second, v = gated.chunk(3, dim=1)
            spectra = torch.fft.rfft(v * first, n=2 * length) * torch.fft.rfft(kernel, n=2 * length)
            x = x + back((torch.fft.irfft(spectra, n=2 * length)[..., :length] * second).transpose(1, 2))
        return self.out(x[:, -1])
