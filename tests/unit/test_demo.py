"""The demo's inputs: the genome holds what it says, the committed model knows it, the recovery counts right."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from pyfaidx import Fasta
from safetensors.torch import load_file

DEMO = Path(__file__).parents[2] / "config" / "demo"
FACTORS = ["CTCF", "GATA1", "NRF1", "REST"]


def load(name: str) -> ModuleType:
    """A script of the demo as a module."""
    spec = importlib.util.spec_from_file_location(f"demo_{name}", DEMO / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


genome = load("genome")
recovery = load("recovery")


@pytest.fixture(scope="module")
def train() -> ModuleType:
    """The training script, which imports its neighbours by their bare names, as a script does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "genome", genome)
        patch.setitem(sys.modules, "model", load("model"))
        return load("train")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data"
    genome.main(folder)
    return folder


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    model = load("model").BPNet()
    model.load_state_dict(load_file(DEMO / "model.safetensors"))
    return model.eval()


def read_bed(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", names=["chrom", "start", "end", "name", "score", "strand"])


def codes(sequence: str) -> np.ndarray:
    return np.array(["ACGT".index(letter) for letter in sequence])


def one_hot(sequences: list[str]) -> torch.Tensor:
    return torch.eye(4)[np.stack([codes(sequence) for sequence in sequences])].transpose(1, 2).contiguous()


# The genome


def test_the_same_seed_gives_the_same_bytes(data: Path, tmp_path: Path):
    genome.main(tmp_path)
    for name in ("genome.fa", "loci.bed", "backgrounds.bed", "sites.bed", "truth.tsv"):
        assert (tmp_path / name).read_bytes() == (data / name).read_bytes(), name


def test_every_site_is_an_instance_of_its_factors_matrix(data: Path):
    fasta = Fasta(str(data / "genome.fa"))
    matrices = {factor.name: genome.probabilities(factor.matrix_id) for factor in genome.FACTORS}
    sites = read_bed(data / "sites.bed")
    assert set(zip(sites["name"], sites["strand"], strict=True)) == {(f, s) for f in FACTORS for s in "+-"}
    for site in sites.itertuples():
        sequence = fasta.get_seq(site.chrom, site.start + 1, site.end, rc=site.strand == "-").seq
        assert genome.score(codes(sequence), matrices[site.name]) > genome.BOUND, site


def test_sites_lie_in_the_middle_of_loci_and_outside_backgrounds(data: Path):
    loci = read_bed(data / "loci.bed").query("chrom == 'chr4'")
    backgrounds = read_bed(data / "backgrounds.bed").query("chrom == 'chr4'")
    for site in read_bed(data / "sites.bed").itertuples():
        assert ((loci["start"] + 120 <= site.start) & (site.end <= loci["end"] - 120)).sum() == 1
        assert not ((backgrounds["start"] < site.end) & (site.start < backgrounds["end"])).any()


def test_windows_fit_the_model_and_never_overlap(data: Path):
    windows = pd.concat([read_bed(data / "loci.bed"), read_bed(data / "backgrounds.bed")])
    assert (windows["end"] - windows["start"] == genome.WINDOW).all()
    assert windows["name"].is_unique
    for _, on_one in windows.sort_values("start").groupby("chrom"):
        assert (on_one["start"].to_numpy()[1:] >= on_one["end"].to_numpy()[:-1]).all()


# The simulated signal


def test_a_consensus_is_bound_once_on_either_strand_and_random_dna_hardly(train: ModuleType):
    random = "".join(np.random.default_rng(0).choice(list("ACGT"), size=200))
    for factor in genome.FACTORS:
        bits = torch.from_numpy(genome.log_odds(genome.probabilities(factor.matrix_id))).T.float()
        site = bits.argmax(dim=0)
        for strand in (site, 3 - site.flip(0)):
            letters = one_hot([random])[0]
            letters[:, 100 : 100 + len(site)] = torch.eye(4)[strand].T
            bound = train.occupancy(letters, bits)
            assert len(bound) == 200
            centre = bound[90 : 110 + len(site)].sum().item()
            assert centre == pytest.approx(1, abs=0.1), factor
            assert bound.sum().item() - centre < 0.5


def test_the_simulated_signal_shifts_upstream_on_each_strand(train: ModuleType):
    consensus = "".join("ACGT"[i] for i in genome.probabilities("MA0139.2").argmax(axis=1))
    signal = train.simulate("A" * 200 + consensus + "A" * 200)
    centre = 200 + len(consensus) // 2
    assert signal.log_fold.argmax() == centre
    assert signal.logits.argmax(dim=1).tolist() == [centre - train.SHIFT, centre + train.SHIFT]


# The committed model


def test_the_model_predicts_a_profile_and_counts_from_few_weights(model: torch.nn.Module):
    with torch.no_grad():
        profile, counts = model(torch.zeros(3, 4, 400))
    assert profile.shape == (3, 2, 200)
    assert counts.shape == (3, 1)
    assert (DEMO / "model.safetensors").stat().st_size < 300_000


@torch.no_grad()
def test_the_model_knows_each_factors_effect(model: torch.nn.Module):
    rng = np.random.default_rng(0)
    backgrounds = one_hot(["".join(rng.choice(list("ACGT"), size=400)) for _ in range(50)])
    before = model(backgrounds)[1]
    for factor in genome.FACTORS:
        site = torch.from_numpy(genome.probabilities(factor.matrix_id).argmax(axis=1))
        for strand in (site, 3 - site.flip(0)):
            after = backgrounds.clone()
            start = 200 - len(site) // 2
            after[:, :, start : start + len(site)] = torch.eye(4)[strand].T
            effect = (model(after)[1] - before).mean().item()
            assert effect == pytest.approx(factor.effect, abs=0.25), factor


# The recovery


def identity(consensus: str) -> np.ndarray:
    """A matrix that allows one sequence only."""
    return np.eye(4)[codes(consensus)]


def test_similarity_counts_the_planted_columns_that_the_motif_covers():
    planted = identity("ACCTGA")
    assert recovery.similarity(planted, planted) == pytest.approx(1)
    assert recovery.similarity(planted, identity("TCAGGT")) == pytest.approx(1), "reverse complement"
    assert recovery.similarity(planted, identity("GGACCTGAGG")) == pytest.approx(1), "longer motif"
    assert recovery.similarity(planted, identity("ACC")) == pytest.approx(0.5), "half of the columns"
    assert recovery.similarity(np.vstack([planted, np.full((2, 4), 0.25)]), planted) == pytest.approx(1)


def test_auroc():
    positive = np.array([True, False, True, False])
    assert recovery.auroc([4, 3, 2, 1], positive) == 0.75
    assert recovery.auroc([1, 1, 1, 1], positive) == 0.5
    assert np.isnan(recovery.auroc([1, 2, 3, 4], ~positive & positive))


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    """A screen of four motifs and three sites: U goes up as planted, D too, but should go down."""
    (tmp_path / "truth.tsv").write_text(
        "factor\tmatrix_id\tdirection\teffect\nU\tMA1.1\tup\t1.0\nD\tMA2.1\tdown\t-1.0\n"
    )
    motifs = {"MA1.1 U": "ACCTGAGA", "MA2.1 D": "GGGTTCCA", "MA3.1 X": "TATATATA", "MA4.1 U2": "TTCTCAGGT"}
    effects = {"MA1.1 U": 0.9, "MA2.1 D": 0.1, "MA3.1 X": -0.5, "MA4.1 U2": 0.7}
    sites = {"first": ("U", 0.4), "second": ("U", -0.1), "third": ("D", -0.3)}
    pd.DataFrame(
        [{"name": name, "element_id": name, "matrix": identity(c).tolist()} for name, c in motifs.items()]
    ).to_parquet(tmp_path / "motifs.parquet")
    pd.DataFrame([{"name": factor, "element_id": element} for element, (factor, _) in sites.items()]).to_parquet(
        tmp_path / "annotations.parquet"
    )
    both = effects | {element: effect for element, (_, effect) in sites.items()}
    keys = {"model": "demo", "readout": "counts", "target": "counts"}
    rows = [
        keys | {"element_id": element, "strand": strand, "effect_mean": effect + shift}
        for element, effect in both.items()
        for strand, shift in (("+", 0.05), ("-", -0.05))
    ]
    rows.append(keys | {"readout": "profile", "element_id": "MA1.1 U", "strand": "+", "effect_mean": -99.0})
    pd.DataFrame(rows).to_parquet(tmp_path / "summary.parquet")
    return tmp_path


def test_recovery_prints_ranks_signs_and_precision(screen: Path, capsys: pytest.CaptureFixture):
    recovery.main(screen, screen / "truth.tsv")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["U", "MA1.1", "1.00", "0.90", "right", "1", "2", "1", "2", "0.50"]
    assert lines[2].split() == ["D", "MA2.1", "-1.00", "0.10", "wrong", "4", "1", "4", "1", "1.00"]
    assert lines[4].startswith("4 motifs screened, 3 of them resemble")
    assert lines[5] == "precision among the 3 largest effects: 0.667"
    assert lines[6].endswith("0.667")


def test_recovery_names_the_missing_files(tmp_path: Path):
    with pytest.raises(SystemExit, match=r"no such file: .*truth\.tsv"):
        recovery.main(tmp_path, tmp_path / "truth.tsv")
