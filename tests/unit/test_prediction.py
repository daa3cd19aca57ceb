import pytest
import tangermeme.predict
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization import predict
from marginalization.sequences.onehot import one_hot_encode
from torch import nn
from toy_models import Composition, Convolution, Lookup, Positions, Scaled, TwoHeads

X = one_hot_encode(["ACGTACGTAC", "AAAAACCCCN", "GGGGGGGGGG"])


def test_known_answers():
    assert predict(Composition(), X).tolist() == [[3, 3, 2, 2], [5, 4, 0, 0], [0, 0, 10, 0]]
    assert predict(Positions(), X[2:]).tolist() == [[0, 0, 55, 0]]
    assert predict(Composition(), X).dtype == torch.float32


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 9), length=st.integers(1, 30), batch_size=st.integers(1, 12))
def test_equals_tangermeme_in_any_batches(n, length, batch_size):
    X = one_hot_encode(["".join("ACGTN"[(i * 7 + j * j) % 5] for j in range(length)) for i in range(n)])
    model = Convolution()
    ours = predict(model, X, batch_size=batch_size)
    torch.testing.assert_close(ours, tangermeme.predict.predict(model, X, batch_size=batch_size))


def test_several_inputs_and_outputs_equal_tangermeme():
    args = (torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[10.0], [20.0], [30.0]]))
    ours = predict(Scaled(), X, args=args, batch_size=2)
    assert ours[1].tolist() == [30, 28, 20, 20]
    assert torch.equal(ours, tangermeme.predict.predict(Scaled(), X, args=args))
    ours, reference = predict(TwoHeads(), X, batch_size=2), tangermeme.predict.predict(TwoHeads(), X)
    assert isinstance(ours, list)
    assert all(torch.equal(*pair) for pair in zip(ours, reference, strict=True))


def test_args_keep_their_dtype():
    """tangermeme casts them to the model's, so an index can not be given to it."""
    index = torch.tensor([2, 0, 1])
    model = Lookup()
    assert torch.equal(predict(model, X, args=[index], batch_size=2), X.float().sum(-1) * model.table(index).detach())
    with pytest.raises(RuntimeError, match="type"):
        tangermeme.predict.predict(model, X, args=[index])


def test_output_trees():
    model = nn.Identity()
    func = {
        "dict": lambda X: {"sum": X.sum(-1), "parts": (X[:, 0], None)},
        "tuple": lambda X: (X.sum(-1), None),
    }
    tree = predict(model, X, func=func["dict"], batch_size=2)
    assert torch.equal(tree["sum"], X.sum(-1).float())
    assert torch.equal(tree["parts"][0], X[:, 0].float())
    assert tree["parts"][1] is None
    assert predict(model, X, func=func["tuple"])[1] is None


def test_saved_models_and_plain_callables(tmp_path):
    model = Convolution().eval()
    expected = predict(model, X)
    scripted = torch.jit.trace(model, X.float())
    scripted.save(tmp_path / "model.pt")
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(model, (X.float(),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "model.pt2")
    loaded = torch.export.load(tmp_path / "model.pt2")
    for other in (torch.jit.load(tmp_path / "model.pt"), program, loaded, loaded.module(), model.forward):
        torch.testing.assert_close(predict(other, X, batch_size=2), expected)


def test_the_models_modes_come_back_also_after_an_error():
    model = Convolution().train()
    model.conv.eval()  # as one frozen layer of a model in training
    predict(model, X)
    assert [module.training for module in (model, model.conv, model.dropout)] == [True, False, True]
    with pytest.raises(RuntimeError):
        predict(model, X[:, :3])
    assert [module.training for module in (model, model.conv, model.dropout)] == [True, False, True]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_models_device_comes_back():
    model = Convolution()
    y = predict(model, X, device="cuda")
    assert y.device.type == model.dense.weight.device.type == "cpu"
    torch.testing.assert_close(y, predict(model, X, device="cpu"), rtol=1e-3, atol=1e-3)


def test_dtype_autocasts_and_restores():
    model = Convolution()
    half = predict(model, X, dtype="bfloat16")
    assert half.dtype == torch.bfloat16
    assert model.dense.weight.dtype == torch.float32
    torch.testing.assert_close(half.float(), predict(model, X), rtol=0.02, atol=0.02)
    assert predict(model.double(), X).dtype == torch.float64


def test_progress_counts_sequences(capsys):
    predict(Composition(), X, batch_size=2, verbose=True)
    assert "3/3" in capsys.readouterr().err


def test_errors():
    with pytest.raises(ValueError, match="holds no sequences; give at least one example"):
        predict(Composition(), X[:0])
    with pytest.raises(ValueError, match=r"args\[1\] has 2 rows but X has 3"):
        predict(Scaled(), X, args=[torch.ones(3, 1), torch.ones(2, 1)])
    with pytest.raises(ValueError, match=r"must return tensors.* not float"):
        predict(lambda X: 1.0, X)
    for model in (lambda X: X.sum(), lambda X: X.sum(dim=-1)[:1], lambda X: [X, X.sum(dim=-1).T]):
        with pytest.raises(ValueError, match=r"an output has shape .* for 3 sequences: it must have a row for each"):
            predict(model, X)


class OfLittleMemory(nn.Module):
    """The composition times an input, for up to three sequences at a time."""

    def forward(self, X, factor):
        if len(X) > 3:
            raise torch.OutOfMemoryError("a device of little memory")
        return [X.sum(dim=-1) * factor]


def test_batches_halve_where_memory_is_short(caplog):
    factors = torch.arange(7).unsqueeze(1)
    X = one_hot_encode(["ACGT", "AACC", "GGGG", "TTTA", "ACAC", "GCGC", "TTTT"])
    (ours,) = predict(OfLittleMemory(), X, args=[factors], batch_size=7)
    assert torch.equal(ours, X.float().sum(dim=-1) * factors)
    messages = [record.message for record in caplog.records]
    assert messages == [
        "out of memory with a batch of 7 sequences: going on with 4",
        "out of memory with a batch of 4 sequences: going on with 2",
    ]


def test_a_sequence_that_is_too_much_for_the_memory():
    class OfNoMemory(nn.Module):
        def forward(self, X):
            raise torch.OutOfMemoryError("a device of very little memory")

    with pytest.raises(torch.OutOfMemoryError):
        predict(OfNoMemory(), X)
