"""Deep convolutional models of long sequences, and of what lies in pairs of positions."""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional


class Residual(nn.Module):
    """A sum of what goes in and what comes out."""

    def __init__(self, *layers):
        super().__init__()
        self.inner = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.inner(x)


class Basenji2(nn.Module):
    """Basenji2 (Kelley 2020): convolutions with pooling to bins, dilated ones with residuals, a crop, tracks."""

    def __init__(self, channels=48, tracks=20):
        super().__init__()
        layers = [nn.Conv1d(4, channels, 15, padding=7), nn.BatchNorm1d(channels), nn.MaxPool1d(2)]
        for _ in range(3):
            layers += [nn.GELU(), nn.Conv1d(channels, channels, 5, padding=2), nn.BatchNorm1d(channels)]
            layers += [nn.MaxPool1d(2)]
        for rate in (1, 2, 3, 5):
            narrow = nn.Conv1d(channels, channels // 2, 3, padding=rate, dilation=rate, bias=False)
            layers += [Residual(nn.GELU(), narrow, nn.BatchNorm1d(channels // 2), nn.GELU())]
            layers[-1].inner.extend([nn.Conv1d(channels // 2, channels, 1), nn.BatchNorm1d(channels), nn.Dropout(0.3)])
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.GELU(), nn.Conv1d(channels, 2 * channels, 1), nn.Dropout(0.05), nn.GELU())
        self.tracks = nn.Linear(2 * channels, tracks)

    def forward(self, x):
        x = self.head(functional.pad(self.trunk(x), (-16, -16)))
        return functional.softplus(self.tracks(x.transpose(1, 2)))


class Sei(nn.Module):
    """Sei (Chen et al. 2022): linear and nonlinear paths side by side, dilated convolutions, splines over positions."""

    def __init__(self, channels=32, splines=8, length=1024):
        super().__init__()

        def linear(before):
            return nn.Sequential(nn.Conv1d(before, channels, 9, padding=4), nn.Conv1d(channels, channels, 9, padding=4))

        def curved():
            layers = [nn.Conv1d(channels, channels, 9, padding=4), nn.ReLU(inplace=True)]
            return nn.Sequential(*layers, nn.Conv1d(channels, channels, 9, padding=4), nn.ReLU(inplace=True))

        self.linears = nn.ModuleList([linear(4), nn.Sequential(nn.MaxPool1d(4), nn.Dropout(0.2), linear(channels))])
        self.curved = nn.ModuleList([curved(), curved()])
        self.dilated = nn.ModuleList(nn.Conv1d(channels, channels, 5, padding=2 * d, dilation=d) for d in (2, 4, 8))
        places = torch.linspace(0, splines - 1, length // 4)[:, None] - torch.arange(splines)
        self.register_buffer("splines", (1 - places.abs()).clamp(min=0))
        self.dense = nn.Sequential(nn.Linear(channels * splines, 64), nn.ReLU(inplace=True), nn.Linear(64, 40))

    def forward(self, x):
        for linear, curved in zip(self.linears, self.curved, strict=True):
            x = linear(x)
            x = curved(x) + x
        for convolution in self.dilated:
            x = x + functional.relu(convolution(x), inplace=True)
        x = torch.matmul(x, self.splines)
        return torch.sigmoid(self.dense(x.view(x.size(0), -1)))


class Unit(nn.Module):
    """A residual unit of SpliceAI: norm, ReLU and convolution, twice."""

    def __init__(self, channels, width, rate):
        super().__init__()
        padding = rate * (width - 1) // 2
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(2))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels, channels, width, dilation=rate, padding=padding) for _ in range(2)
        )

    def forward(self, x):
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution(functional.relu(norm(y)))
        return x + y


class SpliceAI(nn.Module):
    """SpliceAI (Jaganathan et al. 2019): residual units with skips to the end, a crop, three classes a position.

    With `leaky` as in OpenSpliceAI (Chao et al. 2025): leaky units, cropped by a slice.
    """

    def __init__(self, channels=24, leaky=False):
        super().__init__()
        self.leaky, self.crop = leaky, 200
        self.first, self.skip = nn.Conv1d(4, channels, 1), nn.Conv1d(channels, channels, 1)
        self.units = nn.ModuleList(Unit(channels, width, rate) for width, rate in [(11, 1), (11, 4), (21, 6)])
        self.skips = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in self.units)
        self.last = nn.Conv1d(channels, 3, 1)

    def forward(self, x):
        x = self.first(x)
        skip = self.skip(x)
        for unit, into in zip(self.units, self.skips, strict=True):
            x = functional.leaky_relu(unit(x), 0.1) if self.leaky else unit(x)
            skip = skip + into(x)
        if self.leaky:
            return functional.softmax(self.last(skip[:, :, self.crop : -self.crop]), dim=1)
        return functional.softmax(self.last(functional.pad(skip, (-self.crop, -self.crop))).transpose(1, 2), dim=-1)


class Excitation(nn.Module):
    """Squeeze and excitation: channels are scaled by what their means over all positions say."""

    def __init__(self, channels):
        super().__init__()
        layers = [nn.Linear(channels, channels // 4), nn.SiLU(), nn.Linear(channels // 4, channels), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        n, channels, _ = x.size()
        return x * self.layers(x.mean(dim=2)).view(n, channels, 1)


class LegNet(nn.Module):
    """LegNet (Penzar et al. 2023), as for human MPRA: inverted bottlenecks with squeeze and excitation."""

    def __init__(self, sizes=(48, 48, 32, 32)):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(4, sizes[0], 11, padding="same"), nn.BatchNorm1d(sizes[0]), nn.SiLU())
        self.bottlenecks, self.mixers = nn.ModuleList(), nn.ModuleList()
        for before, after in itertools.pairwise(sizes):
            wide = 2 * before
            layers = [nn.Conv1d(before, wide, 1, bias=False), nn.BatchNorm1d(wide), nn.SiLU()]
            layers += [nn.Conv1d(wide, wide, 9, groups=wide, padding="same", bias=False), nn.BatchNorm1d(wide)]
            layers += [nn.SiLU(), Excitation(wide), nn.Conv1d(wide, before, 1), nn.BatchNorm1d(before), nn.SiLU()]
            self.bottlenecks.append(nn.Sequential(*layers))
            mixer = [nn.Conv1d(wide, after, 9, padding="same"), nn.BatchNorm1d(after), nn.SiLU(), nn.MaxPool1d(2)]
            self.mixers.append(nn.Sequential(*mixer))
        self.map = nn.Sequential(nn.Conv1d(sizes[-1], 64, 1), nn.BatchNorm1d(64), nn.SiLU())
        self.dense = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, x):
        x = self.stem(x)
        for bottleneck, mixer in zip(self.bottlenecks, self.mixers, strict=True):
            x = mixer(torch.cat([bottleneck(x), x], dim=1))
        return self.dense(functional.adaptive_avg_pool1d(self.map(x), 1).squeeze(-1)).squeeze(-1)


class Puffin(nn.Module):
    """Puffin (Dudnyk et al. 2024): motifs' activations, each spread by a long kernel, which is a product of spectra."""

    def __init__(self, motifs=10, tracks=5, width=601):
        super().__init__()
        self.width = width
        self.scan = nn.Conv1d(4, motifs, 51, padding=25)
        self.effects = nn.Parameter(torch.randn(tracks, motifs, width) / math.sqrt(width * motifs))
        self.bias = nn.Parameter(torch.randn(tracks, 1))

    def forward(self, x):
        y = torch.cat([self.scan(x), self.scan(x.flip([1, 2])).flip([2])], dim=1)
        y = functional.softplus(y[:, :10]) + functional.softplus(y[:, 10:])
        size = y.shape[-1] + self.width - 1
        spectra = torch.fft.rfft(y, n=size).unsqueeze(1) * torch.fft.rfft(self.effects, n=size)
        first = self.width // 2
        y = torch.fft.irfft(spectra.sum(dim=2), n=size)[..., first : first + x.shape[-1]]
        return functional.softplus(y + self.bias)


class Akita(nn.Module):
    """Akita (Fudenberg et al. 2020): bins, then pairs of bins of their mean and distance, symmetric convolutions."""

    def __init__(self, channels=32, bins=32):
        super().__init__()
        layers = [nn.Conv1d(4, channels, 11, padding=5), nn.BatchNorm1d(channels), nn.ReLU(), nn.MaxPool1d(4)]
        for _ in range(2):
            layers += [nn.Conv1d(channels, channels, 5, padding=2), nn.BatchNorm1d(channels), nn.ReLU()]
            layers += [nn.MaxPool1d(4)]
        self.trunk = nn.Sequential(*layers)
        places = torch.arange(bins)
        self.register_buffer("distances", (places[:, None] - places).abs().float()[None, None] / bins)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n, 16, 3, padding=d, dilation=d) for n, d in [(2 * channels + 1, 1), (16, 2), (16, 4)]
        )
        self.register_buffer("upper", torch.triu_indices(bins - 8, bins - 8, 2))
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        x = self.trunk(x)
        rows = x.unsqueeze(3).expand(-1, -1, -1, x.shape[2])
        distances = self.distances.expand(x.shape[0], -1, -1, -1)
        x = torch.cat([(rows + rows.transpose(2, 3)) / 2, rows * rows.transpose(2, 3), distances], dim=1)
        for i, convolution in enumerate(self.convolutions):
            y = convolution(x).relu()
            y = (y + y.transpose(2, 3)) / 2
            x = y if i == 0 else x + y
        x = x[:, :, 4:-4, 4:-4]
        return self.out(x[:, :, self.upper[0], self.upper[1]].transpose(1, 2))
