"""The page of several screens as a reader uses it, in a real browser that is offline."""

import csv

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from marginalization.commands.cli import main
from opened import Opened
from screens import cluster, finish, run_screen, screen_of, shown_on

MOTIFS = ["ACGTCATG", "CACGTGAC", "GGCATTAC", "TTAACCGT", "AAGGTCAA", "CTAGCAAT"]
LETTERS = ["ACGTACGTACGTACTTGACAGT", "AAAACCCCGGGTTTTGCATGCA", "TTTTTTTTTTTACGGCATTGAC", "GGATTACACATTGCAGTCCATG"]
NAME = """'"><img src=x onerror="document.title='run'">"""


def made(folder, name, motifs, **sections):
    """The results of a screen of three targets."""
    sections = {"screen": name, "placement": {"strands": "both"}, "readouts": {"acts": {"output": 2}}, **sections}
    config = screen_of(folder, motifs, LETTERS, {"shuffles": 20, "strata": {"width": 1, "gc": 1}}, **sections)
    return cluster(config, finish(config, run_screen(config, folder), folder))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The path of the page of three screens, one of which has fewer motifs, and a motif of its own."""
    folder = tmp_path_factory.mktemp("several")
    screens = [made(folder / "a", "one", MOTIFS), made(folder / "b", "two", MOTIFS, seed=4)]
    screens.append(made(folder / "c", "few", [*MOTIFS[:3], "GGGTTTCA"]))
    path = folder / "page.html"
    assert main(["report", *map(str, screens), "--output", str(path)]) == 0
    return path


@pytest.fixture
def opened(browser, page):
    """A function that opens a page offline, with options of the browser's context."""
    contexts = []

    def open_page(path=page, **options):
        context = browser.new_context(offline=True, **{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(15_000)
        contexts.append(context)
        return Opened(context.new_page(), path)

    yield open_page
    for context in contexts:
        context.close()


def match_in(page, which):
    """What the page shows of the first screen beside another."""
    return shown_on(page.content())["matches"][which]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_works_without_a_network_an_error_or_a_serious_fault(opened, page, scheme, width):
    shown = opened(color_scheme=scheme, viewport={"width": width, "height": 900})
    browsed = shown.page
    browsed.evaluate("document.getElementById('effects').scrollIntoView({behavior: 'instant'})")
    browsed.wait_for_selector('[data-chart="screens"] svg')
    assert browsed.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(browsed).response["violations"]
    assert [(of["id"], of["nodes"][0]["target"]) for of in found if of["impact"] in ("serious", "critical")] == []
    assert shown.said == []
    assert {url.split(":")[0] for url in shown.asked} <= {"file", "blob", "data"}
    assert page.stat().st_size < 10e6


def test_the_table_is_that_of_the_summaries(opened, page, tmp_path):
    browsed = opened().page
    box = browsed.locator("#table-box")
    assert box.locator("tbody tr").count() == len(MOTIFS) + 1
    with browsed.expect_download() as download:
        box.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "shown.csv")
    with open(tmp_path / "shown.csv", newline="", encoding="utf-8-sig") as handle:
        rows = list(csv.DictReader(handle))
    target = match_in(browsed, 0)["views"][0].split(" · ")[-1]
    for column, folder in (("one", "a"), ("two", "b"), ("few", "c")):
        summary = pd.read_parquet(page.parent / folder / "results" / "summary.parquet")
        summary = summary[(summary["target"] == target) & (summary["kind"] == "motif")]
        by_place = summary.astype({"strand": str}).set_index(["sequence", "strand"])
        for row in rows:
            key = (row["Sequence"], row["Strand"])
            assert (row[column] != "") == (key in by_place.index)
            if row[column]:
                assert float(row[column]) == pytest.approx(by_place.at[key, "effect_mean"], rel=1e-3)
                assert float(row[f"q, {column}"]) == pytest.approx(by_place.at[key, "element_q"], rel=1e-3)
                significant = by_place.at[key, "significant"]
                assert (row[f"Verdict, {column}"] in ("raises", "lowers")) == significant
    browsed.locator("#change").select_option("not comparable")
    assert box.locator("tbody tr").count() == 4
    assert "in few alone" in box.inner_text()
    assert "in one and two alone" in box.inner_text()


def test_another_target_and_another_screen_by_keyboard(opened):
    shown = opened()
    browsed = shown.page
    browsed.locator("#match").focus()
    browsed.keyboard.press("ArrowDown")
    assert browsed.locator("#answer").inner_text() == match_in(browsed, 1)["answer"]
    numbers = match_in(browsed, 1)["numbers"]
    assert browsed.locator("#numbers li").all_inner_texts() == numbers
    browsed.locator("#other").select_option("few")
    n = match_in(browsed, 1)["tests"][1]["n"]
    assert browsed.locator("#effects-note").inner_text().startswith(f"{n} elements: correlation ")
    browsed.wait_for_function("document.querySelector('[data-chart=\"screens\"] svg').textContent.includes('few: ')")
    groups = browsed.locator("#groups .group:not(.axis-row)")
    assert groups.count() == len([of for of in match_in(browsed, 1)["groups"] if of["acts"]])
    # What a column means is told when its header is focused.
    browsed.locator("#table th", has_text="Change, two").evaluate(
        "(th) => (th.querySelector('[tabindex]') ?? th).focus()"
    )
    assert "gained, lost or flipped" in browsed.get_by_role("tooltip").inner_text()
    missing = "[...document.querySelectorAll('#table th')].filter((th) => !th.dataset.about).length"
    assert browsed.evaluate(missing) == 0
    assert shown.said == []


def test_names_are_no_markup(opened, page, tmp_path):
    contents = shown_on(page.read_text(encoding="utf-8"))
    from marginalization.view.several.page import render

    for element in contents["elements"]:
        element["name"] = f"{NAME} {element['name']}"
    for screen in contents["screens"]:
        screen["name"] = f"{NAME} {screen['name']}"
    for match in contents["matches"]:
        match["answer"] = f"{NAME} {match['answer']}"
        for group in match["groups"]:
            group["name"] = group["factor"] = NAME
    path = tmp_path / "odd.html"
    path.write_text(render(contents), encoding="utf-8")
    shown = opened(path)
    assert shown.page.locator("#answer").inner_text().startswith(NAME)
    assert NAME in shown.page.locator("#table tbody").inner_text()
    assert shown.page.locator("img").count() == 0
    assert shown.page.title() != "run"
    assert shown.said == []
