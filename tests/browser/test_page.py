"""The demo's report as a reader uses it, in a real browser that is offline."""

import csv
import re

import pandas as pd
import pytest
from marginalization.commands.cli import main
from marginalization.store.paths import Results
from marginalization.view.findings import factor
from marginalization.view.maps import read_in
from marginalization.view.report.contents import gather
from marginalization.view.report.page import render
from opened import Opened, serious
from screens import shown_on

KEYS = {"model": "demo", "readout": "counts", "target": "counts"}


@pytest.fixture(scope="module")
def summary(results):
    """Elements on the demo's counts, each on the strand where it does most, strongest first."""
    rows = pd.read_parquet(results / "summary.parquet", filters=[(key, "==", value) for key, value in KEYS.items()])
    rows = rows[rows["rank"].notna()].sort_values("rank", kind="stable")
    any_strand = rows.groupby("element_id", observed=True)["significant"].any()
    return rows.drop_duplicates("element_id").assign(verdict=lambda table: table["element_id"].map(any_strand))


def number_in(text):
    """The number in what an element says."""
    return float(re.search(r"[+-]?[\d,]*\.?\d+(e-\d+)?", text.inner_text())[0].replace(",", ""))


def rows_of(page, table="#table"):
    """A table's rows as it shows them, by the titles of the columns."""
    titles = [title.strip() for title in page.locator(f"{table} thead th").all_inner_texts()]
    rows = page.locator(f"{table} tbody tr").all()
    return [dict(zip(titles, row.locator("td").all_inner_texts(), strict=True)) for row in rows]


def shown(page):
    return int(re.search(r"of ([\d,]+) entries", page.locator(".dt-info:visible").inner_text())[1].replace(",", ""))


def test_it_loads_without_a_network_or_an_error(report, results):
    opened = report()
    page = opened.page
    page.wait_for_selector('[data-chart="volcano"] svg')
    for section in ("elements", "compare", "quality"):
        page.evaluate(f"document.getElementById('{section}').scrollIntoView({{behavior: 'instant'}})")
        page.wait_for_timeout(500)
    for chart in ("volcano", "against", "heat_map", "quantiles", "composition", "spread", "rates"):
        assert page.locator(f'[data-chart="{chart}"] svg').count(), chart
    assert opened.said == []
    assert {url.split(":")[0] for url in opened.asked} <= {"file", "blob", "data"}
    assert (results / "report.html").stat().st_size < 10e6


def test_the_answer_is_that_of_the_summary(report, results, summary, capsys):
    page = report().page
    assert main(["summary", str(results), "--readout", "counts"]) == 0
    answer = page.locator("#answer").inner_text()
    assert answer in capsys.readouterr().out.splitlines()
    clusters = pd.read_parquet(results / "clusters.parquet").query("readout == 'counts' and significant")
    rows = page.locator("#findings ol").first.locator(".finding:not(.axis-row)").all()
    assert len(rows) == len(clusters)
    by_name = clusters.set_index("motif")
    for row in rows:
        name = row.locator(".name small").first.inner_text()
        expected = by_name.loc[name]
        assert number_in(row.locator(".number b")) == pytest.approx(expected["effect_mean"], rel=5e-3)
        assert number_in(row.locator(".verdict small")) == pytest.approx(expected["element_q"], rel=5e-3)
        assert row.locator(".members li").count() == expected["n_motifs"] - 1
    motifs = summary[summary["kind"] == "motif"]
    note = page.locator("#findings-note").inner_text()
    assert note.startswith(f"{motifs['verdict'].sum()} of {len(motifs)} motif sequences and ")
    page.get_by_text("What was screened, and with what").click()
    facts = page.locator("#overview dl").inner_text()
    assert f"{len(summary):,} distinct sequences" in facts
    assert "snakemake" in facts


def test_another_target_has_its_own_answer(report, results):
    page = report().page
    strands = page.locator("#others button").first
    label = strands.inner_text()
    strands.click()
    assert page.locator("#overview-view option:checked").inner_text() == label
    assert page.locator("#others button").count() == 2
    clusters = pd.read_parquet(results / "clusters.parquet").query("target == '+' and significant")
    most = clusters["effect_mean"].max()
    first = page.locator("#findings .number b").first.inner_text()
    assert first == f"+{float(f'{most:.3g}'):,.0f}"
    page.wait_for_function("document.querySelector('[data-chart=\"volcano\"] svg').textContent.includes('strands')")


def test_the_lights_say_a_word_and_where(report):
    page = report().page
    lights = page.locator(".lights a").all()
    assert len(lights) == 6
    for light in lights:
        assert len(light.inner_text().split()) > 2
        assert page.locator(light.get_attribute("href")).count() == 1


def test_the_table_is_that_of_the_summary(report, results, summary):
    page = report().page
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="z", exact=True).click()
    page.keyboard.press("Escape")
    rows = rows_of(page)
    motifs = summary[summary["kind"] == "motif"]
    assert shown(page) == len(motifs)
    elements = shown_on((results / "report.html").read_text())["elements"]
    numbers = page.evaluate("[...document.querySelectorAll('#table tbody button')].map((b) => b.dataset.element)")
    ids = [elements[int(number)]["id"] for number in numbers]
    # Equal but for rounding, some stand in another order.
    assert len({*ids} & {*motifs["element_id"].head(25)}) > 20
    for row, expected in zip(rows, motifs.set_index("element_id").loc[ids].to_dict("records"), strict=True):
        assert float(row["Effect"]) == pytest.approx(expected["effect_mean"], rel=5e-3)
        low, high = (float(x) for x in row["95 %"].split(" to "))
        assert (low, high) == pytest.approx((expected["effect_ci_low"], expected["effect_ci_high"]), rel=6e-3)
        assert float(row["z"]) == pytest.approx(expected["control_z"], rel=6e-3)
        assert float(row["q"]) == pytest.approx(expected["element_q"], rel=6e-3)
        assert row["Verdict"] == ("significant" if expected["verdict"] else "not significant")
        # The q that decides is beside what it decides.
        assert float(row["q"]) < 0.05 or row["Verdict"] == "not significant"
    assert page.locator("#table svg.effect").count() == page.locator("#table svg.profile").count() == 25


def test_sorting_searching_and_filtering(report, summary):
    page = report().page
    motifs = summary[summary["kind"] == "motif"]
    page.locator("#table thead th", has_text="Name").click()
    names = [row["Name"] for row in rows_of(page)]
    assert names == sorted(names, key=str.lower)
    page.locator("#table-box").get_by_label("Search").fill("MA0139.2")
    assert [row["Name"].split()[0] for row in rows_of(page)] == ["MA0139.2"]
    page.locator("#table-box").get_by_label("Search").fill("")
    page.locator("#verdict").select_option("significant")
    assert shown(page) == motifs["verdict"].sum()
    page.locator("#view").select_option(label="demo · strands · +")
    assert 0 < shown(page) < 200


def test_a_search_knows_what_it_searches(report, summary):
    """Names and families; sequences, on either strand, by their own field."""
    page = report().page
    page.locator("#table-box").get_by_label("Search").fill("GATA")
    families = [f"{row['Name']} {row['Family']}" for row in rows_of(page)]
    assert families
    assert all("gata" in name.lower() for name in families)
    assert not any("REST" in name for name in families)
    page.locator("#table-box").get_by_label("Search").fill("")
    motifs = summary[summary["kind"] == "motif"]["sequence"]
    for asked, pattern in (("gataa", "GATAA|TTATC"), ("GATAAR", "GATAA[AG]|[CT]TTATC")):
        page.get_by_label("Sequence has").fill(asked)
        assert shown(page) == motifs.str.contains(pattern).sum()


def test_annotations_are_listed_by_name_and_unfold(report, results, summary):
    page = report().page
    page.get_by_role("tab", name="Annotations").click()
    sites = pd.read_parquet(results / "annotations.parquet").drop_duplicates(["name", "element_id"])
    counts = sites["name"].value_counts()
    rows = rows_of(page, "#names")
    assert {row["Name"]: int(row["Sequences"]) for row in rows} == counts.to_dict()
    button = page.locator("#names .unfold", has_text="GATA1")
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    assert page.locator("#names .sites li").count() == counts["GATA1"]
    page.locator("#names .sites button").first.click()
    assert page.locator("dialog[open] h2").inner_text().endswith("GATA1")
    page.keyboard.press("Escape")
    page.locator("#grouping").select_option("sites")
    assert shown(page) == (summary["kind"] == "annotation").sum()
    page.get_by_role("tab", name="Ablations").click()
    assert page.locator("#panel-ablations tbody tr").first.is_visible()
    assert not page.locator("#table-box").is_visible()


def test_tabs_and_columns_by_keyboard(report):
    page = report().page
    page.get_by_role("tab", name="Motifs").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Annotations"
    assert page.locator("#names").is_visible()
    page.keyboard.press("ArrowLeft")
    # What a column means is told when its header is focused, and hidden again.
    for title, words in (("Effect", "Mean over the backgrounds"), ("Against controls", "thin lines")):
        page.locator("#table th", has_text=title).first.evaluate(
            "(header) => (header.querySelector('[tabindex]') ?? header).focus()"
        )
        assert words in page.get_by_role("tooltip").inner_text()
    page.keyboard.press("Escape")
    assert page.get_by_role("tooltip").count() == 0
    missing = "[...document.querySelectorAll('#table th, #names th')].filter((th) => !th.dataset.about).length"
    assert page.evaluate(missing) == 0


def test_the_csv_has_what_is_shown(report, summary, tmp_path):
    page = report().page
    page.locator("#table-box").get_by_label("Search").fill("GATA")
    n = shown(page)
    with page.expect_download() as download:
        page.locator("#table-box").get_by_role("button", name="Download CSV").click()
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
    page.locator("#table-box").get_by_label("Search").fill("MA0139.2")
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
    finding = page.locator(".finding", has_text=row.name)
    assert f"the model reads {factor(row.closest)} in it" in finding.inner_text()
    page.locator("#table-box").get_by_label("Search").fill(row.name)
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
    page.locator("#table-box").get_by_label("Search").fill("MA0139.2")
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
    page.wait_for_selector('[data-chart="volcano"] svg')
    faults = serious(page)
    page.locator("#table tbody button").first.click()
    page.wait_for_function("document.querySelectorAll('#element-charts svg').length >= 5")
    assert faults + serious(page) == []


def test_on_a_phone_and_on_paper(report):
    page = report(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True).page
    page.wait_for_selector("#findings svg.effect")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#table tbody button").first.tap()
    assert page.locator("dialog[open]").bounding_box()["width"] <= 390
    page.keyboard.press("Escape")
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation", name="Sections").is_visible()
    assert page.locator("#findings .finding").first.is_visible()


def test_questions_of_a_biologist_take_two_clicks_at_most(report, summary):
    """docs/report.md has the table: what is to be seen, and what is done first, a click or a field filled in each."""
    tab, search = "#tab-annotations", "#table-box input[type=search]"
    questions = {
        "which raise and which lower": ([], "#answer", "Lower: REST"),
        "by how much, and how sure": ([], "#findings .finding:nth-child(2)", "q 0.0006"),
        "what else is like it": (["#findings summary"], "#findings .members", "MA0139.2 CTCF"),
        "do my sites act": ([], "#findings ol:nth-of-type(2)", "GATA1"),
        "which of my sites": ([tab, "#names .unfold"], "#names .sites", "TCAGCACC"),
        "is the null sound": ([], ".lights", "what does not act does as its shuffles do"),
        "could it find a single one": ([], ".lights", "could find a single one"),
        "on another target": ([], "#others", "the same act"),
        "which have this sequence": ([("#sequence", "CCACNAGRGGGCGC")], "#table tbody", "CTCF"),
        "what does the profile do": (["#findings button"], "#element-charts", "Mean profile"),
        "a factor by its name": ([(search, "REST")], "#table tbody", "MA0138.3"),
    }
    for question, (actions, place, words) in questions.items():
        assert len(actions) <= 2
        page = report().page
        for action in actions:
            if isinstance(action, tuple):
                page.locator(action[0]).fill(action[1])
            else:
                page.locator(action).first.click()
        shown = page.locator(place).first
        assert shown.is_visible(), question
        assert words in shown.inner_text(), question
        page.context.close()


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
        page.wait_for_selector("#findings svg.effect")
        page.screenshot(path=kept / f"{name}.png")
    page = wide.page
    page.evaluate("document.getElementById('elements').scrollIntoView({behavior: 'instant'})")
    page.screenshot(path=kept / "table.png")
    page.locator("#table-box").get_by_label("Search").fill("MA0139.2")
    page.locator("#table tbody button").first.click()
    page.wait_for_function("document.querySelectorAll('#element-charts svg').length >= 5")
    page.screenshot(path=kept / "element.png")
    assert {path.stem for path in kept.glob("*.png")} >= {"overview", "dark", "phone", "table", "element"}
