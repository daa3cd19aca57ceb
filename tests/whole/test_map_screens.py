"""A whole run with maps, of a model that reads two words, of which another motif's consensus holds one."""

import inspect

import pandas as pd
import pytest
from marginalization.commands.cli import main
from marginalization.store.paths import Results
from marginalization.view.report.contents import gather
from screens import shown_on
from toy_models import Words
from workflows import jobs, run

MOTIFS = {"reads": "GATTACAT", "carries": "CGCGATTACATGCG", "lowers": "CCTGAGTC", "neither": "TTTTAAAACC"}
SHARES = {"carries": "ccc--------ccc"}
"""Where a column says much, and where little."""


def meme(name, word):
    lines = [f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {len(word)}"]
    for letter, says in zip(word, SHARES.get(name, "c" * len(word)), strict=True):
        share = 0.91 if says == "c" else 0.4
        lines.append(" ".join(f"{share if x == letter else (1 - share) / 3:.4f}" for x in "ACGT"))
    return "\n".join([*lines, ""])


def config_of(**elements):
    return {
        "screen": "maps",
        "models": {"words": {"factory": "words.py:Words"}},
        "elements": {"motifs": [{"file": "motifs.meme"}], "controls": {"shuffles": 60}, "maps": {}, **elements},
        "backgrounds": {"length": 60, "random": {"n": 12}},
        "placement": {"strands": "both"},
    }


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A folder with the finished screen, and what was run for it."""
    folder = tmp_path_factory.mktemp("maps")
    (folder / "words.py").write_text("import torch\nfrom torch import nn\n\n\n" + inspect.getsource(Words))
    tables = [meme(name, word) for name, word in MOTIFS.items()]
    (folder / "motifs.meme").write_text("\n".join(["MEME version 4\n\nALPHABET= ACGT\n", *tables]))
    return folder, jobs(run(folder, config_of()))


def tables_of(folder):
    return {path.name: path.read_bytes() for path in (folder / "results/maps").glob("maps*.parquet")}


def printed(capsys, *arguments):
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def test_what_is_read_is_told_wherever_it_is_looked_at(mapped, capsys, monkeypatch):
    folder, counts = mapped
    monkeypatch.chdir(folder)
    assert ", 1 of maps; 1 of them done" in printed(capsys, "check", "maps.yaml")
    assert {rule: counts[rule] for rule in ("mutate", "maps")} == {"mutate": 1, "maps": 1}
    summary = pd.read_parquet(folder / "results/maps/maps_summary.parquet").set_index("name")
    assert summary["reads"].to_dict() == {"reads": "itself", "carries": "another", "lowers": "itself"}
    assert summary.loc["carries", ["closest", "carried"]].tolist() == ["reads", "GATTACAT"]
    said = printed(capsys, "summary", folder / "results/maps")
    assert "Of 2 mapped motifs 1 read as themselves, 0 as something else, 1 as another: carries (reads)." in said
    shown = printed(capsys, "show", folder / "results/maps", "carries")
    assert "words, prediction, 0 reads reads in it (similarity 1.00, 0.24 to its own matrix); GATTACAT" in shown
    assert "GATTACAT (bases 4 to 11) carries it." in shown
    found = gather(Results(folder / "results/maps"))
    of = {found["elements"][int(key.split("/")[1])]["name"]: value for key, value in found["maps"].items()}
    assert set(of) == {"reads", "carries", "lowers"}
    assert min(of["reads"]["losses"]) > 0.5
    assert max(of["lowers"]["losses"]) < -0.5
    losses = of["carries"]["losses"]
    assert [loss > 0.5 for loss in losses] == [3 <= i < 11 for i in range(14)]
    told = shown_on((folder / "results/maps/report.html").read_text())["maps"].values()
    assert any("GATTACAT (bases 4 to 11) carries it" in str(value) for value in told)


def test_it_is_finished_and_comes_out_the_same_again(mapped):
    folder, _ = mapped
    assert "Nothing to be done" in run(folder, config_of())
    before = tables_of(folder)
    for path in [*(folder / "results/maps/map_outputs").rglob("*.parquet"), folder / "results/maps/maps.parquet"]:
        path.unlink()
    counts = jobs(run(folder, config_of(), "results/maps/maps.parquet"))
    assert "screen" not in counts
    assert counts["mutate"] == 1
    assert tables_of(folder) == before


def test_without_maps_they_are_set_aside(mapped, capsys):
    folder, _ = mapped
    config = config_of()
    del config["elements"]["maps"]
    counts = jobs(run(folder, config))
    assert not {"screen", "mutate", "maps"} & set(counts)
    results = folder / "results/maps"
    assert not tables_of(folder)
    assert len(list((results / "superseded").glob("maps*.parquet"))) == 2
    assert not list((results / "map_outputs").rglob("*.parquet"))
    assert "mapped motifs" not in printed(capsys, "summary", folder / "results/maps")
