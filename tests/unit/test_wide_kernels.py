"""Convolutions with wide kernels to few outputs, and the memory that differences lie in."""

import pytest
import torch
from marginalization.inference.incremental.engine import Incremental
from marginalization.inference.incremental.rules.convolution import PARTS_BYTES, TAPS_TO_A_BLOCK
from test_incremental import assert_full, random_backgrounds
from torch import nn


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def assert_everywhere(model, X, width=3):
    """Of motifs at every place, in one background and in all, what a forward pass gives."""
    length, motif = X.shape[2], random_backgrounds(2, width, seed=1)
    engine = Incremental(model, [X])
    engine.prepare([X], (0, 2), 0, length, 2)
    for lo in range(length - width + 1):
        assert_full(engine, model, [X], motif, lo, slice(0, 2))
        assert_full(engine, model, [X], motif, lo, slice(1, 2))
    return engine


@pytest.mark.parametrize("parts_bytes", [1, 2**13, 2**22])
@pytest.mark.parametrize(
    ("taps", "outputs", "options"),
    [
        (2 * TAPS_TO_A_BLOCK - 1, 1, {"padding": 15}),  # no blocks
        (2 * TAPS_TO_A_BLOCK, 1, {"padding": "same"}),
        (75, 2, {"padding": 37}),
        (75, 2, {}),
        (75, 8, {"padding": 80}),  # outputs beyond all inputs
        (33, 2, {"padding": 32, "dilation": 2}),
    ],
)
def test_wide_kernels_to_few_outputs_in_blocks(taps, outputs, options, parts_bytes, monkeypatch):
    """Whatever the width of the differences is, a multiple of the block's or not, and however many run at a time."""
    monkeypatch.setitem(PARTS_BYTES, "cpu", parts_bytes)
    layers = [nn.Conv1d(4, 16, 4, padding=3), nn.ReLU(), nn.Conv1d(16, outputs, taps, **options), nn.ReLU()]
    assert_everywhere(nn.Sequential(*layers).double().eval(), random_backgrounds(2, 90))


class Skipping(nn.Module):
    """Dilated layers with residuals, of which some are added up at the end too, and one is taken by two heads."""

    def __init__(self, layers, kept):
        super().__init__()
        self.first, self.kept = nn.Conv1d(4, 16, 3, padding=1), kept
        self.dilated = nn.ModuleList(nn.Conv1d(16, 16, 3, padding=i, dilation=i) for i in range(1, layers + 1))
        self.profile, self.other = nn.Conv1d(16, 2, 5, padding=2), nn.Conv1d(16, 16, 1)

    def forward(self, X):
        h, kept = self.first(X).relu(), []
        for i, convolution in enumerate(self.dilated):
            kept += [h] if i in self.kept else []
            h = h + convolution(h).relu()
        for one in kept:
            h = h + one
        return self.profile(h), self.other(h).relu() - h, h.mean(-1)


@pytest.mark.parametrize("kept", [(), (0,), (0, 1, 2, 4)])
def test_differences_lie_in_little_memory_and_over_none_that_is_needed(kept):
    engine = assert_everywhere(Skipping(6, kept).double().eval(), random_backgrounds(2, 60))
    lying = [purpose for purpose in engine.run.buffers if purpose[0] == "output"]
    assert len(lying) <= 3 + len(kept)  # of nine convolutions


@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("options", [(2,), (3, 1), (4, 3, 2), (3, 2, 1)])
def test_maxima_of_windows_that_reach_past_the_differences(channels, options):
    layers = [nn.Conv1d(4, channels, 3, padding=1), nn.MaxPool1d(*options), nn.ReLU(), nn.MaxPool1d(2)]
    assert_everywhere(nn.Sequential(*layers).double().eval(), random_backgrounds(2, 40))
