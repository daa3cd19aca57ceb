"""Whole runs with attributions, whose numbers are known by hand."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from lab_folder import make_config
from marginalization.sequences.letters import reverse_complement
from marginalization.store.schemas import ATTRIBUTION_TOTALS
from workflows import jobs, run, snakemake

SECTION = {"function": "saturation_mutagenesis", "window": 9, "marginals": 150}
KEYS = ["model", "readout", "target", "element_id", "strand", "start"]
TABLE = "results/known/attributions.parquet"


def attributions(sequence, target):
    """Of the model `Letters` by saturation mutagenesis: minus the mean of each letter's weight less the base's."""
    weights = {"A": 1.0, "C": 2.0, "G": 4.0, "T": 8.0}
    half = (slice(0, 20), slice(20, 40))[target]
    values = np.zeros(40)
    values[half] = [weights[letter] - 3.75 for letter in sequence[half]]
    return values


def substitute(background, element, start):
    kept = background[start : start + len(element)]
    new = "".join(old if letter == "N" else letter for letter, old in zip(element, kept, strict=True))
    return background[:start] + new + background[start + len(element) :]


@pytest.fixture(scope="module")
def with_attributions(finished, tmp_path_factory):
    """A copy of the finished screen with attributions, and what was run for them."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("attributions") / "lab")
    return folder, jobs(run(folder, make_config() | {"attributions": SECTION}))


@pytest.fixture
def attributed(with_attributions, tmp_path):
    """A copy of that one, which a test may change."""
    return shutil.copytree(with_attributions[0], tmp_path / "copy")


def modified(folder):
    """When the files of effects were written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "results/known/effects").rglob("*.parquet")}


def test_attributions_beside_a_finished_screen(finished, with_attributions, attributed, config):
    assert with_attributions[1] == {"attribute": 4, "attributions": 1, "provenance": 1, "report": 1, "all": 1}
    assert modified(with_attributions[0]) == modified(finished)
    results = attributed / "results" / "known"
    table = pd.read_parquet(results / "attributions.parquet")
    table = table.astype(dict.fromkeys(["model", "readout", "target", "strand"], str))
    elements = pd.read_parquet(results / "elements.parquet").set_index("element_id")
    backgrounds = pd.read_parquet(results / "backgrounds.parquet")["sequence"]
    keys = [tuple(row) for row in table[KEYS].to_numpy()]
    assert keys == sorted(set(keys))
    assert len(keys) == 8 * 4 * 2
    for row in table.itertuples():
        element = elements.loc[row.element_id, "sequence"]
        sequence = element if row.strand == "+" else reverse_complement(element)
        middle = row.start + len(sequence) // 2
        assert row.window_start == max(0, middle - 4)
        assert row.name == elements.loc[row.element_id, "name"]
        inside = slice(row.start, row.start + len(sequence))
        constructs = [substitute(background, sequence, row.start) for background in backgrounds]
        for side, sequences in (("before", backgrounds), ("after", constructs)):
            mean = np.mean([attributions(letters, int(row.target)) for letters in sequences], axis=0)
            window = getattr(row, side)
            np.testing.assert_allclose(window, mean[row.window_start : row.window_start + 9], rtol=1e-6)
            totals = [getattr(row, f"{side}_{where}") for where in ("inside", "outside")]
            np.testing.assert_allclose(totals, [mean[inside].sum(), mean.sum() - mean[inside].sum()], atol=1e-9)

    # Only what is asked of the attributions is another, so only their jobs run.
    config["attributions"] = SECTION | {"window": 7}
    assert jobs(run(attributed, config, TABLE)) == {"attribute": 4, "attributions": 1}
    narrow = pd.read_parquet(results / "attributions.parquet")
    assert narrow["before"].str.len().unique().tolist() == [7]
    assert narrow[ATTRIBUTION_TOTALS].equals(table[ATTRIBUTION_TOTALS])
    assert len(list((results / "superseded" / "attribution_sums").rglob("*.parquet"))) == 4
    assert not (results / "unfinished_attributions").exists()


def test_a_labs_function_whose_file_changes(finished, config, tmp_path):
    finished = shutil.copytree(finished, tmp_path / "copy")
    code = "def own(model, X, args, target, device, batch_size, scale):\n    return scale * X[:, 0]\n"
    (finished / "own.py").write_text(code)
    config["attributions"] = {"function": "own.py:own", "window": 40, "kwargs": {"scale": 2}}
    run(finished, config, TABLE)
    assert set(np.concatenate(pd.read_parquet(finished / TABLE)["after"])) <= set(np.arange(17) / 8)
    (finished / "own.py").touch()
    assert "Nothing to be done" in run(finished, config, "--dry-run", TABLE)
    (finished / "own.py").write_text(code.replace("X[:, 0]", "X[:, :, :3]"))
    assert jobs(run(finished, config, "--dry-run", TABLE)) == {"attribute": 2, "attributions": 1}
    done = snakemake(finished, config, TABLE)
    assert done.returncode != 0
    message = r"Error: config: attributions.function: own.py:own gave \((\d), 4, 3\) for sequences of shape \(\1, 4, 40"
    assert re.search(message, re.sub(r"\s+", " ", done.stdout))


def test_a_damaged_file_is_named(attributed, config):
    config["attributions"] = SECTION
    results = attributed / "results" / "known"
    whole = (results / "attributions.parquet").read_bytes()
    first, *_ = sorted((results / "attribution_sums").rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:-100])
    (results / "attributions.parquet").unlink()
    done = snakemake(attributed, config, "--dry-run")
    assert done.returncode != 0
    assert re.search(rf"{first.name} is not what its job wrote.*Delete it and run snakemake again", done.stdout)
    first.unlink()
    assert jobs(run(attributed, config, TABLE)) == {"attribute": 1, "attributions": 1}
    assert (results / "attributions.parquet").read_bytes() == whole


def test_attributions_of_an_earlier_plan_do_not_stay(attributed, config):
    results = attributed / "results" / "known"
    run(attributed, config)
    assert not (results / "attributions.parquet").exists()
    assert (results / "superseded" / "attributions.parquet").exists()
    assert not list((results / "attribution_sums").rglob("*.parquet"))
