"""Small multiples: what differs between strands, or between the models of a group, is drawn apart in a real browser."""

import numpy as np
import torch
from marginalization.store.paths import Results
from marginalization.view.report.page import write_report
from screens import cluster, finish, run_screen, screen_of
from torch import nn

LENGTH = 40
WEIGHTS = {"ACGTACG": 3.0, "TTGACAT": -3.0, "GGCCATT": 2.0}
"""Of each motif, what it adds to the output wherever it stands."""
PALINDROMIC = "ACGTACGT"


class Hears(nn.Module):
    """Log counts that motifs add to, on the forward strand by `forward`, on the reverse by `reverse`; flat profiles.

    It hears the likeness of each stretch of letters to each motif, cubed, so that shuffles add little.
    """

    def __init__(self, forward=1.0, reverse=1.0):
        super().__init__()
        self.sides = forward, reverse

    def forward(self, X):
        heard = 0.0
        for motif, weight in WEIGHTS.items():
            kernel = torch.stack([torch.eye(4)["ACGT".index(letter)] for letter in motif]).T[None].to(X)
            for side, filters in zip(self.sides, (kernel, kernel.flip(1, 2)), strict=True):
                likeness = torch.conv1d(X, filters) / len(motif)
                heard = heard + side * weight * (likeness**8).amax(dim=(1, 2))
        logits = (X * torch.arange(1, 5).to(X)[:, None]).sum(dim=1, keepdim=True) * 0.2
        return logits, 2 + heard[:, None]


def finished(folder, models, groups=None, strands="both"):
    """The results of a screen of those motifs and some that nothing hears, in 12 backgrounds."""
    rng = np.random.default_rng(3)

    def drawn(n, width):
        return ["".join(row) for row in np.array(list("ACGT"))[rng.integers(0, 4, (n, width))]]

    models = {name: {"factory": "test_multiples:Hears", "kwargs": kwargs} for name, kwargs in models.items()}
    readouts = {"log": {"output": 1, "targets": ["log"]}, "reads": {"profile": {"logits": 0, "counts": 1}}}
    config = screen_of(
        folder,
        [*WEIGHTS, *drawn(17, 7)],
        drawn(12, LENGTH),
        {"shuffles": 20},
        models=models,
        groups=groups or {},
        readouts=readouts,
        placement={"strands": strands},
    )
    results = Results(cluster(config, finish(config, run_screen(config, folder), folder)))
    write_report(results)
    return results
