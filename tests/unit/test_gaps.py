"""What is known within a window is not computed: between two motifs far apart, and within a wide element."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization import marginalize_annotations, stream_motifs
from marginalization.inference.incremental import checking
from marginalization.inference.incremental import motifs as incremental_motifs
from marginalization.inference.incremental.engine import Incremental
from marginalization.inference.incremental.gaps.reached import Gap, Place, sides
from marginalization.inference.incremental.rules.windows import Window
from random_networks import networks
from tangermeme.marginalize import marginalize_annotations as reference
from test_incremental import EXPORTING, assert_same, joined, random_backgrounds, substituted
from torch import nn
from toy_models import Tower


def assert_full_with_gap(engine, model, inputs, motif, lo, rows, gap, tolerance=1e-10):
    """What the engine gives for motifs, of which the gap is the same in all rows or of none, is what a full pass gives.

    `motif` has one row for each of `rows`, or many where `rows` is one.
    """
    X, hi = inputs[0], lo + motif.shape[2]
    engine.prepare(inputs, (0, len(X)), lo, hi, 2, [Place(lo, hi, gap)])
    core = None
    if gap.of_letters:
        elements = motif if len(motif) > 1 and rows.stop - rows.start == 1 else motif[:1]
        Z, _ = substituted(X, elements, lo, slice(0, 1))
        core = engine.core((Z - X[:1])[:, :, lo:hi], lo, gap)
    Z, which = substituted(X, motif, lo, rows)
    after = engine.after((Z - X[which])[:, :, lo:hi], lo, rows, gap, core)
    assert_same(after, model(Z, *(x[which] for x in inputs[1:])), tolerance)


@st.composite
def gapped(draw, X):
    """One-hot motifs (rows, 4, width), their start, the rows of backgrounds, and a gap in them."""
    n, _, length = X.shape
    width = draw(st.sampled_from([length, max(1, length - 3)]) | st.integers(1, length))
    lo = draw(st.sampled_from([0, length - width, min(3, length - width)]) | st.integers(0, length - width))
    begin = draw(st.integers(0, width - 1))
    end = draw(st.integers(begin + 1, width) | st.just(width))
    begin, end = draw(st.sampled_from([(0, width), (begin, end)]))
    first = draw(st.integers(0, n - 1))
    many = draw(st.booleans())
    rows = slice(first, first + 1) if many else slice(first, draw(st.integers(first + 1, n)))
    count = draw(st.integers(1, 3)) if many else rows.stop - rows.start
    of_letters = draw(st.booleans())
    seed = draw(st.integers(0, 99))
    motif = random_backgrounds(count, width, seed=seed)
    if of_letters and not many:
        motif[1:] = motif[:1]
    if draw(st.booleans()):  # unknown letters beside the gap
        unknown = torch.rand(width, generator=torch.Generator().manual_seed(seed)) < 0.3
        unknown[begin:end] = False
        motif[:, :, unknown] = 0
    if not of_letters:
        motif[:, :, begin:end] = 0
    return motif, lo, rows, Gap(lo + begin, lo + end, of_letters)


@settings(max_examples=settings.default.max_examples // 2, **EXPORTING)
@given(networks(), st.data())
def test_random_networks_with_gaps_equal_full_forward_passes(network, data):
    model, X, args = network
    with torch.no_grad():
        engine = Incremental(model, [X, *args])
        engine.work_bytes = data.draw(st.sampled_from([1, 2**10, 2**23]))
        for _ in range(3):
            assert_full_with_gap(engine, model, [X, *args], *data.draw(gapped(X)))


@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("of_letters", [True, False])
@torch.no_grad()
def test_every_gap_in_a_cropped_tower(channels, of_letters):
    model, X = Tower(channels).double().eval(), random_backgrounds(3, 90)
    engine = Incremental(model, [X])
    for lo, hi in ((0, 90), (0, 60), (3, 80), (20, 70), (40, 90)):
        for begin, end in ((lo, hi), (lo + 4, hi - 4), (lo, hi - 9), (lo + 12, hi)):
            motif = random_backgrounds(1, hi - lo, seed=lo).repeat(3, 1, 1)
            if not of_letters:
                motif[:, :, begin - lo : end - lo] = 0
            gap = Gap(begin, end, of_letters)
            assert_full_with_gap(engine, model, [X], motif, lo, slice(0, 3), gap)
            assert_full_with_gap(engine, model, [X], motif, lo, slice(1, 2), gap)


def planned(monkeypatch):
    """The gaps of all places that run from here on."""
    gaps, run = [], incremental_motifs._run_place
    monkeypatch.setattr(incremental_motifs, "_run_place", lambda *given: gaps.append(given[3].gap) or run(*given))
    return gaps


WIDE = ["".join("ACGT"[(i * k + i * i // 7) % 4] for i in range(70)) for k in (1, 2, 3)]
FAR = ["ACGTTC" + "N" * 56 + end for end in ("GATTACA", "CCCCCC", "T")]
SHIFTED = [("ACG" * 20 + "N" + "T" * 9, 6), (WIDE[0][:66], 8), (WIDE[1], 3)]


@pytest.mark.parametrize("n", [2, 40])
@pytest.mark.parametrize(
    ("placed", "of_letters"),
    [([(m, 10) for m in WIDE], True), ([(m, 9) for m in FAR], False), (SHIFTED, True)],
    ids=["wide", "far", "shifted"],
)
def test_streams_with_gaps_equal_full_streams(n, placed, of_letters, monkeypatch, caplog):
    """Of few motifs in many backgrounds, and of more motifs in few; widths, starts and unknown letters differ."""
    monkeypatch.setattr(incremental_motifs, "LEAST_GAINED", 0)  # also where it does not pay
    monkeypatch.setattr(incremental_motifs, "FEWEST_ROWS", 0)
    monkeypatch.setattr(incremental_motifs, "_elements_at_once", lambda *given: 2)
    gaps, model, X = planned(monkeypatch), Tower(16).double().eval(), random_backgrounds(n, 90)
    options = {"dtype": torch.float64, "device": "cpu"}
    ours = joined(stream_motifs(model, X, placed, incremental=True, **options))
    assert_same(ours, joined(stream_motifs(model, X, placed, incremental=False, **options)))
    assert not [record for record in caplog.records if record.name == checking.__name__]
    assert {gap.of_letters for gap in gaps if gap} == {of_letters}


def test_annotations_with_gaps_are_those_of_tangermeme(monkeypatch):
    monkeypatch.setattr(incremental_motifs, "LEAST_GAINED", 0)
    monkeypatch.setattr(incremental_motifs, "FEWEST_ROWS", 0)
    gaps, model, X0 = planned(monkeypatch), Tower(16).double().eval(), random_backgrounds(5, 90)
    X = random_backgrounds(3, 120, seed=1)
    annotations = torch.tensor([[0, 10, 80], [1, 0, 90], [2, 40, 110], [2, 41, 111], [0, 7, 15]])
    options = {"dtype": torch.float64, "device": "cpu"}
    ours = marginalize_annotations(model, X, X0, annotations, incremental=True, **options)
    theirs = reference(model, X, X0, annotations, **options)
    for y, y_reference in zip(ours, theirs, strict=True):
        assert_same(y, y_reference)
    assert gaps == [Gap(12, 80, True), None]  # of all in one window, and of one too narrow


@pytest.mark.parametrize(("width", "n", "pays"), [(400, 20, True), (400, 1, False), (48, 20, False)])
def test_there_is_a_gap_where_that_leaves_out_enough(width, n, pays):
    """Of one background nothing is the same; within a narrow element little."""
    torch.manual_seed(0)
    layers = [nn.Conv1d(4, 64, 21, padding=10), nn.ReLU(), nn.Conv1d(64, 64, 21, padding=10), nn.ReLU()]
    model, X = nn.Sequential(*layers).eval().requires_grad_(False), random_backgrounds(n, 600).float()
    engine = Incremental(model, [X])
    placed = [(random_backgrounds(1, width, seed=i).to(torch.int8), 100) for i in range(32)]
    ((place, which),) = incremental_motifs.places_of(engine, placed, X).items()
    assert place == (100, 100 + width, place.gap)
    assert place.gap == (Gap(100, 100 + width, True) if pays else None)
    assert which == list(range(32))


@torch.no_grad()
def test_where_a_gap_lies():
    """What a convolution of 3 positions and one of 9 look at, of letters at 10 to 60, and where these are cropped."""
    layers = [nn.Conv1d(4, 2, 3, padding=1), nn.ReLU(), nn.Conv1d(2, 2, 9), nn.MaxPool1d(2)]
    planner = Incremental(nn.Sequential(*layers).eval(), [torch.zeros(2, 4, 80)]).planner
    for of_letters in (True, False):
        reach = planner.reach(Window(2, 4, 66), (), Gap(10, 60, of_letters))
        assert [(gap.lo, gap.hi) for gap in reach.gaps.values()] == [(11, 59), (11, 59), (11, 51), (6, 25)]
    program = planner.plan(Window(2, 4, 66), (), Gap(10, 60, True))
    assert [[part[1:3] for part in sides(step.out, step.gap)] for step in program.steps] == [
        [(3, 11), (59, 67)],
        [(3, 11), (59, 67)],
        [(0, 11), (51, 67)],
        [(0, 6), (25, 34)],
    ]
