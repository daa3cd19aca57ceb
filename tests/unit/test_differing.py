"""Whether strands, and the models of a group, differ: against scipy, brute force, and a truth known by construction."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from marginalization.statistics.summary import equal_means
from marginalization.store.paths import Results
from marginalization.view.report import contents
from marginalization.view.report.charts import specification
from marginalization.view.report.figures import drawn, figures, on_paper
from marginalization.view.report.overview.labels import FONT, HEIGHT, LETTER
from marginalization.view.report.overview.multiples import MOST_MODELS, by_strand, volcanoes
from marginalization.view.report.reading.differing import differ
from screens import cluster, finish, run_screen, screen_of
from torch import nn

KEYS = ["model", "readout", "target"]


def welch(samples):
    """The p of Welch's test (1951), from the values themselves, step by step as in the paper."""
    k, n = len(samples), [len(values) for values in samples]
    means, variances = [np.mean(values) for values in samples], [np.var(values, ddof=1) for values in samples]
    w = [count / variance for count, variance in zip(n, variances, strict=True)]
    centre = sum(a * x for a, x in zip(w, means, strict=True)) / sum(w)
    a = sum(weight * (x - centre) ** 2 for weight, x in zip(w, means, strict=True)) / (k - 1)
    h = sum((1 - weight / sum(w)) ** 2 / (count - 1) for weight, count in zip(w, n, strict=True))
    return scipy.stats.f.sf(a / (1 + 2 * (k - 2) / (k**2 - 1) * h), k - 1, (k**2 - 1) / (3 * h))


@pytest.mark.parametrize("n", [2, 3, 12, 200])
@pytest.mark.parametrize("k", [2, 3, 7])
def test_welchs_test(n, k):
    rng = np.random.default_rng(k)
    values = rng.normal(rng.normal(0, 0.5, (30, k, 1)), rng.uniform(0.1, 3, (30, k, 1)), (30, k, n))
    means, sems = values.mean(axis=2), scipy.stats.sem(values, axis=2)
    np.testing.assert_allclose(equal_means(means, sems, n), [welch(row) for row in values], rtol=1e-9)
    if k == 2:
        expected = [scipy.stats.ttest_ind(*row, equal_var=False).pvalue for row in values]
        np.testing.assert_allclose(equal_means(means, sems, n), expected, rtol=1e-9)
    # A model that is not there changes nothing.
    padded = [np.insert(of, 1, np.nan, axis=1) for of in (means, sems)]
    np.testing.assert_allclose(equal_means(*padded, n), equal_means(means, sems, n), rtol=1e-12)


def test_means_without_a_spread_or_another():
    means = np.array([[1.0, 1.0], [1.0, 2.0], [0.0, 0.0], [1.0, np.nan], [np.nan, np.nan], [1.0, 1.5]])
    sems = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.1, np.nan], [np.nan, np.nan], [0.0, 10.0]])
    p = equal_means(means, sems, 8)
    assert p[0] == p[2] == 1
    assert p[1] < 1e-6
    assert np.isnan(p[3:5]).all()
    assert p[5] > 0.9
    assert differ(means, sems, 8).tolist() == [False, True, False, False, False, False]
    assert not differ(means, sems, 1).any()


def test_of_equal_means_few_are_said_to_differ():
    rng = np.random.default_rng(0)
    values = rng.normal(1, 3, (20_000, 4, 15))
    assert 0.045 < (equal_means(values.mean(axis=2), scipy.stats.sem(values, axis=2), 15) < 0.05).mean() < 0.055


def test_what_does_not_show_does_not_differ():
    """However narrow the intervals are: under a fifth of the effect."""
    means = np.array([[100.0, 81.0], [100.0, 79.0], [-1.0, -0.81], [-1.0, 1.0], [0.3, -0.3]])
    assert differ(means, np.full(means.shape, 1e-9), 20).tolist() == [False, True, False, True, True]
    assert not differ(means, np.full(means.shape, 1e3), 20).any()


class Sided(nn.Module):
    """Weights of letters and positions for some targets, so that strands differ."""

    def __init__(self, seed=0, scale=1.0):
        super().__init__()
        self.weights = nn.Parameter(scale * torch.randn(48, 2, generator=torch.Generator().manual_seed(seed)))

    def forward(self, X):
        return (X.flatten(1) @ self.weights).exp()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Three models, two of them alike, and groups of two and of three, in seven backgrounds on two strands."""
    folder = tmp_path_factory.mktemp("sided")
    rng = np.random.default_rng(5)
    letters = ["".join(row) for row in np.array(list("ACGT"))[rng.integers(0, 4, (7, 12))]]
    motifs = ["".join(row) for row in np.array(list("ACGT"))[rng.integers(0, 4, (25, 5))]]
    kwargs = {"a": {"seed": 1}, "b": {"seed": 1}, "c": {"seed": 1, "scale": 0.3}}
    models = {name: {"factory": "test_differing:Sided", "kwargs": of} for name, of in kwargs.items()}
    config = screen_of(
        folder,
        [*motifs, "ACCGGT"],
        letters,
        {"shuffles": 3},
        models=models,
        groups={"like": ["a", "b"], "all": ["c", "a", "b"]},
        readouts={"all": {"output": 0, "effect": "log2_fold_change"}},
        placement={"strands": "both", "start": [0, 4]},
    )
    return Results(cluster(config, finish(config, run_screen(config, folder), folder)))


@pytest.fixture(scope="module")
def shown(results):
    return contents.gather(results)


def test_each_element_against_brute_force(results, shown):
    summary = pd.read_parquet(results.table("summary")).astype(dict.fromkeys([*KEYS, "strand"], str))
    best = summary[summary["rank"].notna()].sort_values("rank", kind="stable")
    best = best.drop_duplicates([*KEYS, "element_id", "strand"]).set_index([*KEYS, "element_id", "strand"]).sort_index()
    groups, found = shown["facts"]["groups"], 0
    for view, differing in zip(shown["views"], shown["differing"], strict=True):
        model, readout, target = (view[key] for key in KEYS)
        for i, element in enumerate(shown["elements"]):
            own = best.loc[(model, readout, target, element["id"])]
            assert (i in differing["strands"]) == apart(own)
            strand = own["effect_mean"].abs().idxmax()
            keys = [(name, readout, target, element["id"], strand) for name in groups.get(model, [])]
            assert (i in differing["folds"]) == (bool(keys) and apart(best.loc[keys]))
        found += len(differing["strands"])
        assert (model == "all") == bool(differing["folds"])
    assert 0 < found < len(shown["views"]) * len(shown["elements"])
    palindrome = next(i for i, element in enumerate(shown["elements"]) if element["sequence"] == "ACCGGT")
    assert not any(palindrome in differing["strands"] for differing in shown["differing"])


def apart(rows):
    """By the rule of docs/report.md, of rows of the summary."""
    x, s, n = rows["effect_mean"].to_numpy(), rows["effect_sem"].to_numpy(), 7
    w = 1 / s**2
    k, centre = len(x), (w * x).sum() / w.sum()
    h = ((1 - w / w.sum()) ** 2).sum() / (n - 1)
    F = (w * (x - centre) ** 2).sum() / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * h)
    p = scipy.stats.f.sf(F, k - 1, (k**2 - 1) / (3 * h))
    return bool(p < 0.05 and x.max() - x.min() > 0.2 * np.abs(x).max())


def test_figures_for_papers_have_panels_on_the_same_axes(shown):
    """Of what acts, where it differs; a lone one has none, and every row of a lollipop a name of its own."""
    made = {name: (chart, data) for name, chart, data in figures({**shown, **acting(shown)})}
    _, data = made["volcano-all-all-0"]
    panels = dict.fromkeys(row["panel"] for row in data["elements"])
    assert set(panels) >= {"all", "a", "b", "c"} or set(panels) >= {"forward strand", "reverse strand", "a", "b", "c"}
    spec = specification("volcano", data)
    assert [panel["title"] for panel in spec["concat"]] == list(panels)
    assert spec["resolve"] == {"scale": {"x": "shared", "y": "shared"}}
    paper = on_paper({**shown, **acting(shown)}, "volcano", 0, [], 180, 7)
    svg = drawn(paper.spec, "svg", paper.scale).decode()
    assert float(re.search(r'width="([\d.]+)pt"', svg)[1]) == pytest.approx(180 / 25.4 * 72, abs=1)
    first = acting(shown)["volcanoes"][0]
    assert all(f">{label['label']}<" in svg for label in first["panels"][0]["labels"][:1])
    for _, data in (of for name, of in made.items() if name.startswith("found")):
        names = [row["name"] for row in data["found"]]
        assert len(set(names)) == len(names)
    lone = {**shown, "differing": [{"strands": [], "folds": []} for _ in shown["views"]]}
    for name, chart, data in figures({**lone, **acting(lone)}):
        assert not any("panel" in row for rows in data.values() for row in rows), name
        assert "concat" not in specification(chart, data)


def acting(shown):
    """The contents' findings as if all acted, and the panels that follow."""
    findings = [[{**row, "significant": True} for row in rows] for rows in shown["findings"]]
    return {"findings": findings, "volcanoes": volcanoes({**shown, "findings": findings}, by_strand(shown))}


def test_names_in_panels_lie_on_nothing(shown):
    """Of all panels and widths: no two names meet."""
    for volcano in acting(shown)["volcanoes"]:
        assert len(volcano["panels"]) <= 2 + MOST_MODELS
        (x0, x1), (y0, y1) = volcano["x"], volcano["y"]
        for panel in volcano["panels"]:
            for width in {label["least"] for label in panel["labels"]}:
                boxes = []
                for label in (label for label in panel["labels"] if label["least"] == width):
                    left = (label["x"] - x0) / (x1 - x0) * width + label["dx"]
                    top = HEIGHT - (label["y"] - y0) / (y1 - y0) * HEIGHT + label["dy"]
                    size = LETTER * len(label["label"])
                    left -= {"left": 0, "center": size / 2, "right": size}[label["align"]]
                    boxes.append((left, top - 0.5 * FONT, left + size, top + 0.5 * FONT))
                for a, b in itertools.combinations(boxes, 2):
                    assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])
