"""Models whose calls change their buffers: refused where that changes their outputs, and given back as they were."""

import copy

import pytest
import torch
from marginalization import (
    marginalize,
    marginalize_annotations,
    marginalize_motifs,
    predict,
    saturation_mutagenesis,
    stream_motifs,
)
from marginalization.sequences.onehot import one_hot_encode
from odd_models import CallsCounted, MovingNorm, Net, Noisy, RampKept, Replaced, TrainedNorm
from torch import nn
from toy_models import Composition, Positions, Tower

X = one_hot_encode(["ACGTACGTAC", "AAAAACCCCN", "GGGGGGGTGG"])
MOTIFS = ["TTT", "TTA", "TAT", "ATT", "TTG", "TGT"]

CALLS = {
    "predict": lambda model, **options: predict(model, X, **options),
    "marginalize": lambda model, **options: marginalize(model, X, "TTT", **options),
    "marginalize_motifs": lambda model, **options: marginalize_motifs(model, X, MOTIFS, **options),
    "annotations": lambda model, **options: marginalize_annotations(model, X, X, [[0, 1, 4]], **options),
    "stream_motifs": lambda model, **options: list(stream_motifs(model, X, [(m, None) for m in MOTIFS], **options)),
    "mutagenesis": lambda model, **options: saturation_mutagenesis(model, X, **options),
}


def kept(model):
    """The buffers of a model, and what they hold."""
    return {name: (buffer, buffer.clone()) for name, buffer in model.named_buffers()}


def assert_as_before(model, before):
    now = dict(model.named_buffers())
    assert now.keys() == before.keys()
    for name, (buffer, value) in before.items():
        assert now[name] is buffer
        assert torch.equal(buffer, value)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("make", [MovingNorm, Replaced, lambda: MovingNorm(0.999)], ids=["moved", "replaced", "slow"])
def test_what_changes_from_call_to_call_is_refused(call, make):
    model = make().train()
    before = kept(model)
    with pytest.raises(
        ValueError, match=r"the model changes from call to call: .*; running it changes (moving|calls)$"
    ):
        call(model)
    assert_as_before(model, before)
    assert model.training


def test_of_one_background_too():
    """The same motif six times in one call must not have six effects."""
    model = MovingNorm()
    with pytest.raises(ValueError, match="changes from call to call"):
        marginalize_motifs(model, X[:1], MOTIFS, batch_size=1)
    assert model.moving.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_batch_normalization_in_training_is_refused(call):
    """It depends on its batch, and moves its running statistics, of which no version tells."""
    model = TrainedNorm(dropout=0.0)
    before = kept(model)
    with pytest.raises(ValueError, match=r"the model depends on its batch: .*; running it changes norm\.num_batches"):
        call(model)
    assert_as_before(model, before)


class LateNorm(nn.Module):
    """Batch normalization in training mode, without a count of its batches."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("variance", torch.ones(4))

    def forward(self, X):
        return nn.functional.batch_norm(X, self.mean, self.variance, training=True).sum(dim=-1)


def test_what_a_kernel_writes_without_a_trace():
    model = LateNorm()
    before = kept(model)
    with pytest.raises(ValueError, match=r"depends on its batch: .* changes mean, variance"):
        predict(model, X)
    assert_as_before(model, before)


def test_parameters_that_change():
    with pytest.raises(ValueError, match=r"the model changes from call to call: .*; running it changes weight"):
        predict(Noisy(), X)


@pytest.mark.parametrize("save", ["script", "trace", "export"])
def test_stored_models(tmp_path, save):
    """TorchScript keeps its buffers out of Python, and an exported program that was in training keeps that mode."""
    model = TrainedNorm(dropout=0.0) if save == "export" else MovingNorm()
    if save == "export":
        batch = torch.export.Dim("batch", min=2)
        stored = torch.export.export(model.train(), (X.float(),), dynamic_shapes=({0: batch},)).module()
    else:
        stored = torch.jit.script(model) if save == "script" else torch.jit.trace(model, X.float(), check_trace=False)
    values = {name: buffer.clone() for name, buffer in stored.named_buffers()}
    with pytest.raises(ValueError, match=r"the model (changes from call|depends on its batch)"):
        predict(stored, X)
    assert all(torch.equal(buffer, values[name]) for name, buffer in stored.named_buffers())


@pytest.mark.parametrize(("make", "same"), [(CallsCounted, Composition), (RampKept, Positions)])
@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_changes_that_do_no_harm(make, same, batch_size):
    ours = marginalize_motifs(make(), X, ["TTT", "A"], batch_size=batch_size)
    expected = marginalize_motifs(same(), X, ["TTT", "A"])
    assert torch.equal(ours.y_before, expected.y_before)
    assert torch.equal(ours.y_afters, expected.y_afters)


@pytest.mark.parametrize("incremental", [None, True])
def test_lazy_modules(incremental):
    model = nn.Sequential(nn.LazyConv1d(4, 3), nn.LazyBatchNorm1d(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    y_before, _ = marginalize_motifs(model, X, MOTIFS, incremental=incremental)
    torch.testing.assert_close(predict(model, X), y_before, rtol=1e-6, atol=1e-7)


def test_modules_made_in_inference_mode():
    """Their tensors have no versions."""
    with torch.inference_mode():
        model, replaced = Net(), Replaced()
    assert torch.equal(predict(model, X), predict(model, X))
    with pytest.raises(ValueError, match="changes from call to call"):
        predict(replaced, X)
    assert replaced.calls.tolist() == [0]


class MovingTower(Tower):
    """A tower whose counts a moving mean divides."""

    def __init__(self):
        super().__init__(4)
        self.register_buffer("moving", torch.ones(1))

    def forward(self, X):
        profile, log_counts = super().forward(X)
        self.moving.mul_(0.5).add_(log_counts.mean())
        return profile, log_counts / self.moving


def test_before_a_captured_model_hides_it(caplog):
    long = one_hot_encode(["ACGTACGTAC" * 10, "AAAAACCCCN" * 10])
    model = MovingTower()
    with pytest.raises(ValueError, match="changes from call to call"):
        list(stream_motifs(model, long, [("TTT", None)], incremental=True))
    assert model.moving.item() == 1
    assert "incremental" not in caplog.text


def test_only_what_is_read_counts():
    """Its first output is a function; the second is not."""
    model = MovingTower()
    long = one_hot_encode(["ACGTACGTAC" * 10, "AAAAACCCCN" * 10])
    y = predict(model, long, func=lambda y: y[0])
    assert torch.equal(y, predict(Tower(4), long, func=lambda y: y[0]))


def test_healthy_models_run_but_once(monkeypatch):
    rows = []
    forward = Net.forward
    monkeypatch.setattr(Net, "forward", lambda self, X: rows.append(len(X)) or forward(self, X))
    model = Net()
    before = copy.deepcopy(model.state_dict())
    marginalize_motifs(model, X, MOTIFS, batch_size=9)
    assert rows == [3, 9, 9]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
