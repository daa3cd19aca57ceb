"""A screen that keeps of its effects the summary alone has the same summary, and says what it has not."""

import json
import re
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from lab_folder import make_config
from marginalization.commands.cli import main
from marginalization.store.schemas import STATISTICS_OF_EFFECTS
from screens import shown_on
from workflows import jobs, run, snakemake


@pytest.fixture(scope="module")
def alone(finished, tmp_path_factory):
    """A copy of the finished screen, run again with its summary alone."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("alone") / "copy")
    config = make_config() | {"keep_effects": "summary", "shards": {"backgrounds": 16, "marginals": 400}}
    return folder, config, run(folder, config)


def test_the_summary_is_the_same(finished, alone, capsys):
    folder, config, printed = alone
    results, before = folder / "results/known", finished / "results/known"
    pd.testing.assert_frame_equal(
        *(pd.read_parquet(of / "summary.parquet") for of in (results, before)), check_exact=True
    )
    kept = sorted(results.glob("statistics/*/*/*.parquet"))
    assert len(kept) == jobs(printed)["screen"] > 1
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in kept) == 8 * 4 * 2
    assert all(pq.read_schema(path).equals(STATISTICS_OF_EFFECTS) for path in kept)

    # What was kept before is set aside, and no reader takes it for this plan's.
    assert not list(results.glob("effects/**/*.parquet"))
    assert len(list((results / "superseded/effects").rglob("*.parquet"))) == 4
    provenance = json.loads((results / "provenance.json").read_text())
    assert provenance["devices"] == {"letters": ["cpu"]}
    assert provenance["computed_by"][0]["files"] == len(kept)
    assert "Nothing to be done" in run(folder, config, "--dry-run")

    # And readers tell of it.
    assert main(["show", str(results), "wide"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "were not kept (keep_effects: summary)" in shown
    assert "/effects" not in shown
    page = (results / "report.html").read_text()
    assert not shown_on(page)["facts"]["kept"]
    assert "Predictions before" not in page
    assert "Predictions before" in (before / "report.html").read_text()


def test_a_damaged_file_is_named_and_only_it_is_computed_again(alone):
    folder, config, _ = alone
    results = folder / "results/known"
    before = (results / "summary.parquet").read_bytes()
    first = min(results.glob("statistics/*/*/*.parquet"))
    content = bytearray(first.read_bytes())
    content[len(content) // 4] ^= 255
    first.write_bytes(content)
    done = snakemake(folder, config, "--dry-run")
    assert done.returncode != 0
    assert re.search(rf"\S*{first.name} is not what its job wrote.*Delete it and run snakemake again", done.stdout)
    first.unlink()
    assert jobs(run(folder, config))["screen"] == 1
    assert (results / "summary.parquet").read_bytes() == before
