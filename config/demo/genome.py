"""Write the demo's genome: random DNA in which binding sites of four factors were planted.

A screen can only be judged where the answer is known. So this genome is random letters, in which the sites of
four factors stand: CTCF, GATA1 and NRF1, which raise the signal that `train.py` simulates, and REST, which
lowers it. `train.py` teaches a model that signal, the screen asks the model which motifs move it, and
`recovery.py` compares the screen's answer with what was planted.

    python config/demo/genome.py [--out config/demo/data]

writes

    genome.fa        four chromosomes, 1 Mb in all
    loci.bed         400 bp windows with one to three planted sites in their central 160 bp
    backgrounds.bed  400 bp windows in which nothing was planted
    sites.bed        the planted sites of chr4, which no model is trained on: name is the factor
    truth.tsv        each factor's matrix, direction and effect in log counts
    affinities.tsv   the planted sites of chr4 and what each adds to log counts by itself, by how well it is bound

The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pyjaspar import jaspardb

CHROMOSOMES = {"chr1": 400_000, "chr2": 300_000, "chr3": 200_000, "chr4": 100_000}
HELD_OUT = "chr4"

WINDOW = 400  # what the model reads
SPACING = 500  # from one window's start to the next one's
CELL = 40  # a window's central 160 bp are four cells, each with room for one site
CELLS = 4

BOUND = 9.0  # bits at which a factor is bound half of the time; random DNA reaches them once in a few kb

COMPLEMENT = np.array([3, 2, 1, 0])  # of the letters ACGT as numbers


class Factor(NamedTuple):
    name: str
    matrix_id: str
    effect: float
    """What one bound site adds to the window's log counts (natural logarithm)."""


FACTORS = (
    Factor("CTCF", "MA0139.2", 1.0),
    Factor("GATA1", "MA0035.5", 0.7),
    Factor("NRF1", "MA0506.3", 0.8),
    Factor("REST", "MA0138.3", -1.0),
)


class Interval(NamedTuple):
    chrom: str
    start: int
    end: int
    name: str
    strand: str = "."


@cache
def probabilities(matrix_id: str) -> np.ndarray:
    """A JASPAR matrix as letter probabilities, (width, 4), with a quarter of a count added to each letter."""
    counts = jaspardb(release="JASPAR2026").fetch_motif_by_id(matrix_id).counts
    matrix = np.array([counts[letter] for letter in "ACGT"]).T + 0.25
    return matrix / matrix.sum(axis=1, keepdims=True)


def log_odds(matrix: np.ndarray) -> np.ndarray:
    """Bits by which each letter speaks for a site rather than for uniform random DNA."""
    return np.log2(matrix / 0.25)


def score(letters: np.ndarray, matrix: np.ndarray) -> float:
    """Bits of one sequence, as long as the matrix and given as numbers 0 to 3."""
    return float(log_odds(matrix)[np.arange(len(letters)), letters].sum())


def random_letters(length: int, rng: np.random.Generator, region: int = 10_000) -> np.ndarray:
    """Independent letters, whose GC content is drawn for every region by itself, as isochores differ."""
    letters = []
    for start in range(0, length, region):
        gc = rng.uniform(0.42, 0.50)
        chances = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
        letters.append(rng.choice(4, size=min(region, length - start), p=chances))
    return np.concatenate(letters)


def instance(matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A site drawn from the matrix, again and again until it is strong enough to be bound."""
    while True:
        letters = np.array([rng.choice(4, p=column) for column in matrix])
        if score(letters, matrix) > BOUND:
            return letters


def plant(
    chrom: str, letters: np.ndarray, window: int, matrices: dict[str, np.ndarray], rng: np.random.Generator
) -> list[Interval]:
    """Write one to three sites into the window that starts at `window`, each in a cell of its own."""
    first_cell = window + (WINDOW - CELLS * CELL) // 2
    sites = []
    for cell in sorted(rng.choice(CELLS, size=rng.integers(1, 4), replace=False)):
        factor = FACTORS[rng.integers(len(FACTORS))].name
        site = instance(matrices[factor], rng)
        start = int(first_cell + cell * CELL + rng.integers(CELL - len(site) + 1))
        strand = "+-"[rng.integers(2)]
        letters[start : start + len(site)] = site if strand == "+" else COMPLEMENT[site[::-1]]
        sites.append(Interval(chrom, start, start + len(site), factor, strand))
    return sites


def write_fasta(path: Path, genome: dict[str, np.ndarray]) -> None:
    with path.open("w") as file:
        for chrom, letters in genome.items():
            text = np.array(list("ACGT"))[letters]
            file.write(f">{chrom}\n")
            file.writelines("".join(text[i : i + 60]) + "\n" for i in range(0, len(text), 60))


def write_bed(path: Path, intervals: list[Interval]) -> None:
    with path.open("w") as file:
        file.writelines(f"{i.chrom}\t{i.start}\t{i.end}\t{i.name}\t0\t{i.strand}\n" for i in intervals)


def write_truth(path: Path) -> None:
    with path.open("w") as file:
        file.write("factor\tmatrix_id\tdirection\teffect\n")
        for factor in FACTORS:
            direction = "up" if factor.effect > 0 else "down"
            file.write(f"{factor.name}\t{factor.matrix_id}\t{direction}\t{factor.effect}\n")


def write_affinities(path: Path, genome: dict[str, np.ndarray], sites: list[Interval]) -> None:
    factors = {factor.name: factor for factor in FACTORS}
    with path.open("w") as file:
        file.write("sequence\tfactor\tadded\n")
        for site in sites:
            letters = genome[site.chrom][site.start : site.end]
            letters = letters if site.strand == "+" else COMPLEMENT[letters[::-1]]
            weight = np.exp(score(letters, probabilities(factors[site.name].matrix_id)) - BOUND)
            added = factors[site.name].effect * weight / (1 + weight)
            file.write(f"{''.join(np.array(list('ACGT'))[letters])}\t{site.name}\t{added:.6f}\n")


def main(out: Path, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    matrices = {factor.name: probabilities(factor.matrix_id) for factor in FACTORS}
    genome: dict[str, np.ndarray] = {}
    loci: list[Interval] = []
    backgrounds: list[Interval] = []
    sites: list[Interval] = []
    for chrom, length in CHROMOSOMES.items():
        genome[chrom] = random_letters(length, rng)
        # Windows keep away from the ends, so that training can shift them.
        for start in range(SPACING, length - SPACING, SPACING):
            if rng.random() < 0.7:
                loci.append(Interval(chrom, start, start + WINDOW, f"locus_{len(loci) + 1:04d}"))
                sites += plant(chrom, genome[chrom], start, matrices, rng)
            else:
                name = f"background_{len(backgrounds) + 1:04d}"
                backgrounds.append(Interval(chrom, start, start + WINDOW, name))

    out.mkdir(parents=True, exist_ok=True)
    write_fasta(out / "genome.fa", genome)
    write_bed(out / "loci.bed", loci)
    write_bed(out / "backgrounds.bed", backgrounds)
    write_bed(out / "sites.bed", [site for site in sites if site.chrom == HELD_OUT])
    write_truth(out / "truth.tsv")
    write_affinities(out / "affinities.tsv", genome, [site for site in sites if site.chrom == HELD_OUT])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data", help="folder to write to")
    main(parser.parse_args().out)
