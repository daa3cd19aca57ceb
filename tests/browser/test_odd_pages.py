"""Pages of screens that are odd, or have a part of what there is, in a real browser."""

import pytest
from marginalization.store.paths import Results
from marginalization.view.report.page import write_report
from opened import Opened
from screens import cluster, finish, run_screen, screen_of

MOTIFS = ["ACGTCA", "TTTTGT", "CACGTG", "GGCATT", "AAGGTC"]
LETTERS = ["ACGTACGTACGTAC", "AAAACCCCGGGTTT", "TTTTTTTTTTTACG"]
CONTROLS = {"shuffles": 20, "strata": {"width": 1, "gc": 1}}
ONE = {"counts": {"output": 1, "targets": ["counts"]}}
ODD = {
    "no controls": (MOTIFS, None, ONE),
    "one motif": (MOTIFS[:1], CONTROLS, ONE),
    "one motif without controls": (MOTIFS[:1], None, ONE),
    "too few controls": (MOTIFS, {"shuffles": 2}, ONE),
    "several targets": (MOTIFS, CONTROLS, {"acts": {"output": 2}}),
    "annotations alone": ([], CONTROLS, ONE),
}
ANSWERS = {
    "no controls": "5 motifs, without controls to judge by.",
    "one motif": "The one motif",
    "one motif without controls": "1 motif, without controls to judge by.",
    "too few controls": "this screen could find none: set controls.shuffles to",
    "several targets": "of 5 motifs act",
    "annotations alone": "2 names",
}


def made(folder, motifs, controls, readouts, **sections):
    """The page of a screen, which has three named sites where it has no motifs."""
    config = screen_of(
        folder, motifs or ["A"], LETTERS, controls, readouts=readouts, placement={"strands": "both"}, **sections
    )
    if not motifs:
        (folder / "genome.fa").write_text(">chr1\n" + "ACGTTGCATGCCATGGATCCA" * 3 + "\n")
        rows = ["chr1\t0\t5\t<b>x</b>\t0\t+\n", "chr1\t6\t12\t<b>x</b>\t0\t-\n", "chr1\t30\t36\tz\t0\t+\n"]
        (folder / "sites.bed").write_text("".join(rows))
        sites = {"file": str(folder / "sites.bed"), "genome": str(folder / "genome.fa"), "format": None}
        sites |= {"stranded": True, "summit_flank": None, "max_width": None}
        config["elements"] |= {"motifs": [], "annotations": [sites]}
    results = Results(cluster(config, finish(config, run_screen(config, folder), folder)))
    write_report(results)
    return results.report


@pytest.mark.parametrize("name", ODD)
def test_odd_screens_have_pages_that_work(browser, tmp_path, name):
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    opened = Opened(context.new_page(), made(tmp_path, *ODD[name]))
    page = opened.page
    assert ANSWERS[name] in page.locator("#answer").inner_text()
    assert page.locator("#findings .finding:not(.axis-row)").count() > 0
    assert page.locator("#findings b").all_inner_texts()[0][0] in "+-0"
    if "without" in ANSWERS[name]:
        assert "no controls" in page.locator("#findings .verdict").first.inner_text()
        assert page.locator('[data-chart="volcano"]').count() == 0
    page.locator("#findings button[data-element]").first.click()
    page.wait_for_function("document.querySelectorAll('#element-charts svg').length >= 2")
    page.keyboard.press("Escape")
    for section in ("elements", "compare", "quality"):
        page.evaluate(f"document.getElementById('{section}').scrollIntoView({{behavior: 'instant'}})")
        page.wait_for_timeout(300)
    first = page.get_by_role("tab").first.inner_text()
    assert first == ("Annotations" if name == "annotations alone" else "Motifs")
    if name == "annotations alone":
        page.locator("#names .unfold").first.click()
        assert page.locator("#names .sites li").count() >= 1
        assert page.locator("#names b").count() == page.locator("#names .sites li b").count()  # names are no markup
    assert opened.said == []
    context.close()


def test_a_group_has_its_models_in_each_row(browser, tmp_path):
    models = {name: {"factory": "screens:Tracks"} for name in ("one", "two")}
    path = made(tmp_path, *ODD["no controls"], models=models, groups={"both": ["one", "two"]})
    context = browser.new_context(offline=True)
    opened = Opened(context.new_page(), path)
    rows = opened.page.locator("#findings .finding:not(.axis-row)").count()
    assert opened.page.locator("#overview-view option:checked").inner_text().startswith("both")
    assert opened.page.locator("#findings circle.fold").count() == 2 * rows > 0
    assert opened.said == []
    context.close()
