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


@pytest.fixture(scope="module")
def recovery(train: ModuleType) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "genome", genome)
        patch.setitem(sys.modules, "train", train)
        return load("recovery")


def strongest(matrix_id: str) -> str:
    """A matrix's consensus."""
    return "".join("ACGT"[i] for i in genome.probabilities(matrix_id).argmax(axis=1))


def test_simulated_effects_are_those_of_the_signal_that_the_model_learns(train, recovery):
    rng = np.random.default_rng(0)
    letters = ["".join(rng.choice(list("ACGT"), 400)) for _ in range(3)]
    sites = [strongest(factor.matrix_id) for factor in genome.FACTORS]
    found = recovery.simulated_effects(sites, letters)
    for site, effect in zip(sites, found, strict=True):
        constructs = [x[: 200 - len(site) // 2] + site + x[200 - len(site) // 2 + len(site) :] for x in letters]
        signals = [
            [train.simulate(x).log_fold[100:300].sum().item() for x in sequences] for sequences in (letters, constructs)
        ]
        assert effect == pytest.approx(np.mean(np.subtract(signals[1], signals[0])), abs=1e-4)
    assert found == pytest.approx([factor.effect for factor in genome.FACTORS], abs=0.15)
    assert recovery.simulated_effects(["AAAAAA"], letters) == pytest.approx([0], abs=0.1)


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    """A screen of four motifs, CTCF's twice and GATA1's, and three sites; NRF1's goes down, and should go up."""
    (tmp_path / "truth.tsv").write_text(
        "factor\tmatrix_id\tdirection\teffect\nCTCF\tMA0139.2\tup\t1.0\nNRF1\tMA0506.3\tup\t0.8\n"
    )
    ctcf, gata, nrf = (strongest(matrix_id) for matrix_id in ("MA0139.2", "MA0035.5", "MA0506.3"))
    rows = {  # name: sequence, effect, element_q, significant
        "MA0139.2 CTCF": (ctcf, 0.9, 0.01, True),
        "MA1.1 longer": ("AAT" + ctcf, 1.0, 0.001, True),
        "MA0035.5 GATA1": (gata, 0.7, 0.2, False),
        "MA0506.3 NRF1": (nrf, -0.1, 0.02, True),
        "MA2.1 nothing": ("TATATATA", 0.3, 0.04, True),
        "first": (ctcf, 0.4, 0.01, True),
        "second": (ctcf, -0.1, 0.2, False),
        "third": (nrf, 0.3, 0.01, True),
    }
    keys = {"model": "demo", "readout": "counts", "target": "counts"}
    summary = [
        keys
        | {"element_id": name, "strand": strand, "kind": "motif", "sequence": sequence, "effect_mean": effect + shift}
        | {"element_q": q if strand == "+" else 1.0, "significant": significant and strand == "+"}
        for name, (sequence, effect, q, significant) in rows.items()
        for strand, shift in (("+", 0.05), ("-", -0.05))
    ]
    twice = {"element_id": "twice", "kind": "arrangement", "sequence": f"{ctcf}{'N' * 10}{ctcf}"}
    summary += [{**summary[0], **twice, "significant": None}]
    summary += [{**summary[0], "readout": "strands", "effect_mean": -99.0}]
    summary += [{**summary[0], "kind": "control", "element_id": "control", "effect_mean": -99.0}]
    names = list(rows)
    tables = {
        "summary": summary,
        "motifs": [{"name": name, "element_id": name} for name in names[:5]],
        "annotations": [{"name": "NRF1" if name == "third" else "CTCF", "element_id": name} for name in names[5:]],
        "backgrounds": [{"sequence": "AT" * 200}, {"sequence": "CA" * 200}],
        "measured": [{**keys, "n_measured": 3, "pearson": 0.98765, "spearman": 0.5}],
        "maps_summary": [
            {**keys, "closest": closest, "reads": reads}
            for closest, reads in (
                *(("MA0139.2 CTCF", "itself"), ("MA0139.2 CTCF", "another"), ("MA0506.3 NRF1", "unclear")),
                *(("MA0035.5 GATA1", "itself"), (None, "unclear")),
            )
        ],
        "copies": [
            {
                **keys,
                "motif": "MA0139.2 CTCF",
                "n_copies": n,
                "strand": strand,
                "element_id": name,
                "effect_mean": effect,
            }
            for n, name, effect in ((1, "MA0139.2 CTCF", 1.0), (2, "twice", 1.5))
            for strand in "+-"
        ],
        "ablations_summary": [
            {**keys, "name": "CTCF", "effect_mean": -0.95, "significant": True},
            {**keys, "name": "NRF1", "effect_mean": 0.04, "significant": False},
        ],
    }
    for name, table in tables.items():
        pd.DataFrame(table).to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def test_recovery_prints_verdicts_against_the_simulation(recovery, screen: Path, capsys: pytest.CaptureFixture):
    recovery.main(screen, screen / "truth.tsv")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [
        "CTCF",
        "MA0139.2",
        "1.00",
        "0.90",
        "0.01",
        "right",
        "2",
        "2",
        "0.50",
        "0.50",
        "-0.95",
        "yes",
    ]
    assert lines[2].split() == [
        "NRF1",
        "MA0506.3",
        "0.80",
        "-0.10",
        "0.02",
        "wrong",
        "5",
        "1",
        "1.00",
        "1.00",
        "0.04",
        "no",
    ]
    assert lines[4].startswith("5 motifs screened")
    assert lines[6].split() == ["[0.0,", "0.05)", "1", "1"]
    assert lines[10].split() == ["[0.35,", "inf)", "4", "3"]
    assert lines[12] == "precision of significant motifs: 0.750 (3 of 4)"
    assert lines[13] == "recall of motifs that act: 0.750 (3 of 4)"
    assert lines[14] == "recall of planted sites: 0.667 (2 of 3)"
    told = "correlation of 3 planted sites' effects with what each adds: 0.988, of ranks 0.500"
    assert lines[15] == "mapped motifs in which a planted matrix is read: 0.400 (2 of 5)"
    assert lines[16].startswith("2 copies do, in multiples of one (simulated): CTCF 1.50 (")
    assert float(lines[16].split("(")[-1][:-1]) == pytest.approx(2, abs=0.1)
    assert lines[17] == told


def test_recovery_names_the_missing_files(recovery, tmp_path: Path):
    with pytest.raises(SystemExit, match=r"no such file: .*truth\.tsv"):
        recovery.main(tmp_path, tmp_path / "truth.tsv")
