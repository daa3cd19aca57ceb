"""The report and the command line on small screens that are odd, or that show a part of what there is."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import torch
from marginalization.commands.cli import main
from marginalization.store.paths import Results
from marginalization.view import results as reading
from marginalization.view.report import contents, figures, page
from marginalization.view.report.reading import amounts, screens
from marginalization.view.report.reading.views import against_uniform
from screens import cluster, finish, run_screen, screen_of, shown_on
from torch import nn

MOTIFS = ["ACGT", "TTGA", "CCATG", "GGC"]
LETTERS = ["ACGTACGTACGT", "AAAACCCCGGGT", "TTTTTTTTTTTA", "ACACACGTGTGT"]
KEYS = ["model", "readout", "target"]
CONTROLS = {"shuffles": 3, "strata": {"width": 1, "gc": 1}}


class Weights(nn.Module):
    """So many targets: random weights of letters and positions."""

    def __init__(self, n=3, scale=1.0):
        super().__init__()
        weights = torch.randn(48, n, generator=torch.Generator().manual_seed(1))
        self.weights = nn.Parameter(scale * weights)

    def forward(self, X):
        return X.flatten(1) @ self.weights


def model(**kwargs):
    return {"factory": "test_report:Weights", "kwargs": kwargs}


def finished(folder, motifs=MOTIFS, letters=LETTERS, controls=CONTROLS, models=None, readouts=None, **sections):
    """The results of a screen, made as the workflow makes them."""
    folder.mkdir(exist_ok=True)
    sections |= {"models": models or {"toy": model()}, "readouts": readouts or {"all": {"output": 0}}}
    config = screen_of(folder, motifs, letters, controls, **sections)
    return cluster(config, finish(config, run_screen(config, folder), folder))


NAMES = ["a/b", "a b", "A B", 'it\'s "this"', "x" * 200, "</script><b>bold", "effect", "rank", "ünï", "model=1/x"]
ODD = {
    "a single background": {"letters": LETTERS[:1]},
    "no controls": {"controls": None},
    "controls that can not be drawn": {"motifs": ["AAAA", "TT"]},
    "one element": {"motifs": ["ACGT"]},
    "one element without controls": {"motifs": ["A"], "controls": None},
    "no effect at all": {"models": {"toy": model(scale=0.0)}},
    "names of targets": {"models": {"toy": model(n=10)}, "readouts": {"effect": {"output": 0, "targets": NAMES}}},
    "one target": {"models": {"toy": model(n=1)}},
    "many starts": {"placement": {"start": {"from": 0}, "strands": "both"}},
    "numbers for names": {
        "models": {"01": model(), "1": model(scale=2.0), "1e5": model(), "true": model()},
        "readouts": {"007": {"output": 0}, "null": {"output": 0, "targets": ["1", "01", "1.0"]}},
    },
    "names that repeat": {
        "models": {"a": model(n=2), "b": model(n=2)},
        "readouts": {"a": {"output": 0, "targets": ["a", "b"]}, "b": {"output": 0, "targets": ["a", "b"]}},
    },
}


@pytest.mark.parametrize("name", ODD)
def test_odd_screens(tmp_path, capsys, name):
    folder = finished(tmp_path / "screen", **ODD[name])
    summary = pd.read_parquet(folder / "summary.parquet").astype(dict.fromkeys([*KEYS, "strand", "kind"], str))
    found = contents.gather(Results(folder))
    shown = json.loads(json.dumps(found, allow_nan=False))
    own = summary[summary["kind"] == "motif"]
    assert [[view[key] for key in KEYS] for view in shown["views"]] == own[KEYS].drop_duplicates().to_numpy().tolist()
    assert len({view["label"] for view in shown["views"]}) == len(shown["views"])
    # Each effect, in each background, is that of the tables.
    effects = pd.DataFrame(shown["effects"])
    assert len(effects) == len(own.drop_duplicates([*KEYS, "element_id", "strand"]))
    tables = {(view["model"], view["readout"]): None for view in shown["views"]}
    for key in tables:
        paths = (folder / "effects" / f"model={key[0]}" / f"readout={key[1]}").glob("*.parquet")
        tables[key] = pd.concat(map(pd.read_parquet, paths)).astype({"element_id": str, "target": str, "strand": str})
    for row in effects.to_dict("records"):
        view, element = shown["views"][row["view"]], shown["elements"][row["element"]]
        rows = tables[view["model"], view["readout"]]
        wanted = {"element_id": element["id"], "target": view["target"], "strand": row["strand"], "start": row["start"]}
        rows = rows[(rows[list(wanted)] == list(wanted.values())).all(axis=1)]
        np.testing.assert_allclose(row["effect"], rows["effect"].mean(), rtol=1e-3, atol=1e-6)
        after = shown["details"]["after"][f"{row['view']}/{row['element']}/{row['strand']}"]
        np.testing.assert_allclose(after, rows["after"], rtol=1e-3)
        np.testing.assert_allclose(shown["details"]["before"][str(row["view"])], rows["before"], rtol=1e-3)
    names = [name for name, _, _ in figures.figures(found)]
    assert len({name.lower() for name in names}) == len(names)
    assert max(len(name) for name in names) < 200
    assert not [name for name in names if "/" in name]
    capsys.readouterr()
    for arguments in (["summary", folder], ["show", folder, shown["elements"][0]["id"]]):
        assert main(list(map(str, arguments))) == 0
        assert capsys.readouterr().err == ""


def test_code_that_is_printed_reads_names_that_are_like_numbers(tmp_path, capsys):
    """As strings, where pyarrow by itself would read two models as one."""
    folder = finished(tmp_path / "screen", **ODD["numbers for names"])
    element_id = contents.gather(Results(folder))["elements"][0]["id"]
    capsys.readouterr()
    assert main(["show", str(folder), element_id]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("pd.read_parquet")]
    names = {"pd": pd, "pa": pa, "ds": ds}
    summary, effects = (eval(line, names).astype({"model": str, "readout": str}) for line in lines)
    for table in (summary, effects):
        assert sorted(table["model"].unique()) == ["01", "1", "1e5", "true"]
        assert sorted(table["readout"].unique()) == ["007", "null"]
        assert set(table["element_id"]) == {element_id}
    assert contents.gather(Results(folder))["facts"]["partitioning"] in lines[1]


def test_elements_may_all_be_annotations(tmp_path, capsys):
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGTTGCATGCCATGGATCCA" * 3 + "\n")
    rows = ["chr1\t0\t5\t<b>x</b>\t0\t+\n", 'chr1\t6\t12\t"&\t0\t-\n', "chr1\t30\t34\tz;y\t0\t+\n"]
    (tmp_path / "sites.bed").write_text("".join(rows))
    config = screen_of(tmp_path, ["A"], LETTERS, CONTROLS, models={"toy": model()}, readouts={"all": {"output": 0}})
    config["elements"]["motifs"] = []
    annotations = {"file": str(tmp_path / "sites.bed"), "genome": str(tmp_path / "genome.fa")}
    options = {"format": None, "stranded": True, "summit_flank": None, "max_width": None}
    config["elements"]["annotations"] = [{**annotations, **options}]
    folder = finish(config, run_screen(config, tmp_path), tmp_path)
    html = page.render(contents.gather(Results(folder)))
    assert {element["kind"] for element in shown_on(html)["elements"]} == {"annotation"}
    assert "<b>x</b>" not in html
    verdict = shown_on(html)["views"][0]["verdict"]
    assert verdict.startswith("With 9 controls none of 3 elements can be significant"), verdict
    assert main(["summary", str(folder)]) == 0


def test_of_many_names_some_are_shown_and_it_says_so(tmp_path, monkeypatch):
    (tmp_path / "genome.fa").write_text(">chr1\n" + "ACGTTGCATGCCATGGATCCA" * 3 + "\n")
    (tmp_path / "sites.bed").write_text("".join(f"chr1\t{i}\t{i + 6}\tsite{i}\t0\t+\n" for i in range(12)))
    config = screen_of(tmp_path, ["A"], LETTERS, CONTROLS, models={"toy": model(n=1)}, readouts={"all": {"output": 0}})
    sites = {"file": str(tmp_path / "sites.bed"), "genome": str(tmp_path / "genome.fa"), "format": None}
    config["elements"] |= {"motifs": [], "annotations": [{**sites, "stranded": True, "summit_flank": None}]}
    config["elements"]["annotations"][0]["max_width"] = None
    folder = finish(config, run_screen(config, tmp_path), tmp_path)
    said = "Of 12 names this page has, on each target, as many as there is room for"
    every = contents.gather(Results(folder))
    assert len(every["findings"][0]) == 12
    assert said not in page.render(every)
    monkeypatch.setattr(amounts, "MOST_FINDINGS", 7)
    some = contents.gather(Results(folder))
    assert [row["name"] for row in some["findings"][0]] == [row["name"] for row in every["findings"][0]][:7]
    assert said in page.render(some)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A screen of 30 targets."""
    drawn = np.random.default_rng(0).choice(list("ACGT"), (25, 6))
    motifs = ["".join(row) for row in drawn]
    placement = {"strands": "both", "start": [0, 5]}
    return finished(tmp_path_factory.mktemp("many"), motifs, models={"toy": model(n=30)}, placement=placement)


@pytest.fixture
def summary(many):
    return pd.read_parquet(many / "summary.parquet").astype(dict.fromkeys([*KEYS, "strand", "kind"], str))


def test_of_many_targets_each_shows_its_strongest(many, summary, monkeypatch):
    """And of the strongest of all, all effects."""
    monkeypatch.setattr(amounts, "MOST_EFFECTS", 600)
    found = contents.gather(Results(many))
    assert [found["facts"][name] for name in ("n_views", "shown", "everywhere", "own")] == [30, 25, 5, 5]
    best = summary[summary["rank"].notna()].groupby(["target", "element_id"])["rank"].min().unstack("target")
    ids = [element["id"] for element in found["elements"]]
    of_all = best.min(axis=1)
    assert of_all.loc[ids].is_monotonic_increasing
    effects = pd.DataFrame(found["effects"])
    for i, view in enumerate(found["views"]):
        wanted = {*ids[:5], *best[view["target"]].nsmallest(5).index}
        rows = effects[effects["view"] == i]
        assert {ids[element] for element in rows["element"]} == wanted
        assert len(rows) == 2 * len(wanted)
    cells = {(cell["name"], cell["view"]) for cell in found["heatMap"]}
    assert len(cells) == len(found["heatMap"]) == 5 * 30
    assert all(cell["effect"] is not None for cell in found["heatMap"])
    drawn = [data for name, _, data in figures.figures(found) if name.startswith("found")]
    assert len(drawn) == figures.MOST_DRAWN
    assert all(data["found"] for data in drawn)


def test_of_very_many_targets_those_are_shown_that_most_elements_move(many, summary, monkeypatch):
    monkeypatch.setattr(screens, "MOST_VIEWS", 13)
    found = contents.gather(Results(many))
    significant = summary.groupby("target", sort=False)["significant"].sum().astype(int)
    shown = [view["target"] for view in found["views"]]
    assert len(shown) == 13
    assert shown == sorted(shown)
    assert significant[shown].min() >= significant.drop(shown).max()
    assert found["facts"]["n_views"] == 30
    assert {int(key.split("/")[0]) for key in found["details"]["after"]} == set(range(13))
    assert "The screen has 30: on this page are those with most significant elements" in page.render(found)


def test_controls_are_those_of_the_element_placed_alike(many, summary):
    found = contents.gather(Results(many))
    parents = pd.read_parquet(many / "elements.parquet").set_index("element_id")["control_of"]
    controls = summary[summary["kind"] == "control"]
    controls = controls.assign(parent=parents[controls["element_id"]].to_numpy())
    effects = pd.DataFrame(found["effects"])
    assert len(found["details"]["controls"]) == len(effects)
    for row in effects.to_dict("records")[::17]:
        keys = {"target": found["views"][row["view"]]["target"], "parent": found["elements"][row["element"]]["id"]}
        keys |= {"strand": row["strand"], "start": row["start"]}
        rows = controls[(controls[list(keys)] == list(keys.values())).all(axis=1)]
        values = found["details"]["controls"][f"{row['view']}/{row['element']}/{row['strand']}"]
        np.testing.assert_allclose(sorted(values), sorted(rows["effect_mean"]), rtol=1e-3)


def test_views_are_read_one_after_another_however_their_rows_lie(many, summary, tmp_path):
    """In row groups that hold parts of several."""
    table = reading.pq.read_table(many / "summary.parquet")
    path = tmp_path / "summary.parquet"
    reading.pq.write_table(table, path, row_group_size=37)
    expected = {key: rows for key, rows in summary.groupby(KEYS, sort=False)}
    found = dict(reading.by_view(path, ["element_id", "rank"]))
    assert list(found) == list(expected)
    for key, rows in found.items():
        assert rows["element_id"].to_pylist() == expected[key]["element_id"].tolist()
    few = reading.read_summary(Results(tmp_path), ["name", "rank"], **dict(zip(KEYS, key, strict=True)), kind=["motif"])
    rows = expected[key][expected[key]["kind"] == "motif"]
    assert few["name"].tolist() == rows["name"].tolist()
    assert few["rank"].tolist() == rows["rank"].tolist()
    assert reading.summary_keys(Results(tmp_path)).to_numpy().tolist() == [list(key) for key in expected]


def test_effects_of_a_few_elements_are_all_read(many):
    table = pd.concat(map(pd.read_parquet, (many / "effects").rglob("*.parquet")))
    ids = sorted(table["element_id"].unique())[5:30:7]
    columns = ["element_id", "target", "background_id", "after"]
    found = pd.concat(
        rows.to_pandas() for _, _, rows in reading.read_effects(Results(many).parts("effects"), ids, columns, 3)
    )
    rows = table[table["element_id"].isin(ids) & (table["background_id"] < 3)]
    assert (
        found.astype({"after": float}).to_numpy().tolist() == rows[columns].astype({"after": float}).to_numpy().tolist()
    )


def test_records_and_warnings_are_those_of_this_plan(tmp_path):
    folder = finished(tmp_path / "screen", shards={"backgrounds": 2}, models={"b": model(), "a": model()})
    jobs = sorted((folder / "jobs" / "screen").rglob("*.json"))
    assert len(jobs) == 4
    for i, path in enumerate(jobs):
        record = json.loads(path.read_text())
        record |= {"marginals_per_second": 1000 * (i + 1), "incremental": i > 0, "largest_difference": 2e-7 * i}
        record |= {"reason": "too little"} if i == 0 else {}
        record |= {"share": 0.7 + i / 10} if i > 1 else {}  # of which earlier versions told nothing
        path.write_text(json.dumps({**record, "warnings": ["out of memory"] if i else []}))
        # What a job of an earlier plan left, that was faster.
        earlier = {**record, "job": "earlier", "marginals_per_second": 10**9, "warnings": ["earlier"]}
        path.with_name("0000of0001-0000of0001-000000000000.json").write_text(json.dumps(earlier))
    (folder / "logs" / "screen").mkdir(parents=True)
    (folder / "logs" / "screen" / "old.log").write_text("2026-01-01 00:00:00,000 WARNING old\n")
    probed = json.loads((folder / "models" / "a.json").read_text())
    (folder / "models" / "a.json").write_text(json.dumps({**probed, "warnings": ["strands?"]}))
    found = contents.gather(Results(folder))["quality"]
    assert [rate["rate"] for rate in found["rates"]] == [1000, 2000, 3000, 4000]
    assert [(rate["model"], rate["job"]) for rate in found["rates"]] == [(p.parent.name, p.stem) for p in jobs]
    differ = "the first results differ from full forward passes by"
    assert found["checks"] == [
        "a: full forward passes: too little (1 of 2 jobs)",
        f"a: incremental inference; {differ} 2e-07 of an effect (1 of 2 jobs)",
        f"b: incremental inference, which leaves out 90% of a forward pass; {differ} 6e-07 of an effect (2 of 2 jobs)",
    ]
    assert found["warnings"] == [
        "logs/probe/a.log: strands?",
        f"logs/screen/a/{jobs[1].stem}.log and 2 more: out of memory",
    ]


def test_p_values_against_uniform_ones():
    p = np.random.default_rng(0).random(10_000)
    for most in (1, 7, 50, 250):
        found = against_uniform(p, most)
        assert 1 <= len(found["observed"]) <= most + 2
        assert found["observed"][0] == pytest.approx(-np.log10(p.min()), rel=1e-3)
        assert found["expected"] == sorted(found["expected"], reverse=True)
    assert against_uniform(np.array([1.0]), 250) == {"expected": [pytest.approx(0.301)], "observed": [0.0]}


def test_numbers_are_rounded_and_missing_ones_are_none():
    values = [0.123456, -1234567.0, 9.9999e-12, 0.0, np.nan, np.inf, 5e300]
    assert amounts.rounded(np.array(values)) == [0.1235, -1235000.0, 1e-11, 0.0, None, None, 5e300]
    assert amounts.rounded(pd.array([1, None], dtype="Int64")) == [1, None]
    assert amounts.rounded([True, None]) == [True, None]
    assert amounts.rounded(np.float64(0.33333)) == 0.3333
