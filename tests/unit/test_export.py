"""`export`: the same numbers in the files of other programs."""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marginalization.commands.cli import main
from marginalization.commands.export import _painted
from screens import finish, run_screen, screen_of

WITHOUT_BIGWIG = pytest.mark.skipif(find_spec("pyBigWig") is not None, reason="pyBigWig is installed")
WITHOUT_ANNDATA = pytest.mark.skipif(find_spec("anndata") is not None, reason="anndata is installed")
INTERVALS = st.tuples(st.integers(0, 30), st.integers(1, 10), st.floats(-5, 5))


@given(st.lists(INTERVALS, min_size=1, max_size=12), st.sampled_from([0.0, 1.0]))
def test_of_each_base_the_effect_that_is_farthest_from_none(intervals, neutral):
    """Of a difference none is 0, of a ratio 1."""
    placed = pd.DataFrame(
        [(start, start + width, effect) for start, width, effect in intervals], columns=["start", "end", "effect_mean"]
    )
    table = _painted("chr1", placed, neutral)
    assert (table["start"].to_numpy()[1:] >= table["end"].to_numpy()[:-1]).all()
    for base in range(45):
        over = [effect for start, width, effect in intervals if start <= base < start + width]
        of_base = table[(table["start"] <= base) & (base < table["end"])]["effect"].tolist()
        sizes = [abs(effect - neutral) for effect in over]
        assert [abs(effect - neutral) for effect in of_base] == ([max(sizes)] if sizes else [])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two targets, controls, both strands."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "net.py").write_text(
        "import torch\n\n\nclass Net(torch.nn.Module):\n    def forward(self, X):\n        return X[:, :2].sum(2)\n"
    )
    models = {"net": {"factory": f"{folder / 'net.py'}:Net"}}
    sections = {"models": models, "placement": {"strands": "both"}}
    config = screen_of(folder, ["ACGTCA", "TTTTTT", "CACGTG"], ["ACGTACGTACGTAC"] * 3, {"shuffles": 4}, **sections)
    return finish(config, run_screen(config, folder), folder)


def written(results, name, *options):
    path = results.parent / name
    assert main(["export", str(results), str(path), *options]) == 0
    return path


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.TSV", "\t")])
def test_text_has_the_rows_of_the_summary(results, name, separator):
    summary = pd.read_parquet(results / "summary.parquet")
    summary = summary[summary["kind"] == "motif"].reset_index(drop=True)
    rows = pd.read_csv(written(results, name), sep=separator, dtype={"target": str})
    assert rows.columns.tolist() == summary.columns.tolist()
    for column in summary:
        if pd.api.types.is_numeric_dtype(rows[column].dtype) and column != "significant":
            expected = summary[column].to_numpy(np.float64, na_value=np.nan)
            np.testing.assert_allclose(rows[column].to_numpy(np.float64), expected, rtol=1e-14)
    few = pd.read_csv(written(results, "one.csv", "--target", "1"))
    assert len(few) == len(rows) / 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.bed", "ends in none of .csv, .tsv, .bedgraph, .bw, .h5ad"),
        ("a.bedgraph", "choose with --target"),
        pytest.param("a.bw", "pip install 'marginalization[bigwig]'", marks=WITHOUT_BIGWIG),
        pytest.param("a.h5ad", "pip install 'marginalization[export]'", marks=WITHOUT_ANNDATA),
    ],
)
def test_what_can_not_be_written_is_told(results, capsys, name, said):
    assert main(["export", str(results), str(results.parent / name)]) == 2
    assert said in capsys.readouterr().err
    assert not (results.parent / name).exists()


def test_motifs_have_no_place_in_a_genome(results, capsys):
    assert main(["export", str(results), str(results.parent / "a.bedgraph"), "--target", "0"]) == 2
    assert "has no annotations" in capsys.readouterr().err
