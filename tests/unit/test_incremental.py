"""Incremental inference gives what full forward passes give."""

import importlib.util
import itertools
import logging

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marginalization import stream_motifs
from marginalization.inference import session as sessions
from marginalization.inference.incremental import checking
from marginalization.inference.incremental import motifs as incremental_motifs
from marginalization.inference.incremental.engine import CACHE_BYTES, WORK_BYTES, Incremental
from marginalization.inference.incremental.rules.convolution import Convolution
from marginalization.inference.incremental.rules.positionwise import Relu
from marginalization.models.outputs import leaves
from marginalization.sequences.constructs import place_motif
from random_networks import mixing_networks, networks, substitutions
from torch import nn
from toy_models import Tower

EXPORTING = {"deadline": None, "suppress_health_check": list(HealthCheck)}
"""Settings for examples of which each captures a model."""


def assert_same(ours, reference, tolerance=1e-10):
    """The same trees, up to a tolerance that is relative to the largest value of each tensor."""
    if isinstance(reference, dict):
        assert ours.keys() == reference.keys()
        ours, reference = list(ours.values()), list(reference.values())
    if isinstance(reference, (list, tuple)):
        assert len(ours) == len(reference)
        for pair in zip(ours, reference, strict=True):
            assert_same(*pair, tolerance)
    elif reference is None:
        assert ours is None
    else:
        assert ours.shape == reference.shape
        assert ours.dtype == reference.dtype
        finite = reference[reference.isfinite()]
        scale = max([1e-2, *finite.abs().flatten().tolist()])
        torch.testing.assert_close(ours, reference, rtol=0, atol=tolerance * scale, equal_nan=True)


def substituted(X, motif, lo, rows):
    """Whole sequences, one for each row of the motif, and which backgrounds they are of."""
    which = torch.arange(len(X))[rows].expand(len(motif))
    Z = X[which].clone()
    place = Z[:, :, lo : lo + motif.shape[2]]
    place.copy_(torch.where(motif.sum(1, keepdim=True) > 0, motif.to(X.dtype), place))
    return Z, which


def assert_full(engine, model, inputs, motif, lo, rows, tolerance=1e-10):
    """What the engine gives is what a forward pass gives."""
    Z, which = substituted(inputs[0], motif, lo, rows)
    delta = (Z - inputs[0][which])[:, :, lo : lo + motif.shape[2]]
    reference = model(Z, *(x[which] for x in inputs[1:]))
    assert_same(engine.after(delta, lo, rows), reference, tolerance)


@settings(max_examples=settings.default.max_examples // 5, **EXPORTING)
@given(networks(), st.data())
def test_random_networks_equal_full_forward_passes(network, data):
    model, X, args = network
    inputs = [X, *args]
    with torch.no_grad():
        engine = Incremental(model, inputs)
        engine.work_bytes = data.draw(st.sampled_from([1, 2**10, 2**14, 2**23]))
        which = data.draw(st.lists(substitutions(X), min_size=1, max_size=5))
        lo = min(lo for _, lo, _ in which)
        hi = max(lo + motif.shape[2] for motif, lo, _ in which)
        lo, hi = data.draw(st.integers(0, lo)), data.draw(st.integers(hi, X.shape[2]))
        engine.prepare(inputs, (0, len(X)), lo, hi, data.draw(st.integers(1, 5)))
        assert_same(engine.before(), model(X, *args))
        for motif, lo, rows in which:
            assert_full(engine, model, inputs, motif, lo, rows)
            assert engine.floats_per_background(lo, lo + motif.shape[2]) > 0
        assert_same(engine.before(), model(X, *args))


@settings(max_examples=settings.default.max_examples // 5, **EXPORTING)
@given(mixing_networks(), st.data())
def test_what_is_taken_after_positions_were_mixed_equals_full_forward_passes(network, data):
    model, X, args = network
    inputs, length = [X, *args], X.shape[2]
    with torch.no_grad():
        engine = Incremental(model, inputs)
        engine.work_bytes = data.draw(st.sampled_from([1, 2**10, 2**23]))
        for width in (1, 3):
            for lo in (0, 3, (length - width) // 2, length - width):
                engine.prepare(inputs, (0, len(X)), lo, lo + width, 2)
                motif = random_backgrounds(len(X), width, seed=lo)
                assert_full(engine, model, inputs, motif, lo, slice(0, len(X)))
                assert_full(engine, model, inputs, motif, lo, slice(1, 2))


@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("width", [1, 4])
def test_every_place_in_a_cropped_tower(channels, width):
    """Near the ends, windows of one width lie at different places."""
    model = Tower(channels).double().eval()
    X = random_backgrounds(2, 90)
    motif = random_backgrounds(2, width, seed=1)
    with torch.no_grad():
        engine = Incremental(model, [X])
        engine.prepare([X], (0, 2), 0, 90, 2)
        for lo in range(90 - width + 1):
            assert_full(engine, model, [X], motif, lo, slice(0, 2))


@pytest.fixture
def small_memory(monkeypatch):
    """Memory for a few backgrounds and a few motifs at a time."""
    monkeypatch.setitem(CACHE_BYTES, "cpu", 2**13)
    monkeypatch.setitem(WORK_BYTES, "cpu", 2**12)
    monkeypatch.setattr(incremental_motifs, "GROUP_BYTES", 2**10)
    monkeypatch.setattr(sessions, "BATCHES_PER_GROUP", 2)


def joined(groups):
    """The output trees of groups as lists of tensors (n_placements, n_backgrounds, ...)."""
    return [torch.cat(parts) for parts in zip(*(leaves(group) for group in groups), strict=True)]


@st.composite
def placements(draw, X):
    """Motifs of mixed widths and places, some with one motif for each background, some unknown in part."""
    n, _, length = X.shape
    found = []
    for _ in range(draw(st.integers(1, 8))):
        width = draw(st.integers(1, length))
        rows = draw(st.sampled_from([1, n]))
        codes = torch.randint(0, 5, (rows, width), generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
        motif = nn.functional.one_hot(codes, 5)[:, :, :4].mT.to(torch.int8)
        found.append((motif, draw(st.none() | st.integers(0, length - width))))
    return found


@settings(max_examples=settings.default.max_examples // 5, **EXPORTING)
@given(networks(), st.data())
def test_streams_equal_full_streams(small_memory, network, data):
    model, X, args = network
    placed = data.draw(placements(X))
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    batch_size = data.draw(st.integers(1, 9))
    model, args = model.to(dtype), [arg.to(dtype) for arg in args]
    func = data.draw(st.sampled_from([None, lambda tree: [leaf.square() for leaf in leaves(tree)]]))
    engines, check = [], checking.checked_engine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "checked_engine", lambda *given: engines.append(check(*given)) or engines[0])
        options = {"args": args, "func": func, "batch_size": batch_size, "device": "cpu"}
        ours = joined(stream_motifs(model, X, placed, incremental=True, **options))
    full = joined(stream_motifs(model, X, placed, incremental=False, **options))
    assert engines[0] is not None or dtype == torch.float32
    for y, reference in zip(ours, full, strict=True):
        assert y.shape[:2] == (len(placed), len(X))
        assert_same(y, reference, 1e-9 if dtype == torch.float64 else 1e-3)


def test_a_stream_of_many_groups(small_memory, monkeypatch):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.ReLU(), nn.Conv1d(8, 2, 3)).double().eval()
    X = random_backgrounds(5, 30)
    placed = [("ACGTTGCA"[: 1 + i % 7], i % 20) for i in range(50)]
    options = {"dtype": torch.float64, "device": "cpu"}
    ours = list(stream_motifs(model, X, iter(placed), incremental=True, **options))
    assert len(ours) > 10
    assert all(len(group) == len(ours[0]) for group in ours[:-1])
    assert_same(torch.cat(ours), torch.cat(list(stream_motifs(model, X, placed, incremental=False, **options))))


@pytest.mark.parametrize("work_bytes", [2**12, 2**23])
def test_a_scan_through_more_backgrounds_than_run_at_a_time(work_bytes, monkeypatch):
    """From the first position to the last, a motif for all backgrounds, and one for each."""
    monkeypatch.setitem(WORK_BYTES, "cpu", work_bytes)
    model, X = Tower(3).double().eval(), random_backgrounds(40, 90)
    placed = [place for start in range(86) for place in (("ACGT", start), (X[:, :, start : start + 4].flip(0), start))]
    options = {"dtype": torch.float64, "device": "cpu"}
    ours = joined(stream_motifs(model, X, placed, incremental=True, **options))
    assert_same(ours, joined(stream_motifs(model, X, placed, incremental=False, **options)))


def random_backgrounds(n, length, seed=0):
    codes = torch.randint(0, 4, (n, length), generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(codes, 4).mT.double()


# Where there is no incremental inference.


class Branching(nn.Module):
    """Two ways through the model, by what the data are."""

    def forward(self, X):
        return X.sum(-1) if X.sum() > 3 else X.mean(-1)


class OfEveryPlace(nn.Module):
    """Half of it has rules, and half has none."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 3)

    def forward(self, X):
        h = self.conv(X).relu()
        return h, h.softmax(2).sigmoid()


def test_a_model_that_can_not_be_captured_runs_in_full(caplog):
    X = random_backgrounds(3, 12)
    placed = [("ACG", 0), ("TT", 3), ("A", 11)]
    with caplog.at_level(logging.WARNING):
        ours = joined(stream_motifs(Branching(), X, placed, incremental=True, device="cpu"))
    assert [record.levelname for record in caplog.records if record.name == checking.__name__] == ["WARNING"]
    assert "costs a full forward pass" in caplog.text
    assert "data-dependent" in caplog.text
    caplog.clear()
    full = joined(stream_motifs(Branching(), X, placed, incremental=False, device="cpu"))
    assert not caplog.records
    for y, reference in zip(ours, full, strict=True):
        assert torch.equal(y, reference)


@pytest.mark.parametrize("rule", [Convolution, Relu])
def test_a_wrong_rule_is_caught(rule, caplog, monkeypatch):
    torch.manual_seed(0)
    model = OfEveryPlace().double().eval()
    X = random_backgrounds(3, 12)
    placed = [("ACG", 0), ("TT", 3), ("A", 11)]
    options = {"dtype": torch.float64, "device": "cpu"}
    full = joined(stream_motifs(model, X, placed, incremental=False, **options))
    with caplog.at_level(logging.WARNING):
        assert_same(joined(stream_motifs(model, X, placed, incremental=True, **options)), full)
    assert not [record for record in caplog.records if record.name == checking.__name__]
    right = rule.apply
    monkeypatch.setattr(rule, "apply", lambda *given: right(*given) + 1)
    with caplog.at_level(logging.WARNING):
        ours = joined(stream_motifs(model, X, placed, incremental=True, **options))
    assert "differ from a full forward pass by" in caplog.text
    for y, reference in zip(ours, full, strict=True):
        assert torch.equal(y, reference)


def test_a_rule_that_fails_is_caught(caplog, monkeypatch):
    def fail(*given):
        raise RuntimeError("of no use")

    monkeypatch.setattr(Convolution, "apply", fail)
    model, X = OfEveryPlace().double().eval(), random_backgrounds(3, 12)
    options = {"dtype": torch.float64, "device": "cpu"}
    ours = joined(stream_motifs(model, X, [("ACG", 0)], incremental=True, **options))
    assert "RuntimeError: of no use" in caplog.text
    assert_same(ours, joined(stream_motifs(model, X, [("ACG", 0)], incremental=False, **options)), 0)


@pytest.mark.parametrize("good", [1, 3])
def test_a_failure_later_on_loses_nothing(good, caplog, monkeypatch):
    right, calls = Convolution.apply, itertools.count()

    def fail_later(*given):
        if next(calls) >= good * per_motif:
            raise RuntimeError("of no use any more")
        return right(*given)

    model, X = OfEveryPlace().double().eval(), random_backgrounds(1, 12)
    with torch.no_grad():
        inputs, placed = [X.double()], [place_motif(X, "ACG", 0, "ACGT")]
        engine = checking.checked_engine(model, inputs, placed, 4)
    steps = engine.program(0, 4).steps
    per_motif = sum(isinstance(step.rule, Convolution) for step in steps)
    monkeypatch.setattr(Convolution, "apply", fail_later)
    monkeypatch.setitem(incremental_motifs.MOTIFS_PER_GROUP, "cpu", 2)
    options = {"dtype": torch.float64, "device": "cpu"}
    placed = [(motif, 0) for motif in ("ACG", "TTT", "GCA", "A", "CC", "TNT", "GGG")]
    ours = joined(stream_motifs(model, X, placed, incremental=True, **options))
    assert "RuntimeError: of no use any more" in caplog.text
    assert_same(ours, joined(stream_motifs(model, X, placed, incremental=False, **options)))


@pytest.mark.parametrize("fits", [1, 3])
def test_out_of_memory_goes_on_with_fewer_rows(fits, caplog, monkeypatch):
    right = Convolution.apply

    def apply(rule, run, deltas, out):
        if len(deltas[rule.source][1]) > fits:
            raise torch.OutOfMemoryError("a device of little memory")
        return right(rule, run, deltas, out)

    model, X = Tower(3).double().eval(), random_backgrounds(2, 90)
    placed = [("ACGTACGT"[i:] + "ACGT"[:i], 30) for i in range(8)]
    options = {"dtype": torch.float64, "device": "cpu"}
    full = joined(stream_motifs(model, X, placed, incremental=False, **options))
    monkeypatch.setattr(Convolution, "apply", apply)
    assert_same(joined(stream_motifs(model, X, placed, incremental=True, **options)), full)
    assert "out of memory: going on with" in caplog.text
    assert "full forward pass" not in caplog.text


def test_a_row_that_is_too_much_for_the_memory(caplog, monkeypatch):
    def apply(*given):
        raise torch.OutOfMemoryError("a device of very little memory")

    monkeypatch.setattr(Convolution, "apply", apply)
    list(stream_motifs(Tower(3), random_backgrounds(1, 90), [("ACGT", 0)], incremental=True, device="cpu"))
    assert "full forward pass: OutOfMemoryError: a device of very little memory" in caplog.text


def test_precision_is_of_the_differences():
    """Half-precise products err by a share of the effect, and everything that runs in full is as it was."""
    model, X = Tower(32).eval(), random_backgrounds(2, 90).float()
    placed = [("ACGTACGT", start) for start in (30, 40, 50)]
    exact = joined(stream_motifs(model.double(), X, placed, incremental=False, device="cpu"))
    before = [y.double() for y in leaves(model(X.double()))]
    model.float()
    for precision, most in (("highest", 1e-4), ("medium", 3e-2)):
        ours = joined(stream_motifs(model, X, placed, incremental=True, device="cpu", precision=precision))
        assert torch.get_float32_matmul_precision() == "highest"
        for y, reference, background in zip(ours, exact, before, strict=True):
            effect = (reference - background).abs().max()
            assert (y - reference).abs().max() < most * effect


class Reading(nn.GRU):
    """A recurrent layer alone, of which only what it gives at each position is returned."""

    def forward(self, X):
        return super().forward(X.mT)[0].mT


def test_values_are_multiplied_as_precisely_as_ever():
    """Of a layer that reads values, not differences."""
    torch.manual_seed(0)
    model, X, placed = Reading(4, 64, batch_first=True).eval(), random_backgrounds(2, 20).float(), [("ACGT", 8)]
    options = {"incremental": True, "device": "cpu"}
    precise, other = (joined(stream_motifs(model, X, placed, precision=p, **options)) for p in ("highest", "medium"))
    assert torch.equal(precise[0], other[0])


def test_outputs_that_are_no_numbers_do_not_upset_the_check(caplog):
    class Logarithms(nn.Module):
        def forward(self, X):
            return X.mean(-1).log(), X.mean(-1).log() - X.mean(-1).log()

    model, X = Logarithms(), random_backgrounds(1, 4)[:, :, :1].repeat(2, 1, 4)  # of one letter
    placed = [("A", 0), ("C", 3)]
    full = joined(stream_motifs(model, X, placed, incremental=False, device="cpu"))
    assert not all(y.isfinite().all() for y in full)
    assert_same(joined(stream_motifs(model, X, placed, incremental=True, device="cpu")), full, 1e-6)
    assert "no incremental inference" not in caplog.text


def test_what_runs_in_full_says_why(caplog):
    X = random_backgrounds(2, 12)
    caplog.set_level(logging.INFO)
    list(stream_motifs(lambda x: x.sum(-1), X, [("ACG", 0)], device="cpu", incremental=True))
    assert "full forward passes: the model is not a module that PyTorch can capture" in caplog.text
    list(stream_motifs(OfEveryPlace(), X, [("ACG", 0)], device="cpu"))
    assert "there is too little to compute for capturing the model to pay" in caplog.text
    list(stream_motifs(nn.Conv1d(4, 2, 3), X, [("ACG", 0)], device="cpu", dtype="bfloat16"))
    assert "differences would be lost in torch.bfloat16" in caplog.text


# Published models.


def published(real_data, name):
    """A model of the real data by the name of its file and class, as a screen loads it."""
    file, cls, weights = name
    spec = importlib.util.spec_from_file_location(file, real_data / "models" / f"{file}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = getattr(module, cls)()
    model.load_state_dict(torch.load(real_data / "models" / weights, map_location="cpu", weights_only=True))
    return model.eval()


@pytest.mark.parametrize(
    ("name", "length"),
    [
        (("bpnet400", "BPNet", "bpnet400_ctcf.pt"), 400),
        (("deepstarr", "DeepSTARR", "deepstarr.pt"), 249),
        (("explainn", "ExplaiNN", "explainn.pt"), 200),
    ],
    ids=["bpnet", "deepstarr", "explainn"],
)
def test_published_models(real_data, name, length, caplog):
    model, X = published(real_data, name), random_backgrounds(4, length).float()
    motifs = [("TGACCAGCAGGGGGCGCTA", None), ("TGANTCA", None), ("A", 0), ("ACGT", length - 4), ("ACG" * 20, 3)]
    options = {"dtype": torch.float32, "device": "cpu"}
    ours = joined(stream_motifs(model, X, motifs, incremental=True, **options))
    assert not [record for record in caplog.records if record.name == checking.__name__]
    full = joined(stream_motifs(model, X, motifs, incremental=False, **options))
    for y, reference in zip(ours, full, strict=True):
        assert_same(y, reference, 1e-5)
