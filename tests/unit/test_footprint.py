"""How much memory a model takes is planned before it runs, and what is too much is not begun."""

import logging

import pytest
import torch
from marginalization import stream_motifs
from marginalization.config.sections import Config
from marginalization.errors import InputError
from marginalization.inference.cost import held_for_one
from marginalization.inference.incremental import checking
from marginalization.inference.incremental.engine import FULL_BYTES, Incremental
from marginalization.inference.incremental.planner import last_uses
from marginalization.inference.incremental.rules.base import function_of
from marginalization.inference.incremental.saving import held_by_program, held_in_full, kept_of_background, memory_of
from marginalization.probing import probe as probes
from screens import screen_of
from test_incremental import assert_full, assert_same, random_backgrounds
from test_memory import bytes_of
from torch import nn
from toy_models import Centre, Tower

NEVER_RUN = """
import torch


class Model(torch.nn.Module):
    def forward(self, X):
        if not isinstance(X, torch._subclasses.FakeTensor):
            raise AssertionError
        large = X.new_zeros(len(X), 2**28) + X.sum()
        return (large * 2).sum(dim=1, keepdim=True)
"""
"""It holds twice 2**28 numbers, of 4 bytes."""


class Counted(nn.Module):
    """A model that notes how many rows it was given at a time."""

    def __init__(self, model):
        super().__init__()
        self.model, self.rows = model, []

    def forward(self, X):
        if not torch.compiler.is_compiling():
            self.rows.append(X.shape[0])
        return self.model(X)


def measured(engine, X):
    """The most bytes that the values of a row take at a time, as the graph is run node by node."""
    env, most, dropped = {engine.placeholders[0]: X}, 0, last_uses(engine.nodes)
    for node in engine.nodes:
        if node.op == "get_attr":
            env[node] = getattr(engine.module, node.target) if hasattr(engine.module, node.target) else None
            env[node] = env[node] if env[node] is not None else engine.module.get_parameter(node.target)
        elif node.op == "call_function":
            args, kwargs = torch.fx.map_arg((node.args, node.kwargs), env.__getitem__)
            env[node] = function_of(node)(*args, **kwargs)
        values = [env[n] for n in env if n.meta["of_batch"] and isinstance(env[n], torch.Tensor)]
        most = max(most, bytes_of(values))
        for used in dropped[node]:
            del env[used]
    return most


class Flat(nn.Module):
    """What is held at most are the inputs of the sum, and it: two of 8 channels and the sum, each 8 x 90 numbers."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv1d(4, 8, 1), nn.Linear(8 * 90, 3)

    def forward(self, X):
        x = self.first(X)
        return self.last((x + x.relu()).flatten(1))


@torch.no_grad()
@pytest.mark.parametrize("make", [Flat, lambda: Tower(16), lambda: Tower(3), Centre])
def test_what_a_full_pass_holds_is_what_its_graph_holds(make):
    X = random_backgrounds(1, 90)
    engine = Incremental(make().double().eval(), [X])
    assert engine.held == held_in_full(engine.nodes) == measured(engine, X)
    if make is Flat:
        assert engine.held == 3 * 8 * 90 * 8


@torch.no_grad()
def test_what_a_program_holds_grows_with_its_window():
    engine = Incremental(Tower(16).double().eval(), [random_backgrounds(1, 90)])
    programs = [engine.program(40, 40 + width) for width in (1, 9, 40)]
    for count in (held_by_program, kept_of_background):
        sizes = [count(program) for program in programs]
        assert 0 < sizes[0] < sizes[1] < sizes[2]
    assert held_by_program(programs[0]) < engine.held
    kept = engine.itemsize * engine.floats_per_background(40, 41)
    assert kept_of_background(programs[0]) == kept


@torch.no_grad()
def test_no_more_rows_run_in_full_than_there_is_memory_for(monkeypatch):
    X, model = random_backgrounds(5, 90), Tower(16).double().eval()
    engine = Incremental(model, [X])
    monkeypatch.setitem(FULL_BYTES, "cpu", 2 * engine.held + 1)
    assert engine.full_at_once(64) == 2
    run, sizes = engine._run_backgrounds, []
    monkeypatch.setattr(engine, "_run_backgrounds", lambda *given: (sizes.append(len(given[0][0])), run(*given)))
    engine.prepare([X], (0, 5), 40, 44, 64)
    assert sizes == [2, 2, 1]
    assert_full(engine, model, [X], random_backgrounds(5, 4, seed=1), 40, slice(0, 5))
    monkeypatch.setitem(FULL_BYTES, "cpu", 1)
    assert engine.full_at_once(64) == 1


@pytest.mark.parametrize("incremental", [True, None])
def test_sessions_keep_to_it_from_the_first_sequence_on(monkeypatch, incremental):
    """Whether they run incrementally or in full."""
    X, motifs = random_backgrounds(6, 90).float(), [(motif, 3 * i) for motif in ("ACGT", "GATTACA") for i in range(3)]
    model = Counted(Tower(16)).eval()
    whole = list(stream_motifs(model, X, motifs, incremental=False, device="cpu", batch_size=64))
    assert max(model.rows) == 36
    model.rows.clear()
    monkeypatch.setitem(FULL_BYTES, "cpu", 1)
    monkeypatch.setattr("marginalization.inference.cost.PAYS_FROM", 0)
    monkeypatch.setattr("marginalization.inference.cost.SURE_FROM", 0)
    if incremental is None:
        monkeypatch.setattr(checking, "memory_of", lambda device: 1)  # so that it is not incremental
    found = list(stream_motifs(model, X, motifs, incremental=incremental, device="cpu", batch_size=64))
    assert set(model.rows) == {1}
    assert_same(*(list(map(torch.cat, zip(*groups, strict=True))) for groups in (found, whole)), 1e-5)


def test_a_motif_that_takes_more_than_there_is_runs_in_full(monkeypatch, caplog):
    X, motifs = random_backgrounds(2, 90).float(), [("ACGT", 40)]
    model = Tower(16).eval()
    (expected,) = stream_motifs(model, X, motifs, incremental=False, device="cpu")
    monkeypatch.setattr(checking, "memory_of", lambda device: 1)
    with caplog.at_level(logging.INFO, "marginalization"):
        (found,) = stream_motifs(model, X, motifs, incremental=True, device="cpu")
    assert_same(found, expected, 0)
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told.startswith(
        "no incremental inference, so each element costs a full forward pass: it takes 0.0 GiB to run"
    )
    assert told.endswith("beside the weights, and cpu has 0.0")


@torch.no_grad()
@pytest.mark.parametrize("make", [Flat, lambda: Tower(16), lambda: Tower(3)])
def test_what_a_sequence_holds_is_known_without_running_it(make):
    """The same as by its graph, and the sequence, which who runs it holds until the end."""
    X, model = random_backgrounds(2, 90), Counted(make().double().eval())
    held = held_for_one(model, [X])
    assert held == Incremental(model.model, [X]).held + 4 * 90 * 8
    assert held_for_one(lambda X: X if X[0, 0, 0] > 0 else -X, [X]) is None  # it looks at values


def test_what_has_no_room_is_told_before_it_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(probes, "LONG", 12)
    (tmp_path / "model.py").write_text(NEVER_RUN)
    models = {"m": {"factory": f"{tmp_path / 'model.py'}:Model"}}
    config = screen_of(tmp_path, ["ACG"], ["ACGTACGTACGT"], models=models)
    monkeypatch.setattr(probes, "memory_of", lambda device: 4 * 2**30)
    told = (
        "models.m: a sequence of 12 bases takes 2.0 GiB, beside 0.0 for weights, and cpu has 4.0, too little for the 2"
    )
    with pytest.raises(InputError, match=told):
        probes.probe(Config.of(config), "m", 1)


def test_what_a_machine_has():
    assert 2**28 < memory_of(torch.device("cpu")) < 2**50
