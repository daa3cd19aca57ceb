"""The files that a config names: which they are, and what is said of those that are not there."""

from pathlib import Path

import pytest
from marginalization.config import (
    background_files,
    element_files,
    model_files,
    require_file,
    require_writable,
)
from marginalization.errors import InputError
from screens import resolved


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder that paths are relative to, with a few files that configs name."""
    monkeypatch.chdir(tmp_path)
    for name in ("model.py", "own.py", "weights.pt", "input.npy", "table.txt", "genome.fa", "peaks.bed", "motifs.meme"):
        (tmp_path / name).touch()


def test_files_of_a_model():
    spec = {
        "factory": "model.py:Net",
        "kwargs": {"table": "table.txt", "other": "no file", "n": 3, "more": [{"peaks": ["peaks.bed"]}, None]},
        "weights": "weights.pt",
        "inputs": [{"constant": 1, "shape": [1]}, {"file": "input.npy"}],
    }
    readouts = {"own": {"function": "own.py:read"}, "installed": {"function": "torch:sum"}}
    config = resolved(models={"m": spec}, readouts=readouts)
    files = ["input.npy", "model.py", "own.py", "peaks.bed", "table.txt", "weights.pt"]
    assert model_files(config, "m") == files
    Path("model.py").write_text("import layers")
    Path("layers.py").touch()
    assert model_files(config, "m") == sorted([*files, "layers.py"])


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"models": {"toy": {"file": "wieghts.pt"}}}, "models.toy: no file wieghts.pt; did you mean weights.pt?"),
        (
            {"models": {"toy": {"file": "nowhere/weights.pt"}}},
            "models.toy: no file nowhere/weights.pt: the folder nowhere does not exist",
        ),
        ({"models": {"toy": {"factory": "modle.py:Net"}}}, "models.toy: no file modle.py; did you mean model.py?"),
        ({"readouts": {"r": {"function": "onw.py:read"}}}, "readouts.r: no file onw.py; did you mean own.py?"),
        ({"models": {"toy": {"file": "."}}}, "models.toy: . is a folder; give a file"),
        (
            {"models": {"toy": {"file": "0123456789"}}},
            "models.toy: no file 0123456789; paths are relative to the folder that snakemake runs in",
        ),
    ],
)
def test_missing_files_of_a_model(sections, message):
    with pytest.raises(InputError) as error:
        model_files(resolved(**sections), "toy")
    assert str(error.value) == f"config: {message}"


def test_files_of_elements_and_backgrounds():
    motifs = [{"file": "motifs.meme"}, {"jaspar": {"release": "JASPAR2026"}}]
    config = resolved(
        elements={"motifs": motifs, "annotations": [{"file": "peaks.bed", "genome": "genome.fa"}]},
        backgrounds={"length": 5, "loci": {"file": "peaks.bed", "genome": "genome.fa"}, "exclude": "table.txt"},
    )
    assert element_files(config) == ["genome.fa", "motifs.meme", "peaks.bed"]
    assert background_files(config) == ["genome.fa", "peaks.bed", "table.txt"]
    config["backgrounds"]["match_gc"] = "peeks.bed"
    with pytest.raises(InputError, match=r"config: backgrounds: no file peeks.bed; did you mean peaks.bed\?"):
        background_files(config)
    config["elements"]["motifs"][0]["file"] = "motif.meme"
    with pytest.raises(InputError, match=r"config: elements: no file motif.meme; did you mean motifs.meme\?"):
        element_files(config)


def test_a_file_that_is_there():
    assert require_file("model.py", "models.m") == "model.py"


def test_a_folder_for_results_that_can_not_be(tmp_path):
    require_writable("results/screen")
    (tmp_path / "results").touch()
    with pytest.raises(InputError, match=r"^results/screen can not be written: .*/results is no folder that you may"):
        require_writable("results/screen")
