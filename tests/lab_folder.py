"""A lab's folder with a small genome, motifs, intervals, and models whose outputs are known by hand; and a config."""

import shutil
from pathlib import Path

import numpy as np
from lab_tables import MEME, TSV

HERE = Path(__file__).parent


def make_lab(folder: Path) -> Path:
    letters = np.array(list("ACGT"))
    rng = np.random.default_rng(7)
    chromosomes = {name: "".join(letters[rng.integers(0, 4, 2000)]) for name in ("chr1", "chr2")}
    chromosomes["chr2"] = chromosomes["chr2"][:1000] + "NNN" + chromosomes["chr2"][1003:]
    (folder / "genome.fa").write_text("".join(f">{name}\n{text}\n" for name, text in chromosomes.items()))
    loci = [f"chr{1 + i % 2}\t{100 + 90 * i}\t{150 + 90 * i}\tlocus{i}\t0\t{'+-'[i % 2]}\n" for i in range(8)]
    (folder / "loci.bed").write_text("".join(loci))
    sites = ["chr1\t10\t16\tsite\t0\t+\n", "chr1\t10\t16\tagain\t0\t-\n", "chr2\t996\t1003\tunknown\t0\t+\n"]
    (folder / "sites.bed").write_text("".join(sites))
    (folder / "motifs.meme").write_text(MEME)
    (folder / "motifs.tsv").write_text(TSV)
    shutil.copy(HERE / "lab.py", folder / "lab.py")
    return folder


def make_config() -> dict:
    return {
        "screen": "known",
        "seed": 3,
        "models": {"letters": {"factory": "lab.py:Letters"}},
        "elements": {
            "motifs": [{"file": "motifs.meme"}, {"file": "motifs.tsv"}],
            "annotations": [{"file": "sites.bed", "genome": "genome.fa"}],
        },
        "backgrounds": {
            "length": 40,
            "loci": {"file": "loci.bed", "genome": "genome.fa"},
            "transform": "dinucleotide_shuffle",
            "copies": 2,
        },
        "placement": {"start": [20, 5], "strands": "both"},
        "shards": {"backgrounds": 9, "marginals": 200},
    }
