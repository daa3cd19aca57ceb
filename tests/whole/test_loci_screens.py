"""A whole run that asks which loci respond, beside a screen that is finished."""

import shutil

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from lab_folder import make_config
from marginalization.commands.cli import main
from workflows import jobs, run

SCORES = [3, 1, 4, 1.5, 9, 2, 6, 5]


@pytest.fixture(scope="module")
def told(finished, tmp_path_factory):
    """A copy of the finished screen whose loci have scores, and what was run for them."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("loci") / "lab")
    rows = [line.split("\t") for line in (folder / "loci.bed").read_text().splitlines()]
    scored = ["\t".join([*row[:4], str(score), row[5]]) for row, score in zip(rows, SCORES, strict=True)]
    (folder / "loci.bed").write_text("\n".join(scored) + "\n")
    config = make_config()
    config["backgrounds"]["loci"]["columns"] = {"score": 5}
    return folder, jobs(run(folder, config))


def test_nothing_is_computed_again(finished, told):
    folder, counts = told
    assert "screen" not in counts
    assert counts["context"] == 1
    summaries = [pd.read_parquet(of / "results/known/summary.parquet") for of in (finished, folder)]
    pd.testing.assert_frame_equal(*summaries)


def test_the_scores_of_the_file_are_those_of_each_background(told):
    table = pd.read_parquet(told[0] / "results/known/loci.parquet").pivot(
        index="name", columns="covariate", values="value"
    )
    backgrounds = pd.read_parquet(told[0] / "results/known/backgrounds.parquet").set_index("name")
    np.testing.assert_array_equal(table.loc[backgrounds.index, "score"], np.repeat(SCORES, 2))
    np.testing.assert_array_equal(table.loc[backgrounds.index, "gc"], backgrounds["gc"])


def test_correlations_are_those_of_the_effects(told):
    results = told[0] / "results/known"
    context = pd.read_parquet(results / "context.parquet").astype({"target": str, "covariate": str, "strand": str})
    effects = pd.read_parquet(results / "effects").astype({"target": str, "element_id": str, "strand": str})
    of_score = context[context["covariate"] == "score"].dropna(subset=["spearman"])
    assert len(of_score)
    for row in of_score.itertuples():
        same = {name: effects[name] == getattr(row, name) for name in ("element_id", "strand", "start", "target")}
        own = effects[np.logical_and.reduce(list(same.values()))].sort_values("background_id")
        of_loci = own["effect"].to_numpy().reshape(8, 2).mean(axis=1)
        assert row.spearman == pytest.approx(scipy.stats.spearmanr(of_loci, SCORES).statistic, abs=1e-9)


def test_the_report_and_the_terminal_say_it(told, capsys):
    results = told[0] / "results/known"
    assert "Which loci respond" in (results / "report.html").read_text()
    element = pd.read_parquet(results / "context.parquet")["element_id"].iloc[0]
    main(["show", str(results), element])
    assert "Over loci, effects go with:" in capsys.readouterr().out
