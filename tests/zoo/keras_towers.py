"""Models of CREsted as Keras runs them on PyTorch: channels last, and operations by NumPy's names."""

import torch
from torch import nn
from torch.nn import functional


class Convolution(nn.Module):
    """Keras's Conv1D: channels to the front and back again around a convolution, the bias added after it."""

    def __init__(self, before, after, width, dilation=1, same=True):
        super().__init__()
        self.inner = nn.Conv1d(before, after, width, dilation=dilation, bias=False)
        self.bias = nn.Parameter(torch.randn(after) / 4)
        self.pad = dilation * (width - 1) // 2 if same else 0

    def forward(self, x):
        x = torch.permute(x, (0, 2, 1))
        x = functional.conv1d(functional.pad(x, (self.pad, self.pad)), self.inner.weight, dilation=self.inner.dilation)
        return torch.add(torch.permute(x, (0, 2, 1)), torch.reshape(self.bias, (1, 1, -1)))


class Norm(nn.BatchNorm1d):
    """Keras's BatchNormalization in inference: subtract, multiply, add, with what was gathered reshaped."""

    def forward(self, x):
        mean, variance = (torch.reshape(y, (1, 1, -1)) for y in (self.running_mean, self.running_var))
        scale = torch.multiply(torch.rsqrt(torch.add(variance, self.eps)), torch.reshape(self.weight, (1, 1, -1)))
        shift = torch.subtract(torch.reshape(self.bias, (1, 1, -1)), torch.multiply(mean, scale))
        return torch.add(torch.multiply(x, scale), shift)


def pooled(x, size):
    """Keras's MaxPooling1D."""
    return torch.permute(functional.max_pool1d(torch.permute(x, (0, 2, 1)), size), (0, 2, 1))


class CrestedDilated(nn.Module):
    """CREsted's dilated CNN (Kempynck et al. 2024): ChromBPNet's body, the mean over what is left, a dense layer."""

    def __init__(self, filters=48, layers=6, classes=10):
        super().__init__()
        self.first, self.first_norm = Convolution(4, filters, 21, same=False), Norm(filters)
        self.dilated = nn.ModuleList(Convolution(filters, filters, 3, 2**i, same=False) for i in range(1, layers + 1))
        self.norms = nn.ModuleList(Norm(filters) for _ in range(layers))
        self.out = nn.Linear(filters, classes)

    def forward(self, x):
        x = torch.permute(x, (0, 2, 1))
        x = torch.relu(self.first_norm(self.first(x)))
        for convolution, norm in zip(self.dilated, self.norms, strict=True):
            y = torch.relu(norm(convolution(x)))
            crop = (x.shape[1] - y.shape[1]) // 2
            x = torch.add(x[:, crop:-crop, :], y)
        return functional.softplus(self.out(torch.mean(x, dim=1)))


class CrestedTopics(nn.Module):
    """CREsted's deeptopic CNN: convolutions with pooling, three by hand in parallel, a dense head of topics."""

    def __init__(self, filters=64, topics=12):
        super().__init__()
        self.first, self.first_norm = Convolution(4, filters, 17), Norm(filters)
        self.convolutions = nn.ModuleList(Convolution(filters, filters, width) for width in (7, 5))
        self.norms = nn.ModuleList(Norm(filters) for _ in range(2))
        self.sides = nn.ModuleList(Convolution(filters, 16, width) for width in (1, 3, 5))
        self.hidden, self.out = nn.Linear(48 * 7, 64), nn.Linear(64, topics)

    def forward(self, x):
        x = torch.permute(x, (0, 2, 1))
        x = pooled(functional.gelu(self.first_norm(self.first(x))), 4)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = pooled(torch.maximum(norm(convolution(x)), torch.tensor(0.0, dtype=x.dtype)), 4)
        x = torch.concat([torch.max(side(x), torch.negative(side(x))) for side in self.sides], dim=-1)
        x = torch.reshape(x, (-1, 48 * 7))
        return torch.sigmoid(self.out(torch.divide(torch.relu(self.hidden(x)), 2.0)))
