"""Several screens side by side: a model in which one motif was switched off and another turned, and its own first run."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from marginalization.commands.cli import main
from marginalization.store.paths import Results
from marginalization.view.results import summary_keys
from marginalization.view.several.comparing import compare_screens
from marginalization.view.several.screens import read_screens
from screens import cluster, finish, run_screen, screen_of
from torch import nn

TAUGHT = {"up": "ACGTCATG", "gone": "CACGTGAC", "turned": "GGCATTAC", "down": "TTAACCGT"}
"""Words that the model knows: in both runs alike, in the first alone, and by another sign in the second."""
OTHERS = ["AAGGTCAA", "CTAGCAAT", "TGCTGACC", "GATTACCA", "CCTGAACA", "TCCATGAA"]
MOTIFS = [*TAUGHT.values(), *OTHERS]
NAMES = [f"motif_{i}" for i in range(len(MOTIFS))]
FIRST = {"ACGTCATG": 3.0, "CACGTGAC": 2.5, "GGCATTAC": 2.0, "TTAACCGT": -2.0}
SECOND = {"ACGTCATG": 3.0, "GGCATTAC": -2.0, "TTAACCGT": -2.0}
LETTERS = "ACGT"
CONTROLS = {"shuffles": 20, "strata": {"width": 1, "gc": 1}, "level": 0.05}
READOUTS = {"counts": {"output": 0, "targets": ["liver", "heart"]}}
EFFECTS = ["difference", "low", "high", "q"]


class Words(nn.Module):
    """Two targets: letters' own small weights, and for each known word, wherever it stands, its weight; twice in the
    second."""

    def __init__(self, words, scale=1.0):
        super().__init__()
        self.words = [(torch.tensor(["ACGT".index(x) for x in word]), weight) for word, weight in words.items()]
        self.scale = scale
        self.weights = nn.Parameter(torch.randn(96, generator=torch.Generator().manual_seed(4)) / 30)

    def forward(self, X):
        y = torch.einsum("nlp,p->n", X[:, :2], self.weights[: X.shape[2]])
        for letters, weight in self.words:
            there = sum(X[:, x, i : X.shape[2] - len(letters) + i + 1] for i, x in enumerate(letters.tolist()))
            y = y + weight * torch.relu(there - len(letters) + 1).sum(1)
        y = self.scale * y
        return torch.stack([y, 2 * y + self.weights[: X.shape[2]] @ X[:, 2].T], dim=1)


def backgrounds(seed, n=12, length=24):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(LETTERS), length)) for _ in range(n)]


def finished(folder, words, motifs=MOTIFS, letters=None, controls=CONTROLS, **sections):
    """The results of a screen, made as the workflow makes them."""
    models = {"toy": {"factory": "test_several_screens:Words", "kwargs": {"words": words}}}
    sections = {"models": models, "readouts": READOUTS, "screen": folder.name, **sections}
    config = screen_of(folder, motifs, letters or backgrounds(1), controls, **sections)
    results = cluster(config, finish(config, run_screen(config, folder), folder))
    return Path(results)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs of two models, the second of which lacks a word and has another turned; and further ones."""
    folder = tmp_path_factory.mktemp("several")
    return {
        "first": finished(folder / "first", FIRST),
        "second": finished(folder / "second", SECOND),
        "elsewhere": finished(folder / "elsewhere", SECOND, letters=backgrounds(2, n=15)),
        "fewer": finished(folder / "fewer", FIRST, motifs=[*MOTIFS[1:7], "GGGTTTCA"]),
        "plain": finished(folder / "plain", SECOND, controls=None),
    }


def found_in(*folders):
    compared = read_screens([str(folder) for folder in folders])
    keys = [summary_keys(screen.results) for screen in compared.screens]
    return compared, list(compare_screens(compared, keys))


def motif_number(compared, motif):
    return compared.elements.index[compared.elements["sequence"] == motif][0]


def test_a_motif_switched_off_and_one_turned_are_told(made):
    compared, found = found_in(made["first"], made["second"])
    assert [of.match.label for of in found] == ["toy · counts · heart", "toy · counts · liver"]
    for of in found:
        print(of.answer, of.numbers, of.differences[0].table, sep="\n")
