"""`init` and `check`: configs that are written, and what is said of a screen before it is run."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import keras_files
import pytest
import torch
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from lab_folder import make_config, make_lab
from marginalization import __version__
from marginalization.commands import cli
from marginalization.commands.check import check_screen
from marginalization.commands.cli import main
from marginalization.commands.init import _text
from marginalization.probing.probe import probe
from marginalization.store.files import write_json
from marginalization.store.paths import Results
from marginalization.view.quantities import duration, size
from safetensors.torch import save_file

PACKAGE = Path(cli.__file__).parents[2]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(make_lab(tmp_path))
    return tmp_path


@pytest.fixture
def screen(lab):
    """The config of the lab's screen, in a file."""
    path = lab / "known.yaml"
    path.write_text(yaml.safe_dump(make_config()))
    return path


def call(capsys, *arguments):
    """The exit status of a command, and what it printed."""
    status = main(list(map(str, arguments)))
    printed = capsys.readouterr()
    assert not (printed.err if status == 0 else printed.out)
    return status, printed.out or printed.err


def lines_of(printed):
    """What `check` says, by what it is about."""
    return dict(re.findall(r"^  (\w+) +(.+)$", printed, re.MULTILINE))


def test_check_says_what_the_screen_will_be(capsys, screen):
    status, printed = call(capsys, "check", screen)
    assert status == 0
    said = lines_of(printed)
    assert said["elements"] == "8"
    assert said["placements"] == "4: + and -, at 2 starts"
    assert said["backgrounds"] == "16 of 40 bases"
    assert said["marginals"] == "512"
    assert said["jobs"] == "4 of marginals; 0 of them done"
    assert said["verdicts"].startswith("none")
    assert len(said) <= 10


def test_check_knows_what_is_done_and_how_fast(capsys, screen):
    checked = check_screen(str(screen))
    results, (job, *_) = Results.of_screen("known"), checked.plan.jobs["letters"]
    part = results.part("effects", "letters", "prediction", job)
    part.parent.mkdir(parents=True)
    part.write_text("")
    record = results.record("screen", "letters", job)
    record.parent.mkdir(parents=True)
    write_json({"marginals_per_second": 2.0}, record)
    probe = results.probe("letters")
    probe.parent.mkdir(parents=True)
    write_json({"targets": {"prediction": ["0", "1"]}}, probe)
    said = lines_of(call(capsys, "check", screen)[1])
    assert said["jobs"] == "4 of marginals; 1 of them done"
    assert said["time"] == "3 min of one job at a time, at 2 marginals per second as measured"  # of 384 marginals
    assert "1,024 rows" in said["disk"]


def test_check_tells_of_bad_input_in_one_line(capsys, screen):
    config = make_config()
    config["elements"]["motifs"][1]["file"] = "motif.tsv"
    screen.write_text(yaml.safe_dump(config))
    status, told = call(capsys, "check", screen)
    assert (status, told) == (2, "marginalization: config: elements: no file motif.tsv; did you mean motifs.tsv?\n")


@pytest.mark.parametrize(
    ("text", "said"), [("a: {b\nc: 1\n", ", line 2: "), (None, "no file"), ("a: 1\n", "unknown key 'a'")]
)
def test_the_text_of_a_config_is_checked(lab, capsys, text, said):
    if text:
        (lab / "screen.yaml").write_text(text)
    status, told = call(capsys, "check", "screen.yaml")
    assert status == 2
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(("key", "keras"), [("chrombpnet", keras_files.branch(0)), ("bpnet", keras_files.bpnet(0))])
def test_a_config_for_what_keras_wrote_needs_its_path_alone(lab, capsys, key, keras):
    keras_files.write(lab / "atac.h5", keras)
    status, printed = call(capsys, "init", "mine.yaml", "--model", "atac.h5", "--motifs", "motifs.tsv")
    assert status == 0
    assert lines_of(printed)["backgrounds"] == f"100 of {keras_files.LENGTH} bases"
    config = yaml.safe_load((lab / "mine.yaml").read_text())
    assert config["models"] == {"atac": {key: "atac.h5"}}
    assert config["screen"] == "mine"
    assert call(capsys, "check", "mine.yaml")[0] == 0


def test_a_config_for_a_class_in_loci(lab, capsys):
    save_file({"letters": torch.ones(4), "scale": torch.ones(1)}, lab / "w.safetensors")
    model = ["--model", "lab.py:Letters", "--weights", "w.safetensors", "--length", 40]
    paths = ["--genome", "genome.fa", "--peaks", "loci.bed", "--motifs", "motifs.meme"]
    status, printed = call(capsys, "init", "configs/mine.yaml", *model, *paths)
    assert status == 0, printed
    config = yaml.safe_load((lab / "configs/mine.yaml").read_text())
    assert config["models"] == {"Letters": {"factory": "lab.py:Letters", "weights": "w.safetensors"}}
    assert config["backgrounds"]["loci"] == {"file": "loci.bed", "genome": "genome.fa"}
    assert config["backgrounds"]["length"] == 40
    assert config["backgrounds"]["copies"] == 13  # of 8 loci
    assert lines_of(printed)["backgrounds"] == "104 of 40 bases"

    (lab / "loci.narrowPeak").write_text("chr1\t100\t150\tp\t0\t.\t1\t1\t1\t25\n")
    paths[3] = "loci.narrowPeak"
    assert call(capsys, "init", "summits.yaml", *model, *paths)[0] == 0
    assert yaml.safe_load((lab / "summits.yaml").read_text())["backgrounds"]["loci"]["summits"] is True


NET = """
import torch


class Net(torch.nn.Module):
    def forward(self, {inputs}):
        return {outputs}


def make():
    return Net()
"""


def test_a_person_is_asked_for_what_is_not_given(lab):
    """In a terminal; nothing is asked that the answers make needless, such as peaks without a genome."""
    save_file({"letters": torch.ones(4), "scale": torch.ones(1)}, lab / "w.safetensors")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "marginalization", "init", "asked.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    pipes = {"stdin": theirs, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=lab, env=environment, text=True, **pipes) as process:
        os.write(ours, b"lab.py:Letters\nw.safetensors\n40\n\nmotifs.tsv\n")
        printed, _ = process.communicate()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, printed
    assert "peaks" not in printed.partition("asked.yaml is written")[0]
    config = yaml.safe_load((lab / "asked.yaml").read_text())
    assert config["models"] == {"Letters": {"factory": "lab.py:Letters", "weights": "w.safetensors"}}
    assert config["backgrounds"] == {"length": 40, "random": {"n": 100}}
    assert config["elements"]["motifs"][0]["file"] == "motifs.tsv"


OUTPUTS = {
    "Profile": "X[:, [0, 3]][:, :, 10:-10], X.sum(dim=(1, 2)).unsqueeze(1)",
    "Stranded": "X[:, [0, 3]], X[:, :2].sum(dim=2)",
    "Tasks": "X.sum(dim=2)[:, :3]",
    "Alone": "X.sum(dim=(1, 2))",
    "Tracks": "X.cumsum(dim=2)",
    "Named": "{'a': X.sum(dim=2), 'b': X}",
    "Long": "X.flatten(1)",
    "LettersLast": "X @ torch.eye(4)[:, :3]",
}
READOUTS = {
    "Profile": ["counts+", "counts-", "log_counts"],
    "Stranded": ["counts+", "counts-", "+", "-"],
    "Tasks": ["0", "1", "2"],
    "Alone": ["0"],
    "Tracks": ["0", "1", "2", "3"],
    "Named": ["0", "1", "2", "3"] * 2,
    "Long": ["0"],
    "LettersLast": ["0", "1", "2"],
}


@pytest.mark.parametrize("network", OUTPUTS)
def test_readouts_fit_what_the_model_returns(lab, capsys, network):
    """So that its first job takes them."""
    (lab / "net.py").write_text(NET.format(inputs="X", outputs=OUTPUTS[network]))
    arguments = ["--model", "net.py:make", "--length", 40, "--motifs", "motifs.tsv"]
    assert call(capsys, "init", "mine.yaml", *arguments)[0] == 0
    checked = check_screen("mine.yaml")
    targets = probe(checked.config, "make", checked.plan.n_backgrounds)["targets"]
    named = [name + target if name == "counts" else target for name, of in targets.items() for target in of]
    assert named == READOUTS[network]


def test_a_model_that_does_not_run_is_told_in_the_config(lab, capsys):
    (lab / "net.py").write_text(NET.format(inputs="X, controls", outputs="X + controls"))
    arguments = ["--model", "net.py:make", "--length", 40, "--motifs", "motifs.tsv"]
    assert call(capsys, "init", "mine.yaml", *arguments)[0] == 0
    assert "# The model did not run on one sequence of 40 bases: " in (lab / "mine.yaml").read_text()
    assert "controls" in (lab / "mine.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --model"),
        (["--model", "nothing.h5"], "there is no nothing.h5"),
        (["--model", "lab.py:Letters"], "give --weights"),
        (["--model", "lab.py:Letters", "--weights", "genome.fa"], "is a text file"),
        (["--model", "w.safetensors"], "give --model path/to/file.py:Class --weights w.safetensors"),
        (["--model", "w.pt"], "w.pt is a pickle; give --model path/to/file.py:Class --weights w.pt"),
        (["--model", "w.torch"], "w.torch is not what Cherimoya.save writes"),
        (["--model", "lab.py:Letters", "--weights", "w.safetensors"], "give --length"),
        (["--model", "lab.py:Letters", "--weights", "w.safetensors", "--genome", "genome.fa"], "go together"),
        (["--model", "genome.fa"], "is a text file"),
        (["--model", "genome.fa", "--weights", "w.safetensors"], "go with a class"),
    ],
)
def test_what_init_can_not_use_is_told_in_one_line(lab, capsys, arguments, said):
    (lab / "w.safetensors").write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    for name in ("w.pt", "w.torch"):
        torch.save({"letters": torch.ones(4)}, lab / name)
    status, told = call(capsys, "init", "mine.yaml", *arguments)
    assert status == 2
    assert said in told
    assert told.count("\n") == 1
    assert not (lab / "mine.yaml").exists()


def test_init_writes_over_nothing(screen, capsys):
    before = screen.read_bytes()
    assert "is there already" in call(capsys, "init", screen, "--model", "lab.py:Letters")[1]
    assert screen.read_bytes() == before


def test_the_demo_can_be_made_anywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, printed = call(capsys, "init", "the demo.yaml", "--demo")
    assert status == 0
    assert printed.endswith("marginalization run 'the demo.yaml'\n")  # as it can be typed
    assert int(lines_of(printed)["marginals"].replace(",", "")) > 100_000


@example("\x85")
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_path_is_read_back_from_a_config(path):
    written = yaml.safe_load(
        f"loci: {{file: {_text(path)}, genome: {_text('hg38.fa')}}}\nother: {_text(path)} # this\n"
    )
    assert written == {"loci": {"file": path, "genome": "hg38.fa"}, "other": path}


def test_the_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


def test_times_and_sizes():
    assert [duration(s) for s in (0, 89, 90, 5399, 5400, 360_000)] == [
        "0 s",
        "89 s",
        "2 min",
        "90 min",
        "1.5 h",
        "100 h",
    ]
    assert [size(n) for n in (14, 2.5e6, 3e9, 4e12)] == ["0.014 kB", "2.5 MB", "3 GB", "4 TB"]
