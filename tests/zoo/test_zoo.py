"""Whatever of the zoo runs incrementally gives what full passes give, and what runs so today does so tomorrow."""

import re

import giants
import pytest
import torch
from architectures import ARCHITECTURES, WIDTH, make, one_hot, starts
from marginalization import stream_motifs
from marginalization.config.sections import Readout
from marginalization.errors import InputError
from marginalization.inference.incremental.engine import Incremental
from marginalization.models.outputs import as_callable, leaves
from marginalization.models.readouts import ReadoutModel
from marginalization.probing.layouts import check_layouts
from marginalization.probing.remedies import Trial
from screens import typed


def effects(network, X, placements):
    """What each motif does in each background, by full passes: tensors (n_motifs, n_backgrounds, ...)."""
    before, afters = leaves(network(X)), []
    for motif, start in placements:
        Z = X.clone()
        Z[:, :, start : start + WIDTH] = motif
        afters.append(leaves(network(Z)))
    return [torch.stack(after) - y for after, y in zip(zip(*afters, strict=True), before, strict=True)]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_streams_equal_full_passes_in_float64(name, caplog):
    network, length = make(name)
    network, X = as_callable(network.double()), one_hot(2, length, 0).double()
    placements = [(one_hot(1, WIDTH, 1 + i), start) for start in starts(length) for i in range(2)]
    with torch.no_grad(), caplog.at_level("INFO", logger="marginalization"):
        before = leaves(network(X))
        groups = stream_motifs(network, X, placements, dtype="float64", device="cpu", incremental=True)
        ours = [torch.cat(parts) for parts in zip(*map(leaves, groups), strict=True)]
        exact = effects(network, X, placements)
    for y, base, effect in zip(ours, before, exact, strict=True):
        assert y.shape == effect.shape
        assert effect.abs().max() > 0
        assert (y - base - effect).abs().max() <= 1e-10 * effect.abs().max()
    facts = {key: value for record in caplog.records for key, value in getattr(record, "facts", {}).items()}
    assert facts["incremental"], facts


@pytest.mark.parametrize("name", giants.FULL)
@torch.no_grad()
def test_of_what_follows_attention_only_what_the_readout_takes_is_computed(name):
    """The last layer's scores, the decoder and the head: for 8 of 32 or 64 bins, and of coarser ones for fewer."""
    layout = ["positions", "tracks"] if name == "Enformer" else ["tracks", "positions"]
    readout = typed(Readout, {"output": 0, "layout": layout, "positions": 8, "reduce": "mean"})
    model = ReadoutModel(giants.FULL[name](**giants.SMALL[name]).eval(), {"bins": readout})
    steps = Incremental(model, [one_hot(1, 512, 0).float()]).program(256, 268).steps
    (*_, last) = [i for i, step in enumerate(steps) if "softmax" in str(step.node.target)]
    widths = [step.out.width for step in steps[last:] if step.out is not None]
    assert len(widths) > 20
    assert max(widths) <= 10


POSITIONS = {"BPNet": 2, "ProCapNet": 2, "Basenji2": 1, "SpliceAI": 1, "OpenSpliceAI": 2, "Puffin": 2, "Akita": 1}
"""Which axis of the first output is of positions; of the transformers, whose bins look at all, that does not show."""


@pytest.mark.parametrize(("name", "axis"), [*POSITIONS.items(), ("Enformer", None), ("Borzoi", None)])
def test_the_axis_of_positions_shows(name, axis):
    network, length = make(name)
    layout = "[tracks, positions]" if axis == 2 else "[positions, tracks]"
    model = ReadoutModel(lambda X: leaves(network(X)), {"r": typed(Readout, {"output": 0, "reduce": "sum"})})
    trial = Trial(model, one_hot(1, length, 0), [], None, "cpu")
    if axis == 2:
        check_layouts(trial, average_strands=False)
        return
    with pytest.raises(InputError, match="does not show" if axis is None else rf"write `layout: {re.escape(layout)}`"):
        check_layouts(trial, average_strands=False)
