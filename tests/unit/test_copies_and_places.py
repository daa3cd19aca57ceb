"""How effects grow with copies, and where along the background half of one is lost: with truths by construction."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from marginalization.commands.cli import main
from marginalization.merging.derived.copies import curves
from marginalization.merging.derived.scans import half_distances
from marginalization.store.paths import Results
from marginalization.view.report.contents import gather
from marginalization.view.report.figures import figures
from marginalization.view.report.page import render
from screens import finish, resolved, run_screen, screen_of

LENGTH, CENTRE = 60, 30
LETTERS = ["C" * LENGTH, "G" * LENGTH]
MODEL = '''
import torch

class Places(torch.nn.Module):
    """A is worth 4 at one place, and less by a line on either side: half is lost in 6 bases, or in 3. T lowers."""

    def forward(self, X):
        away = (torch.arange(X.shape[2], dtype=X.dtype, device=X.device) - 30).abs()
        lines = [(1 - away / width).clamp(min=0) for width in (12, 6)]
        worth = torch.stack([(X[:, 0] * line).sum(dim=1) for line in lines], dim=1)
        return torch.cat([4 * worth, -(X[:, 3] * lines[0]).sum(dim=1, keepdim=True), 0 * worth[:, :1]], dim=1)

class Counts(torch.nn.Module):
    """How many AT there are; at most three of them; and one, three times as much for each."""

    def forward(self, X):
        n = (X[:, 0, :-1] * X[:, 3, 1:]).sum(dim=1, keepdim=True)
        return torch.cat([n, n.clamp(max=3), 0 * n], dim=1), 3.0 ** n
'''


def folded(effects, starts):
    """By a walk from the best start to either side."""
    best = int(np.argmax(np.abs(effects)))
    found = []
    for step in (-1, 1):
        i, half = best, effects[best] / 2
        away = np.nan
        while effects[best] != 0 and 0 <= i + step < len(starts):
            here, there = effects[i] / effects[best], effects[i + step] / effects[best]
            if there <= 0.5:
                part = (effects[i] - half) / (effects[i] - effects[i + step])
                assert 0 <= part <= 1
                assert here > 0.5
                away = abs(starts[i] + part * (starts[i + step] - starts[i]) - starts[best])
                break
            i += step
        found.append(away)
    return best, *found


@given(st.data(), st.integers(1, 9), st.integers(1, 4))
def test_half_distances_equal_a_walk(data, n_starts, n):
    levels = st.integers(-4, 4).map(float)
    effects = data.draw(arrays(np.float64, (n, n_starts), elements=levels))
    starts = np.array(sorted(data.draw(st.sets(st.integers(0, 50), min_size=n_starts, max_size=n_starts))))
    best, left, right = half_distances(effects, starts)
    for i in range(n):
        expected = folded(effects[i], starts)
        assert best[i] == expected[0]
        np.testing.assert_allclose([left[i], right[i]], expected[1:], rtol=1e-12)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scanned")
    (folder / "model.py").write_text(MODEL)
    models = {"places": {"factory": f"{folder / 'model.py'}:Places"}}
    readouts = {"worth": {"output": 0, "targets": ["wide", "narrow", "lower", "none"]}}
    placement = {"start": {"from": 6, "to": 46, "step": 4}, "strands": "both"}
    config = screen_of(
        folder, ["A", "CAC"], LETTERS, {"shuffles": 2}, models=models, readouts=readouts, placement=placement
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marginalization.merging.summary.ROWS", 13)
        run = run_screen(config, folder)
        results = finish(config, run, folder)
    return run, results


def test_half_of_an_effect_is_lost_where_the_model_says(scanned):
    run, results = scanned
    table = pd.read_parquet(results / "scans.parquet")
    ids = run.elements[run.elements["kind"] == "motif"].set_index("sequence")["element_id"]
    keys = ["model", "readout", "target", "element_id", "strand"]
    assert len(table) == 4 * len(ids) * 2 == len(table.drop_duplicates(keys))
    names = dict(zip(run.elements["element_id"], run.elements["kind"], strict=True))
    assert {names[element_id] for element_id in table["element_id"]} == {"motif"}
    rows = table.astype({"target": str, "strand": str}).set_index(["target", "strand", "element_id"])
    for start, sequence in ((30, "A"), (30, "CAC")):
        # CAC changes its middle, so it stands a base farther to the left; 29 is no start, and 30 is the nearest.
        row = rows.loc["wide", "+", ids[sequence]]
        assert row["start"] == start
        away = abs(start + sequence.index("A") - CENTRE)
        assert row["effect_mean"] == pytest.approx(4 * (1 - away / 12))
    row = rows.loc["wide", "+", ids["A"]]
    assert (row["half_left"], row["half_right"]) == (pytest.approx(6), pytest.approx(6))
    # A line of which half is lost within 3 bases is drawn through starts that are 4 apart.
    row = rows.loc["narrow", "+", ids["A"]]
    assert (row["half_left"], row["half_right"]) == (pytest.approx(3), pytest.approx(3))
    assert rows.loc["lower", "-", ids["A"]][["effect_mean", "half_left"]].tolist() == [
        pytest.approx(-1),
        pytest.approx(6),
    ]
    assert rows.loc["lower", "+", ids["A"]][["half_left", "half_right"]].isna().all()
    assert rows.loc["none"][["half_left", "half_right"]].isna().all(axis=None)
    summary = pd.read_parquet(results / "summary.parquet")
    joined = table.merge(summary, on=[*keys, "start"])
    assert (joined["effect_mean_x"] == joined["effect_mean_y"]).all()


def test_a_scan_is_shown_with_its_halves(scanned, capsys):
    _, results = scanned
    contents = gather(Results(results))
    strongest = contents["elements"][0]["name"]
    (view,) = [i for i, view in enumerate(contents["views"]) if view["target"] == "wide"]
    halves = [row for row in contents["halves"] if (row["view"], row["element"], row["strand"]) == (view, 0, "+")]
    assert strongest == "motif_0"
    assert [(row["start"], row["distance"], row["effect"]) for row in halves] == [(24, 6, 2), (36, 6, 2)]
    data = next(data for name, _, data in figures(contents) if name == "scan-places-worth-wide-motif_0")
    assert {row["start"] for row in data["halves"] if row["strand"] == "+"} == {24, 36}
    assert "halves" in render(contents)
    assert main(["show", str(results), "motif_0"]) == 0
    said = capsys.readouterr().out
    assert "within how many bases" in said
    assert "half left" in said
    assert any(line.split()[-3:] == ["4", "6", "6"] for line in said.splitlines())


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copied")
    (folder / "model.py").write_text(MODEL)
    models = {"counts": {"factory": f"{folder / 'model.py'}:Counts"}}
    readouts = {"n": {"output": 0, "targets": ["all", "three", "none"]}, "fold": {"output": 1, "effect": "ratio"}}
    config = screen_of(folder, ["CATC", "GAT"], LETTERS, models=models, readouts=readouts)
    arrangements = [
        {"motifs": ["motif_0"], "copies": 5, "distances": [0, 2]},
        {"motifs": ["motif_1", "motif_0"], "distances": [3]},
        {"motifs": ["motif_1"], "copies": 2, "distances": [1], "orientation": "-"},
    ]
    config = resolved(**{**config, "elements": {**config["elements"], "arrangements": arrangements}})
    run = run_screen(config, folder)
    return config, run, finish(config, run, folder)


def test_copies_add_up_saturate_or_multiply_as_the_model_has_it(copied):
    _, _, results = copied
    table = pd.read_parquet(results / "copies.parquet").astype({"readout": str, "target": str, "orientation": str})
    of_first = table[table["motif"] == "motif_0"].set_index(["readout", "target", "distance"])
    n = np.arange(1, 6)
    for distance in (0, 2):
        rows = of_first.loc["n", "all", distance]
        assert rows["n_copies"].tolist() == n.tolist()
        np.testing.assert_allclose(rows["effect_mean"], n)
        np.testing.assert_allclose(rows[["over_one", "over_expected"]], np.stack([n, np.ones(5)], axis=1))
        rows = of_first.loc["n", "three", distance]
        np.testing.assert_allclose(rows["over_one"], np.minimum(n, 3))
        np.testing.assert_allclose(rows["over_expected"], np.minimum(n, 3) / n)
        assert of_first.loc["n", "none", distance][["over_one", "over_expected"]].isna().all(axis=None)
        rows = of_first.loc["fold", "0", distance]
        np.testing.assert_allclose(rows["over_one"], 3.0 ** (n - 1), rtol=1e-6)
        np.testing.assert_allclose(rows["over_expected"], 1, rtol=1e-6)
    assert table.loc[table["motif"] == "motif_1", ["orientation", "n_copies"]].drop_duplicates().values.tolist() == [
        ["-", 1],
        ["-", 2],
    ]
    assert of_first.loc["n", "all", 0]["element_id"].iloc[0] == of_first.loc["n", "all", 2]["element_id"].iloc[0]


def test_curves_need_one_copy_of_the_same_motif():
    rows = [
        (["a"], [], "+", 1, "a1"),
        (["a", "a"], [3], "++", 2, "a2"),
        (["b", "b"], [3], "++", 2, "b2"),
        (["a", "a", "a"], [3, 4], "+++", 3, "other"),
        (["a", "a"], [3], "+-", 2, "turned"),
        (["a", "a"], [4], "--", 2, "minus"),
    ]
    found = curves(pd.DataFrame(rows, columns=["motifs", "distances", "orientation", "n_motifs", "element_id"]))
    assert found.values.tolist() == [["a", "+", 3, 1, "a1"], ["a", "+", 3, 2, "a2"]]
    assert curves(
        pd.DataFrame(rows[2:], columns=["motifs", "distances", "orientation", "n_motifs", "element_id"])
    ).empty


def test_copies_are_shown(copied, capsys):
    _, _, results = copied
    contents = gather(Results(results))
    rows = [row for row in contents["copies"] if contents["views"][row["view"]]["target"] == "three"]
    some = [
        (row["n"], row["effect"], row["expected"]) for row in rows if (row["motif"], row["distance"]) == ("motif_0+", 2)
    ]
    assert some == [(1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 3, 4), (5, 3, 5)]
    data = next(data for name, _, data in figures(contents) if name == "copies-counts-n-three-motif_0+")
    assert len(data["copies"]) == 10
    assert 'id="copied"' in render(contents)
    assert main(["summary", str(results), "--target", "three", "--kind", "arrangement"]) == 0
    said = capsys.readouterr().out
    assert "times expected" in said
    assert any(line.split()[:6] == ["motif_0+", "0", "5", "3", "3", "0.6"] for line in said.splitlines())
