"""The docs site builds without a warning, in an environment of its own, and its links lead somewhere."""

import re
import sys
from html import unescape

import pytest
from installed import call


@pytest.fixture(scope="module")
def site(clone):
    status, printed = call(clone, "make", "docs", f"PYTHON={sys.executable}", "VENV=environment")
    assert status == 0, printed  # strict: a warning is an error
    return clone / "site"


def test_it_has_each_page(site, clone):
    pages = {path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")}
    texts = [clone / "README.md", clone / "config/README.md", *clone.glob("docs/*.md")]
    named = [path.relative_to(clone).with_suffix("").as_posix() for path in texts]
    assert {re.sub(r"(^|/)README$", "", name) or "." for name in named} <= pages
    assert "CHANGELOG" in pages


def test_links_lead_to_files_of_the_site(site):
    looked_at = 0
    for page in site.rglob("index.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text()):
            if not re.match(r"\w+:|//", link):
                target = page.parent / unescape(link)
                assert (target / "index.html" if target.is_dir() else target).is_file(), (page, link)
                looked_at += 1
    assert looked_at > 100


def test_it_describes_the_functions(site):
    page = (site / "docs/api/index.html").read_text()
    import marginalization

    for name in marginalization.__all__:
        assert re.search(rf'id="marginalization\.[\w.]+\.{name}"', page), name
    assert "Raises" in page
