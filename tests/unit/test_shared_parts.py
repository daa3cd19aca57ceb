"""Parts of pairs that equal each other are computed once for a whole screen, and every row has its numbers."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.sections import Config
from marginalization.config.sections.substitutions import Placement
from marginalization.design.elements import read_elements
from marginalization.design.pairs import PREFIX
from marginalization.design.placement import changed_part, count_repeats, distinct_placements, place
from marginalization.design.plan import make_plan
from marginalization.design.shards import element_bounds
from marginalization.jobs import effects as effects_of_jobs
from marginalization.jobs.pieces import StoppedError
from marginalization.jobs.running import spread
from marginalization.sequences.letters import reverse_complement
from marginalization.sequences.onehot import one_hot_encode
from screens import Tracks, expected_activities, run_screen, screen_of, substituted, typed
from tangermeme.space import space

LETTERS = ["ACGTTGCAACGGTCATTTACGATTGACTTG", "GGCATCATTACCATATCAGGGATCCATAAC", "TTTTACGGCATTCAGGGACCAATCACAGGA"]
MOTIFS = ["TGACT", "CCAG", "AT"]
ALL = [f"motif_{i}" for i in range(len(MOTIFS))]
PAIRS = [{"first": ALL, "second": ALL, "distances": [0, 1, 4]}]
READOUTS = {"activity": {"output": 2}}
PAIR_KINDS = ["pair", "part", "control_pair", "control_part"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(1, 7))
def test_rows_are_spread(tmp_path_factory, drawn, size):
    """Whatever repeats, and however far from the first."""
    of_each = {number: i for i, number in enumerate(dict.fromkeys(drawn))}
    which, n = np.array([of_each[number] for number in drawn]), len(of_each)
    known = {"effects": torch.arange(n * 6.0).view(n, 3, 2).bfloat16(), "sums": torch.rand(n, 4).double()}
    groups = ({key: rows[first : first + size] for key, rows in known.items()} for first in range(0, n, size))
    folder = tmp_path_factory.mktemp("scratch") / "unfinished"
    found = list(spread(groups, which, folder))
    for key, rows in known.items():
        assert torch.equal(torch.cat([group[key] for group in found]), rows[which])
    assert max(len(group["sums"]) for group in found) <= size
    assert not folder.exists() or not list(folder.iterdir())


@st.composite
def screens_of_pairs(draw):
    motifs = draw(st.lists(st.text("ACGTN", min_size=1, max_size=5), min_size=1, max_size=4, unique=True))
    motifs = [motif for motif in motifs if motif.strip("N")] or ["GAT"]
    names = [f"motif_{i}" for i in range(len(motifs))]
    some = st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)
    distances = st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True)
    pairs = draw(st.lists(st.fixed_dictionaries({"first": some, "second": some, "distances": distances}), min_size=1))
    starts = st.just("centre") | st.lists(st.integers(0, 15), min_size=1, max_size=4, unique=True)
    placement = {"start": draw(starts), "strands": draw(st.sampled_from(["+", "-", "both"]))}
    return motifs, pairs, placement, draw(st.none() | st.just({"shuffles": 3, "pairs": 2}))


@settings(deadline=None, max_examples=15)
@given(drawn=screens_of_pairs())
def test_what_pairs_and_parts_share_is_in_one_shard(tmp_path_factory, drawn):
    motifs, pairs, placement, controls = drawn
    folder = tmp_path_factory.mktemp("screen")
    elements = read_elements(Config.of(screen_of(folder, motifs, LETTERS, controls, pairs))).elements
    placement = typed(Placement, placement)
    placed = list(place(elements, placement, 30))
    parts = [changed_part(each) for each in placed]
    firsts, which = distinct_placements(placed)
    assert firsts.tolist() == sorted({part: i for i, part in reversed(list(enumerate(parts)))}.values())
    assert [parts[i] for i in firsts[which]] == parts
    assert count_repeats(elements, placement, 30) == len(parts) - len(firsts)
    kinds = dict(zip(elements["element_id"], elements["kind"], strict=True))
    ids_of: dict[tuple, set] = {}
    for each, part in zip(placed, parts, strict=True):
        if kinds[each.element_id] in [*PAIR_KINDS, "motif"]:
            ids_of.setdefault(part, set()).add(each.element_id[:PREFIX])
    either = {min(motif.strip("N"), reverse_complement(motif.strip("N"))) for motif in motifs}
    # Of motifs that are each other's reverse complements, or differ in N alone, one has the parts beside it.
    assert max(map(len, ids_of.values())) == 1 or len(either) < len(motifs)


def test_a_pair_more_changes_no_other_jobs_than_those_of_its_elements(tmp_path):
    """Here one pair at one distance: the pairs in four orientations, and parts at places that they have or had not."""
    shards = {"shards": {"marginals": 8}}
    few = [{"first": ["motif_0"], "second": ["motif_1"], "distances": [0, 1, 5]}]
    more = [{**few[0], "distances": [0, 1, 5, 8]}]
    elements, plans = [], []
    for pairs in (few, more):
        config = screen_of(tmp_path, MOTIFS, LETTERS, None, pairs, **shards)
        elements.append(set(read_elements(Config.of(config)).elements["element_id"]))
        plans.append(make_plan(config, tmp_path / "cache"))
    new = elements[1] - elements[0]
    assert elements[0] < elements[1]
    assert len(new) == 4 + 2 + 2
    before, after = (set(plan.jobs["toy"]) for plan in plans)
    labels = {job.split("-")[0] for job in before | after}
    assert len({label.split("of")[1] for label in labels}) == 1
    bounds = {label: element_bounds(label) for label in labels}
    touched = {label for label, (low, high) in bounds.items() if any(low <= one <= high for one in new)}
    assert {job.split("-")[0] for job in after - before} == touched
    assert len(touched) < len(after)


def computed(folder):
    """The marginals that the jobs of a screen computed."""
    return sum(json.loads(path.read_text())["marginals"] for path in folder.glob("results/jobs/**/*.json"))


@pytest.mark.parametrize(
    ("start", "marginals"), [("centre", 1000), ({"from": 0, "to": 8, "step": 4}, 10**6)], ids=["centre", "scan"]
)
def test_each_is_computed_once_and_equals_brute_force_and_tangermeme(tmp_path, start, marginals, monkeypatch):
    monkeypatch.setattr(effects_of_jobs, "ROW_GROUP_ROWS", 70)
    shards = {"marginals": marginals, "backgrounds": 2}
    options = {"placement": {"start": start, "strands": "both"}, "readouts": READOUTS, "shards": shards}
    controls = {"shuffles": 2, "pairs": 2}
    config = screen_of(tmp_path, MOTIFS, LETTERS, controls, PAIRS, **options)
    run = run_screen(config, tmp_path)
    rows = run.placed.itertuples(index=False)
    oriented = [row.sequence if row.strand == "+" else reverse_complement(row.sequence) for row in rows]
    constructs = {
        (sequence.strip("N"), at + sequence.index(sequence.strip("N")))
        for sequence, at in zip(oriented, run.placed["start"], strict=True)
    }
    # A control and a part that equal each other may be in two shards.
    of_controls = (run.placed["kind"] == "control").sum()
    more = computed(tmp_path) - 3 * len(constructs)
    assert 0 <= more <= 3 * of_controls * (marginals < 10**6)
    assert computed(tmp_path) < 0.6 * 3 * len(run.placed)
    assert run.plan.n_computed == 3 * len(constructs)
    assert len(run.plan.jobs["toy"]) > 1

    effects = pd.read_parquet(Path(run.effects[0]).parents[2])
    assert len(effects) == len(run.placed) * 3 * 3
    keys = ["element_id", "strand", "start", "target", "background_id"]
    found = effects.astype(dict.fromkeys(keys[:2], str)).set_index(keys)["effect"].sort_index()
    before = np.array([expected_activities(background) for background in LETTERS])
    ids = run.backgrounds["background_id"]
    by_hand = {
        (row.element_id, row.strand, row.start, str(target), ids[i]): value
        for row, sequence in zip(run.placed.itertuples(index=False), oriented, strict=True)
        for i, background in enumerate(LETTERS)
        for target, value in enumerate(expected_activities(substituted(background, sequence, row.start)) - before[i])
    }
    assert found.to_dict() == by_hand

    if start == "centre":
        X, model = one_hot_encode(LETTERS).float(), Tracks()
        for pair in run.pairs.sample(12, random_state=0).itertuples():
            motifs = [
                sequence if strand == "+" else reverse_complement(sequence)
                for sequence, strand in zip(
                    (MOTIFS[ALL.index(pair.first)], MOTIFS[ALL.index(pair.second)]), pair.orientation, strict=True
                )
            ]
            y_before, y_after = space(model, X, motifs, [[pair.distance]], device="cpu")
            theirs = (y_after[2][:, 0] - y_before[2]).numpy()
            own = np.array(
                [
                    [found[pair.element_id, "+", 15 - len(pair.pair_sequence) // 2, str(t), i] for t in range(3)]
                    for i in ids
                ]
            )
            np.testing.assert_allclose(own, theirs, atol=1e-4)


def test_a_job_that_is_stopped_goes_on_with_the_same_bytes(tmp_path, monkeypatch):
    """Also where what is needed again was computed by the first attempt."""
    options = {"placement": {"start": {"from": 0, "to": 8}, "strands": "both"}, "readouts": READOUTS}
    config = screen_of(tmp_path, MOTIFS, LETTERS, None, PAIRS, **options)
    whole = run_screen(config, tmp_path / "whole")
    stopped, calls = effects_of_jobs.Effects.reduce, []

    def reduce(self, y, placed):
        calls.append(len(placed))
        if len(calls) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return stopped(self, y, placed)

    monkeypatch.setattr(effects_of_jobs.Effects, "reduce", reduce)
    monkeypatch.setattr("marginalization.inference.session.BATCHES_PER_GROUP", 1)
    monkeypatch.setattr("marginalization.inference.incremental.motifs.MOTIFS_PER_GROUP", {"cpu": 64})
    with pytest.raises(StoppedError):
        run_screen(config, tmp_path / "again")
    again = run_screen(config, tmp_path / "again")
    (ours,), (theirs,) = again.effects, whole.effects
    assert 0 < computed(tmp_path / "again") < computed(tmp_path / "whole")
    assert Path(ours).read_bytes() == Path(theirs).read_bytes()
    assert not list((tmp_path / "again" / "results" / "unfinished").rglob("*.*"))
