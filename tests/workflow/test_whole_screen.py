"""A whole run of the workflow, against brute force over strings in float64."""

import json
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.stats
from brute_force import expected_effects
from marginalization.sequences.letters import reverse_complement
from marginalization.store.schemas import STATISTICS

KEYS = ["model", "readout", "target", "element_id", "strand", "start"]


@pytest.fixture(scope="module")
def results(finished):
    return finished / "results" / "known"


@pytest.fixture(scope="module")
def expected(results):
    return expected_effects(results)


def test_elements_are_distinct_and_traced_to_their_sources(results):
    elements = pd.read_parquet(results / "elements.parquet")
    columns = ["element_id", "name", "kind", "sequence", "width", "source", "control_of"]
    assert elements.columns.tolist() == columns
    assert elements["element_id"].is_monotonic_increasing
    assert elements["element_id"].is_unique
    assert elements["sequence"].is_unique
    by_sequence = elements.set_index("sequence")
    assert by_sequence.loc["GGA", "name"] == "M1 first;M2 same as the first"
    assert by_sequence.loc["TA", "name"] == "M1 first#2"
    assert by_sequence.loc["GGNNNCC", ["name", "kind", "width"]].tolist() == ["spaced", "motif", 7]
    assert by_sequence.loc["GGA", "source"] == "motifs.meme:5"
    assert elements["control_of"].isna().all()

    motifs = pd.read_parquet(results / "motifs.parquet")
    assert motifs["name"].tolist() == ["M1 first", "M1 first#2", "M2 same as the first", "spaced", "wide", "single"]
    assert np.stack(motifs["matrix"][2]).tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
    assert motifs["matrix"].isna().tolist() == [False] * 3 + [True] * 3


def test_annotations_have_the_genomes_sequence_on_their_strand(finished, results):
    genome = dict(record.split("\n")[:2] for record in (finished / "genome.fa").read_text().split(">")[1:])
    annotations = pd.read_parquet(results / "annotations.parquet")
    columns = ["annotation_id", "name", "chrom", "start", "end", "strand", "element_id"]
    assert annotations.columns.tolist() == columns
    elements = pd.read_parquet(results / "elements.parquet").set_index("element_id")
    sequences = elements.loc[annotations["element_id"], "sequence"].tolist()
    forward = genome["chr1"][10:16]
    assert sequences == [forward, reverse_complement(forward), genome["chr2"][996:1003]]
    assert sequences[2].endswith("NNN")
    assert "annotations_with_unknown_letters: 1, unknown_letters: 3" in (results / "logs/elements.log").read_text()


def test_backgrounds_are_shuffles_of_the_loci(finished, results):
    genome = dict(record.split("\n")[:2] for record in (finished / "genome.fa").read_text().split(">")[1:])
    backgrounds = pd.read_parquet(results / "backgrounds.parquet")
    columns = ["background_id", "name", "chrom", "start", "end", "strand", "gc", "sequence"]
    assert backgrounds.columns.tolist() == columns
    assert backgrounds["background_id"].tolist() == list(range(16))
    for row in backgrounds.itertuples():
        window = genome[row.chrom][row.start : row.end]
        window = window if row.strand == "+" else reverse_complement(window)
        assert Counter(pairwise(window)) == Counter(pairwise(row.sequence))
        assert row.sequence != window
        assert row.gc == pytest.approx((window.count("G") + window.count("C")) / 40)


def test_effects_equal_brute_force(results, expected):
    effects = pd.read_parquet(results / "effects")
    assert effects["model"].unique().tolist() == ["letters"]
    assert effects["readout"].unique().tolist() == ["prediction"]
    keys = expected.columns[:5].tolist()
    effects = effects.astype({"element_id": str, "strand": str, "target": str})
    pd.testing.assert_frame_equal(
        effects[expected.columns].sort_values(keys, ignore_index=True),
        expected.sort_values(keys, ignore_index=True),
        check_dtype=False,
        rtol=1e-6,
    )
    assert [str(effects[name].dtype) for name in ("before", "after", "effect")] == ["float32"] * 3


def test_files_of_effects_are_sorted_and_of_several_shards(results):
    files = sorted((results / "effects/model=letters/readout=prediction").iterdir())
    assert len(files) == 4
    assert not [file for file in files if file.suffix != ".parquet"]
    for file in files:
        table = pq.read_table(file).to_pandas()
        keys = [tuple(row) for row in table[["element_id", "strand", "start", "target", "background_id"]].to_numpy()]
        assert keys == sorted(keys)


def test_summary_equals_brute_force(results, expected):
    summary = pd.read_parquet(results / "summary.parquet")
    assert summary.columns.tolist() == [
        *KEYS,
        "name",
        "kind",
        "sequence",
        "n_backgrounds",
        "n_models",
        *STATISTICS,
        "q_value",
        "rank",
        "n_controls",
        "control_mean",
        "control_std",
        "control_z",
        "control_t",
        "control_p",
        "control_q",
        "n_stratum",
        "control_low",
        "control_high",
        "beyond_floor",
        "element_p",
        "element_q",
        "significant",
        "genomic_percentile",
    ]
    keys = [tuple(row) for row in summary[KEYS].to_numpy()]
    assert keys == sorted(keys)
    assert (summary["n_backgrounds"] == 16).all()

    groups = expected.groupby(["target", "element_id", "strand", "start"])
    effect = groups["effect"]
    reference = pd.DataFrame(
        {
            "before_mean": groups["before"].mean(),
            "after_mean": groups["after"].mean(),
            "effect_mean": effect.mean(),
            "effect_std": effect.std(),
            "effect_sem": effect.sem(),
            "effect_median": effect.median(),
            **{f"effect_q{q:02d}": effect.quantile(q / 100) for q in (5, 25, 75, 95)},
            "effect_min": effect.min(),
            "effect_max": effect.max(),
            "fraction_positive": effect.apply(lambda values: (values > 0).mean()),
            "effect_size": effect.mean() / effect.std().where(effect.std() > 0),
            "p_value": effect.apply(lambda x: scipy.stats.wilcoxon(x, method="asymptotic").pvalue if x.any() else 1),
        }
    )
    found = summary.astype({"target": str, "strand": str}).set_index(["target", "element_id", "strand", "start"])
    half_width = scipy.stats.t.ppf(0.975, 15) * reference["effect_sem"]
    reference["effect_ci_low"] = reference["effect_mean"] - half_width
    reference["effect_ci_high"] = reference["effect_mean"] + half_width
    reference["models_std"] = math.nan
    reference["n_models_agree"] = 1
    pd.testing.assert_frame_equal(found[STATISTICS], reference[STATISTICS], rtol=1e-9)
    elements = pd.read_parquet(results / "elements.parquet").set_index("element_id")
    assert (elements.loc[summary["element_id"], "sequence"].to_numpy() == summary["sequence"]).all()


def test_provenance_lets_anyone_repeat_the_screen(finished, results):
    import hashlib

    provenance = json.loads((results / "provenance.json").read_text())
    for path in ("genome.fa", "loci.bed", "sites.bed", "motifs.meme", "motifs.tsv", "lab.py"):
        assert provenance["inputs"][path] == hashlib.sha256((finished / path).read_bytes()).hexdigest()
    assert provenance["config"]["backgrounds"]["max_unknown"] == 0
    assert provenance["seed"] == 3
    assert "--configfile" in provenance["command"]
    assert provenance["packages"]["torch"].startswith("2.")
    assert provenance["counts"]["backgrounds"]["kept"] == 8
    assert provenance["counts"]["unknown_letters"] == 3
    times = provenance["wall_seconds"]["letters"]
    assert len(times) == len(list((results / "effects/model=letters/readout=prediction").iterdir()))
    assert all(seconds >= 0 for seconds in times.values())
    facts = json.loads(pq.read_schema(results / "summary.parquet").metadata[b"marginalization"])
    assert facts["config_sha256"] == provenance["config_sha256"]
    assert facts["inputs"] == provenance["inputs"]
