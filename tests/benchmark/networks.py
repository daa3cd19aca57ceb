"""The published architectures that the benchmarks run, with random weights."""

import torch
from torch import nn


class BPNet(nn.Module):
    """BPNet as in bpnet-lite: a wide convolution, dilated ones with residuals, a profile and a counts head.

    Without `profile` the counts head alone.
    """

    def __init__(self, filters=64, layers=8, length=2114, out=1000, profile=True):
        super().__init__()
        self.trim = (length - out) // 2
        self.first = nn.Conv1d(4, filters, 21, padding=10)
        self.dilated = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i) for i in range(1, layers + 1)
        )
        self.profile = nn.Conv1d(filters, 2, 75, padding=37) if profile else None
        self.counts = nn.Linear(filters, 1)

    def forward(self, X):
        first, last = self.trim, X.shape[-1] - self.trim
        h = self.first(X).relu()
        for convolution in self.dilated:
            h = h + convolution(h).relu()
        counts = self.counts(h[:, :, first - 37 : last + 37].mean(dim=-1))
        return counts if self.profile is None else (self.profile(h)[:, :, first:last], counts)


class Basset(nn.Module):
    """Basset (Kelley et al. 2016): three convolutions with pooling, three dense layers, 164 tasks; 600 bp."""

    def __init__(self, filters=(300, 200, 200), hidden=1000, length=600):
        super().__init__()
        layers = []
        for before, after, width, pool in zip((4, *filters), filters, (19, 11, 7), (3, 4, 4), strict=False):
            layers += [nn.Conv1d(before, after, width, padding=width // 2), nn.BatchNorm1d(after), nn.ReLU()]
            layers += [nn.MaxPool1d(pool)]
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(filters[-1] * (length // 48), hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.3)),
            *(nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.3)),
            nn.Linear(hidden, 164),
        )

    def forward(self, X):
        return self.dense(self.convolutions(X))


class DeepSTARR(nn.Module):
    """DeepSTARR (de Almeida et al. 2022): four convolutions with pooling, two dense layers, 2 tasks; 249 bp."""

    def __init__(self, filters=(256, 60, 60, 120), hidden=256, length=249):
        super().__init__()
        layers = []
        for before, after, width in zip((4, *filters), filters, (7, 3, 5, 3), strict=False):
            layers += [nn.Conv1d(before, after, width, padding=width // 2), nn.BatchNorm1d(after), nn.ReLU()]
            layers += [nn.MaxPool1d(2)]
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(filters[-1] * (length // 16), hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.4)),
            *(nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.4)),
            nn.Linear(hidden, 2),
        )

    def forward(self, X):
        return self.dense(self.convolutions(X))


class Enformer(nn.Module):
    """Enformer in small: a convolutional stem with pooling, then a transformer, then a mean over the positions."""

    def __init__(self, channels=128, layers=2):
        super().__init__()
        stem = [nn.Conv1d(4, channels, 15, padding=7), nn.GELU(), nn.MaxPool1d(2)]
        for _ in range(5):
            stem += [nn.BatchNorm1d(channels), nn.GELU(), nn.Conv1d(channels, channels, 5, padding=2), nn.MaxPool1d(2)]
        self.stem = nn.Sequential(*stem)
        layer = nn.TransformerEncoderLayer(channels, 4, 2 * channels, batch_first=True, norm_first=True)
        self.transformer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(channels, 10)

    def forward(self, X):
        return self.head(self.transformer(self.stem(X).transpose(1, 2)).mean(dim=1))


class RunningMeans(nn.Module):
    """Valid convolutions, of which each reads the mean of what all layers before it gave, cropped to what is left.

    A wide one, then dilated ones; counts from the mean.
    """

    def __init__(self, filters=128, layers=7, first=21):
        super().__init__()
        self.first = nn.Conv1d(4, filters, first)
        self.dilated = nn.ModuleList(nn.Conv1d(filters, filters, 3, dilation=2**i) for i in range(1, layers + 1))
        self.counts = nn.Linear(filters, 1)

    def forward(self, X):
        total = self.first(X).relu()
        for i, convolution in enumerate(self.dilated, 1):
            crop = convolution.dilation[0]
            total = total[:, :, crop:-crop] + convolution(total / i).relu()
        return self.counts((total / (1 + len(self.dilated))).mean(dim=-1))


NETWORKS = {
    "BPNet 64 x 8": (lambda: BPNet(64), 2114),
    "BPNet 64 x 8, counts": (lambda: BPNet(64, profile=False), 2114),
    "ChromBPNet 512 x 8": (lambda: BPNet(512), 2114),
    "Basset": (Basset, 600),
    "DeepSTARR": (DeepSTARR, 249),
    "Enformer in small": (Enformer, 1024),
    "Running means": (RunningMeans, 1346),
}
"""By name: what makes the network, and its input length."""


def make(name):
    """A network of the table with seeded weights and running statistics, in evaluation mode, and its input length."""
    torch.manual_seed(0)
    make_network, length = NETWORKS[name]
    network = make_network().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network, length
