"""The files that a config names: which they are, and what is said of those that are not there."""

import os
from pathlib import Path

import pytest
from marginalization.config.checks import (
    background_files,
    element_files,
    expand_home,
    model_files,
    require_file,
    require_writable,
)
from marginalization.config.sections import Config
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
    assert model_files(Config.of(config), "m") == files
    Path("model.py").write_text("import layers")
    Path("layers.py").touch()
    assert model_files(Config.of(config), "m") == sorted([*files, "layers.py"])


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
        model_files(Config.of(resolved(**sections)), "toy")
    assert str(error.value) == f"config: {message}"


def test_files_of_elements_and_backgrounds():
    motifs = [{"file": "motifs.meme"}, {"jaspar": {"release": "JASPAR2026"}}]
    config = resolved(
        elements={"motifs": motifs, "annotations": [{"file": "peaks.bed", "genome": "genome.fa"}]},
        backgrounds={"length": 5, "loci": {"file": "peaks.bed", "genome": "genome.fa"}, "exclude": "table.txt"},
    )
    assert element_files(Config.of(config)) == ["genome.fa", "motifs.meme", "peaks.bed"]
    assert background_files(Config.of(config)) == ["genome.fa", "peaks.bed", "table.txt"]
    config["backgrounds"]["match_gc"] = "peeks.bed"
    with pytest.raises(InputError, match=r"config: backgrounds: no file peeks.bed; did you mean peaks.bed\?"):
        background_files(Config.of(config))
    config["elements"]["motifs"][0]["file"] = "motif.meme"
    with pytest.raises(InputError, match=r"config: elements: no file motif.meme; did you mean motifs.meme\?"):
        element_files(Config.of(config))


def test_a_file_that_is_there():
    assert require_file("model.py", "models.m") == "model.py"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "the path is empty; give a file"),
        ("https://example.org/hg38.fa", "https://example.org/hg38.fa is a URL; download it, and give the file"),
        ("s3://lab/hg38.fa.gz", "s3://lab/hg38.fa.gz is a URL; download it, and give the file"),
        ("file:///data/hg38.fa", "file:///data/hg38.fa is a URL; download it, and give the file"),
        ("~nobody-here/hg38.fa", "no file ~nobody-here/hg38.fa: the folder ~nobody-here does not exist"),
        ("broken.fa", "broken.fa is a link to moved/hg38.fa, which does not exist"),
        ("round.fa", "round.fa can not be read: Too many levels of symbolic links; fix its path or rights"),
        ("pipe.bed", "pipe.bed is a pipe or a device, which is read once; save it as a file"),
        ("/dev/null", "/dev/null is a pipe or a device, which is read once; save it as a file"),
        ("folder", "folder is a folder; give a file"),
        ("table.txt/x.bed", "table.txt/x.bed can not be read: Not a directory; fix its path or rights"),
        ("x" * 300, "x" * 300 + " can not be read: File name too long; fix its path or rights"),
    ],
)
def test_paths_that_are_no_files(tmp_path, path, message):
    (tmp_path / "folder").mkdir()
    os.symlink("moved/hg38.fa", tmp_path / "broken.fa")
    os.symlink("round.fa", tmp_path / "round.fa")
    os.mkfifo(tmp_path / "pipe.bed")
    config = resolved(backgrounds={"length": 5, "fasta": path})
    with pytest.raises(InputError) as error:
        background_files(Config.of(config))
    assert str(error.value) == f"config: backgrounds: {message}"


@pytest.mark.parametrize("path", ["closed/peaks.bed", "secret.bed"])
def test_files_that_may_not_be_read(tmp_path, path):
    (tmp_path / "closed").mkdir()
    for name in ("closed/peaks.bed", "secret.bed", "closed"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0)
    tmp_path.chmod(0o755)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)  # rights do not stop root
    try:
        with pytest.raises(InputError) as error:
            require_file(path, "elements")
    finally:
        os.seteuid(me)
    assert str(error.value) == f"config: elements: {path} can not be read: Permission denied; fix its path or rights"


def test_a_home_folder_in_place_of_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = {"factory": "~/model.py:Net", "kwargs": {"table": ["~/table.txt", "~ x", 3]}, "weights": "~/weights.pt"}
    table = {"file": "~/peaks.bed", "genome": "~/genome.fa"}
    config = expand_home(resolved(models={"m": spec}, elements={"annotations": [table]}))
    assert config["models"]["m"]["kwargs"] == {"table": [f"{tmp_path}/table.txt", "~ x", 3]}
    assert model_files(Config.of(config), "m") == [
        f"{tmp_path}/{name}" for name in ("model.py", "table.txt", "weights.pt")
    ]
    assert element_files(Config.of(config)) == [f"{tmp_path}/genome.fa", f"{tmp_path}/peaks.bed"]
    assert expand_home(resolved()) == resolved()


def test_a_folder_for_results_that_can_not_be(tmp_path):
    require_writable("results/screen")
    (tmp_path / "results").touch()
    with pytest.raises(InputError, match=r"^results/screen can not be written: .*/results is no folder that you may"):
        require_writable("results/screen")
