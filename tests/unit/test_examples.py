"""Examples of configs run on files of the shapes that they name: inputs, and models as their first job runs them."""

import shutil
from pathlib import Path

import keras_files
import numpy as np
import pytest
import torch
from marginalization.commands.check import check_screen
from marginalization.design.backgrounds import select_backgrounds
from marginalization.design.elements import read_elements
from marginalization.probing.probe import probe
from modisco_files import write_modisco
from safetensors.torch import save_file

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"

BPNET = """
import torch

class BPNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head, self.counts = torch.nn.Conv1d(4, 8, 21), torch.nn.Conv1d(10, 2, 75), torch.nn.Linear(8, 1)
    def forward(self, X, controls):
        h = self.conv(X).relu()
        both = torch.cat([h, controls[:, :, 10:-10]], dim=1)
        return self.head(both)[:, :, 500:-500], self.counts(h.mean(dim=2))
"""
DEEPSTARR = """
import torch

class DeepSTARR(torch.nn.Sequential):
    def __init__(self):
        conv = torch.nn.Conv1d(4, 8, 7, padding=3)
        pooled = torch.nn.AdaptiveMaxPool1d(1), torch.nn.Flatten()
        super().__init__(conv, torch.nn.ReLU(), *pooled, torch.nn.Linear(8, 2))
"""
ENFORMER = """
import torch

class Enformer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tracks = torch.nn.Linear(4, 5)
    def forward(self, x):
        bins = torch.nn.functional.avg_pool1d(x.transpose(1, 2), 128).transpose(1, 2)
        return {"human": self.tracks(bins)[:, 320:-320].exp(), "mouse": bins}

def load():
    torch.manual_seed(0)
    return Enformer()
"""
MINE = """
import torch

class Mine(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.out = torch.nn.Conv1d(4, width, 5), torch.nn.Linear(width, 2)
    def forward(self, X):
        return self.out(self.conv(X).relu().mean(dim=2))

def make(width, checkpoint):
    model = Mine(width)
    model.load_state_dict(torch.load(checkpoint)["state_dict"])
    return model

def difference(outputs):
    return outputs[:, :1] - outputs[:, 1:]
"""
TARGETS = "\tindex\tgenome\tidentifier\tdescription\n" + "".join(
    f"{i}\t{i}\t0\tENCFF{i:03d}\t{assay}:K562\n" for i, assay in enumerate(["DNASE", "CAGE", "CHIP", "CAGE", "ATAC"])
)
NAMES = {
    "chrombpnet": {"counts": ["total"], "log_counts": ["log_counts"]},
    "bpnet": {"counts": ["+", "-"], "log_counts": ["log_counts"]},
    "deepstarr": {"activity": ["developmental", "housekeeping"]},
    "enformer": {"cage": ["ENCFF001", "ENCFF003"]},
    "own": {"difference": ["liver less muscle"]},
    "pairs": {"activity": ["developmental", "housekeeping"]},
    "copies": {"activity": ["developmental", "housekeeping"]},
    "ablations": {"log_counts": ["log_counts"]},
    "loci": {"activity": ["developmental", "housekeeping"]},
}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A folder with a genome, peaks and motifs of the examples' names."""
    monkeypatch.chdir(tmp_path)
    genome = "".join(np.random.default_rng(0).choice(list("ACGT"), 200_000))
    Path("hg38.fa").write_text(f">chr1\n{genome}\n")
    Path("peaks.narrowPeak").write_text("".join(f"chr1\t{s}\t{s + 50}\tp\t0\t.\t1\t1\t1\t25\n" for s in (5000, 9000)))
    Path("promoters.bed").write_text("chr1\t99990\t100010\n")
    Path("hits.bed").write_text("".join(f"chr1\t{s}\t{s + 19}\tCTCF\t0\t+\n" for s in (5010, 9020, 20_000)))
    Path("inactive.fa").write_text("".join(f">{i}\n{genome[249 * i : 249 * (i + 1)]}\n" for i in range(5)))
    Path("motifs.tsv").write_text("name\tsequence\nHNF4A\tCAAAGTCCA\nCEBPA\tATTGCGCAAT\n")
    Path("motifs.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF a\nletter-probability matrix: alength= 4 w= 2\n1 0 0 0\n0 1 0 0\n"
    )
    return tmp_path


def make_chrombpnet():
    for fold in range(2):
        path = f"ENCSR467RSV/fold_{fold}/model.chrombpnet_nobias.fold_{fold}.ENCSR467RSV.h5"
        keras_files.write(path, keras_files.branch(fold))


def make_bpnet():
    Path("bpnet.py").write_text(BPNET)
    save_file(named("bpnet.py", "BPNet").state_dict(), "ctcf.safetensors")
    write_modisco("modisco.h5", {"pos_patterns": {"pattern_0": (["GATAAG", "GATAAC"], [1, 2, 2, 2, 2, 1])}})


def make_deepstarr():
    Path("deepstarr.py").write_text(DEEPSTARR)
    torch.save(named("deepstarr.py", "DeepSTARR").state_dict(), "deepstarr.pt")


def make_loci():
    make_deepstarr()
    Path("affinities.tsv").write_text("name\tln_ka\na\t-1.5\n")


def make_enformer():
    Path("enformer.py").write_text(ENFORMER)
    Path("targets_human.txt").write_text(TARGETS)


def make_own():
    Path("mine.py").write_text(MINE)
    model = named("mine.py", "Mine")(64)
    torch.save({"state_dict": model.state_dict()}, "mine.ckpt")
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    torch.export.save(torch.export.export(model.eval(), (torch.zeros(2, 4, 500),), dynamic_shapes=shapes), "theirs.pt2")


def named(file, name):
    """What a file of code defines; a class that needs nothing is called."""
    torch.manual_seed(1)
    space = {"__name__": Path(file).stem}
    exec(Path(file).read_text(), space)
    return space[name] if name == "Mine" else space[name]()


MAKE = {
    "chrombpnet": make_chrombpnet,
    "bpnet": make_bpnet,
    "deepstarr": make_deepstarr,
    "enformer": make_enformer,
    "own": make_own,
    "pairs": make_deepstarr,
    "copies": make_deepstarr,
    "ablations": make_bpnet,
    "loci": make_loci,
}


def test_every_example_is_tested():
    assert sorted(MAKE) == sorted(path.stem for path in EXAMPLES.glob("*.yaml"))


@pytest.mark.parametrize("name", MAKE)
def test_an_example_runs_on_files_of_its_shape(lab, name):
    MAKE[name]()
    shutil.copy(EXAMPLES / f"{name}.yaml", lab)
    checked = check_screen(f"{name}.yaml")
    assert checked.config.screen == name
    for model in checked.config.models:
        assert probe(checked.config, model, checked.plan.n_backgrounds)["targets"] == NAMES[name]


def test_what_the_examples_of_partners_screen(lab):
    """All motifs against all, with themselves too; copies and starts; instances and stretches beside them."""
    make_deepstarr()
    for name in ("pairs", "copies"):
        shutil.copy(EXAMPLES / f"{name}.yaml", lab)
    pairs = check_screen("pairs.yaml").plan
    read = read_elements(check_screen("pairs.yaml").config)
    assert len(read.pairs) == 2 * 2 * 20 * 4
    assert pairs.n_repeats > 0
    copies = check_screen("copies.yaml")
    assert read_elements(copies.config).arrangements["n_motifs"].tolist() == [*range(1, 7), *range(2, 7), *range(1, 7)]
    assert copies.plan.n_placements > 10
    make_bpnet()
    shutil.copy(EXAMPLES / "ablations.yaml", lab)
    ablations = check_screen("ablations.yaml").plan
    assert ablations.n_instances == 3
    assert ablations.n_ablations == 3 * 21 * 10


def test_what_the_example_of_loci_compares(lab):
    """The loci as they are, with a column of their file, and stretches of the genome of the motifs' width."""
    make_loci()
    shutil.copy(EXAMPLES / "loci.yaml", lab)
    screen = check_screen("loci.yaml").config
    assert screen.further_tables["context"]
    assert screen.further_tables["measured"]
    kinds = read_elements(screen).elements["kind"].value_counts()
    assert kinds["genomic"] > 0
    assert select_backgrounds(screen)[0]["signal"].tolist() == [1, 1]
