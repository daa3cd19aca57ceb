"""Train the demo's model on a signal simulated from the demo's genome.

The signal follows from the sequence alone, so there is an answer to recover:

1. *Occupancy.* A factor at a position weighs w = exp(bits - BOUND), and sites that overlap exclude each other:
   the occupancy of a position is w / (1 + the sum of w over all positions within the factor's width).
   That holds for planted sites and for those that random DNA contains by chance.
2. *Counts.* A window's log counts are BASE plus, for every bound site in its central 200 bp, the factor's effect.
3. *Profile.* Each bound site adds a bump to the profile's logits, upstream on the forward strand and downstream
   on the reverse one, as the ends of ChIP-exo fragments do; a factor that lowers the counts digs a hole instead.
4. *Reads* are Poisson draws, new ones in every epoch.

    python config/demo/train.py        (after genome.py; a few minutes on two cores)

writes `model.safetensors` beside this file and prints how well log counts are predicted on the held-out
chromosome. The same seed gives the same weights on one machine.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import torch
from genome import BOUND, FACTORS, HELD_OUT, WINDOW, log_odds, probabilities
from model import BPNet
from pyfaidx import Fasta
from safetensors.torch import save_file
from torch.nn.functional import conv1d, one_hot, pad

HERE = Path(__file__).parent

BASE = 6.0  # log counts of a window without any site: about 400 reads
HEIGHT, SHIFT, SPREAD = 2.0, 12, 6.0  # a bump in the profile's logits: per unit of effect, bp, bp
OUTPUT = 200  # central positions whose signal is predicted

EPOCHS = 60
BATCH = 64
RATE = 0.01
JITTER = 60  # windows move by up to this many bp from epoch to epoch
COUNTS_WEIGHT = 0.003  # small: the profile shows where the sites are, and the counts head builds on that


class Signal(NamedTuple):
    """A chromosome and the signal that follows from it."""

    sequence: torch.Tensor
    """One-hot, (4, length)."""
    log_fold: torch.Tensor
    """What the sites at each position add to log counts, (length,)."""
    logits: torch.Tensor
    """Profile logits of the forward and the reverse strand, (2, length)."""


class Windows(NamedTuple):
    """Windows of 400 bp with their expected signal in the central 200."""

    sequences: torch.Tensor
    log_counts: torch.Tensor
    logits: torch.Tensor


def occupancy(sequence: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """How often a factor's site is bound at each position, on either strand, (length,); a site counts at its centre.

    Args:
        sequence: one-hot, (4, length).
        bits: the factor's matrix as log-odds, (4, width).
    """
    width = bits.shape[1]
    weight = torch.exp(conv1d(sequence[None], torch.stack([bits, bits.flip(0, 1)])) - BOUND).sum(dim=1)
    competitors = conv1d(weight, torch.ones(1, 1, 2 * width - 1), padding=width - 1)
    return pad(weight / (1 + competitors), (width // 2, (width - 1) // 2))[0]


def simulate(letters: str) -> Signal:
    """The signal of one chromosome."""
    sequence = one_hot(torch.tensor(["ACGT".index(letter) for letter in letters]), 4).T.float()
    log_fold = torch.zeros(len(letters))
    for factor in FACTORS:
        bits = torch.from_numpy(log_odds(probabilities(factor.matrix_id))).T.float()
        log_fold += factor.effect * occupancy(sequence, bits)

    # A position hears of the site that lies SHIFT downstream of it, or upstream on the reverse strand.
    reach = 4 * SHIFT
    offsets = torch.arange(-reach, reach + 1)
    bumps = torch.stack([torch.exp(-(((offsets - shift) / SPREAD) ** 2) / 2) for shift in (SHIFT, -SHIFT)])
    logits = HEIGHT * conv1d(log_fold[None], bumps[:, None], padding=reach)
    return Signal(sequence, log_fold, logits)


def read_bed(path: Path) -> list[tuple[str, int]]:
    """Chromosome and start of each interval."""
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [(row[0], int(row[1])) for row in rows]


def cut(genome: dict[str, Signal], windows: list[tuple[str, int]]) -> Windows:
    """Sequences and expected signal of windows, given by chromosome and start."""
    sequences, log_counts, logits = [], [], []
    for chrom, start in windows:
        signal = genome[chrom]
        central = slice(start + (WINDOW - OUTPUT) // 2, start + (WINDOW + OUTPUT) // 2)
        sequences.append(signal.sequence[:, start : start + WINDOW])
        log_counts.append(BASE + signal.log_fold[central].sum())
        logits.append(signal.logits[:, central])
    return Windows(torch.stack(sequences), torch.stack(log_counts), torch.stack(logits))


def reverse_complement(windows: Windows, which: torch.Tensor) -> Windows:
    """Turn some windows around: letters and strands change places, positions run backwards."""
    which = which[:, None, None]
    return Windows(
        torch.where(which, windows.sequences.flip(1, 2), windows.sequences),
        windows.log_counts,
        torch.where(which, windows.logits.flip(1, 2), windows.logits),
    )


def draw_reads(windows: Windows) -> torch.Tensor:
    """Poisson counts of each strand and position, (N, 2, 200)."""
    share = windows.logits.flatten(1).softmax(dim=1).view_as(windows.logits)
    return torch.poisson(windows.log_counts.exp()[:, None, None] * share)


def loss(model: BPNet, windows: Windows) -> torch.Tensor:
    """BPNet's loss: multinomial negative log-likelihood of the profile and squared error of the log counts.

    The likelihood is per read, so that a window that REST emptied teaches as much as a full one.
    """
    reads = draw_reads(windows).flatten(1)
    total = reads.sum(dim=1)
    profile, counts = model(windows.sequences)
    surprise = -(reads * profile.flatten(1).log_softmax(dim=1)).sum(dim=1) / total.clamp(min=1)
    return (surprise + COUNTS_WEIGHT * (counts[:, 0] - total.log1p()) ** 2).mean()


def train(model: BPNet, genome: dict[str, Signal], windows: list[tuple[str, int]]) -> None:
    """Fit the model to windows that are shifted and turned around at random, in another way in every epoch."""
    optimizer = torch.optim.Adam(model.parameters())
    batches = math.ceil(len(windows) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs=EPOCHS, steps_per_epoch=batches)
    for epoch in range(EPOCHS):
        losses = []
        for rows in torch.randperm(len(windows)).split(BATCH):
            shifts = torch.randint(-JITTER, JITTER + 1, rows.shape)
            moved = [(windows[row][0], windows[row][1] + int(shift)) for row, shift in zip(rows, shifts, strict=True)]
            value = loss(model, reverse_complement(cut(genome, moved), torch.rand(len(rows)) < 0.5))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            losses.append(value.item())
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {sum(losses) / len(losses):.4f}", flush=True)


@torch.no_grad()
def evaluate(model: BPNet, windows: Windows) -> str:
    """How predicted log counts agree with the expected ones, as a line of text."""
    predicted = model(windows.sequences)[1][:, 0]
    pearson = torch.corrcoef(torch.stack([predicted, windows.log_counts]))[0, 1]
    error = (predicted - windows.log_counts).square().mean().sqrt()
    return f"{len(predicted)} windows, log counts: Pearson r {pearson:.3f}, root mean squared error {error:.3f}"


def main(data: Path, weights: Path, seed: int = 0) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(2)
    genome = {record.name: simulate(record[:].seq) for record in Fasta(str(data / "genome.fa"))}
    loci, backgrounds = read_bed(data / "loci.bed"), read_bed(data / "backgrounds.bed")
    model = BPNet()
    train(model, genome, [window for window in loci + backgrounds if window[0] != HELD_OUT])
    save_file(model.state_dict(), weights)
    held_out = cut(genome, [window for window in loci if window[0] == HELD_OUT])
    print(f"held-out loci of {HELD_OUT}: {evaluate(model, held_out)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder that genome.py wrote")
    parser.add_argument("--out", type=Path, default=HERE / "model.safetensors", help="where the weights go")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
