"""Whole runs with attributions, whose numbers are known by hand."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from marginalization.sequences.letters import reverse_complement
from marginalization.store.schemas import ATTRIBUTION_TOTALS
from workflows import jobs, run, snakemake

SECTION = {"function": "saturation_mutagenesis", "window": 9, "marginals": 150}
KEYS = ["model", "readout", "target", "element_id", "strand", "start"]


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


@pytest.fixture
def finished(finished, tmp_path):
    """A copy of the finished screen, which a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


def test_attributions_beside_a_finished_screen(finished, config):
    results = finished / "results" / "known"
    effects = {path: path.stat().st_mtime_ns for path in (results / "effects").rglob("*.parquet")}
    config["attributions"] = SECTION
    assert jobs(run(finished, config, "--dry-run")) == {"attribute": 6, "attributions": 1, "report": 1, "all": 1}
    run(finished, config)
    assert effects == {path: path.stat().st_mtime_ns for path in (results / "effects").rglob("*.parquet")}

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
    assert jobs(run(finished, config, "--dry-run")) == {"attribute": 6, "attributions": 1, "report": 1, "all": 1}
    run(finished, config)
    narrow = pd.read_parquet(results / "attributions.parquet")
    assert narrow["before"].str.len().unique().tolist() == [7]
    assert narrow[ATTRIBUTION_TOTALS].equals(table[ATTRIBUTION_TOTALS])
    assert len(list((results / "superseded" / "attribution_sums").rglob("*.parquet"))) == 6
    assert not (results / "unfinished_attributions").exists()


def test_a_labs_function_whose_file_changes(finished, config):
    code = "def own(model, X, args, target, device, batch_size, scale):\n    return scale * X[:, 0]\n"
    (finished / "own.py").write_text(code)
    config["attributions"] = {"function": "own.py:own", "window": 40, "kwargs": {"scale": 2}}
    run(finished, config)
    path = finished / "results" / "known" / "attributions.parquet"
    assert set(np.concatenate(pd.read_parquet(path)["after"])) <= set(np.arange(17) / 8)
    (finished / "own.py").touch()
    assert "Nothing to be done" in run(finished, config, "--dry-run")
    (finished / "own.py").write_text(code.replace("X[:, 0]", "X[:, :, :3]"))
    assert jobs(run(finished, config, "--dry-run")) == {"attribute": 3, "attributions": 1, "report": 1, "all": 1}
    done = snakemake(finished, config)
    assert done.returncode != 0
    printed = re.sub(r"\s+", " ", done.stdout)
    assert (
        "Error: config: attributions.function: own.py:own gave (7, 4, 3) for sequences of shape (7, 4, 40)" in printed
    )


def test_a_damaged_file_is_named(finished, config):
    config["attributions"] = SECTION
    run(finished, config)
    results = finished / "results" / "known"
    whole = (results / "attributions.parquet").read_bytes()
    first, *_ = sorted((results / "attribution_sums").rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:-100])
    (results / "attributions.parquet").unlink()
    done = snakemake(finished, config, "--dry-run")
    assert done.returncode != 0
    assert re.search(rf"{first.name} is not what its job wrote.*Delete it and run snakemake again", done.stdout)
    first.unlink()
    assert jobs(run(finished, config)) == {"attribute": 1, "attributions": 1, "report": 1, "all": 1}
    assert (results / "attributions.parquet").read_bytes() == whole


def test_attributions_of_an_earlier_plan_do_not_stay(finished, config):
    run(finished, config | {"attributions": SECTION})
    results = finished / "results" / "known"
    run(finished, config)
    assert not (results / "attributions.parquet").exists()
    assert (results / "superseded" / "attributions.parquet").exists()
    assert not list((results / "attribution_sums").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"readouts": ["predictoin"]},
            "attributions.readouts: there is no readout predictoin; did you mean prediction?",
        ),
        ({"window": 41}, "attributions.window: 41 positions are more than the backgrounds' 40"),
        ({"function": "lap.py:own"}, "attributions.function: no file lap.py; did you mean lab.py?"),
    ],
)
def test_bad_sections_are_found_before_any_job_runs(lab, config, section, message):
    done = snakemake(lab, config | {"attributions": {**SECTION, **section}}, "--dry-run")
    assert done.returncode != 0
    assert message in re.sub(r"\s+", " ", done.stdout)
    assert "Traceback" not in done.stdout
