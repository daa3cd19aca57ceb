"""What the tutorial says to type works in an empty folder, from the wheel, and prints and draws what it says."""

import re

import pytest
from installed import call, pip_install
from workflows import PROJECT

TEXT = (PROJECT / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
PIP = re.compile(r"^pip install (.+)$", re.MULTILINE)
NUMBER = re.compile(r"-?\d+\.\d+")


def same_text(printed, told):
    """Whether all lines of `told` are printed, one after the other, with its numbers up to three digits."""
    found, wanted = ([" ".join(line.split()) for line in text.splitlines() if line.strip()] for text in (printed, told))
    words = [NUMBER.sub("#", line) for line in found]
    try:
        first = words.index(NUMBER.sub("#", wanted[0]))
    except ValueError:
        return False
    lines = found[first : first + len(wanted)]
    numbers = [[float(number) for line in of for number in NUMBER.findall(line)] for of in (lines, wanted)]
    same = words[first : first + len(wanted)] == [NUMBER.sub("#", line) for line in wanted]
    return same and numbers[0] == pytest.approx(numbers[1], rel=1e-2, abs=1e-3)


def test_lines_that_are_told():
    assert same_text("a\n b 1.234  c\nd\n", "b 1.2341 c\n")
    assert not same_text("b 1.3 c\n", "b 1.2 c\n")
    assert not same_text("b c\n", "b c\nd\n")


def test_each_block_in_order(installed, tmp_path):
    """As one person would type them; the packages that the text asks for come first, the project's is there."""
    _, *others = PIP.findall(TEXT)
    pip_install(installed, *" ".join(others).split())
    (tmp_path / "home").mkdir()
    path = f"{installed}:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": str(tmp_path / "home"), "COLUMNS": "120", "MPLBACKEND": "agg"}
    last, kinds = "", []
    for kind, code in BLOCKS:
        kinds.append(kind)
        if kind == "":  # an excerpt of what was printed last
            assert same_text(last, code), last
            continue
        command = ["python", "-W", "error", "-c", code]
        if kind == "bash":
            command = ["bash", "-e", "-c", PIP.sub("", code)]
        if kind == "console":
            line, _, told = code.removeprefix("$ ").partition("\n")
            command = ["bash", "-c", line]
        status, last = call(tmp_path, *command, **environment)
        assert status == 0, last
        if kind == "console":
            assert same_text(last, told), last
    assert {"", "bash", "console", "python"} == set(kinds)
    assert (tmp_path / "results/tutorial/report.html").is_file()
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "effects.csv").read_text().splitlines()) == 1 + 7 * 2
