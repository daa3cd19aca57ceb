"""Measures of profiles, by themselves and in the table of a screen, against scipy and brute force."""

import math
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from marginalization.merging.means import merge_profiles
from marginalization.merging.parts import find_parts
from marginalization.statistics.profiles import FLANK, profile_measures
from scipy.spatial.distance import jensenshannon
from screens import run_screen, screen_of

MEASURES = ["log2_fold_change", "jensen_shannon", "footprint_before", "footprint_after", "largest_change"]


def by_hand(before, after, centre, length):
    """The measures of two profiles of positive sums, position by position."""
    first = (length - len(before)) // 2
    near = [i for i in range(len(before)) if centre - 100 <= first + i < centre + 100]
    changes = [abs(float(a) - float(b)) for a, b in zip(after, before, strict=True)]
    sum_before, sum_after = math.fsum(before), math.fsum(after)
    return {
        "log2_fold_change": math.log2(sum_after / sum_before),
        "jensen_shannon": jensenshannon(before, after, base=2),
        "footprint_before": max((before[i] / sum_before for i in near), default=math.nan),
        "footprint_after": max((after[i] / sum_after for i in near), default=math.nan),
        "largest_change": first + changes.index(max(changes)),
    }


COUNTS = st.floats(2**-10, 2**10, width=32)


@st.composite
def profiles(draw):
    """Profiles before and after, centres anywhere in backgrounds that may be longer, and their length."""
    shape = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 7, 250]))
    length = shape[1] + draw(st.sampled_from([0, 1, 2, 31, 400]))
    sides = [draw(arrays(np.float64, shape, elements=COUNTS)) for _ in range(2)]
    return *sides, draw(arrays(np.int64, shape[0], elements=st.integers(0, length))), length


@settings(deadline=None)
@given(profiles())
def test_measures_equal_scipy_and_brute_force(drawn):
    before, after, centres, length = drawn
    found = profile_measures(before, after, centres, length)
    assert list(found) == MEASURES
    assert found["largest_change"].dtype == np.int64
    for i, centre in enumerate(centres):
        expected = by_hand(before[i], after[i], centre, length)
        # The root of a rounded 0 is as large as 1e-8, or in scipy NaN where it is rounded down.
        distance = np.nan_to_num(expected.pop("jensen_shannon"))
        np.testing.assert_allclose(found["jensen_shannon"][i], distance, rtol=1e-12, atol=1e-7)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][i], value, rtol=1e-12, atol=1e-12, err_msg=name)


def test_known_answers():
    before = np.array([[1.0, 1, 1, 1], [4, 0, 0, 0], [3, 1, 0, 0]])
    after = np.array([[2.0, 8, 2, 4], [0, 0, 2, 2], [3, 1, 0, 0]])
    found = profile_measures(before, after, np.array([4, 4, 4]), 9)
    assert found["log2_fold_change"].tolist() == [2, 0, 0]
    assert found["jensen_shannon"][1:].tolist() == [1, 0]  # nothing in common, and all
    assert found["footprint_before"].tolist() == [0.25, 1, 0.75]
    assert found["footprint_after"].tolist() == [0.5, 0.5, 0.75]
    assert found["largest_change"].tolist() == [3, 2, 2]  # the output begins at 2; nothing changed is at its first


def test_a_footprint_is_near_the_centre():
    """Peaks that grow from left to right, and a centre that moves over them."""
    ramp = np.arange(1.0, 601)
    centres = np.array([0, 300, 350, 799, 901])
    found = profile_measures(ramp[None].repeat(5, 0), ramp[None].repeat(5, 0), centres, 1000)
    # Position i of the output is 200 + i of the background; the last before centre + 100 counts.
    last = np.array([np.nan, 199, 249, 599, np.nan])
    np.testing.assert_allclose(found["footprint_after"], (last + 1) / ramp.sum())
    assert FLANK == 100


def test_profiles_without_counts_or_with_negative_ones(recwarn):
    plain, nothing, negative = [1.0, 2, 3], [0.0, 0, 0], [1.0, 5, -1]
    before = np.array([nothing, plain, nothing, negative, plain])
    after = np.array([plain, nothing, nothing, plain, negative])
    found = profile_measures(before, after, np.full(5, 1), 3)
    assert np.isnan(found["log2_fold_change"]).all()
    assert np.isnan(found["jensen_shannon"]).all()
    np.testing.assert_array_equal(found["footprint_before"], [np.nan, 0.5, np.nan, np.nan, 0.5])
    np.testing.assert_array_equal(found["footprint_after"], [0.5, np.nan, np.nan, 0.5, np.nan])
    assert found["largest_change"].tolist() == [2, 2, 0, 2, 2]
    assert not recwarn.list


@pytest.mark.parametrize("size", [1e-12, 1e-9, 1e-6])
def test_profiles_that_are_all_but_equal_have_a_distance(size):
    rng = np.random.default_rng(0)
    before = rng.uniform(1, 2, (500, 50))
    after = before * (1 + size * rng.uniform(-1, 1, before.shape))
    found = profile_measures(before, after, np.full(500, 25), 50)["jensen_shannon"]
    assert (found >= 0).all()
    assert found.max() < 1e-7 + size


MODEL = """
import torch


class Cropped(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.convolution = torch.nn.Conv1d(4, 2, 7)
        for parameter in self.convolution.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) / 2

    def forward(self, X):
        logits = self.convolution(X)
        return logits, logits.mean((1, 2)).exp().unsqueeze(1)
"""
MOTIFS = ["ACGTACG", "TT", "GGGCG", "CACGTG", "GC"]
STARTS = [20, 150, 250]
FOLDS = ["x", "y"]


@pytest.fixture(scope="module", params=[(1000, 10**6), (2, 20)], ids=str)
def merged(request, tmp_path_factory):
    """Profiles of a screen of two models and their group, in one shard or several; outputs are shorter by six.

    Row groups hold three placements, so some are of controls alone, which have no rows in the table.
    """
    folder = tmp_path_factory.mktemp("measures")
    (folder / "model.py").write_text(MODEL)
    draw = random.Random(3)
    # with the last motif where it is placed, so that it changes nothing
    gaps = [STARTS[0], *(end - start - 2 for start, end in pairwise([*STARTS, 300]))]
    letters = ["GC".join("".join(draw.choices("ACGT", k=k)) for k in gaps) for _ in range(5)]
    spec = {"factory": f"{folder / 'model.py'}:Cropped"}
    config = screen_of(
        folder,
        MOTIFS,
        letters,
        controls={"shuffles": 2},
        models={name: {**spec, "kwargs": {"seed": i}} for i, name in enumerate(FOLDS)},
        readouts={"counts": {"profile": {"logits": 0, "counts": 1}}},
        placement={"start": STARTS, "strands": "both"},
        shards=dict(zip(("backgrounds", "marginals"), request.param, strict=True)),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marginalization.jobs.effects.ROW_GROUP_ROWS", 1000)
        run = run_screen(config, folder)
    assert (run.plan.n_jobs > 2) == (request.param[0] < 1000)
    parts = find_parts(run.profiles, run.placed, run.targets, {"both": FOLDS})
    merge_profiles(parts, run.placed, 300, folder / "profiles.parquet", {})
    return run, pd.read_parquet(folder / "profiles.parquet").astype(dict.fromkeys(["model", "target", "strand"], str))


def test_a_screens_measures_equal_scipy_on_its_sums(merged):
    run, table = merged
    assert table.columns.tolist()[-len(MEASURES) :] == MEASURES
    assert table["largest_change"].dtype == np.int64
    sums = pd.concat([pd.read_parquet(path).assign(model=Path(path).parts[-3][6:]) for path in run.profiles])
    sums = sums.astype({"target": str, "element_id": str, "strand": str})
    keys = ["target", "element_id", "strand", "start"]
    widths = dict(zip(run.placed["element_id"], run.placed["width"], strict=True))
    assert len(table) == 3 * 2 * len(MOTIFS) * 2 * 3
    of_place = dict(list(sums.groupby(keys)))
    for row in table.to_dict("records"):
        models = FOLDS if row["model"] == "both" else [row["model"]]
        these = of_place[tuple(row[key] for key in keys)]
        these = these[these["model"].isin(models)]
        before, after = (np.stack(these[side]).sum(axis=0) / (5 * len(models)) for side in ("before", "after"))
        assert len(before) == 294
        np.testing.assert_array_equal(row["after"], after.astype(np.float32))
        expected = by_hand(before, after, row["start"] + widths[row["element_id"]] // 2, 300)
        del expected["largest_change"]  # of elements that change nothing it is rounding's
        for name, value in expected.items():
            np.testing.assert_allclose(row[name], value, rtol=1e-9, atol=1e-7, err_msg=f"{row['name']} {name}")
        changes = np.abs(after - before)
        assert changes[row["largest_change"] - 3] == pytest.approx(changes.max(), abs=1e-12)
    changed = table[table["name"] != "motif_4"]
    middle = changed["start"] + changed["element_id"].map(widths) // 2
    # A convolution of seven columns and a softmax: what changes most is where the element is seen.
    assert (changed["largest_change"] - middle).abs().max() <= 8
