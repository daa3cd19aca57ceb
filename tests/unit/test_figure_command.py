"""`marginalization figure`: one figure for a paper, of the size and with the elements that are asked for."""

import re

import pandas as pd
import pytest
from marginalization.commands.cli import main
from marginalization.store.paths import Results
from marginalization.view.report.contents import gather
from marginalization.view.report.figures import for_paper
from screens import cluster, finish, run_screen, screen_of

MOTIFS = ["ACGTCA", "TTTTGT", "CACGTG", "GGCATT", "AAGGTC"]
BACKGROUNDS = ["ACGTACGTACGTAC", "AAAACCCCGGGTTT", "TTTTTTTTTTTACG"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A screen of one target, with controls and two starts."""
    folder = tmp_path_factory.mktemp("figure")
    sections = {"readouts": {"counts": {"output": 1, "targets": ["counts"]}}, "placement": {"start": [1, 6]}}
    config = screen_of(folder, MOTIFS, BACKGROUNDS, {"shuffles": 20, "level": 0.5}, **sections)
    return cluster(config, finish(config, run_screen(config, folder), folder))


def drawn(results, path, *arguments):
    assert main(["figure", str(results), arguments[0], str(path), *map(str, arguments[1:])]) == 0
    return path.read_bytes()


@pytest.mark.parametrize("chart", ["found", "volcano", "null", "scan", "heat-map"])
def test_each_chart_in_each_format(results, tmp_path, chart):
    assert drawn(results, tmp_path / "a.svg", chart).startswith(b"<svg")
    assert drawn(results, tmp_path / "a.pdf", chart).startswith(b"%PDF")
    assert drawn(results, tmp_path / "a.png", chart).startswith(b"\x89PNG")


@pytest.mark.parametrize(("width", "points"), [(89, 7), (183, 7), (120, 9)])
def test_it_is_as_wide_as_asked_for_and_its_letters_as_high(results, tmp_path, width, points):
    sizes = ("--width", width, "--points", points)
    svg = drawn(results, tmp_path / "a.svg", "found", *sizes).decode()
    shown, inner = float(re.search(r'width="([\d.]+)pt"', svg)[1]), float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    assert shown == pytest.approx(width / 25.4 * 72, abs=2.5)
    letters = {float(size) * shown / inner for size in re.findall(r'font-size="([\d.]+)px"', svg)}
    assert list(letters) == [pytest.approx(points, rel=0.01)] * len(letters)
    pdf = drawn(results, tmp_path / "a.pdf", "found", *sizes)
    assert float(re.search(rb"MediaBox \[0 0 ([\d.]+)", pdf)[1]) == pytest.approx(shown, abs=0.1)


def test_it_has_the_elements_that_are_asked_for(results, tmp_path):
    names = pd.read_parquet(results / "motifs.parquet")["name"].tolist()
    asked = [names[1], names[3].upper()]
    svg = drawn(results, tmp_path / "a.svg", "found", "--elements", *asked).decode()
    assert {name for name in names if f">{name}<" in svg} == {names[1], names[3]}


def test_a_scan_is_of_the_element_that_is_asked_for(results, tmp_path):
    """Its marks too, of where half of the effect is lost."""
    contents = gather(Results(results))
    for i, element in enumerate(contents["elements"]):
        data = for_paper(contents, "scan", 0, [element["name"]])
        assert {row["element"] for row in data["scan"]} == {i}
        assert data["halves"] == [row for row in contents["halves"] if row["element"] == i]


def test_what_has_nothing_to_draw_is_refused(tmp_path, capsys):
    """A scan of a screen of one start, and a volcano without controls."""
    config = screen_of(tmp_path, MOTIFS, BACKGROUNDS)
    results = cluster(config, finish(config, run_screen(config, tmp_path), tmp_path))
    for chart, takes in (("scan", r"several starts (placement.start)"), ("volcano", "elements.controls")):
        path = tmp_path / f"{chart}.svg"
        assert main(["figure", str(results), chart, str(path), "--readout", "prediction"]) == 2
        assert f"nothing for this figure; it takes {takes}" in capsys.readouterr().err
        assert not path.exists()


def test_errors(results, tmp_path, capsys):
    for arguments, words in (
        (
            ["scan", "a.svg", "--elements", "motif_0", "motif_1"],
            "a scan is of one element; give the name of one in place of motif_0, motif_1",
        ),
        (["null", "a.svg", "--elements", "motif_0"], "a null is of all elements; leave out motif_0"),
        (["found", "a.docx"], "a.docx ends in none of .svg, .pdf, .png; name the file after the format that it is for"),
        (
            ["found", "a.svg", "--elements", "xyz"],
            "the report shows nothing that is called xyz; its tables have the names",
        ),
    ):
        path = str(tmp_path / arguments[1])
        assert main(["figure", str(results), arguments[0], path, *arguments[2:]]) == 2
        assert capsys.readouterr().err.strip().endswith(words)
