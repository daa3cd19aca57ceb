"""Screens of published models, run once under results/real and then kept; where their files are absent, none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from workflows import PROJECT, run

HERE = Path(__file__).parent


class Screen:
    """The results of a screen."""

    def __init__(self, folder: Path, name: str):
        self.config = yaml.safe_load((HERE / f"{name}.yaml").read_text()) if (HERE / f"{name}.yaml").exists() else None
        self.folder = folder / "results" / name

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / name)

    def ranked(self, target: str) -> pd.DataFrame:
        """Motifs by falling mean effect on a target, each with its own name."""
        summary = self.table("summary.parquet").drop(columns="name")
        named = self.table("motifs.parquet")[["name", "element_id"]].merge(summary[summary["target"] == target])
        return named.sort_values("effect_mean", ascending=False).reset_index(drop=True)


@pytest.fixture(scope="session")
def folder(real_data):
    """A lab's folder with the published files, and what it makes of them."""
    folder = PROJECT / "results" / "real"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "published"
    if not link.is_symlink():
        link.symlink_to(real_data)
    write_once(folder / "genome.fa", (real_data / "genome" / "hg38_chr22_32.0-32.3Mb.fa").read_text())
    tiles = [f"chr22\t{start}\t{start + 400}\n" for start in range(0, 300_000 - 400, 400)]
    write_once(folder / "ctcf.tsv", "name\tsequence\nCTCF\tTGGCCACCAGGGGGCGCTA\n")
    write_once(folder / "tiles.bed", "".join(tiles))
    rng = np.random.default_rng(1)
    elsewhere = [f"chr22\t{start}\t{start + 31}\telsewhere\n" for start in sorted(rng.integers(0, 299_969, 100))]
    write_once(folder / "elsewhere.bed", "".join(elsewhere))
    return folder


@pytest.fixture(scope="session")
def apart(folder, real_data):
    """A folder beside the others', where Snakemake can run at the same time."""
    own = folder / "nulls"
    own.mkdir(exist_ok=True)
    if not (own / "published").is_symlink():
        (own / "published").symlink_to(real_data)
    return own


def write_once(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def screen_fixture(name: str):
    @pytest.fixture(scope="session", name=name)
    def screen(folder):
        run(folder, HERE / f"{name}.yaml")
        return Screen(folder, name)

    return screen


ctcf = screen_fixture("ctcf")
explainn = screen_fixture("explainn")
deepstarr = screen_fixture("deepstarr")
scan = screen_fixture("scan")
spacing = screen_fixture("spacing")
