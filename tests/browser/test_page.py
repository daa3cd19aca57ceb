"""The demo's report as a reader uses it, in a real browser that is offline."""

import csv
import re

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from marginalization.store.paths import Results
from marginalization.view.maps import read_in
from marginalization.view.report.contents import gather
from marginalization.view.report.page import render
from opened import Opened

KEYS = {"model": "demo", "readout": "counts", "target": "counts"}


@pytest.fixture(scope="module")
def summary(results):
    """Elements on the demo's counts, each on the strand where it does most, strongest first."""
    rows = pd.read_parquet(results / "summary.parquet", filters=[(key, "==", value) for key, value in KEYS.items()])
    rows = rows[rows["rank"].notna()].sort_values("rank", kind="stable")
    any_strand = rows.groupby("element_id", observed=True)["significant"].any()
    return rows.drop_duplicates("element_id").assign(verdict=lambda table: table["element_id"].map(any_strand))


def rows_of(page):
    """The table's rows as it shows them, by the titles of the columns."""
    titles = [title.strip() for title in page.locator("#table thead th").all_inner_texts()]
    rows = page.locator("#table tbody tr").all()
    return [dict(zip(titles, row.locator("td").all_inner_texts(), strict=True)) for row in rows]


def shown(page):
    return int(re.search(r"of ([\d,]+) entries", page.locator(".dt-info").inner_text())[1].replace(",", ""))


def test_it_loads_without_a_network_or_an_error(report, results):
    opened = report()
    page = opened.page
    page.wait_for_selector('[data-chart="ranked"] svg')
    for section in ("elements", "compare", "quality"):
        page.evaluate(f"document.getElementById('{section}').scrollIntoView({{behavior: 'instant'}})")
        page.wait_for_timeout(500)
    for chart in ("ranked", "against", "heat_map", "quantiles", "composition", "spread", "rates"):
        assert page.locator(f'[data-chart="{chart}"] svg').count(), chart
    assert opened.said == []
    assert {url.split(":")[0] for url in opened.asked} <= {"file", "blob", "data"}
    assert (results / "report.html").stat().st_size < 10e6


def test_the_answer_is_that_of_the_summary(report, summary):
    page = report().page
    verdict = page.locator("#overview .card p").first.inner_text()
    motifs = summary[summary["kind"] == "motif"]
    assert verdict.startswith(f"{motifs['verdict'].sum()} of {len(motifs)} motif sequences and ")
    top = summary.iloc[0]
    assert f"the strongest is {top['name'].split(';')[0]} ({top['effect_mean']:+.3g})" in verdict
    facts = page.locator("#overview dl").inner_text()
    assert f"{len(summary):,} distinct sequences" in facts
    assert "snakemake" in facts


def test_the_table_is_that_of_the_summary(report, summary):
    page = report().page
    rows = rows_of(page)
    assert shown(page) == len(summary)
    ids = page.evaluate(
        "[...document.querySelectorAll('#table tbody button')].map((b) => CONTENTS.elements[b.dataset.element].id)"
    )
    # Equal but for rounding, some stand in another order.
    assert len({*ids} & {*summary["element_id"].head(25)}) > 20
    for row, expected in zip(rows, summary.set_index("element_id").loc[ids].to_dict("records"), strict=True):
        assert float(row["Effect"]) == pytest.approx(expected["effect_mean"], rel=5e-3)
        low, high = (float(x) for x in row["95 %"].split(" to "))
        assert (low, high) == pytest.approx((expected["effect_ci_low"], expected["effect_ci_high"]), rel=6e-3)
        assert float(row["z"]) == pytest.approx(expected["control_z"], rel=6e-3)
        assert float(row["q"]) == pytest.approx(expected["element_q"], rel=6e-3)
        assert row["Verdict"] == ("significant" if expected["verdict"] else "not significant")


def test_sorting_searching_and_filtering(report, summary):
    page = report().page
    page.locator("#table thead th", has_text="Name").click()
    names = [row["Name"] for row in rows_of(page)]
    assert names == sorted(names, key=str.lower)
    page.get_by_label("Search").fill("MA0139.2")
    assert [row["Name"].split()[0] for row in rows_of(page)] == ["MA0139.2"]
    page.get_by_label("Search").fill("")
    page.locator("#kind").select_option("motif")
    assert shown(page) == (summary["kind"] == "motif").sum()
    page.locator("#verdict").select_option("significant")
    assert shown(page) == ((summary["kind"] == "motif") & summary["verdict"]).sum()
    page.locator("#view").select_option(label="demo · strands · +")
    assert 0 < shown(page) < 200


def test_the_csv_has_what_is_shown(report, summary, tmp_path):
    page = report().page
    page.get_by_label("Search").fill("GATA")
    n = shown(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    path = tmp_path / "shown.csv"
    download.value.save_as(path)
    with open(path, newline="", encoding="utf-8-sig") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == n > 0
    by_sequence = summary.set_index("sequence")["effect_mean"]
    for row in rows:
        assert float(row["Effect"]) == pytest.approx(by_sequence[row["Sequence"]], rel=5e-3)


def test_an_element_by_mouse_and_by_keyboard(report, summary):
    opened = report()
    page = opened.page
    page.get_by_label("Search").fill("MA0139.2")
    button = page.locator("#table tbody button").first
    button.click()
    dialog = page.locator("dialog[open]")
    expected = summary[summary["name"].str.startswith("MA0139.2")].iloc[0]
    assert "MA0139.2 CTCF" in dialog.locator("h2").inner_text()
    assert dialog.get_by_role("img", name="logo of").locator("path").count() > 15
    page.wait_for_function("document.querySelectorAll('#element-charts svg').length >= 5")
    titles = dialog.locator(".card h3").all_inner_texts()
    assert {"Against its controls", "In each background", "Mean profile", "Change of the mean profile"} <= {*titles}
    code = dialog.locator("#element-code").inner_text()
    assert expected["element_id"] in code
    assert page.url.endswith(f"#{expected['element_id']}")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog[open]").count() == 1
    assert opened.said == []


def test_the_map_of_a_motif_beside_its_logo(report, results):
    rows = pd.read_parquet(
        results / "maps_summary.parquet", filters=[(key, "==", value) for key, value in KEYS.items()]
    )
    row = next(rows[rows["reads"] == "another"].itertuples())
    page = report().page
    page.get_by_label("Search").fill(row.name)
    page.locator("#table tbody button").first.click()
    dialog = page.locator("dialog[open]")
    drawn = dialog.get_by_role("img", name=f"Map: {read_in(row)}.")
    changes = pd.read_parquet(results / "maps.parquet", filters=[("element_id", "==", row.element_id)])
    assert drawn.locator("path").count() == changes["position"].nunique()
    assert f"the model {read_in(row)}." in dialog.locator("#element-map").inner_text()
    boxes = [dialog.locator(f"{place} svg").bounding_box() for place in ("#element-logo", "#element-map")]
    assert boxes[0]["x"] == boxes[1]["x"]
    assert boxes[0]["width"] == boxes[1]["width"]
    page.keyboard.press("Escape")
    page.get_by_label("Search").fill("MA0139.2")
    page.locator("#table tbody button").first.click()
    assert dialog.locator("#element-map").inner_text() == ""


def test_the_code_that_it_shows_gives_the_rows(report, results, monkeypatch):
    page = report().page
    page.locator("#table tbody button").first.click()
    code = page.locator("#element-code").inner_text()
    monkeypatch.chdir(results.parents[1])
    found = {}
    exec(code, found)
    assert set(found["summary"]["kind"]) == {"motif"}
    assert len(found["effects"]) == 20 * 2 * 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(report, scheme):
    page = report(color_scheme=scheme).page
    page.wait_for_selector('[data-chart="ranked"] svg')
    faults = serious(page)
    page.locator("#table tbody button").first.click()
    page.wait_for_function("document.querySelectorAll('#element-charts svg').length >= 5")
    assert faults + serious(page) == []


def serious(page):
    found = Axe().run(page).response["violations"]
    return [
        (fault["id"], node["target"], node.get("failureSummary"))
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"][:3]
    ]


def test_on_a_phone_and_on_paper(report):
    page = report(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True).page
    page.wait_for_selector('[data-chart="ranked"] svg')
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#table tbody button").first.tap()
    assert page.locator("dialog[open]").bounding_box()["width"] <= 390
    page.keyboard.press("Escape")
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation", name="Sections").is_visible()
    assert page.locator("#overview .card").first.is_visible()


def test_names_are_no_markup(browser, results, tmp_path):
    name = """'"><img src=x onerror="document.title='run'">"""
    shown = gather(Results(results))
    for element in shown["elements"]:
        element["name"] = f"{name} {element['name']}"
    (tmp_path / "report.html").write_text(render(shown), encoding="utf-8")
    page = Opened(browser.new_context(offline=True).new_page(), tmp_path / "report.html").page
    assert rows_of(page)[0]["Name"].startswith(name)
    page.locator("#table tbody button").first.click()
    page.wait_for_function("document.querySelectorAll('#element-charts svg').length >= 5")
    assert name in page.locator("dialog h2").inner_text()
    assert page.locator("img").count() == 0
    assert page.title() != "run"
    page.context.close()


def test_screenshots_are_kept(report, results):
    """Under results/browser: what the README shows, and what to look at after a change of the page."""
    kept = results.parent / "browser"
    wide = report(viewport={"width": 1180, "height": 760}, device_scale_factor=2)
    for name, page in (
        ("overview", wide.page),
        ("dark", report(color_scheme="dark").page),
        ("phone", report(viewport={"width": 390, "height": 844}, is_mobile=True).page),
    ):
        page.wait_for_selector('[data-chart="ranked"] svg')
        page.screenshot(path=kept / f"{name}.png")
    page = wide.page
    page.evaluate("document.getElementById('elements').scrollIntoView({behavior: 'instant'})")
    page.screenshot(path=kept / "table.png")
    page.get_by_label("Search").fill("MA0139.2")
    page.locator("#table tbody button").first.click()
    page.wait_for_function("document.querySelectorAll('#element-charts svg').length >= 5")
    page.screenshot(path=kept / "element.png")
    assert {path.stem for path in kept.glob("*.png")} >= {"overview", "dark", "phone", "table", "element"}
