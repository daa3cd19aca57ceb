"""The page of a screen of 10,000 annotations on two strands: what it says of how much is on it is true."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
import torch
from marginalization.store.paths import Results
from marginalization.view.report.contents import gather
from marginalization.view.report.page import write_report
from marginalization.view.report.reading import amounts
from marginalization.view.report.reading.amounts import MOST_ELEMENTS, MOST_FINDINGS
from opened import Opened
from screens import finish, run_screen, screen_of, shown_on
from torch import nn

N = 10_000
WIDTH = 16
LENGTH = 24


PLANTED = {"GATTACA": 5.0, "CCGGAAG": -5.0}


class Hears(nn.Module):
    """What it hears of two motifs, on the forward strand, and a little of all letters."""

    def forward(self, X):
        weights = torch.randn(4, LENGTH, generator=torch.Generator().manual_seed(0)).to(X)
        heard = 0.1 * (X * weights).sum(dim=(1, 2))
        for motif, size in PLANTED.items():
            kernel = torch.stack([torch.eye(4)["ACGT".index(letter)] for letter in motif]).T[None].to(X)
            places = torch.relu(torch.conv1d(X, kernel) - len(motif) + 1)[:, 0]
            heard = heard + size * (places * torch.linspace(0.5, 1.5, places.shape[1]).to(X)).sum(dim=1)
        return heard[:, None]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Each site has a name of its own; every fourth holds one of two motifs."""
    folder = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(0)
    letters = np.array(list("ACGT"))
    sites = rng.integers(0, 4, (N, WIDTH))
    for i in range(0, N, 4):
        motif, first = [*PLANTED][i // 4 % 2], rng.integers(0, WIDTH - 6)
        sites[i, first : first + 7] = ["ACGT".index(letter) for letter in motif]
    (folder / "genome.fa").write_text(f">chr1\n{''.join(letters[sites.ravel()])}\n")
    rows = (f"chr1\t{WIDTH * i}\t{WIDTH * (i + 1)}\tpeak{i}\t0\t+\n" for i in range(N))
    (folder / "sites.bed").write_text("".join(rows))
    backgrounds = ["".join(row) for row in letters[rng.integers(0, 4, (3, LENGTH))]]
    sections = {"models": {"m": {"factory": "test_large_page:Hears"}}, "readouts": {"all": {"output": 0}}}
    controls = {"shuffles": 500, "per": "stratum", "strata": {"width": 1, "gc": 1}}
    config = screen_of(folder, ["A"], backgrounds, controls, placement={"strands": "both"}, **sections)
    table = {"file": str(folder / "sites.bed"), "genome": str(folder / "genome.fa"), "format": None, "stranded": True}
    config["elements"] |= {"motifs": [], "annotations": [{**table, "summit_flank": None, "max_width": None}]}
    results = Results(finish(config, run_screen(config, folder), folder))
    write_report(results)
    return results


@pytest.fixture(scope="module")
def summary(results):
    table = pd.read_parquet(results.table("summary"))
    return table[table["kind"] == "annotation"]


def said(text):
    """The numbers in a sentence."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def test_it_says_how_many_it_has_and_which(browser, results, summary, tmp_path):
    by_element = summary.groupby("element_id").agg(rank=("rank", "min"), acts=("significant", "any"))
    n, n_acting = len(by_element), int(by_element["acts"].sum())
    strongest = by_element.nsmallest(MOST_ELEMENTS, "rank")
    shown = shown_on(results.report.read_text())
    assert len(summary) == 2 * n > 2 * MOST_ELEMENTS
    assert {element["id"] for element in shown["elements"]} == {*strongest.index}
    assert results.report.stat().st_size < 5e6

    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    opened = Opened(context.new_page(), results.report)
    page = opened.page
    answer = page.locator("#answer").inner_text()
    names = pd.read_parquet(results.table("annotations")).drop_duplicates(["name", "element_id"])
    acting_names = names[names["element_id"].map(by_element["acts"])]["name"].nunique()
    assert acting_names > 100
    assert f"{acting_names:,} of {N:,} names act" in answer

    # By name.
    note = page.locator("#names-box .note").inner_text()
    assert said(note) == [N]
    info = page.locator("#names-box .dt-info").inner_text()
    assert said(info)[-1] == MOST_FINDINGS < N
    more = page.locator("#findings .note").inner_text() if acting_names > MOST_FINDINGS else ""
    assert bool(more) == (acting_names > MOST_FINDINGS)
    # By sequence.
    page.locator("#grouping").select_option("sites")
    expected = [n, n_acting, MOST_ELEMENTS, int(strongest["acts"].sum())]
    assert said(page.locator("#table-note").inner_text()) == expected
    page.locator("#verdict").select_option("significant")
    assert said(page.locator("#table-box .dt-info").inner_text())[2] == expected[3]
    page.locator("#verdict").select_option("")

    # The search and the download are of those.
    table = page.locator("#table-box")
    table.get_by_label("Search").fill("peak77")
    with page.expect_download() as download:
        table.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename.endswith("-strongest.csv")
    download.value.save_as(tmp_path / "shown.csv")
    with open(tmp_path / "shown.csv", newline="", encoding="utf-8-sig") as handle:
        found = {row["Name"] for row in csv.DictReader(handle)}
    assert found == {element["name"] for element in shown["elements"] if "peak77" in element["name"]}
    assert opened.said == []
    context.close()


def test_findings_beyond_what_is_shown_are_told(results, monkeypatch, summary):
    """Of either direction the strongest are shown, and how many more act."""
    monkeypatch.setattr(amounts, "MOST_FINDINGS", 60)
    shown = gather(results)
    (found,) = shown["findings"]
    acting = summary[summary["significant"].fillna(False).astype(bool)]
    best = acting.sort_values(["element_q", "rank"], kind="stable").drop_duplicates("element_id")
    assert len(found) == 60 < shown["views"][0]["acting"]["annotation"]
    sizes = best["effect_mean"].abs().nlargest(60)
    assert sorted(abs(row["effect"]) for row in found) == pytest.approx(sorted(sizes), rel=1e-3)
    assert {row["raises"] for row in found} == {True, False}
