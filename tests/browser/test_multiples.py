"""Small multiples: what differs between strands, or between the models of a group, is drawn apart in a real browser."""

import numpy as np
import pandas as pd
import pytest
import torch
from marginalization.store.paths import Results
from marginalization.view.report.page import write_report
from opened import Opened, serious
from screens import cluster, finish, run_screen, screen_of, shown_on
from torch import nn

LENGTH = 40
WEIGHTS = {"ACGTACG": 3.0, "TTGACAT": -3.0, "GGCCATT": 2.0}
"""Of each motif, what it adds to the output wherever it stands."""


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


@pytest.fixture(scope="module")
def sided(tmp_path_factory):
    """A model that hears a fifth as much on the reverse strand."""
    return finished(tmp_path_factory.mktemp("sided"), {"m": {"forward": 1.0, "reverse": 0.2}})


@pytest.fixture(scope="module")
def folded(tmp_path_factory):
    """A group of three models, one of which hears a third, alike on both strands."""
    models = {"one": {}, "two": {"forward": 0.3, "reverse": 0.3}, "three": {}}
    return finished(tmp_path_factory.mktemp("folded"), models, {"all": ["one", "two", "three"]})


@pytest.fixture
def opened(browser):
    """A function that opens a page offline."""
    contexts = []

    def open_page(results, **options):
        options = {"viewport": {"width": 1440, "height": 900}, **options}
        contexts.append(browser.new_context(offline=True, **options))
        return Opened(contexts[-1].new_page(), results.report)

    yield open_page
    for context in contexts:
        context.close()


def drawn_panels(page):
    """The titles of the volcano's panels, once all are drawn."""
    page.locator("#volcano").scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('#volcano .chart')].every((box) => box.querySelector('svg g.mark-group'))"
    )
    return page.locator("#volcano figcaption").all_inner_texts()


def axes_of(page, place):
    """The texts of the axes of each panel."""
    boxes = page.locator(f"{place} .chart").all()
    return [
        box.locator("g[aria-roledescription='axis'] .mark-text.role-axis-label text").all_inner_texts() for box in boxes
    ]


def overlapping(page, place):
    """Pairs of names of a panel that lie on each other."""
    return page.evaluate(
        """(place) => [...document.querySelectorAll(`${place} .chart`)].flatMap((box) => {
            const names = [...box.querySelectorAll('.mark-text.role-mark text')];
            const boxes = names.filter((name) => name.textContent).map((name) => name.getBoundingClientRect());
            return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
                a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom));
        }).length""",
        place,
    )


def test_strands_that_differ_are_apart(opened, sided):
    report = opened(sided)
    page, shown = report.page, shown_on(sided.report.read_text())
    summary = pd.read_parquet(sided.table("summary"), filters=[("readout", "==", "log"), ("kind", "==", "motif")])
    by_strand = summary.set_index(["sequence", summary["strand"].astype(str)])["effect_mean"]
    rows = page.locator("#findings .finding:not(.axis-row)").all()
    assert len(rows) == len(WEIGHTS)
    for row, finding in zip(rows, shown["findings"][0], strict=False):
        numbers = [float(text) for text in row.locator(".number b").all_inner_texts()]
        sequence = shown["elements"][finding["members"][0]]["sequence"]
        assert numbers == pytest.approx([by_strand[sequence, "+"], by_strand[sequence, "-"]], rel=5e-3)
        assert row.locator(".lane").inner_text().startswith("reverse strand")
    assert "Strands differ for motif_0" in page.locator("#findings-note").inner_text()
    assert drawn_panels(page) == ["forward strand", "reverse strand"]
    first, second = axes_of(page, "#volcano")
    assert first == second != []
    assert overlapping(page, "#volcano") == 0
    a, b = (box.bounding_box() for box in page.locator("#volcano .chart").all())
    assert a["y"] == b["y"]
    assert a["x"] + a["width"] <= b["x"]

    rows[0].locator("button[data-element]").first.click()
    page.wait_for_function("document.querySelectorAll('#element-charts figcaption').length === 4")
    page.wait_for_function(
        "[...document.querySelectorAll('#element-charts .chart')].every((box) => box.querySelector('svg'))"
    )
    assert "Strands differ: +" in page.locator("#element-alike").inner_text()
    profile = "#element-charts .card:has(h3:text-is('Mean profile'))"
    assert page.locator(f"{profile} figcaption").all_inner_texts() == ["forward strand", "reverse strand"]
    # What is drawn is what the table has, on each strand.
    table = pd.read_parquet(sided.table("profiles"), filters=[("element_id", "==", page.url.split("#")[1])])
    for strand in "+-":
        own = table[table["strand"].astype(str) == strand].iloc[0]
        found = next(of for of in shown["profiles"]["after"]["1/0"] if of["strand"] == strand)
        assert found["values"] == pytest.approx(own["after"].tolist()[: len(found["values"])], rel=1e-3)
    assert report.said == []


def test_what_is_alike_is_one_figure_and_says_so(opened, folded):
    page = opened(folded).page
    page.locator("#overview-view").select_option(label="one · log")
    assert page.locator("#findings .lane").count() == 0
    assert "What acts is alike on both strands." in page.locator("#findings-note").inner_text()
    assert drawn_panels(page) == []
    assert page.locator("#volcano .chart").count() == 1
    page.locator("#findings button[data-element]").first.click()
    assert page.locator("#element-alike").inner_text() == "Alike on both strands."
    assert page.locator("#element-charts figcaption").count() == 0


def test_models_that_differ_are_apart(opened, folded):
    report = opened(folded)
    page = report.page
    row = page.locator("#findings .finding:not(.axis-row)").first
    names = row.locator(".lane .name").all_inner_texts()
    assert names == ["one", "three", "two"]
    group, one, three, two = (float(text) for text in row.locator(".number b").all_inner_texts())
    assert one == three > group > two > 0
    assert page.locator("#findings circle.fold").count() == 0
    assert "The 3 models differ on motif_0" in page.locator("#findings-note").inner_text()
    assert drawn_panels(page) == ["all", "one", "three", "two"]
    assert len({tuple(axis) for axis in axes_of(page, "#volcano")}) == 1
    assert overlapping(page, "#volcano") == 0
    row.locator("button[data-element]").first.click()
    assert page.locator("#element-alike").inner_text().startswith("Alike on both strands. Models differ: ")
    page.wait_for_function("document.querySelectorAll('#element-charts figcaption').length === 8")
    assert report.said == []


def test_one_strand_says_nothing_of_strands(opened, tmp_path):
    page = opened(finished(tmp_path, {"m": {}}, strands="+")).page
    assert "strand" not in page.locator("#findings-note").inner_text().lower()
    page.locator("#findings button[data-element]").first.click()
    assert page.locator("#element-alike").inner_text() == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_panels(opened, sided, scheme):
    page = opened(sided, color_scheme=scheme).page
    drawn_panels(page)
    faults = serious(page)
    page.locator("#findings button[data-element]").first.click()
    page.wait_for_function("document.querySelectorAll('#element-charts figcaption').length === 4")
    assert faults + serious(page) == []


def test_panels_on_a_phone_and_on_paper(opened, folded):
    page = opened(folded, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True).page
    drawn_panels(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert overlapping(page, "#volcano") == 0
    for place in ("#findings .lane .plot svg", "#findings .lane .number", "#volcano svg"):
        for box in (each.bounding_box() for each in page.locator(place).all()):
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390
    page.emulate_media(media="print")
    lane = page.locator("#findings .lane").first
    assert lane.locator(".plot svg").is_visible()
    assert lane.locator(".number").is_visible()
