"""A hook of MkDocs: the site has the project's pages at their places in it, so links lead to the same files."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).parents[1]
SHOWN = ("*.md", "docs/*.md", "docs/*.png", "config/README.md", "config/config.yaml", "config/examples/*.yaml")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)#\s]+)(?:#[^)\s]*)?\)")


def on_files(files, config):
    """The files of the site: those of the theme, and the project's instead of those of docs_dir."""
    own = [path.relative_to(PROJECT).as_posix() for pattern in SHOWN for path in sorted(PROJECT.glob(pattern))]
    shown = [File.generated(config, name, abs_src_path=str(PROJECT / name)) for name in own]
    return Files([*(file for file in files if file.src_dir != config.docs_dir), *shown])


def on_page_markdown(markdown, page, config, files):
    """A page whose links to what is in a clone alone, such as folders of code, are plain text."""

    def link(found):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), found[2]))
        return found[0] if files.get_file_from_path(target) else found[1]

    return LINK.sub(link, markdown)
