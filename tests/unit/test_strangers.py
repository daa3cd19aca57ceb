"""Models as other labs write them: what is no function of its sequences is refused, others are left as they were."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from marginalization import marginalize_motifs, predict, saturation_mutagenesis, stream_motifs
from marginalization.inference.soundness.consistency import draws
from marginalization.sequences.onehot import one_hot_encode
from odd_models import Counter, Net, WithoutStatistics, module
from test_state import CALLS, X
from torch import nn
from torch.nn import functional


class Kept(nn.Module):
    """Counts, and what a subclass keeps from call to call."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4, bias=False)
        nn.init.eye_(self.linear.weight)
        self.kept = self.start()

    def start(self):
        return None

    def forward(self, X):
        return self.keep(self.linear(X.sum(dim=-1)), X)


class Carried(Kept):
    """A state that goes from call to call and settles."""

    def keep(self, y, X):
        before, self.kept = self.kept, y.mean(dim=0)
        return y if before is None else y + 0.1 * before


class Annealed(Kept):
    def start(self):
        return 1.0

    def keep(self, y, X):
        self.kept *= 0.99
        return self.kept * y


class Remembered(Kept):
    """What was given for sequences of that shape before."""

    def start(self):
        return {}

    def keep(self, y, X):
        return self.kept.setdefault(X.shape, y)


class Appended(Kept):
    def start(self):
        return []

    def keep(self, y, X):
        self.kept.append(len(X))
        return y * len(self.kept)


class MadeLater(Kept):
    def keep(self, y, X):
        self.later = getattr(self, "later", 0) + 1
        return y * self.later


class LargestSoFar(nn.Module):
    """Counts as a share of the largest seen, which no later call changes once the backgrounds were seen."""

    def __init__(self):
        super().__init__()
        self.register_buffer("largest", torch.ones(()))

    def forward(self, X):
        y = X.sum(dim=-1)
        self.largest = torch.maximum(self.largest, y.max())
        return y / self.largest


class Coin(nn.Module):
    """Either strand, by chance."""

    def forward(self, X):
        return (X.flip(1, 2) if random.random() < 0.5 else X)[:, 0]


class Dropped(Net):
    """Dropout that is kept on, with draws from NumPy's seed, as for an estimate of uncertainty."""

    def forward(self, X):
        torch.manual_seed(np.random.randint(2**31))
        return functional.dropout(self.conv(X).amax(dim=-1), 0.2, training=True)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    "make", [lambda: module("torch's noise"), lambda: lambda X: X[:, 0] * random.random(), Dropped]
)
def test_what_draws_is_refused(call, make):
    with pytest.raises(ValueError, match="the model is random at inference"):
        call(make())


def test_what_goes_one_of_two_ways_is_refused_each_time():
    for seed in range(40):
        random.seed(seed)
        with pytest.raises(ValueError, match="the model is random at inference"):
            predict(Coin(), X)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("make", [Carried, Annealed, Remembered, Appended, MadeLater, Counter])
def test_what_is_kept_in_attributes_is_refused_and_put_back(call, make):
    model = make()
    kept = getattr(model, "kept", None)
    values = dict(vars(model)), list(kept) if isinstance(kept, list) else None
    name = {"MadeLater": "later", "Counter": "calls"}.get(make.__name__, "kept")
    with pytest.raises(ValueError, match=rf"(from call to call|on its batch): .* changes {name}$"):
        call(model)
    assert vars(model) == values[0]
    if kept is not None and not isinstance(kept, float):
        assert model.kept is kept
        assert not kept


class Observed(Kept):
    """Keeps its activations, as many do for plots, and the sizes of its batches."""

    def start(self):
        return []

    def keep(self, y, X):
        self.kept.append(len(X))
        self.last, self.calls = y, getattr(self, "calls", 0) + 1
        return y


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_is_kept_and_read_by_nothing_does_no_harm(call):
    model = Observed()
    call(model)
    assert len(model.kept) == model.calls <= 3  # of the calls that were asked for
    assert len(model.last) == model.kept[-1]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_buffer_that_settles_is_refused(call):
    model = LargestSoFar()
    with pytest.raises(ValueError, match=r"the model changes from call to call: .* changes largest$"):
        call(model)
    assert model.largest.item() == 1


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_normalization_without_statistics_is_refused(call):
    with pytest.raises(ValueError, match="the model depends on its batch"):
        call(WithoutStatistics().eval())


LONG = one_hot_encode(["ACGTTCGTAC" * 10, "AAAAACCCCN" * 10, "GGTGGGACGG" * 10]).double()
PLACED = [("TTT", 0), ("TGACTC", 40), ("ACG", 97), ("TTT", 60)]


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.ReLU(), nn.Conv1d(8, 2, 3)).double()

    def forward(self, X):
        return self.layers(X)


class WritesOver(Tower):
    """Takes a quarter off its input, and blanks its ends, where it stands."""

    def forward(self, X):
        X -= 0.25
        X[:, :, :5] = 0
        return super().forward(X)


@pytest.mark.parametrize("incremental", [None, True, False])
def test_backgrounds_are_not_written_over(incremental):
    """In the model's dtype, in which nothing copies them."""
    model, backgrounds = WritesOver(), LONG.clone()
    full = [model(LONG.clone())]
    for motif, start in PLACED:
        Z = LONG.clone()
        Z[:, :, start : start + len(motif)] = one_hot_encode([motif]).double()
        full.append(model(Z))
    ours = torch.cat(list(stream_motifs(model, backgrounds, PLACED, incremental=incremental)))
    torch.testing.assert_close(ours, torch.stack(full[1:]), rtol=0, atol=1e-10)
    torch.testing.assert_close(predict(model, backgrounds), full[0], rtol=0, atol=1e-10)
    edits = saturation_mutagenesis(model, backgrounds, start=50, end=52, raw_outputs=True, incremental=incremental)
    torch.testing.assert_close(edits.y0, full[0], rtol=0, atol=1e-10)
    assert torch.equal(backgrounds, LONG)


class Merging(nn.Linear):
    """A layer with a low-rank part, which `eval` merges into its weights and `train` takes out."""

    def __init__(self):
        super().__init__(4, 2)
        self.down, self.up = nn.Parameter(torch.ones(1, 4)), nn.Parameter(torch.ones(2, 1))
        self.merged = False

    def train(self, mode=True):
        super().train(mode)
        if mode == self.merged:
            self.weight.data += (-1 if self.merged else 1) * self.up @ self.down
            self.merged = not self.merged
        return self

    def forward(self, x):
        y = super().forward(x)
        return y if self.merged else y + x @ self.down.T @ self.up.T


@pytest.mark.parametrize("training", [True, False])
def test_what_a_layer_does_with_its_mode_is_undone(training):
    model = nn.Sequential(nn.Flatten(), nn.Linear(40, 4), nn.Dropout(), Merging()).train(training)
    merged, weight = model[3].merged, model[3].weight.detach().clone()
    predict(model, X)
    assert [layer.training for layer in model] == [training] * 4
    assert model[3].merged == merged
    torch.testing.assert_close(model[3].weight, weight, rtol=1e-5, atol=1e-6)


class Squeezed(Tower):
    def forward(self, X):
        return super().forward(X).squeeze().amax(dim=-1)


def test_a_model_that_squeezes_runs_in_full(caplog):
    expected = marginalize_motifs(Squeezed(), LONG, ["TGACTC"], incremental=False)
    ours = marginalize_motifs(Squeezed(), LONG, ["TGACTC"], incremental=True)
    assert torch.equal(ours.y_afters, expected.y_afters)
    assert "no incremental inference" in caplog.text


class OwnSeed(Tower):
    """A function, by a seed of its own."""

    def forward(self, X):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return super().forward(X) + torch.randn(2, 1)


class LessTheMean(Tower):
    """Nothing tells that this depends on its batch, but for running it."""

    def forward(self, X):
        y = super().forward(X)
        return y - y.mean(dim=0)


class RowByRow(Tower):
    def forward(self, X):
        return torch.cat([super(RowByRow, self).forward(x[None]) for x in X])


@pytest.mark.parametrize("make", [OwnSeed, RowByRow])
def test_capturing_leaves_no_trace(make, capfd, caplog):
    model, before = make(), draws()
    for incremental in (True, False):
        y = torch.cat(list(stream_motifs(model, LONG, [("N", 0)], incremental=incremental)))
        torch.testing.assert_close(y[0], model(LONG), rtol=0, atol=1e-12)
    assert draws() == before
    assert "no incremental inference" in caplog.text
    assert len(capfd.readouterr().err.splitlines()) <= len(caplog.records)


def test_what_the_check_finds_to_depend_on_its_batch_is_refused():
    with pytest.raises(ValueError, match="the model depends on its batch"):
        list(stream_motifs(LessTheMean(), LONG, PLACED, incremental=True))


KEEPS_A_NUMBER = """
import torch
from marginalization import marginalize_motifs


class Historian(torch.nn.Conv1d):
    def forward(self, X):
        y = super().forward(X).sum(-1)
        self.last = float(y.mean())
        return y


model = Historian(4, 2, 3).requires_grad_(False)
marginalize_motifs(model, torch.eye(4).repeat(3, 1, 10), ["ACG"], device="cpu", incremental=True)
"""


def test_pytorch_says_nothing_of_what_it_can_not_capture():
    """In a process of its own: pytest takes the place of where PyTorch prints."""
    done = subprocess.run([sys.executable, "-c", KEEPS_A_NUMBER], capture_output=True, text=True, check=True)
    (said,) = done.stderr.splitlines()
    assert said.startswith("no incremental inference")
