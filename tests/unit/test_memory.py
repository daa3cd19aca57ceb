"""Memory does not grow with the number of motifs, whichever network it is and wherever they stand."""

import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
import streamed_memory
import torch
from marginalization import stream_motifs
from marginalization.inference import session as sessions
from marginalization.inference.incremental import checking
from marginalization.inference.incremental.engine import Incremental
from test_incremental import assert_full, random_backgrounds
from toy_models import Tower

MOST = 2**20
"""By how many bytes a stream may grow. The differences at one activation for one group are more than a tenth of it."""


@pytest.fixture(scope="module")
def growth():
    """By how many bytes each stream grew, in a process of its own."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not say how much memory a process has")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, streamed_memory.__file__], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [*streamed_memory.ZOO, *(f"{name}, in full" for name in streamed_memory.IN_FULL)])
def test_streams_of_many_groups_do_not_grow(name, growth):
    assert growth[name] <= MOST


def run_through(engine, X, starts, rows, width=4):
    """Substitute at many starts, each time as `run_group` does; yields after each."""
    for lo in starts:
        engine.prepare([X], (0, len(X)), lo, lo + width, 4)
        n_rows = rows.stop - rows.start
        engine.after(random_backgrounds(n_rows, width, seed=lo) - X[rows, :, lo : lo + width], lo, rows)
        yield


def bytes_of(tensors):
    """How much memory tensors hold, what they share counted once."""
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(storages.values())


@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 3)])
@torch.no_grad()
def test_what_is_made_of_backgrounds_is_of_one_window(rows):
    """Also where the rows stay the same from window to window."""
    X = random_backgrounds(3, 90)
    engine = Incremental(Tower(16).double().eval(), [X])
    engine.prepare([X], (0, 3), 0, 90, 4)
    starts = [*range(20, 60, 4)] * 2
    held = [len(engine.run.slices) for _ in run_through(engine, X, starts, rows)]
    assert 0 < max(held) <= 2 * len(engine.program(40, 44).steps)


@torch.no_grad()
def test_programs_used_long_ago_are_dropped():
    X = random_backgrounds(2, 90)
    model = Tower(3).double().eval()
    engine = Incremental(model, [X])
    engine.most_programs = 5
    for _ in run_through(engine, X, [*range(80), 3, 40], slice(0, 2)):
        assert len(engine.programs) <= 5
        assert engine.covered <= engine.programs.keys()
    assert_full(engine, model, [X], random_backgrounds(2, 4, seed=1), 3, slice(0, 2))
    often = engine.program(20, 24)
    for lo in range(30, 60):
        engine.program(lo, lo + 4)
        assert engine.program(20, 24) is often


@torch.no_grad()
def test_what_is_kept_of_backgrounds_has_a_bound():
    """A scan from one end to the other, group by group, where the whole would be too much."""
    X = random_backgrounds(2, 90)
    model = Tower(3).double().eval()
    engine = Incremental(model, [X])
    most = 2 * max(engine.itemsize * engine.floats_per_background(lo, lo + 8) for lo in range(80)) + 1
    engine.cache_bytes = most
    assert engine.backgrounds_at_once(40, 48) >= 2
    assert engine.itemsize * 2 * engine.floats_per_background(0, 90) > 1.5 * most
    kept = []
    for lo in [*range(0, 80, 4), 10, 70]:
        engine.prepare([X], (0, 2), lo, lo + 8, 2)
        kept.append(bytes_of(value for value, _ in engine.cache.values()))
        assert_full(engine, model, [X], random_backgrounds(2, 8, seed=lo), lo, slice(0, 2))
    assert max(kept) <= most


@torch.no_grad()
def test_backgrounds_that_are_kept_stay_while_there_is_room(monkeypatch):
    X = random_backgrounds(2, 90)
    engine = Incremental(Tower(3).double().eval(), [X])
    engine.prepare([X], (0, 2), 10, 80, 2)
    monkeypatch.setattr(engine, "_run_backgrounds", None)  # they do not run again
    for _ in run_through(engine, X, [20, 60, 20], slice(0, 2)):
        pass


def test_a_stream_that_has_ended_holds_nothing(monkeypatch):
    """Not even until Python looks for circles of references."""
    engines, check = [], checking.checked_engine

    def checked(*given):
        engine = check(*given)
        engines.append(weakref.ref(engine))
        return engine

    monkeypatch.setattr(sessions, "checked_engine", checked)
    gc.disable()
    try:
        list(stream_motifs(Tower(3), random_backgrounds(2, 90), [("ACGT", 40)], incremental=True, device="cpu"))
        assert engines[0]() is None
    finally:
        gc.enable()
