"""A whole run with pairs of motifs, against brute force over strings in float64."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from marginalization.sequences.letters import reverse_complement
from workflows import run

PAIRS = [
    {"first": "M1 first", "second": "spaced", "distances": [0, 4], "orientations": ["+-", "-+"]},
    {"first": "spaced", "second": "M2 same as the first", "distances": {"from": 1, "to": 6, "step": 3}},
]
TABLES = ["results/known/summary.parquet", "results/known/cooperativity.parquet"]
SEQUENCES = {"M1 first": "GGA", "M2 same as the first": "GGA", "spaced": "GGNNNCC"}


@pytest.fixture
def config(config):
    """On both strands, at two starts, in several shards, of a model whose effects do not add up."""
    config["models"] = {"heads": {"factory": "lab.py:TwoHeads"}}
    config["readouts"] = {"counts": {"output": 1, "targets": ["counts"]}}
    config["elements"]["pairs"] = PAIRS
    config["shards"]["marginals"] = 1000
    return config


def oriented(sequence, strand):
    return sequence if strand == "+" else reverse_complement(sequence)


def counts(background, elements):
    """The readout with sequences at their starts in a background."""
    letters = list(background)
    for sequence, start in elements:
        for i, letter in enumerate(sequence, start):
            letters[i] = letters[i] if letter == "N" else letter
    return math.log1p(10 * letters.count("G"))


def by_hand(pair, strand, start, background):
    """The effects of a pair, of its first and of its second motif."""
    first = oriented(SEQUENCES[pair["first"]], pair["orientation"][0])
    second = oriented(SEQUENCES[pair["second"]], pair["orientation"][1])
    at_first, at_second = start, start + len(first) + pair["distance"]
    if strand == "-":
        first, second = reverse_complement(first), reverse_complement(second)
        at_first, at_second = start + len(second) + pair["distance"], start
    members = [[(first, at_first), (second, at_second)], [(first, at_first)], [(second, at_second)]]
    return [counts(background, member) - counts(background, []) for member in members]


def test_pairs_on_both_strands(lab, config):
    printed = run(lab, config, *TABLES)
    results = lab / "results" / "known"
    backgrounds = pd.read_parquet(results / "backgrounds.parquet")["sequence"]
    pairs = pd.read_parquet(results / "pairs.parquet").set_index("pair_id")
    assert len(pairs) == 4 + 2 * 4
    table = pd.read_parquet(results / "cooperativity.parquet")
    keys = list(table[["pair_id", "strand", "start"]].itertuples(index=False, name=None))
    assert keys == [(i, strand, start) for i in range(12) for strand in "+-" for start in (5, 20)]
    assert (table["model"] == "heads").all()
    assert (table["n_backgrounds"] == 16).all()
    means = ["effect_pair", "effect_first", "effect_second"]
    for row in table.to_dict("records"):
        pair = pairs.loc[row["pair_id"]]
        effects = np.array([by_hand(pair, row["strand"], row["start"], sequence) for sequence in backgrounds])
        np.testing.assert_allclose([row[name] for name in means], effects.mean(axis=0), rtol=1e-5, atol=1e-5)
        values = effects @ [1, -1, -1]
        assert row["cooperativity"] == pytest.approx(values.mean(), rel=1e-4, abs=1e-5)
        assert row["cooperativity_std"] == pytest.approx(values.std(ddof=1), rel=1e-4, abs=1e-5)
    assert table["cooperativity"].abs().max() > 0.01
    np.testing.assert_allclose(table["q_value"], scipy.stats.false_discovery_control(table["p_value"]))

    summary = pd.read_parquet(results / "summary.parquet")
    beside = summary["kind"].isin(["pair", "part"])
    assert summary.loc[beside, ["q_value", "rank"]].isna().all(axis=None)
    assert summary.loc[~beside, ["q_value", "rank"]].notna().all(axis=None)
    rows = summary.set_index(["element_id", "strand", "start"])["effect_mean"]
    ids = pairs.loc[table["pair_id"], "element_id"]
    at = zip(ids, table["strand"], table["start"], strict=True)
    np.testing.assert_allclose(rows.loc[list(at)], table["effect_pair"], rtol=1e-12)
    assert "cooperativity" in printed
    assert "Nothing to be done" in run(lab, config, "--dry-run", *TABLES)

    # Without pairs their table goes too.
    del config["elements"]["pairs"]
    run(lab, config)
    assert not (results / "cooperativity.parquet").exists()
    assert (results / "superseded" / "cooperativity.parquet").exists()
    assert pd.read_parquet(results / "pairs.parquet").empty
