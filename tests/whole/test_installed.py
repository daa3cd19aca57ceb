"""The package without a clone: from its wheel, in an environment of its own; and the workflow from GitHub beside it."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import yaml
from installed import call, git, pip_install
from lab_folder import make_config, make_lab
from marginalization import __version__
from screens import finish, resolved, run_screen
from workflows import PROJECT, jobs

MODULE = """
configfile: "known.yaml"
module marginalization:
    snakefile: github("lab/screens", path="workflow/Snakefile", tag="{tag}")
    config: config
use rule * from marginalization
"""


def extra(name):
    """The packages of an extra of this one."""
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"][name]


def test_the_wheel_holds_the_whole_workflow(clone, wheel):
    names = {name.partition("bundled/")[2] for name in zipfile.ZipFile(wheel).namelist() if "/bundled/" in name}
    tracked = git("-C", clone, "ls-files", "workflow", "envs", "config", "Snakefile").split()
    core = ("workflow/scripts/marginalization", "workflow/scripts/snakemake_logger", "config/generate.py")
    assert names == {name for name in tracked if not name.startswith(core)}


def test_the_source_archive_makes_the_same_wheel(clone, wheel, tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--directory", tmp_path, "--target"]
    subprocess.run([*build, "sdist"], cwd=clone, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    subprocess.run([*build, "wheel"], cwd=unpacked, check=True, capture_output=True)
    names = [set(zipfile.ZipFile(of).namelist()) for of in (wheel, tmp_path / wheel.name)]
    assert names[0] == names[1]


def test_the_demo_runs_from_the_wheel(installed, tmp_path):
    command = installed / "marginalization"
    assert call(tmp_path, command, "--version") == (0, f"{__version__}\n")
    assert call(tmp_path, command, "init", "demo.yaml", "--demo")[0] == 0
    config = yaml.safe_load((tmp_path / "demo.yaml").read_text())
    config["elements"] = {"motifs": [{"file": "few.tsv"}], "controls": {"shuffles": 5}}
    config["backgrounds"]["maximum"] = 2
    (tmp_path / "few.tsv").write_text("name\tsequence\nctcf\tGCCACCAGGGGGCGC\ngata\tAGATAAGA\n")
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(config))
    status, printed = call(tmp_path, command, "run", "demo.yaml", "--cores", "2")
    assert status == 0, printed
    assert re.search(r"^Done in .*: results/demo/report.html$", printed, re.MULTILINE)
    where = "import marginalization; print(marginalization.__file__)"
    assert str(installed.parent) in call(tmp_path, installed / "python", "-c", where)[1]
    assert call(tmp_path, command, "show", "results/demo", "ctcf")[0] == 0
    check_anndata(installed, tmp_path)


CHECK_BIGWIG = """
import pandas, pyBigWig
track = pyBigWig.open("effects.bw")
print(track.chroms())
rows = pandas.read_csv("effects.bedgraph", sep="\\t", header=None)
found = [(chrom, *entry) for chrom in track.chroms() for entry in track.intervals(chrom) or ()]
assert len(found) == len(rows) > 2
for entry, row in zip(found, rows.itertuples(index=False)):
    assert entry[:3] == tuple(row)[:3]
    assert abs(entry[3] - row[3]) <= 1e-5 * abs(row[3]), (entry, row)
"""


def test_annotations_as_a_bigwig(installed, tmp_path, monkeypatch):
    """The intervals of the bedGraph, with the chromosomes of the genome, in annotations that overlap."""
    monkeypatch.chdir(make_lab(tmp_path))
    with open("sites.bed", "a") as sites:
        sites.write("chr1\t13\t22\tover\t0\t+\nchr2\t30\t40\tother\t0\t+\n")
    config = resolved(**make_config())
    finish(config, run_screen(config, tmp_path), tmp_path)
    marginalization, options = installed / "marginalization", ["--readout", "prediction", "--target", "0"]
    assert "pip install 'marginalization[bigwig]'" in call(tmp_path, marginalization, "export", "results", "a.bw")[1]
    pip_install(installed, *extra("bigwig"))
    for name in ("effects.bedgraph", "effects.bw"):
        status, printed = call(tmp_path, marginalization, "export", "results", name, *options)
        assert status == 0, printed
    status, printed = call(tmp_path, installed / "python", "-c", CHECK_BIGWIG)
    assert status == 0, printed
    assert printed == "{'chr1': 2000, 'chr2': 2000}\n"
    (tmp_path / "genome.fa").rename(tmp_path / "elsewhere.fa")
    status, printed = call(tmp_path, marginalization, "export", "results", "b.bw", *options)
    assert status == 2
    assert "genome.fa, the genome of sites.bed, says how long chromosomes are, and is not here" in printed


CHECK = """
import anndata, numpy, pandas
data = anndata.read_h5ad("effects.h5ad")
summary = pandas.read_parquet("results/demo/summary.parquet").query("kind == 'motif'")
assert data.shape == (4, 3), data
for i, key in enumerate(data.var.itertuples(index=False)):
    rows = summary[(summary[["model", "readout", "target"]] == list(key)).all(axis=1)]
    rows = rows.set_index(["element_id", "strand"]).loc[list(zip(data.obs["element_id"], data.obs["strand"]))]
    matrices = {"effect_mean": data.X, "control_z": data.layers["z"], "element_q": data.layers["q"]}
    for column, values in matrices.items():
        numpy.testing.assert_array_equal(values[:, i], rows[column])
"""


def check_anndata(installed, folder):
    """Effects as an AnnData are those of the summary; anndata needs an older pandas than this environment has."""
    pip_install(installed, *extra("export"))
    status, printed = call(folder, installed / "marginalization", "export", "results/demo", "effects.h5ad")
    assert status == 0, printed
    status, printed = call(folder, installed / "python", "-c", CHECK)
    assert status == 0, printed


def in_githubs_place(clone):
    """What has git take the folder above `lab/screens` for GitHub."""
    place = {"KEY": f"url.file://{clone.parents[1]}/.insteadOf", "VALUE": "https://github.com/"}
    return {"GIT_CONFIG_COUNT": "1", **{f"GIT_CONFIG_{key}_0": value for key, value in place.items()}}


def test_snakemake_fetches_the_workflow_from_github(clone, installed, tmp_path):
    """From a folder in GitHub's place; a workflow that needs another version than is installed says which."""
    rules = clone / "workflow" / "rules" / "common.smk"
    git("-C", clone, "tag", f"v{__version__}")
    rules.write_text(rules.read_text().replace(f'VERSION = "{__version__}"', 'VERSION = "99.0.0"'))
    git("-C", clone, "commit", "-qam", "Another version")
    git("-C", clone, "tag", "v99.0.0")
    git("-C", clone, "reset", "-q", "--hard", f"v{__version__}")
    lab = make_lab(tmp_path)
    (lab / "known.yaml").write_text(yaml.safe_dump(make_config()))
    environment = in_githubs_place(clone)
    snakemake = [installed / "python", "-m", "snakemake", "--cores", "2", "--nocolor"]

    (lab / "Snakefile").write_text(MODULE.format(tag=f"v{__version__}"))
    status, printed = call(lab, *snakemake, XDG_CACHE_HOME=str(tmp_path / "cache"), **environment)
    assert status == 0, printed
    assert Path(lab / "results/known/report.html").exists()

    (lab / "Snakefile").write_text(MODULE.format(tag="v99.0.0"))
    status, printed = call(lab, *snakemake, XDG_CACHE_HOME=str(tmp_path / "other"), **environment)
    assert status == 1
    remedy = "pip install 'marginalization[workflow] @ git+https://github.com/lab/screens@v99.0.0'"
    assert f"of version 99.0.0, and the environment of Snakemake has {__version__}: {remedy}" in printed


def test_snakedeploy_deploys_the_workflow(clone, installed, tmp_path):
    """From the same folder in GitHub's place: the demo's config comes along, and its plan is made from it."""
    pip_install(installed, "snakedeploy==0.17.1")
    git("-C", clone, "tag", "deployed")
    environment = {**in_githubs_place(clone), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    deploy = ["deploy-workflow", "https://github.com/lab/screens", tmp_path / "mine", "--tag", "deployed"]
    status, printed = call(tmp_path, installed / "snakedeploy", *deploy, **environment)
    assert status == 0, printed
    snakefile = (tmp_path / "mine/workflow/Snakefile").read_text()
    assert re.search(r'github\(\s*"lab/screens", path="workflow/Snakefile", tag="deployed"', snakefile)
    snakemake = [installed / "python", "-m", "snakemake", "--cores", "2", "--nocolor", "--dry-run"]
    status, printed = call(tmp_path / "mine", *snakemake, **environment)
    assert status == 0, printed
    assert jobs(printed)["screen"] == 4
    assert jobs(printed)["merge"] == 1


def test_the_catalogs_screen_runs(clone, installed):
    """In `.test`, where the workflow catalog and its actions look for a config."""
    status, printed = call(clone, installed / "python", "-m", "snakemake", "--directory", ".test", "--cores", "2")
    assert status == 0, printed
    assert (clone / ".test/results/test/report.html").exists()
