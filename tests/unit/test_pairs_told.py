"""What is told of pairs and arrangements beside the tables: in the terminal and in the report, with truths by hand."""

import pytest
from marginalization.commands.cli import main
from marginalization.store.paths import Results
from marginalization.view.report.contents import gather
from screens import finish, run_screen, screen_of

MODEL = """
import torch


class Doubles(torch.nn.Module):
    def forward(self, X):
        # Each CATC and each GAT doubles the output; both together divide it by four beside that.
        counts = []
        for motif in ("CATC", "GAT"):
            windows = X.unfold(2, len(motif), 1)
            rows = ["ACGT".index(letter) for letter in motif]
            counts.append(torch.stack([windows[:, r, :, i] for i, r in enumerate(rows)]).prod(dim=0).sum(dim=1))
        both = (counts[0] * counts[1] > 0).to(X.dtype)
        return (2 ** (counts[0] + counts[1]) * 4 ** -both).unsqueeze(1)
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "model.py").write_text(MODEL)
    models = {"doubles": {"factory": f"{folder / 'model.py'}:Doubles"}}
    readouts = {"fold": {"output": 0, "targets": ["all"], "effect": "ratio"}}
    pairs = [{"first": "motif_0", "second": ["motif_0", "motif_1"], "distances": [2], "orientations": ["++"]}]
    letters = ["A" * 20, "T" * 20, "AAATTTTTAAAATTTTAAAT"]
    config = screen_of(folder, ["CATC", "GAT"], letters, pairs=pairs, models=models, readouts=readouts)
    config["elements"]["arrangements"] = [{"motifs": ["motif_0", "motif_1"], "distances": [1], "orientation": "+-"}]
    return finish(config, run_screen(config, folder), folder)


def test_pairs_that_do_most_together_are_first(results, capsys):
    """Of ratios those whose cooperativity is farthest from one, where effects multiply."""
    rows = gather(Results(results))["pairVerdicts"]["rows"]
    assert [(row["second"], row["cooperativity"]) for row in rows] == [("motif_1", 0.25), ("motif_0", 1)]
    assert main(["summary", str(results)]) == 0
    said = capsys.readouterr().out
    assert "doubles, fold, all: pairs of motifs; where each two do most together" in said
    told = [line.split() for line in said.splitlines() if line.startswith("motif_0 and")]
    assert [words[:6] for words in told] == [
        ["motif_0", "and", "motif_1", "2", "++", "0.25"],
        ["motif_0", "and", "motif_0", "2", "++", "1"],
    ]
    assert main(["summary", str(results), "--kind", "motif"]) == 0
    assert "pairs of motifs" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "sequence"), [("motif_0+ 2 motif_1+", "CATCNNGAT"), ("motif_0+ 1 motif_1-", "CATCNATC")]
)
def test_pairs_and_arrangements_are_shown_by_name(results, capsys, name, sequence):
    assert main(["show", str(results), name]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = dict(line.split(maxsplit=1) for line in lines[:5])
    assert (told["sequence"], told["name"]) == (sequence, name)
    # A motif's name is its own, though it is a part of theirs.
    assert main(["show", str(results), "motif_0"]) == 0
    assert "motifs       motif_0\n" in capsys.readouterr().out
