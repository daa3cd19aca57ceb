"""Models of base-resolution profiles: a stack of dilated convolutions, a profile's head and one of counts."""

import torch
from torch import nn
from torch.nn import functional


class BPNet(nn.Module):
    """BPNet as in bpnet-lite: a wide convolution, dilated ones with residuals, a profile and its log counts."""

    def __init__(self, filters=32, layers=6, length=1000, out=500, strands=1):
        super().__init__()
        self.trim = (length - out) // 2
        self.first = nn.Conv1d(4, filters, 21, padding=10)
        self.dilated = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i) for i in range(1, layers + 1)
        )
        self.profile = nn.Conv1d(filters, strands, 75, padding=37)
        self.counts = nn.Linear(filters, 1)

    def forward(self, X):
        first, last = self.trim, X.shape[-1] - self.trim
        h = self.first(X).relu()
        for convolution in self.dilated:
            h = torch.add(h, convolution(h).relu())
        return self.profile(h)[:, :, first:last], self.counts(h[:, :, first - 37 : last + 37].mean(dim=-1))


class ValidBPNet(nn.Module):
    """The stack of the chrombpnet package: convolutions without padding, and skips that are cropped to fit them."""

    def __init__(self, filters, layers, out):
        super().__init__()
        self.out = out
        self.first = nn.Conv1d(4, filters, 21)
        self.dilated = nn.ModuleList(nn.Conv1d(filters, filters, 3, dilation=2**i) for i in range(1, layers + 1))
        self.profile = nn.Conv1d(filters, 1, 75)
        self.counts = nn.Linear(filters, 1)

    def forward(self, x):
        x = self.first(x).relu()
        for convolution in self.dilated:
            y = convolution(x).relu()
            crop = (x.size(-1) - y.size(-1)) // 2
            x = x[:, :, crop:-crop] + y
        profile = self.profile(x).squeeze(1)
        crop = (profile.size(-1) - self.out) // 2
        pooled = functional.adaptive_avg_pool1d(x, 1).squeeze(-1)
        return profile[:, crop : profile.size(-1) - crop], self.counts(pooled)


class ChromBPNet(nn.Module):
    """ChromBPNet (Pampari et al. 2024): the sum of a model and of a smaller one of the enzyme's bias."""

    def __init__(self):
        super().__init__()
        self.model = ValidBPNet(48, 6, 500)
        self.bias = ValidBPNet(16, 4, 500)

    def forward(self, x):
        profile, counts = self.model(x)
        bias_profile, bias_counts = self.bias(x)
        return profile + bias_profile, torch.logsumexp(torch.stack([counts, bias_counts]), dim=0)


class ProCapNet(nn.Module):
    """ProCapNet (Cochran et al. 2024): a BPNet of two strands whose profiles are one distribution, scaled by counts."""

    def __init__(self):
        super().__init__()
        self.bpnet = BPNet(filters=32, layers=6, strands=2)

    def forward(self, X):
        logits, counts = self.bpnet(X)
        together = functional.log_softmax(logits.reshape(logits.shape[0], -1), dim=-1)
        return together.view_as(logits).exp() * counts.exp().unsqueeze(-1)


class BPNetTransposed(nn.Module):
    """bpnet-pytorch, as Avsec et al. 2021 wrote it: the profile's head is a transposed convolution for each task."""

    def __init__(self, filters=32, layers=6, tasks=2):
        super().__init__()
        self.first = nn.Conv1d(4, filters, 25, padding=12)
        self.dilated = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i) for i in range(1, layers + 1)
        )
        self.profiles = nn.ModuleList(nn.ConvTranspose1d(filters, 2, 25, padding=12) for _ in range(tasks))
        self.counts = nn.ModuleList(nn.Linear(filters, 2) for _ in range(tasks))

    def forward(self, X):
        x = functional.relu(self.first(X))
        for convolution in self.dilated:
            x = x + functional.relu(convolution(x))
        pooled = functional.adaptive_avg_pool1d(x, 1).flatten(1)
        return tuple(head(x) for head in self.profiles) + tuple(head(pooled) for head in self.counts)


class Cherimoya(nn.Module):
    """cherimoya (Schreiber): depthwise dilated convolutions, each normed over channels and length together."""

    def __init__(self, filters=32, layers=5):
        super().__init__()
        self.first = nn.Conv1d(4, filters, 19, padding=9)
        self.dilated = nn.ModuleList(
            nn.Conv1d(filters, filters, 3, padding=2**i, dilation=2**i, groups=filters) for i in range(layers)
        )
        self.wide = nn.ModuleList(nn.Linear(filters, 2 * filters) for _ in range(layers))
        self.narrow = nn.ModuleList(nn.Linear(2 * filters, filters) for _ in range(layers))
        self.scales = nn.Parameter(torch.randn(layers))
        self.profile = nn.Conv1d(filters, 1, 25, padding=12)
        self.counts = nn.Linear(filters, 1)

    def forward(self, X):
        x = functional.gelu(self.first(X))
        for scale, dilated, wide, narrow in zip(self.scales, self.dilated, self.wide, self.narrow, strict=True):
            y = dilated(x)
            y = (y - y.mean(dim=(1, 2), keepdim=True)) * torch.rsqrt(y.var(dim=(1, 2), keepdim=True) + 1e-3)
            x = x + scale * narrow(functional.gelu(wide(y.transpose(1, 2)))).transpose(1, 2)
        return self.profile(x), self.counts(x.mean(dim=-1))


class UNet(nn.Module):
    """A U-Net: strided convolutions with mirrored ends, up again by transposed ones, masked where no letter is.

    Or up again by linear upsampling and a convolution, as decoders of gReLU and of images have it.
    """

    def __init__(self, filters=24, linear=False):
        super().__init__()
        self.first = nn.Conv1d(4, filters, 11, padding=5, padding_mode="reflect")
        self.down = nn.ModuleList(nn.Conv1d(filters, filters, 4, stride=2, padding=1) for _ in range(3))
        self.up = nn.ModuleList(self.upwards(filters, linear) for _ in range(3))
        self.mix = nn.Parameter(torch.randn(3, filters, 2, filters) / filters)
        self.profile = nn.Conv1d(filters, 1, 5, padding=2, padding_mode="replicate")

    @staticmethod
    def upwards(filters, linear):
        if linear:
            return nn.Sequential(nn.Upsample(scale_factor=2, mode="linear"), nn.Conv1d(filters, filters, 3, padding=1))
        return nn.ConvTranspose1d(filters, filters, 4, stride=2, padding=1)

    def forward(self, x):
        known = x.sum(dim=1, keepdim=True) > 0
        x = functional.silu(self.first(x))
        skips = []
        for down in self.down:
            skips.append(x)
            x = functional.silu(down(x))
        for up, mix, skip in zip(self.up, self.mix, reversed(skips), strict=True):
            both = torch.stack([functional.silu(up(x)), skip], dim=2)
            x = functional.normalize(torch.einsum("b c s l, d s c -> b d l", both, mix), dim=1)
        return self.profile(x).masked_fill(~known, 0.0).squeeze(1)
