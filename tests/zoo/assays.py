"""Models of one number or a few for a short sequence: convolutions, pooling, dense layers."""

import math

import torch
from torch import nn
from torch.nn import functional


def blocks(filters, widths, pools):
    """Convolution, norm, ReLU and pooling, again and again."""
    layers = []
    for before, after, width, pool in zip((4, *filters), filters, widths, pools, strict=False):
        layers += [nn.Conv1d(before, after, width, padding=width // 2), nn.BatchNorm1d(after), nn.ReLU()]
        layers += [nn.MaxPool1d(pool)]
    return layers


class DeepBind(nn.Module):
    """DeepBind (Alipanahi et al. 2015): one convolution, its maximum and mean over all positions, two dense layers."""

    def __init__(self):
        super().__init__()
        self.detectors = nn.Conv1d(4, 16, 24, padding=23)
        self.hidden, self.out = nn.Linear(32, 32), nn.Linear(32, 1)

    def forward(self, x):
        x = self.detectors(x).relu()
        pooled = torch.cat([functional.adaptive_max_pool1d(x, 1), functional.adaptive_avg_pool1d(x, 1)], dim=1)
        return self.out(functional.dropout(self.hidden(pooled.flatten(1)).relu(), 0.5, self.training))


class DeepSEA(nn.Sequential):
    """DeepSEA (Zhou and Troyanskaya 2015): three convolutions without padding, 919 chromatin features."""

    def __init__(self):
        super().__init__(
            *(nn.Conv1d(4, 48, 8), nn.ReLU(), nn.MaxPool1d(4), nn.Dropout(0.2)),
            *(nn.Conv1d(48, 64, 8), nn.ReLU(), nn.MaxPool1d(4), nn.Dropout(0.2)),
            *(nn.Conv1d(64, 96, 8), nn.ReLU(), nn.Dropout(0.5)),
            *(nn.Flatten(), nn.Linear(96 * 22, 128), nn.ReLU(), nn.Linear(128, 919), nn.Sigmoid()),
        )


class Beluga(nn.Module):
    """Beluga (Zhou et al. 2018): as DeepSEA with convolutions in pairs, written with images of one row."""

    def __init__(self):
        super().__init__()
        self.convolutions = nn.Sequential(
            *(nn.Conv2d(4, 32, (1, 8)), nn.ReLU(), nn.Conv2d(32, 32, (1, 8)), nn.ReLU(), nn.Dropout(0.2)),
            *(nn.MaxPool2d((1, 4), (1, 4)), nn.Conv2d(32, 48, (1, 8)), nn.ReLU(), nn.Conv2d(48, 48, (1, 8)), nn.ReLU()),
            *(nn.MaxPool2d((1, 4), (1, 4)), nn.Conv2d(48, 64, (1, 8)), nn.ReLU(), nn.Conv2d(64, 64, (1, 8)), nn.ReLU()),
        )
        self.dense = nn.Sequential(nn.Linear(64 * 31, 128), nn.ReLU(), nn.Linear(128, 200), nn.Sigmoid())

    def forward(self, x):
        x = self.convolutions(x.unsqueeze(2))
        return self.dense(x.view(x.size(0), -1))


class Basset(nn.Sequential):
    """Basset (Kelley et al. 2016): three convolutions with pooling, three dense layers, 164 tasks."""

    def __init__(self):
        dense = [nn.Flatten(), nn.Linear(64 * 12, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3)]
        dense += [nn.Linear(128, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 164)]
        super().__init__(*blocks((96, 64, 64), (19, 11, 7), (3, 4, 4)), *dense)


class Malinois(nn.Module):
    """Malinois (Gosai et al. 2024): Basset's convolutions padded by hand, then dense layers for each cell."""

    def __init__(self, cells=3):
        super().__init__()
        self.convolutions = nn.ModuleList([nn.Conv1d(4, 96, 19), nn.Conv1d(96, 64, 11), nn.Conv1d(64, 64, 7)])
        self.norms = nn.ModuleList(nn.BatchNorm1d(n) for n in (96, 64, 64))
        self.paddings, self.pools = ((9, 9), (5, 5), (3, 3)), (3, 4, 4)
        self.dense, self.norm = nn.Linear(64 * 13, 128), nn.BatchNorm1d(128)
        self.branch_weights = nn.Parameter(torch.randn(cells, 128, 32) / 8)
        self.branch_biases = nn.Parameter(torch.randn(cells, 1, 32))
        self.out = nn.Parameter(torch.randn(cells, 32, 1))

    def forward(self, x):
        for convolution, norm, padding, pool in zip(
            self.convolutions, self.norms, self.paddings, self.pools, strict=True
        ):
            x = functional.relu(norm(convolution(functional.pad(x, padding))))
            x = functional.max_pool1d(functional.pad(x, (0, pool // 2)), pool)
        x = functional.relu(self.norm(self.dense(torch.flatten(x, start_dim=1))))
        x = torch.baddbmm(self.branch_biases, x.expand(len(self.out), *x.shape), self.branch_weights).relu()
        return torch.bmm(x, self.out).squeeze(-1).transpose(0, 1)


class DeepSTARR(nn.Sequential):
    """DeepSTARR (de Almeida et al. 2022): four convolutions with pooling, two dense layers, 2 tasks."""

    def __init__(self):
        dense = [nn.Flatten(), nn.Linear(64 * 15, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 2)]
        super().__init__(*blocks((128, 60, 60, 64), (7, 3, 5, 3), (2, 2, 2, 2)), *dense)


class Kopp21(nn.Module):
    """Kopp21 of EUGENe (Kopp et al. 2020): both strands are scanned, the larger of the two goes on."""

    def __init__(self):
        super().__init__()
        self.scan, self.second = nn.Conv1d(4, 16, 11), nn.Conv1d(16, 8, 3)
        self.norm, self.out = nn.BatchNorm1d(8), nn.Linear(8, 1)

    def forward(self, x):
        forward, backward = self.scan(x), self.scan(torch.flip(x, [1, 2])).flip(2)
        x = functional.max_pool1d(torch.maximum(forward, backward).relu(), 30)
        return self.out(self.norm(self.second(x).relu()).mean(dim=2))


class Jores21(nn.Module):
    """Jores et al. 2021: convolutions by each kernel and its reverse complement, of one weight."""

    def __init__(self):
        super().__init__()
        self.kernels = nn.ParameterList([torch.randn(48, n, 13) / math.sqrt(13 * n) for n in (4, 96)])
        self.biases = nn.ParameterList([torch.randn(48) for _ in range(2)])
        self.last, self.norm = nn.Conv1d(96, 32, 3, padding=1), nn.BatchNorm1d(32)
        self.dense = nn.Sequential(nn.Linear(32 * 170, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            both = [functional.conv1d(x, k, bias, padding="same") for k in (kernel, kernel.flip(1, 2))]
            x = torch.cat([functional.relu(y) for y in both], dim=1)
        return self.dense(self.norm(self.last(x).relu()).flatten(1))


class ResidualBind(nn.Module):
    """ResidualBind (Koo et al. 2021): a block of dilated convolutions in sequence around which the input goes."""

    def __init__(self, filters=48):
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(4, filters, 11, padding=5), nn.BatchNorm1d(filters), nn.ReLU())
        block = []
        for dilation in (1, 2, 4, 8):
            block += [nn.Conv1d(filters, filters, 3, padding=dilation, dilation=dilation), nn.BatchNorm1d(filters)]
            block += [nn.ReLU(), nn.Dropout(0.1)]
        self.block = nn.Sequential(*block[:-2])
        self.dense = nn.Sequential(nn.Linear(filters * 20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        x = self.first(x)
        x = functional.avg_pool1d(functional.relu(x + self.block(x)), 10)
        return self.dense(x.reshape(x.shape[0], -1))
