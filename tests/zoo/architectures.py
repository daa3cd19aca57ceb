"""The zoo: architectures that labs run, in small and in our own words, with random weights."""

from functools import partial

import assays
import blocks
import giants
import keras_towers
import profiles
import recurrent
import signatures
import torch
import towers
import transformers
from torch import nn

ARCHITECTURES = {
    "BPNet": (profiles.BPNet, 1000),
    "ChromBPNet": (profiles.ChromBPNet, 1000),
    "ProCapNet": (profiles.ProCapNet, 1000),
    "bpnet-pytorch": (profiles.BPNetTransposed, 1000),
    "U-Net": (profiles.UNet, 512),
    "U-Net, linear": (partial(profiles.UNet, linear=True), 512),
    "cherimoya": (profiles.Cherimoya, 500),
    "DeepBind": (assays.DeepBind, 200),
    "DeepSEA": (assays.DeepSEA, 500),
    "Beluga": (assays.Beluga, 800),
    "Basset": (assays.Basset, 600),
    "Malinois": (assays.Malinois, 600),
    "DeepSTARR": (assays.DeepSTARR, 249),
    "Kopp21": (assays.Kopp21, 500),
    "Jores21": (assays.Jores21, 170),
    "ResidualBind": (assays.ResidualBind, 200),
    "LegNet": (towers.LegNet, 230),
    "Basenji2": (towers.Basenji2, 2048),
    "Sei": (towers.Sei, 1024),
    "SpliceAI": (towers.SpliceAI, 1000),
    "OpenSpliceAI": (partial(towers.SpliceAI, leaky=True), 1000),
    "Puffin": (towers.Puffin, 1000),
    "Akita": (towers.Akita, 2048),
    "ConvNeXt": (blocks.ConvNeXt, 800),
    "ConvNeXt 2": (partial(blocks.ConvNeXt, second=True), 800),
    "inverted residuals": (blocks.InvertedResiduals, 800),
    "weights of others": (blocks.WeightsOfOthers, 600),
    "CREsted dilated": (keras_towers.CrestedDilated, 1000),
    "CREsted deeptopic": (keras_towers.CrestedTopics, 500),
    "Enformer": (transformers.Enformer, 1024),
    "einops pooling": (transformers.EinopsPooling, 1024),
    "Borzoi": (transformers.Borzoi, 1024),
    "Enformer's layers": (partial(giants.Enformer, **giants.SMALL["Enformer"]), 512),
    "Borzoi's layers": (partial(giants.Borzoi, **giants.SMALL["Borzoi"]), 512),
    "Satori": (transformers.Satori, 600),
    "gReLU transformer": (transformers.ConvTransformer, 600),
    "positions first": (partial(transformers.ConvTransformer, rows_first=False), 600),
    "ESM-like": (transformers.LanguageModel, 128),
    "HyenaDNA-like": (transformers.Hyena, 512),
    "DanQ": (recurrent.DanQ, 600),
    "DeepMEL": (recurrent.DeepMEL, 500),
    "GRU": (recurrent.ConvGRU, 400),
    "Keras LSTM": (recurrent.KerasLSTM, 200),
    "view(len(x), -1)": (signatures.LengthInView, 400),
    "int(x.shape[0])": (signatures.IntInReshape, 400),
    "zeros(len(x))": (signatures.LengthInZeros, 400),
    "checks of shape": (signatures.ChecksShape, 400),
    "optional inputs": (signatures.OptionalInputs, 400),
    "keyword-only": (signatures.KeywordOnly, 400),
    "dict": (signatures.DictOut, 400),
    "dataclass": (signatures.DataclassOut, 400),
    "TorchScript": (signatures.scripted, 400),
    "TorchScript, traced": (signatures.traced, 400),
}
"""By name: what makes the network, and its input length."""

WIDTH = 12
"""The letters of a motif."""


def starts(length):
    """Where motifs are put: in the centre, at both ends, and three letters from one."""
    return [(length - WIDTH) // 2, 0, 3, length - WIDTH]


def make(name):
    """A network in evaluation mode, with seeded weights and norms that are not trivial, and its input length."""
    torch.manual_seed(0)
    make_network, length = ARCHITECTURES[name]
    network = make_network().eval()
    sums = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d)
    norms = (nn.LayerNorm, nn.modules.batchnorm._BatchNorm)
    for module in network.modules():
        if isinstance(module, sums):  # PyTorch's own are so small that effects would drown in rounding
            nn.init.kaiming_uniform_(module.weight, a=1)
        if isinstance(module, norms):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network, length


def one_hot(n, length, seed):
    """Random sequences, (n, 4, length)."""
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(codes, 4).mT.contiguous().to(torch.int8)
