"""How like a map is to matrices: beside numpy's correlation, and every offset by brute force."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.maps.likeness import (
    AS_STRONG,
    CARRIED,
    LEAST,
    MARGIN,
    Match,
    best_match,
    carried_stretch,
    contributions,
    similarity,
    weights,
    what_is_read,
)
from marginalization.store.files import write_table
from marginalization.store.other_schemas import MAPS_SUMMARY
from marginalization.store.paths import Results
from marginalization.store.reading import read_table
from marginalization.view.maps import MOST_NAMED, read_in, read_in_all
from marginalization.view.results import read_beside


def matrix_of(rng, width):
    return rng.dirichlet([0.3] * 4, width)


def map_of(rng, width):
    changes = rng.normal(size=(width, 4))
    return changes - changes[:, :1]


@given(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from([1, -1]))
def test_similarity_is_the_correlation_of_what_is_left_of_each_position(seed, width, sign):
    rng = np.random.default_rng(seed)
    changes, p = map_of(rng, width), matrix_of(rng, width)
    logarithms = np.log((p + 0.01) / 0.25)  # to any base, from any background
    left = [x - x.mean(axis=1, keepdims=True) for x in (sign * changes, logarithms)]
    expected = np.corrcoef(left[0].ravel(), left[1].ravel())[0, 1]
    a, b = contributions(changes, sign), weights(p)
    assert similarity(a, b) == pytest.approx(expected)
    assert similarity(3 * a, b) == pytest.approx(expected)
    # A matrix whose logarithms are the map is the most similar that there is.
    assert similarity(a, a) == pytest.approx(1)
    assert np.isnan(similarity(a, weights(np.full((width, 4), 0.25))))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 9))
def test_the_best_match_is_that_of_all_offsets_on_both_strands(seed, n, width):
    rng = np.random.default_rng(seed)
    a, b = contributions(map_of(rng, n), 1), weights(matrix_of(rng, width))
    found = []
    for strand, own in (("+", b), ("-", b[::-1, ::-1])):
        for offset in range(1 - width, n):
            both = np.zeros((2, n + 2 * width, 4))
            both[0, width : width + n] = a
            both[1, width + offset : 2 * width + offset] = own
            found.append(Match(np.corrcoef(both[0].ravel(), both[1].ravel())[0, 1], offset, strand))
    best = max(found, key=lambda match: match.similarity)
    match = best_match(a, b)
    assert match.similarity == pytest.approx(best.similarity)
    assert match.similarity == pytest.approx(found[found.index(max(found))].similarity)
    if sum(abs(other.similarity - best.similarity) < 1e-9 for other in found) == 1:
        assert match[1:] == best[1:]


def test_a_motif_is_found_where_it_lies():
    rng = np.random.default_rng(0)
    b = weights(matrix_of(rng, 8))
    a = np.zeros((20, 4))
    a[5:13] = 0.3 * b[::-1, ::-1]
    match = best_match(a, b)
    assert match[1:] == (5, "-")
    assert match.similarity == pytest.approx(1)
    # Of a motif whose other half lies outside, what lies inside counts.
    half = best_match(b[4:], b)
    assert half[1:] == (-4, "+")
    assert half.similarity == pytest.approx(np.sqrt((b[4:] ** 2).sum() / (b**2).sum()))


@given(st.lists(st.integers(-3, 9), min_size=1, max_size=12))
def test_the_carried_stretch_is_the_shortest_of_all(losses):
    found = carried_stretch(np.array(losses, dtype=float))
    kept = np.maximum(losses, 0)
    if not kept.any():
        assert found is None
        return
    spans = [
        (end - first, -kept[first:end].sum(), first)
        for first in range(len(losses))
        for end in range(first + 1, len(losses) + 1)
        if kept[first:end].sum() >= CARRIED * kept.sum() - 1e-9
    ]
    width, _, first = min(spans)
    assert found == (first, first + width)


@pytest.mark.parametrize(
    ("similarities", "own", "others", "reads", "closest"),
    [
        ([0.9, 0.8], [1, 0], [0, 1], "itself", 0),
        ([0.8, 0.9], [1, 0], [0, 1], "another", 1),
        ([0.8, 0.9], [1, 0], [0, 0], "unclear", 1),  # the other is not known to be read
        ([0.9 - MARGIN / 2, 0.9], [1, 0], [0, 0], "itself", 0),  # it is as good as the most similar
        ([0.9 - MARGIN / 2, 0.9], [1, 0], [0, 1], "itself", 0),
        ([0.3, 0.9, 0.9 - MARGIN / 2], [1, 0, 0], [0, 0, 1], "another", 2),
        ([LEAST - 0.01, 0.1], [1, 0], [0, 1], "unclear", 0),  # it is like nothing
        ([None, 0.9], [1, 0], [0, 1], "another", 1),  # a motif without a matrix
        ([None, None], [1, 0], [0, 1], "unclear", None),
        ([], [], [], "unclear", None),
    ],
)
def test_what_is_read(similarities, own, others, reads, closest):
    matches = [None if x is None else Match(x, 0, "+") for x in similarities]
    found = what_is_read(matches, np.array(own, dtype=bool), np.array(others, dtype=bool))
    assert (found.reads, found.closest) == (reads, closest)
    assert found.match == (None if closest is None else matches[closest])
    assert 0 < AS_STRONG < 1


def row_of(**columns):
    row = {"name": "ZNF", "similarity": 0.6, "closest": "ZNF", "closest_similarity": 0.6, "reads": "itself"}
    row |= {"carried": "CTAATC", "carried_start": 3.0, "carried_end": 9.0, "effect_mean": 1.0}
    return {**row, **columns}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "reads the motif itself (similarity 0.60 to its matrix); CTAATC (bases 4 to 9) carries it"),
        (
            {"closest": "GATA1", "closest_similarity": 0.98, "reads": "another", "carried": None},
            "reads GATA1 in it (similarity 0.98, 0.60 to its own matrix)",
        ),
        (
            {"closest": "GATA1", "closest_similarity": 0.41, "similarity": np.nan, "reads": "unclear", "carried": None},
            "reads what can not be told without a matrix of its own (similarity at most 0.41, to GATA1)",
        ),
        (
            {"closest": "GATA1", "closest_similarity": 0.41, "similarity": 0.3, "reads": "unclear", "carried": None},
            "reads something else in it (similarity 0.30 to its matrix, at most 0.41, to GATA1)",
        ),
        (
            {"closest": None, "closest_similarity": np.nan, "similarity": np.nan, "reads": "unclear"},
            "reads what can not be told without a matrix of its own; CTAATC (bases 4 to 9) carries it",
        ),
        (
            {"closest": None, "closest_similarity": np.nan, "similarity": np.nan, "reads": "unclear", "carried": None},
            "reads something else in it (like no matrix)",
        ),
        (
            {"closest": "ZNF2", "closest_similarity": 0.7, "carried": None},
            "reads the motif itself (similarity 0.60 to its matrix, 0.70 to ZNF2)",
        ),
    ],
)
def test_it_is_said_in_words(columns, said, tmp_path):
    row = row_of(**columns)
    assert read_in(SimpleNamespace(**row)) == said
    # As it comes from the table, where what is missing is another thing.
    names = {"model": "m", "readout": "r", "target": "0", "strand": "+", "closest_strand": None}
    table = pd.DataFrame([{**names, **row}]).reindex(columns=MAPS_SUMMARY.names)
    write_table(table, tmp_path / "maps_summary.parquet", MAPS_SUMMARY, {})
    for read in (
        read_table(tmp_path / "maps_summary.parquet", MAPS_SUMMARY),
        read_beside(Results(tmp_path), "maps_summary"),
    ):
        assert read_in(next(read.itertuples(index=False))) == said


def test_all_are_said_in_a_sentence_the_strongest_first():
    rows = [row_of(name=f"m{i}", reads="another", closest="x", effect_mean=-float(i)) for i in range(MOST_NAMED + 2)]
    (said,) = read_in_all(pd.DataFrame([*rows, row_of(reads="unclear"), row_of()]), 0.0)
    assert said.startswith(
        "Of 10 mapped motifs 1 read as themselves, 1 as something else, 8 as another: m7 (x), m6 (x)"
    )
    assert said.endswith("m2 (x) and 2 more.")
    assert read_in_all(pd.DataFrame(), 0.0) == []
    (said,) = read_in_all(pd.DataFrame([row_of()]), 0.0)
    assert said == "Of 1 mapped motifs 1 read as themselves, 0 as something else, 0 as another."
    # Of ratios the strongest is that farthest from one, and without a matrix nobody knows what is read.
    rows = [row_of(name=f"m{x}", reads="another", closest="x", effect_mean=x) for x in (0.1, 1.0, 1.5)]
    (said,) = read_in_all(pd.DataFrame([*rows, row_of(reads="unclear", similarity=np.nan)]), 1.0)
    assert said == (
        "Of 4 mapped motifs 0 read as themselves, 0 as something else, 3 as another: m0.1 (x), m1.5 (x), m1.0 (x); "
        "of 1 without a matrix it can not be told."
    )
