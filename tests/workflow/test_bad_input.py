"""Bad input gets one clear error that names the file, the row and the remedy, before any model runs."""

import contextlib
import gzip
import re

import keras_files
import pytest
import torch
from marginalization.config.resolving import resolve
from marginalization.design.plan import make_plan
from marginalization.errors import InputError
from workflows import PROJECT, snakemake


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def read(config):
    """Read a config as Snakemake does when it starts."""
    resolve(config, str(PROJECT / "workflow" / "schemas" / "config.schema.yaml"))
    make_plan(config)


def refused(lab, config):
    """What is said of a screen that must be refused then."""
    with contextlib.chdir(lab), pytest.raises(InputError) as error:
        read(config)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_snakemake_tells_it_in_one_line_and_writes_nothing(lab, config):
    config["backgrounds"]["transfrom"] = config["backgrounds"].pop("transform")
    done = snakemake(lab, config, "--dry-run")
    assert done.returncode != 0
    assert "\nconfig: unknown key 'transfrom' in backgrounds; did you mean 'transform'?\n" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (lab / "results").exists()


def test_a_missing_file(lab, config, monkeypatch):
    monkeypatch.setenv("HOME", str(lab))
    config["elements"]["motifs"][0]["file"] = "~/motif.meme"
    assert f"no file {lab}/motif.meme; did you mean {lab}/motifs.meme?" in refused(lab, config)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("motifs.tsv", "spaced\tGGNNNCC\tx\nwide\tACGTACGTACGTA\ty\nsingle\tC\tz\n", "", r"motifs\.tsv.*(no|empty)"),
        (
            "motifs.meme",
            " 0.1 0.1 0.7 0.1\n",
            " 0.1 0.1 0.7\n",
            r"motifs\.meme, line 7: motif 'M1 first': '0\.1 0\.1 0\.7' is not four",
        ),
        (
            "motifs.meme",
            "0.1 0.1 0.7 0.1",
            "0.1 0.1 0.7 0.9",
            r"motifs\.meme, line 7.*0\.9' is not four probabilities that add up to 1",
        ),
        ("motifs.tsv", "GGNNNCC", "GGUCC", r"motifs\.tsv, line 2: motif 'spaced' has the letter 'U'; write T"),
        ("sites.bed", "chr1\t10\t16", "chr1\t16\t10", r"sites\.bed, line 1.*10"),
        ("sites.bed", "chr1\t10\t16\tsite\t0\t+", "chr1 10 16", r"sites\.bed, line 1.*tab"),
        (
            "sites.bed",
            "chr2\t996\t1003",
            "chr2\t1996\t2003",
            r"sites\.bed, line 3: chr2:1996-2003 is outside its chromosome, which has 2,000 bases",
        ),
        ("sites.bed", "chr2\t996\t1003", "2\t996\t1003", r"sites\.bed, line 3.*'?2'?.*chr2"),
        ("loci.bed", "chr1\t100\t150", "chr1\t0\t10", r"loci\.bed, line 1.*past_end: drop"),
        ("genome.fa", "\n", "\nACGRYK", r"genome\.fa|letter"),
    ],
    ids=["empty", "row", "sum", "letter", "reversed", "spaces", "past-end", "chr", "window", "genome"],
)
def test_malformed_tables(lab, config, file, old, new, message):
    if file == "genome.fa":
        config["backgrounds"]["random"] = {"n": 3}
        del config["backgrounds"]["loci"]
        (lab / "sites.bed").write_text("chr1\t0\t9\tsite\t0\t+\n")
    edit(lab / file, old, new)
    printed = refused(lab, config)
    assert re.search(message, printed), printed


def test_a_gzipped_table_that_is_none(lab, config):
    (lab / "motifs.meme.gz").write_bytes(gzip.compress(b"no motifs at all"))
    config["elements"]["motifs"] = [{"file": "motifs.meme.gz"}]
    assert "motifs.meme.gz" in refused(lab, config)


def test_an_element_longer_than_the_backgrounds(lab, config):
    config["backgrounds"]["length"] = 12
    config["placement"] = {}
    printed = refused(lab, config)
    assert "wide (motifs.tsv:3) has 13 bases, more than the backgrounds' 12" in printed


def test_a_start_off_the_end(lab, config):
    config["placement"]["start"] = [5, 30]
    printed = refused(lab, config)
    assert "begins at placement.start 30" in printed
    assert "the last start that fits all is 27" in printed


def test_equal_copies(lab, config):
    config["backgrounds"]["transform"] = "none"
    assert "2 copies of each background would be equal" in refused(lab, config)


def test_a_pickle_without_permission(lab, config):
    torch.save(torch.nn.Linear(2, 2), lab / "model.pt")
    config["models"] = {"pickled": {"file": "model.pt"}}
    printed = refused(lab, config)
    assert "config: models.pickled: model.pt is a pickle, and unpickling a file runs whatever code" in printed
    assert "trust_pickle: true" in printed


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"readouts": ["predictoin"]}, "readouts: there is no readout predictoin; did you mean prediction?"),
        ({"window": 41}, "window: 41 positions are more than the backgrounds' 40"),
        ({"function": "lap.py:own"}, "function: no file lap.py; did you mean lab.py?"),
    ],
)
def test_attributions(lab, config, section, message):
    config["attributions"] = {"function": "saturation_mutagenesis", "window": 9, **section}
    assert f"config: attributions.{message}" in refused(lab, config)


def test_a_pair_of_a_name_that_no_motif_has(lab, config):
    config["elements"]["pairs"] = [{"first": "M1 frist", "second": "single", "distances": [3]}]
    message = "elements.pairs[0].first: there is no motif M1 frist; did you mean M1 first?"
    assert message in refused(lab, config)


def test_a_file_that_is_no_chrombpnet(lab, config):
    keras_files.write(lab / "bias.h5", keras_files.branch(9, without_bias=False))
    config |= {"models": {"atac": {"chrombpnet": "bias.h5"}}, "backgrounds": {"random": {"n": 6}}}
    message = "config: models.atac: bias.h5 is a network of other layers (bpnet_1st_conv"
    assert message in refused(lab, config)
