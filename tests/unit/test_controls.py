import itertools
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.sections.substitutions import Controls
from marginalization.design.controls import draw_controls, missing_controls
from marginalization.sequences.letters import gc_fraction, identifier, reverse_complement
from marginalization.statistics.families import strata
from screens import resolved, typed

SPEC = resolved(elements={"controls": {}})["elements"]["controls"]
SEQUENCES = ["TGACTCATTG", "GATAAGCCTA", "CCACCAGGGGGCGC", "TTNAACGNGC"]
WIDE = st.text("ACGTN", min_size=6, max_size=30)


def table(sequences):
    """Elements as `read_elements` gives them, before there are controls."""
    rows = [(identifier(s), f"name {s}", "motif", s, len(s), "motifs.fa:1", None) for s in sorted(set(sequences))]
    columns = ["element_id", "name", "kind", "sequence", "width", "source", "control_of"]
    return pd.DataFrame(rows, columns=columns).sort_values("element_id", ignore_index=True)


def pairs(sequence):
    return Counter(itertools.pairwise(sequence))


@settings(max_examples=30, deadline=None)
@given(st.lists(WIDE, min_size=1, max_size=8), st.sampled_from(["mononucleotide", "dinucleotide"]), st.integers(2, 12))
def test_controls_are_distinct_shuffles(sequences, kind, shuffles):
    elements = table(sequences)
    found = draw_controls(elements, typed(Controls, {**SPEC, "kind": kind, "shuffles": shuffles}), seed=3)
    parents = elements.set_index("element_id")
    assert found["control_of"].value_counts().max() <= shuffles or found.empty
    for row in found.itertuples():
        parent = parents.loc[row.control_of]
        keep = Counter if kind == "mononucleotide" else pairs
        assert keep(row.sequence) == keep(parent["sequence"])
        assert row.element_id.startswith(row.control_of[:8])
        assert (row.kind, row.width, row.source) == ("control", parent["width"], parent["source"])
    on_either_strand = {min(s, reverse_complement(s)) for s in found["sequence"]}
    assert len(on_either_strand) == len(found)
    assert not on_either_strand & {min(s, reverse_complement(s)) for s in elements["sequence"]}
    assert len({*elements["element_id"], *found["element_id"]}) == len(elements) + len(found)


def test_there_are_as_many_as_asked_where_the_sequence_allows():
    counts = draw_controls(table([*SEQUENCES, "AAAAAA", "AC"]), typed(Controls, {**SPEC, "shuffles": 7}), seed=0)[
        "control_of"
    ]
    expected = dict.fromkeys(map(identifier, SEQUENCES), 7) | {identifier("AC"): 1}
    assert counts.value_counts().to_dict() == expected


def test_names_number_the_controls_of_an_element():
    found = draw_controls(table(["GATAAG"]), typed(Controls, {**SPEC, "shuffles": 2}), seed=0)
    assert found["name"].tolist() == ["name GATAAG/shuffle 1", "name GATAAG/shuffle 2"]


def test_draws_depend_on_the_seed_and_the_element_alone():
    few, more = (
        draw_controls(table(sequences), typed(Controls, SPEC), seed=1) for sequences in (SEQUENCES[:2], SEQUENCES)
    )
    assert few["sequence"].tolist() == more[more["control_of"].isin(few["control_of"])]["sequence"].tolist()
    assert len(more) == 80
    again, other = (
        draw_controls(table(SEQUENCES), typed(Controls, SPEC), seed=seed)["sequence"].tolist() for seed in (1, 2)
    )
    assert again == more["sequence"].tolist()
    assert not {*again} & {*other}


def random_elements(n, seed=0):
    rng = np.random.default_rng(seed)
    widths = rng.integers(6, 25, n)
    return table("".join(rng.choice(list("ACGT"), w, p=rng.dirichlet([3] * 4))) for w in widths)


@pytest.mark.parametrize(("widths", "gcs"), [(1, 1), (2, 2), (3, 4)])
def test_strata_are_quantiles_of_width_and_within_it_of_gc(widths, gcs):
    elements = random_elements(3000)
    spec = {**SPEC, "shuffles": 1000, "strata": {"width": widths, "gc": gcs}}
    label = strata(elements, spec)
    assert sorted(set(label)) == list(range(widths * gcs))
    sizes = np.bincount(label)
    assert sizes.min() > 0.6 * 3000 / (widths * gcs)
    gc = elements["sequence"].map(gc_fraction)
    by_width = pd.DataFrame({"bin": label // gcs, "width": elements["width"]}).groupby("width")["bin"]
    assert (by_width.nunique() == 1).all()
    for wide in range(widths):
        rows = pd.DataFrame({"bin": label % gcs, "gc": gc})[label // gcs == wide]
        bounds = rows.groupby("bin")["gc"].agg(["min", "max"])
        assert (bounds["min"].to_numpy()[1:] > bounds["max"].to_numpy()[:-1]).all()


def test_each_stratum_can_find_a_lone_element_or_there_are_fewer():
    elements = random_elements(400)
    for shuffles, n_strata in ((20, 1), (60, 2), (150, 4)):
        label = strata(elements, {**SPEC, "shuffles": shuffles})
        assert sorted(set(label)) == list(range(n_strata))
        if n_strata > 1:
            assert 400 / (np.bincount(label).min() * shuffles + 1) < SPEC["level"]
    assert len(set(strata(random_elements(40), {**SPEC, "per": "stratum"}))) == 4


def test_each_stratum_has_as_many_controls_as_asked():
    elements = random_elements(200)
    spec = {**SPEC, "per": "stratum", "shuffles": 30}
    found = draw_controls(elements, typed(Controls, spec), seed=0)
    label = dict(zip(elements["element_id"], strata(elements, spec), strict=True))
    assert np.bincount(found["control_of"].map(label)).tolist() == [30] * 4
    # each of another element, as long as there are any
    assert found["control_of"].is_unique


def test_elements_with_fewer_controls_than_asked_are_told():
    elements, spec = table([*SEQUENCES, "AAAAAA", "CCC", "AC"]), {**SPEC, "shuffles": 7}
    (line,) = missing_controls(elements, draw_controls(elements, typed(Controls, spec), seed=0), typed(Controls, spec))
    assert re.match(
        "3 of 7 elements have fewer controls than the 7 asked for, 2 of them none, such as name (AAAAAA|CCC|AC)", line
    )
    elements = table(SEQUENCES)
    assert (
        missing_controls(elements, draw_controls(elements, typed(Controls, spec), seed=0), typed(Controls, spec)) == []
    )
    elements, spec = table(["AAAAAA", "CCCC", "AC"]), {**SPEC, "per": "stratum", "strata": {"width": 1, "gc": 1}}
    (line,) = missing_controls(elements, draw_controls(elements, typed(Controls, spec), seed=0), typed(Controls, spec))
    assert line.startswith("1 of 1 strata of elements have fewer controls than the 20 asked for, such as")
    elements = random_elements(200)
    spec = {**SPEC, "per": "stratum", "shuffles": 30}
    assert (
        missing_controls(elements, draw_controls(elements, typed(Controls, spec), seed=0), typed(Controls, spec)) == []
    )
