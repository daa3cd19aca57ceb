"""What the rules' jobs do, one after another as the workflow runs them, but without it."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from brute_force import WEIGHTS, expected_effects, substitute
from lab_folder import make_config, make_lab
from marginalization.config.resolving import resolve
from marginalization.design.plan import make_plan
from marginalization.probing import rate as measuring
from marginalization.sequences.letters import reverse_complement
from marginalization.stages.attributions import attribute, attributions
from marginalization.stages.derived import clusters, measured
from marginalization.stages.inputs import backgrounds, elements
from marginalization.stages.merge import cooperativity, merge, provenance
from marginalization.stages.report import report
from marginalization.stages.screen import probe, rate, screen
from marginalization.store.files import read_facts
from mock_snakemake import Files, run_rule
from screens import SCHEMA

HERE = "results/known"
PAIRS = [{"first": "M1 first", "second": "single", "distances": [2], "orientations": ["+-"]}]


def tables(*names):
    return {name: f"{HERE}/{name}.parquet" for name in names}


def of_jobs(jobs, pattern):
    return [f"{HERE}/" + pattern.format(job=job) for job in jobs]


def run_shards(rule, name, config, jobs, datasets):
    """Run a rule's jobs; the paths of their parts by the names of its outputs, and of their records."""
    read = {**tables("backgrounds", "elements"), "probe": f"{HERE}/models/letters.json"}
    found = {}
    for job in jobs:
        wildcards = {"model": "letters", "job": job}
        parts = {
            output: of_jobs([job], f"{dataset}/model=letters/readout=prediction/{{job}}.parquet") if dataset else []
            for output, dataset in datasets.items()
        }
        written = Files(**parts, record=f"{HERE}/jobs/{name}/letters/{job}.json")
        run_rule(rule, config, f"{HERE}/logs/{name}/letters/{job}.log", Files("lab.py", **read), written, wildcards)
        for output, paths in parts.items():
            found.setdefault(output, []).extend(paths)
    return found


def run_all(config):
    """All rules in a row; returns the log of each that runs once."""
    plan = make_plan(config)
    jobs, attributed = plan.jobs["letters"], plan.attribution_jobs["letters"]
    logs = {}

    def once(rule, inputs, outputs, wildcards=None, **params):
        name = rule.__name__
        log = "/".join([f"{HERE}/logs/{name}", *(wildcards or {}).values()]) + ".log"
        logs[name] = run_rule(rule, config, log, inputs, outputs, wildcards, **params)

    model, looked_at = {"model": "letters"}, f"{HERE}/models/letters.json"
    once(
        elements,
        Files("motifs.meme"),
        Files(
            **tables("elements", "motifs", "annotations", "pairs"),
            **{name: [f"{HERE}/{name}.parquet"] for name in ("control_pairs", "arrangements")},
        ),
    )
    once(backgrounds, Files("genome.fa"), Files(f"{HERE}/backgrounds.parquet"))
    once(probe, Files("lab.py"), Files(looked_at), model, n_backgrounds=plan.n_backgrounds)
    read = Files("lab.py", **tables("backgrounds", "elements"), probe=looked_at)
    once(rate, read, Files(f"{HERE}/rates/letters.json"), model, digest=plan.models["letters"])
    parts = run_shards(screen, "screen", config, jobs, {"effects": "effects", "profiles": None})
    sums = run_shards(attribute, "attribute", config, attributed, {"sums": "attribution_sums"})
    merged = [f"{HERE}/{name}.parquet" for name in ("summary", "cooperativity", "attributions")]
    made = {"files": ["lab.py"]}
    once(merge, Files(**parts, probes=[looked_at], **tables("elements")), Files(merged[0]), **made)
    read = Files(effects=parts["effects"], probes=[looked_at], **tables("elements", "pairs", "control_pairs"))
    once(cooperativity, read, Files(merged[1], f"{HERE}/pairs_summary.parquet"), **made)
    once(attributions, Files(**sums, probes=[looked_at], **tables("elements")), Files(merged[2]), **made)
    read = Files("measured.tsv", summary=merged[0], **tables("elements", "motifs", "annotations"))
    once(clusters, Files(summary=merged[0], **tables("motifs")), Files(f"{HERE}/clusters.parquet"))
    once(measured, read, Files(f"{HERE}/measured.parquet"), **made)
    once(
        provenance,
        Files(merged[0], **tables("backgrounds", "annotations"), further=["measured.tsv"]),
        Files(f"{HERE}/provenance.json"),
        jobs=plan.jobs,
    )
    once(
        report,
        Files(*merged, **tables("control_pairs", "pairs_summary", "arrangements", "measured", "clusters")),
        Files(page=f"{HERE}/report.html", figures=f"{HERE}/figures"),
    )
    return logs


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of results, and the logs."""
    folder = make_lab(tmp_path_factory.mktemp("rules"))
    config = make_config()
    config["elements"]["pairs"] = PAIRS
    config["measured"] = [{"file": "measured.tsv", "column": "affinity"}]
    (folder / "measured.tsv").write_text("name\taffinity\nM1 first\t1\nsingle\t2\nsite\t4\n")
    config["elements"]["arrangements"] = [{"motifs": ["single"], "copies": 3, "distances": [1]}]
    config["attributions"] = {"function": "saturation_mutagenesis", "window": 9, "marginals": 400}
    earlier = folder / HERE / "effects/model=letters/readout=prediction/0000of0001-0000of0001-0123456789ab.parquet"
    earlier.parent.mkdir(parents=True)
    earlier.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MARGINALIZATION_COMMAND", "by hand")
        patch.setattr(measuring, "SECONDS", 0.1)
        resolve(config, str(SCHEMA))
        logs = run_all(config)
    return folder / HERE, logs


def test_the_summary_is_that_of_brute_force(ran):
    results, _ = ran
    keys = ["target", "element_id", "strand", "start"]
    summary = pd.read_parquet(results / "summary.parquet").astype(dict.fromkeys(keys[:3], str)).set_index(keys)
    expected = expected_effects(results).groupby(keys)
    for column in ("before", "after", "effect"):
        found = summary[f"{column}_mean"]
        pd.testing.assert_series_equal(found, expected[column].mean(), check_names=False, rtol=1e-6, atol=1e-6)


def test_pairs_of_a_model_that_adds_up_do_not_cooperate(ran):
    rows = pd.read_parquet(ran[0] / "cooperativity.parquet")
    assert len(rows) == 2 * 2 * 2  # targets, strands, starts
    np.testing.assert_allclose(rows["cooperativity"], 0, atol=1e-5)


def test_attributions_are_those_of_brute_force(ran):
    """Of saturation mutagenesis: of each base its weight less the mean of all four, which is 3.75."""
    results, _ = ran
    elements = pd.read_parquet(results / "elements.parquet").set_index("element_id")
    elements = elements["sequence"][elements["kind"].isin(["motif", "annotation"])]
    sequences = pd.read_parquet(results / "backgrounds.parquet")["sequence"]
    rows = pd.read_parquet(results / "attributions.parquet").astype({"target": str, "strand": str})
    assert len(rows) == 2 * 2 * 2 * len(elements)  # targets, strands, starts
    for row in rows.itertuples():
        element = elements[row.element_id]
        oriented = element if row.strand == "+" else reverse_complement(element)
        after = np.array([[WEIGHTS[x] - 3.75 for x in substitute(y, oriented, row.start)] for y in sequences])
        after[:, slice(20, 40) if row.target == "0" else slice(20)] = 0
        shown = slice(row.window_start, row.window_start + 9)
        np.testing.assert_allclose(row.after, after.mean(axis=0)[shown], rtol=1e-5, atol=1e-5)


def test_a_part_of_an_earlier_plan_is_set_aside_with_a_line_in_the_log(ran):
    results, logs = ran
    assert len(list(results.glob("superseded/effects/*/*/*.parquet"))) == 1
    assert "is of an earlier plan of this screen; moved to results/known/superseded/effects/" in logs["merge"]


def test_each_job_left_a_record_and_no_pieces(ran):
    results, logs = ran
    assert not list(results.glob("unfinished*"))
    for dataset, rule in (("effects", "screen"), ("attribution_sums", "attribute")):
        parts = {path.stem for path in results.glob(f"{dataset}/*/*/*.parquet")}
        records = [json.loads(path.read_text()) for path in results.glob(f"jobs/{rule}/letters/*.json")]
        assert {record["job"] for record in records} == parts
        assert len(parts) > 1
    assert json.loads((results / "rates/letters.json").read_text())["marginals_per_second"] > 0
    assert "unknown_letters: 3" in logs["elements"]


def test_what_it_was_made_from_is_written_down(ran):
    results, _ = ran
    found = json.loads((results / "provenance.json").read_text())
    assert found["command"] == "by hand"
    assert found["devices"] == {"letters": ["cpu"]}
    of_measured = found["inputs"].pop("measured.tsv")
    assert of_measured == hashlib.sha256((results.parents[1] / "measured.tsv").read_bytes()).hexdigest()
    assert set(found["inputs"]) == {"lab.py"}
    assert found["counts"]["backgrounds"]["kept"] == 8
    assert found["counts"]["pairs"] == 1
    assert {name: read_facts(results / f"{name}.parquet")["inputs"] for name in ("cooperativity", "attributions")} == {
        name: found["inputs"] for name in ("cooperativity", "attributions")
    }


def test_the_report_and_its_figures_are_there(ran):
    results, logs = ran
    assert "letters" in (results / "report.html").read_text()
    assert list((results / "figures").glob("*.svg"))
    assert "with details" in logs["report"]
