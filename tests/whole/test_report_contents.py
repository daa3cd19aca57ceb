"""What the report shows, against the tables that it is made from, for a screen with everything in it."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from lab_folder import make_config, make_lab
from marginalization.config.sections import Config
from marginalization.store.paths import Results
from marginalization.view.report import contents, figures, page
from marginalization.view.report.overview.multiples import by_strand
from marginalization.view.report.reading import amounts, screens
from marginalization.view.report.reading.similarity import clusters_of, motif_classes
from marginalization.view.report.reading.views import NUMBERS
from screens import resolved, shown_on
from workflows import run

KEYS = ["model", "readout", "target"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two models and their group, profiles, controls, pairs, attributions, two starts on both strands."""
    folder = make_lab(tmp_path_factory.mktemp("report"))
    with open(folder / "motifs.tsv", "a") as table:
        table.write("</script><b>bold\tGATTACA\t-\nMA0139.2 CTCF\tCCACCAGG\t-\n")
    config = make_config()
    config["models"] = {name: {"factory": "lab.py:TwoHeads"} for name in ("one", "two")}
    config["groups"] = {"both": ["one", "two"]}
    config["readouts"] = {"reads": {"profile": {"logits": 0, "counts": 1}}, "log": {"output": 1, "targets": ["log"]}}
    config["elements"]["controls"] = {"shuffles": 3}
    config["elements"]["pairs"] = [{"first": "single", "second": "spaced", "distances": [0, 3]}]
    config["compare"] = [
        {"first": "one", "second": "both", "scaled": True},
        {"first": "+", "second": "-", "readout": "reads"},
    ]
    config["attributions"] = {"function": "saturation_mutagenesis", "readouts": ["log"], "window": 11}
    config["shards"] = {"marginals": 20000}
    run(folder, config)
    return folder / "results" / "known"


@pytest.fixture(scope="module")
def shown(results):
    return contents.gather(Results(results))


@pytest.fixture(scope="module")
def summary(results):
    table = pd.read_parquet(results / "summary.parquet").astype(dict.fromkeys([*KEYS, "strand", "kind"], str))
    return table


def close(value, expected):
    return value == pytest.approx(expected, rel=6e-4, nan_ok=True)


def test_effects_are_those_of_the_strongest_start(shown, summary):
    views = [(view["model"], view["readout"], view["target"]) for view in shown["views"]]
    assert views == sorted(set(summary[KEYS].itertuples(index=False, name=None)))
    own = summary[summary["kind"].isin(["motif", "annotation"])]
    ids = [element["id"] for element in shown["elements"]]
    assert sorted(ids) == sorted(own["element_id"].unique())
    effects = pd.DataFrame(shown["effects"])
    assert len(effects) == len(views) * len(ids) * 2
    for row in effects.to_dict("records"):
        model, readout, target = views[row["view"]]
        rows = own[(own["model"] == model) & (own["readout"] == readout) & (own["target"] == target)]
        rows = rows[(rows["element_id"] == ids[row["element"]]) & (rows["strand"] == row["strand"])]
        expected = rows[rows["start"] == row["start"]].iloc[0]
        assert expected["rank"] == rows["rank"].min()
        for name, column in NUMBERS.items():
            value = expected[column]
            if pd.isna(value) or not np.isfinite(float(value)):
                assert row.get(name) is None or pd.isna(row[name]), name
            else:
                assert close(row[name], value), name


def test_details_are_those_of_the_tables(shown, results, summary):
    views = [(view["model"], view["readout"], view["target"]) for view in shown["views"]]
    ids = [element["id"] for element in shown["elements"]]
    effects = pd.read_parquet(results / "effects").astype(dict.fromkeys([*KEYS, "strand", "element_id"], str))
    starts = {
        (v, e, s): start
        for v, e, s, start in zip(*(shown["effects"][n] for n in ("view", "element", "strand", "start")), strict=True)
    }
    parents = pd.read_parquet(results / "elements.parquet").set_index("element_id")["control_of"]
    controls = summary[summary["kind"] == "control"].assign(parent=lambda table: table["element_id"].map(parents))
    assert {key.split("/")[0] for key in shown["details"]["after"]} == {
        str(i) for i, view in enumerate(views) if view[0] != "both"
    }  # of a group there are no effects for each background
    for key, after in shown["details"]["after"].items():
        view, element, strand = (int(x) if x.isdigit() else x for x in key.split("/"))
        place = dict(zip(KEYS, views[view], strict=True), strand=strand, start=starts[view, element, strand])
        rows = effects[(effects[list(place)] == list(place.values())).all(axis=1)]
        rows = rows[rows["element_id"] == ids[element]].sort_values("background_id")
        assert close(after, rows["after"].tolist())
        assert close(shown["details"]["before"][view], rows["before"].tolist())
        rows = controls[(controls[list(place)] == list(place.values())).all(axis=1)]
        expected = rows[rows["parent"] == ids[element]]["effect_mean"]
        assert close(sorted(shown["details"]["controls"].get(key, [])), sorted(expected))


def test_profiles_attributions_scans_and_pairs(shown, results):
    ids = [element["id"] for element in shown["elements"]]
    views = [(view["model"], view["readout"], view["target"]) for view in shown["views"]]
    profiles = pd.read_parquet(results / "profiles.parquet").astype(dict.fromkeys([*KEYS, "strand"], str))
    assert not profiles["name"].str.contains("shuffle").any()
    key, (found, *_) = next(iter(shown["profiles"]["after"].items()))
    view, element = map(int, key.split("/"))
    rows = profiles[(profiles[KEYS] == list(views[view])).all(axis=1) & (profiles["element_id"] == ids[element])]
    rows = rows[rows["strand"] == found["strand"]]
    assert any(
        close(found["values"], row.after[found["first"] : found["first"] + len(found["values"])])
        for row in rows.itertuples()
    )
    before = shown["profiles"]["before"][view]
    assert (before["first"], len(before["values"])) == (0, 40)

    attributions = pd.read_parquet(results / "attributions.parquet")
    assert {len(row["after"]) for row in shown["attributions"].values()} == {11}
    assert len(shown["attributions"]) == 3 * len(ids)
    assert len(attributions) == 3 * len(ids) * 4

    assert Counter(zip(shown["scan"]["view"], shown["scan"]["element"], strict=True)).most_common(1)[0][1] == 4
    table = pd.read_parquet(results / "cooperativity.parquet").query("strand == '+' and start == 5")
    assert close([row["value"] for row in shown["pairs"]], table["cooperativity"].tolist())


def test_the_verdict_counts_elements(shown, summary):
    for view in shown["views"]:
        rows = summary[(summary[KEYS] == [view[key] for key in KEYS]).all(axis=1)]
        motifs = rows[rows["kind"] == "motif"].groupby("element_id")["significant"].any()
        assert view["verdict"].startswith(f"{motifs.sum()} of {len(motifs)} motif sequences and ")
        effects = rows[rows["kind"] == "control"]["effect_mean"]
        assert close(view["band"], np.quantile(effects, [0.025, 0.975]).tolist())


def test_quality_is_of_all_elements(shown, summary):
    for test in shown["quality"]["quantiles"]:
        view = shown["views"][test["view"]]
        rows = summary[(summary[KEYS] == [view[key] for key in KEYS]).all(axis=1) & summary["rank"].notna()]
        p = rows["control_p" if test["test"] == "against controls" else "p_value"].dropna()
        assert close(test["observed"][0], -np.log10(p.min()))
    assert {rate["model"] for rate in shown["quality"]["rates"]} == {"one", "two"}
    assert all(rate["rate"] > 0 for rate in shown["quality"]["rates"])
    reason = "there is too little to compute for capturing the model to pay"
    assert shown["quality"]["checks"][:2] == [f"{model}: full forward passes: {reason}" for model in ("one", "two")]
    assert shown["quality"]["warnings"] == []
    assert shown["quality"]["backgrounds"]["kept"] == 8


def test_a_large_screen_shows_its_strongest(results, monkeypatch):
    monkeypatch.setattr(screens, "MOST_ELEMENTS", 3)
    monkeypatch.setattr(amounts, "MOST_DETAILS", 2)
    few = contents.gather(Results(results))
    every = contents.gather(Results(results))
    assert [element["id"] for element in few["elements"]] == [element["id"] for element in every["elements"]]
    assert len(few["elements"]) == 3
    assert (few["facts"]["shown"], few["facts"]["detailed"]) == (3, 2)
    assert {key.split("/")[1] for key in few["details"]["after"]} == {"0", "1"}
    assert "the 3 strongest are shown here" in page.render(few)


def test_names_are_no_markup(shown):
    html = page.render(shown)
    assert any("</script><b>bold" in element["name"] for element in shown["elements"])
    assert "</script><b>" not in html
    assert html.count("<script") == html.count("</script>") == 3
    assert shown_on(html)["facts"] == json.loads(json.dumps(shown["facts"]))


def test_figures_are_written_in_three_formats(results, shown):
    names = {path.stem for path in (results / "figures").glob("*.svg")}
    assert {name for name, _, _ in figures.figures(shown)} == names
    assert {"heat-map", "backgrounds-gc", "found-both-log-log", "null-one-reads-+"} <= names
    for name in names:
        assert (results / "figures" / f"{name}.svg").read_text().startswith("<svg")
        assert (results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (results / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_it_stands_in_snakemakes_own_report(results, tmp_path):
    """Offline, with captions and categories."""
    run(results.parents[1], results.parents[1] / "known.yaml", "--report", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text()
    for part in ("Marginal effects", "results/known/report.html", "do more than their shuffles", "heat-map"):
        assert part in text


def test_the_answer_is_of_clusters_and_names(results, shown):
    """And the command line says the same."""
    clusters = pd.read_parquet(results / "clusters.parquet").astype(dict.fromkeys(KEYS, str))
    sites = pd.read_parquet(results / "annotations.parquet").drop_duplicates(["name", "element_id"])
    ids = [element["id"] for element in shown["elements"]]
    for view, found in zip(shown["views"], shown["findings"], strict=True):
        own = clusters[(clusters[KEYS] == [view[key] for key in KEYS]).all(axis=1)].set_index("motif")
        motifs = {row["name"]: row for row in found if row["kind"] == "motif"}
        assert set(motifs) == set(own.index)
        for name, row in motifs.items():
            assert close(row["effect"], own.loc[name, "effect_mean"])
            assert {ids[i] for i in row["members"]} == {*own.loc[name, "member_ids"]}
            assert ids[row["members"][0]] == own.loc[name, "element_id"]
        counts = {row["name"]: row["n"] for row in found if row["kind"] == "annotation"}
        assert counts == sites["name"].value_counts().to_dict()
    text = (results / "report.html").read_text()
    assert shown["views"][0]["answer"] in text
    assert [light["of"] for light in shown["lights"]] == [
        *("Null", "Resolution", "Backgrounds", "Models", "Shortcut", "Logs"),
    ]


def test_the_volcano_has_each_element_once(shown):
    rows = by_strand(shown)
    panels = [(panel["view"], panel["strand"]) for panel in shown["volcanoes"][0]["panels"]]
    data = figures.volcano(shown, 0, rows)["elements"]
    known = [row for view, strand in panels for row in rows[view][strand].values() if row["q"] is not None]
    assert sorted(row["element"] for row in data) == sorted(row["element"] for row in known)
    assert all(10 ** -row["sure"] == pytest.approx(row["q"], rel=2e-3) for row in data)


def test_like_motifs_stand_together():
    rng = np.random.default_rng(0)
    first, second = (rng.dirichlet([0.1] * 4, 10) for _ in range(2))
    others = {f"x{i}": rng.dirichlet([0.3] * 4, 10) for i in range(30)}
    matrices = pd.Series({"a": first, "b": second, "c": first[::-1, ::-1], **others})
    ordered = clusters_of(["a", "b", "c", "d"], matrices, np.array([[3.0], [2], [1], [0.5]]))
    assert dict(ordered) == {"a": "a", "c": "a", "b": None, "d": None}
    places = [element_id for element_id, _ in ordered]
    assert abs(places.index("a") - places.index("c")) == 1


def test_jaspar_knows_classes():
    found = motif_classes(["MA0139.2 CTCF", "mine"], Config.of(resolved()))
    assert found == {
        "MA0139.2 CTCF": {"class": "C2H2 zinc finger factors", "family": "More than 3 adjacent zinc fingers"}
    }


def test_comparisons(results, shown):
    table = pd.read_parquet(results / "differential.parquet").astype(dict.fromkeys([*KEYS, "first", "second"], object))
    own = table[table["kind"].isin(["motif", "annotation"])]
    assert [(of["first"], of["second"], of["on"]) for of in shown["comparisons"]] == [
        ("one", "both", "log · log"),
        *(("one", "both", f"reads · {strand}") for strand in "+-"),
        *(("+", "-", f"{model} · reads") for model in ("both", "one", "two")),
    ]
    one_kind = own[own["model"].eq("two")]
    found = shown["comparisons"][-1]
    assert found["judged"] == one_kind.loc[one_kind["significant"].notna(), "element_id"].nunique()
    assert found["significant"] == one_kind.loc[one_kind["significant"].eq(True), "element_id"].nunique()
    strongest = one_kind.loc[one_kind["control_t"].abs().idxmax()]
    assert found["rows"][0]["name"] == strongest["name"]
    assert close(found["rows"][0]["difference"], strongest["difference"])
    text = (results / "report.html").read_text()
    assert text.count("less both, ") == 3
    assert "elements differ by more than their shuffles do" in text
