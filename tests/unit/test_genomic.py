"""Percentiles among random stretches of a genome: which are drawn, and where effects are among theirs."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.commands.cli import main
from marginalization.config.checks import element_files
from marginalization.config.sections import Config
from marginalization.config.sections.substitutions import Genomic
from marginalization.design.controls import WIDTHS, draw_genomic
from marginalization.design.elements import read_elements
from marginalization.errors import InputError
from marginalization.sequences.letters import reverse_complement
from marginalization.statistics.families import families
from marginalization.statistics.nulls import percentiles
from marginalization.store.paths import Results
from marginalization.view.report.contents import gather
from screens import finish, run_screen, screen_of, typed

NO_ELEMENTS = pd.DataFrame({"sequence": []}, dtype="str")


@pytest.fixture
def genome(tmp_path):
    """A short chromosome and a long one, with gaps; only the long one has G."""
    rng = np.random.default_rng(0)
    chroms = {
        "chrA": "N" * 100 + "".join(rng.choice(list("ACT"), 400)) + "N" * 50,
        "chrB": "".join(rng.choice(list("ACGT"), 1500)) + "N" + "".join(rng.choice(list("ACGT"), 99)),
        "tiny": "ACG",
    }
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in chroms.items()))
    return str(path), chroms


def drawn(genome, widths, n=200, elements=NO_ELEMENTS, seed=0):
    spec = typed(Genomic, {"genome": genome, "n": n})
    return draw_genomic(elements, pd.Series(widths), spec, seed)


def test_stretches_are_of_the_genome_and_of_the_widths(genome):
    path, chroms = genome
    table, few = drawn(path, [8, 12, 12])
    assert few == []
    assert table["width"].value_counts().to_dict() == {8: 200, 12: 200}
    for row in table.itertuples():
        chrom, _, place = row.name.partition(":")
        start, end = map(int, place.split("-"))
        assert row.sequence == chroms[chrom][start:end]
        assert len(row.sequence) == row.width
        assert set(row.sequence) <= set("ACGT")
    both = [*table["sequence"], *map(reverse_complement, table["sequence"])]
    assert max(Counter(both).values()) <= 2
    assert table["sequence"].is_unique
    assert set(table["kind"]) == {"genomic"}
    # As many as there are places without N: 400 and 1,600.
    share = table["name"].str.startswith("chrB").mean()
    assert share == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 400))


def test_letters_for_several_bases_are_as_gaps(genome):
    """Such as R and Y, of which assemblies have some: nobody chose the places, so nobody can leave them out."""
    path, chroms = genome
    Path(path).write_text("".join(f">{name}\n{sequence.replace('N', 'r')}\n" for name, sequence in chroms.items()))
    table, few = drawn(path, [8])
    assert few == []
    assert set("".join(table["sequence"])) == set("ACGT")


def test_draws_depend_on_the_seed_and_the_width_alone(genome):
    path, _ = genome
    table, _ = drawn(path, [8, 12])
    alone, _ = drawn(path, [12], n=150)
    assert alone["sequence"].tolist() == table.loc[table["width"] == 12, "sequence"].tolist()[:150]
    other, _ = drawn(path, [12], seed=1)
    assert set(other["sequence"]) != set(alone["sequence"])
    taken = pd.DataFrame({"sequence": [reverse_complement(alone["sequence"][3])]})
    without, _ = drawn(path, [12], n=150, elements=taken)
    assert set(alone["sequence"]) - set(without["sequence"]) == {alone["sequence"][3]}


def test_of_many_widths_some_and_of_few_stretches_as_many_as_there_are(genome):
    path, _ = genome
    widths = [*range(10, 70), *[70] * 100]
    table, _ = drawn(path, widths, n=20)
    assert 2 < table["width"].nunique() <= WIDTHS
    assert {table["width"].min(), table["width"].max()} == {10, 70}
    table, few = drawn(path, [2, 9], n=20)
    # Of two letters there are ten, each with its reverse complement.
    assert table["width"].value_counts().to_dict() == {9: 20, 2: 10}
    assert few == [f"{path} has fewer than 20 different stretches for percentiles of elements of 2 bases"]
    with pytest.raises(InputError, match=r"no chromosome of .* has the 1601 bases of an element"):
        drawn(path, [1601])


@settings(deadline=None)
@given(st.data())
def test_percentiles_equal_scipy(data):
    widths = st.integers(3, 12)
    kinds = data.draw(st.lists(st.sampled_from(["motif", "genomic", "control", "pair"]), min_size=1, max_size=30))
    table = pd.DataFrame({"kind": kinds, "width": [data.draw(widths) for _ in kinds]})
    table["element_id"] = [f"{i:02d}" for i in range(len(table))]
    table["control_of"] = table["element_id"].where(table["kind"] == "control")
    table.loc[table["kind"] == "control", "control_of"] = table.loc[table["kind"] == "motif", "element_id"].min()
    if not (table["kind"] == "motif").any():
        return
    table["sequence"] = ["A" * width for width in table["width"]]
    spec = {"per": "element", "strata": {"width": 1, "gc": 1}, "shuffles": 2, "level": 0.05, "effect_floor": None}
    effect = np.array([[data.draw(st.integers(-3, 3)) / 2 for _ in range(2)] for _ in kinds])
    found = percentiles(effect, families(table, spec).widths).reshape(effect.shape)
    of_genome = table["kind"] == "genomic"
    known = np.unique(table.loc[of_genome, "width"])
    for i, row in table.iterrows():
        if row["kind"] != "motif" or not len(known):
            assert np.isnan(found[i]).all()
            continue
        nearest = min(known, key=lambda width: (abs(width - row["width"]), width))
        null = effect[(of_genome & (table["width"] == nearest)).to_numpy()]
        for place in range(2):
            expected = scipy.stats.percentileofscore(null[:, place], effect[i, place], kind="mean")
            assert found[i, place] == pytest.approx(expected)


MODEL = '''
import torch

class Guanines(torch.nn.Module):
    """How many G there are."""

    def forward(self, X):
        return X[:, 2].sum(dim=1, keepdim=True)
'''


def test_a_screen_ranks_elements_by_what_the_genome_has(tmp_path, genome, capsys):
    """Effects are numbers of G, so percentiles follow from the sequences."""
    path, _ = genome
    (tmp_path / "model.py").write_text(MODEL)
    models = {"g": {"factory": f"{tmp_path / 'model.py'}:Guanines"}}
    motifs = ["GGGGGGGG", "ATATATAT", "ACGGATCA", "TTGAC"]
    controls = {"shuffles": 2, "genomic": {"genome": path, "n": 50}}
    placement = {"start": [3, 9], "strands": "both"}
    config = screen_of(tmp_path, motifs, ["A" * 30, "C" * 30], controls, models=models, placement=placement)
    assert path in element_files(Config.of(config))
    run = run_screen(config, tmp_path)
    results = finish(config, run, tmp_path)
    drawn_here = run.elements[run.elements["kind"] == "genomic"]
    assert drawn_here["width"].value_counts().to_dict() == {5: 50, 8: 50}
    assert run.plan.n_controls == (run.elements["kind"].isin(["control", "genomic"])).sum()
    summary = pd.read_parquet(results / "summary.parquet").astype({"kind": str, "strand": str})
    judged = summary[summary["kind"] == "motif"]
    assert summary.loc[summary["kind"] != "motif", ["genomic_percentile", "rank", "element_q"]].isna().all(axis=None)
    assert len(judged) == len(motifs) * 2 * 2
    for row in judged.itertuples():
        null = drawn_here.loc[drawn_here["width"] == len(row.sequence), "sequence"]
        letter = "G" if row.strand == "+" else "C"
        expected = scipy.stats.percentileofscore(null.str.count(letter), row.sequence.count(letter), kind="mean")
        # As C and G alike are put into A or C, an effect is the number of G.
        assert row.genomic_percentile == pytest.approx(expected)
    assert judged.set_index(["sequence", "strand"]).loc[("GGGGGGGG", "+"), "genomic_percentile"].tolist() == [100, 100]
    shown = gather(Results(results))["effects"]
    assert max(shown["percentile"]) == 100
    assert main(["summary", str(results)]) == 0
    assert "percentile" in capsys.readouterr().out


def test_verdicts_and_other_draws_are_those_without(tmp_path, genome):
    path, _ = genome
    letters, motifs = ["ACGTACGTACGTACGTAC"], ["TGACTC", "GGATT"]
    config = screen_of(tmp_path, motifs, letters, {"shuffles": 5})
    genomic = screen_of(tmp_path, motifs, letters, {"shuffles": 5, "genomic": {"genome": path, "n": 20}})
    without, found = (read_elements(Config.of(of)).elements for of in (config, genomic))
    rest = found[found["kind"] != "genomic"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, without)
    spec = genomic["elements"]["controls"]
    kept = families(found, spec)
    assert kept.compared.sum() == families(without, spec).compared.sum() == 2
    assert (kept.family[(found["kind"] == "genomic").to_numpy()] == -1).all()
