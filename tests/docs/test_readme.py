"""What the README says to type works, and prints what it says: all its blocks of code and all commands within its text.

So with the other pages, but for the tutorial, which tests/whole types as one. Commands of the screen of one's own run
on a lab's small one, those of the demo on its results (`make demo`).
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import keras_files
import pytest
import yaml
from lab_folder import make_config, make_lab
from workflows import PROJECT

TEXTS = {
    path.name if path.parent == PROJECT else str(path.relative_to(PROJECT)): path.read_text()
    for path in [PROJECT / "README.md", PROJECT / "config/README.md", *sorted((PROJECT / "docs").glob("*.md"))]
    if path.name != "tutorial.md"
}
DEMO = PROJECT / "results" / "demo"

needs_demo = pytest.mark.skipif(not (DEMO / "report.html").exists(), reason="run `make demo` first")


def blocks(language):
    """The blocks of code of a language in all texts: where from, and the code."""
    found = []
    for name, text in TEXTS.items():
        found += [(name, code) for code in re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]
    return found


def commands():
    """Each command line once, without its comment, of blocks and of the text around them."""
    lines = [line for _, code in blocks("bash") for line in code.splitlines()]
    lines += [code for text in TEXTS.values() for code in re.findall(r"`((?:snakemake|marginalization) [^`]+)`", text)]
    lines = [re.sub(r"\s+#.*", "", " ".join(line.split())).strip() for line in lines]
    return sorted({line for line in lines if line and not line.startswith("#")})


ELSEWHERE = ("make ", "pip install", ". .venv", "squeue", "python ")
"""What the test suite, its set-up or a SLURM runs."""

TYPED = [line for line in commands() if not line.startswith(ELSEWHERE)]
OF_A_NEWCOMER = [line for line in TYPED if line.startswith("marginalization init")]
OF_A_SCREEN = [
    line
    for line in TYPED
    if line not in OF_A_NEWCOMER and ("my-screen" in line or "--report" in line or line.startswith("mkdir"))
]
PLACEHOLDERS = re.compile(r"\.\.\.|RESULTS|ELEMENT\b")


def test_every_command_is_run_here_or_is_a_pattern():
    others = [line for line in TYPED if line not in [*OF_A_NEWCOMER, *OF_A_SCREEN] and "results/demo" not in line]
    assert all(PLACEHOLDERS.search(line) for line in others), others
    targets = (PROJECT / "Makefile").read_text()
    for text in TEXTS.values():
        for target in re.findall(r"`?make ([a-z-]+)", text):
            if f"`make {target}" in text or f"\nmake {target}" in text:
                assert f"\n{target}:" in targets, target


@pytest.fixture(scope="module")
def clone(finished, tmp_path_factory):
    """A folder like a clone of this project in which a lab has finished its screen; its home is there too."""
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("clone") / "lab")
    for name in ("Snakefile", "workflow"):
        (folder / name).symlink_to(PROJECT / name)
    (folder / "my-screen.yaml").write_text(yaml.safe_dump(make_config()))
    (folder / "config").mkdir()
    shutil.copy(folder / "my-screen.yaml", folder / "config" / "config.yaml")
    return folder


def typed(line, folder):
    """Run a command line as a person would, whose programs are those of this environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(folder), "PATH": path, "XDG_CONFIG_HOME": "", "COLUMNS": "120"}
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


# The profile of SLURM is copied first.
@pytest.mark.parametrize("line", sorted(OF_A_SCREEN, key=lambda line: not line.startswith("mkdir")))
def test_commands_of_a_screen_of_ones_own(clone, line):
    if "--profile slurm" in line and "--unlock" not in line:
        line += " --dry-run"  # of a cluster, which its own tests have
    status, printed = typed(line, clone)
    assert status == 0, printed


def test_a_newcomers_first_commands(tmp_path):
    """With files of the README's names, small ones: of a ChromBPNet of two folds, a genome and peaks with summits."""
    make_lab(tmp_path)
    for fold in range(2):
        path = tmp_path / f"models/ENCSR467RSV/fold_{fold}/model.chrombpnet_nobias.fold_{fold}.h5"
        keras_files.write(path, keras_files.branch(fold))
    (tmp_path / "genome.fa").rename(tmp_path / "hg38.fa")
    peaks = [f"chr1\t{400 + 50 * i}\t{450 + 50 * i}\tpeak{i}\t0\t.\t1\t1\t1\t20\n" for i in range(8)]
    (tmp_path / "peaks.narrowPeak").write_text("".join(peaks))
    (block,) = [code for _, code in blocks("bash") if "marginalization init" in code]
    lines = [line for line in block.splitlines() if line.startswith("marginalization")]
    assert [line.split()[1] for line in lines] == ["init", "check", "run"]
    for line in lines:
        status, printed = typed(line + " --dry-run" * (" run " in line), tmp_path)
        assert status == 0, printed
    assert "jobs are left to run" in printed


@needs_demo
@pytest.mark.parametrize(("name", "code"), blocks("console"))
def test_what_is_printed_of_the_demo(name, code):
    for typed_and_printed in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        line, _, expected = typed_and_printed.partition("\n")
        assert shlex.split(line)[0] == "marginalization"
        status, printed = typed(line, PROJECT)
        assert status == 0, printed
        assert [" ".join(row.split()) for row in printed.splitlines() if row.strip()] == [
            " ".join(row.split()) for row in expected.splitlines() if row.strip()
        ]


@needs_demo
@pytest.mark.parametrize(("name", "code"), [pair for pair in blocks("python") if "module " not in pair[1]])
def test_blocks_of_python(monkeypatch, name, code):
    import torch

    class Mean(torch.nn.Module):
        def forward(self, X):
            return X[:, :, ::2].float().mean(dim=(1, 2)).unsqueeze(1)

    monkeypatch.chdir(PROJECT)
    X0 = torch.nn.functional.one_hot(torch.arange(400).reshape(1, 400) % 4, 4).transpose(1, 2).to(torch.int8)
    shared = {"model": Mean(), "X0": X0}
    for earlier, other in blocks("python"):
        if earlier == name and "module " not in other:
            exec(other, shared)  # a block builds on those before it
            if other == code:
                break
