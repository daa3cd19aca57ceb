"""Blocks of networks for pictures and sounds, which people put into networks of their own."""

import torch
from torch import nn
from torch.nn import functional
from towers import Residual


class ResponseNorm(nn.Module):
    """Each channel by its norm over the positions, and by the mean of those of all channels."""

    def __init__(self, channels):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.rand(channels)), nn.Parameter(torch.rand(channels))

    def forward(self, x):
        norm = x.norm(p=2, dim=1, keepdim=True)
        return self.scale * (x * norm / (norm.mean(-1, keepdim=True) + 1e-6)) + self.shift + x


class ConvNeXt(nn.Module):
    """ConvNeXt (Liu et al. 2022): convolutions in each channel, norms over channels, layers with a scale.

    The second (Woo et al. 2023) has norms over the positions too.
    """

    def __init__(self, channels=32, layers=3, second=False):
        super().__init__()
        self.stem = nn.Conv1d(4, channels, 4, 4)
        self.layers = nn.ModuleList(nn.ModuleDict() for _ in range(layers))
        for layer in self.layers:
            layer["depthwise"] = nn.Conv1d(channels, channels, 7, padding=3, groups=channels)
            wide = [nn.LayerNorm(channels), nn.Linear(channels, 4 * channels), nn.GELU()]
            wide += [ResponseNorm(4 * channels)] * second
            layer["wide"] = nn.Sequential(*wide, nn.Linear(4 * channels, channels))
        self.scale = nn.Parameter(torch.full((channels,), 0.5))
        self.head = nn.Linear(channels, 3)

    def forward(self, x):
        x = self.stem(x)
        for layer in self.layers:
            x = x + (self.scale * layer["wide"](layer["depthwise"](x).permute(0, 2, 1))).permute(0, 2, 1)
        return self.head(x.mean(-1))


class Shuffled(nn.Module):
    """Channels in groups, and then the first of each, the second of each, and so on."""

    def forward(self, x):
        return functional.channel_shuffle(x[..., None], 4)[..., 0]


class InvertedResiduals(nn.Module):
    """MobileNet (Sandler et al. 2018) with ShuffleNet's channels: wide in between, narrow outside; in place."""

    def __init__(self, channels=16, layers=3):
        super().__init__()
        wide, norm = 4 * channels, nn.BatchNorm1d
        steps = [nn.Conv1d(4, channels, 3, 2, 1, bias=False), norm(channels), nn.Hardswish(inplace=True)]
        for _ in range(layers):
            first = [nn.Conv1d(channels, wide, 1, groups=4, bias=False), norm(wide), nn.ReLU6(inplace=True), Shuffled()]
            second = [nn.Conv1d(wide, wide, 5, padding=2, groups=wide, bias=False), norm(wide), nn.ReLU6(inplace=True)]
            steps.append(Residual(*first, *second, nn.Conv1d(wide, channels, 1, bias=False), norm(channels)))
        self.layers, self.head = nn.Sequential(*steps), nn.Linear(channels, 2)

    def forward(self, x):
        return self.head(functional.adaptive_avg_pool1d(self.layers(x), 1).squeeze(-1))


class WeightsOfOthers(nn.Module):
    """Convolutions whose weights are made of others: by their norm, by their largest singular value, of halves."""

    def __init__(self, channels=32):
        super().__init__()
        of_norm, of_spectrum = nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm
        self.first = of_norm(nn.Conv1d(4, channels, 9, padding=4))
        self.second = of_spectrum(nn.Conv1d(channels, channels, 5, padding=2))
        self.register_buffer("halves", torch.randn(channels, channels, 3).half() / channels)
        self.head = nn.Linear(channels, 4)

    def forward(self, x):
        x = functional.elu(self.second(self.first(x).relu()))
        return self.head(functional.conv1d(x, self.halves.to(x.dtype)).amax(-1))
