"""The docs are true: what they compute comes out as printed, and what they name exists."""

import doctest
import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"


def test_the_example_of_how_it_works():
    text = (DOCS / "how-it-works.md").read_text()
    # Fences end no output that doctest knows of.
    text = re.sub(r"^ *```.*$", "", text, flags=re.MULTILINE)
    example = doctest.DocTestParser().get_doctest(text, {}, "how-it-works.md", None, 0)
    assert len(example.examples) > 40
    assert doctest.DocTestRunner().run(example).failed == 0
