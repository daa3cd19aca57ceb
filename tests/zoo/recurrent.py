"""Models that read their activations from one end to the other."""

import torch
from torch import nn
from torch.nn import functional


class DanQ(nn.Module):
    """DanQ (Quang and Xie 2016): a convolution, pooling by 13, an LSTM of both directions, two dense layers."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv1d(4, 96, 26)
        self.lstm = nn.LSTM(96, 48, batch_first=True, bidirectional=True)
        self.dense = nn.Sequential(nn.Linear(96 * 44, 64), nn.ReLU(), nn.Linear(64, 100), nn.Sigmoid())

    def forward(self, x):
        x = functional.max_pool1d(self.convolution(x).relu(), 13)
        x, _ = self.lstm(x.transpose(1, 2))
        return self.dense(torch.flatten(x, 1))


class DeepMEL(nn.Module):
    """DeepMEL (Minnoye et al. 2020): as DanQ with a dense layer before the LSTM, and the larger of both strands."""

    def __init__(self):
        super().__init__()
        self.convolution, self.each = nn.Conv1d(4, 64, 20), nn.Linear(64, 48)
        self.lstm = nn.LSTM(48, 24, batch_first=True, bidirectional=True)
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 64), nn.ReLU(), nn.Linear(64, 24), nn.Sigmoid())

    def strand(self, x):
        x = functional.max_pool1d(self.convolution(x).relu(), 10)
        return self.dense(self.lstm(self.each(x.permute(0, 2, 1)).relu())[0])

    def forward(self, x):
        return torch.max(self.strand(x), self.strand(torch.flip(x, [1, 2])))


class ConvGRU(nn.Module):
    """gReLU's ConvGRUModel: convolutions with pooling, a GRU of both directions, the mean of what it gives."""

    def __init__(self):
        super().__init__()
        self.convolutions = nn.Sequential(nn.Conv1d(4, 64, 15, padding=7), nn.BatchNorm1d(64), nn.GELU())
        self.pool = nn.MaxPool1d(8)
        self.gru = nn.GRU(64, 32, batch_first=True, bidirectional=True)
        self.norm, self.out = nn.LayerNorm(64), nn.Linear(64, 4)

    def forward(self, x):
        x, _ = self.gru(self.pool(self.convolutions(x)).transpose(1, 2))
        return self.out(self.norm(x)).mean(dim=1)


class KerasLSTM(nn.Module):
    """An LSTM as Keras runs it on PyTorch: step by step in Python, the state beginning at zeros of the batch's size."""

    def __init__(self, units=16):
        super().__init__()
        self.units = units
        self.convolution = nn.Conv1d(4, 32, 15, padding=7)
        self.kernel = nn.Parameter(torch.randn(32, 4 * units) / 6)
        self.recurrent = nn.Parameter(torch.randn(units, 4 * units) / 4)
        self.bias = nn.Parameter(torch.randn(4 * units))
        self.out = nn.Linear(units, 3)

    def forward(self, x):
        x = functional.max_pool1d(self.convolution(x).relu(), 10).transpose(1, 2)
        h, c = (torch.zeros((len(x), self.units), dtype=x.dtype) for _ in range(2))
        for step in torch.unbind(x, dim=1):
            gates = torch.add(torch.matmul(step, self.kernel), torch.add(torch.matmul(h, self.recurrent), self.bias))
            i, f, new, o = torch.split(gates, self.units, dim=1)
            c = torch.add(torch.multiply(f.sigmoid(), c), torch.multiply(i.sigmoid(), new.tanh()))
            h = torch.multiply(o.sigmoid(), c.tanh())
        return self.out(h)
