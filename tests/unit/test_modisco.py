"""TF-MoDISco's patterns as motifs, and as what Fi-NeMo's hits are of."""

import h5py
import numpy as np
import pytest
from marginalization.config.checks import element_files
from marginalization.config.sections import Config
from marginalization.design.elements import read_elements
from marginalization.errors import InputError
from marginalization.inputs.annotations import read_annotations
from marginalization.inputs.motifs import motif_sequences, read_motifs
from modisco_files import write_modisco
from screens import resolved

GATA = (["TAGATAAG", "CAGATAAG", "TTGATAAG", "TAGATTAC"], [0.1, 0.35, 1.0, 0.9, 0.2, 0.8, 0.3, 0.29])
REST = (["CAGCACC", "CAGCACC"], [-0.1, -0.4, -0.2, -0.5, -0.5, -0.15, 0.1])
TIED = (["AC", "CA"], [0.0, 0.0])


@pytest.fixture
def results(tmp_path):
    groups = {
        "pos_patterns": {"pattern_0": GATA, "pattern_10": TIED, "pattern_2": (["NNCG", "TACG"], [1, 1, 1, 1])},
        "neg_patterns": {"pattern_0": REST},
    }
    return write_modisco(tmp_path / "modisco_results.h5", groups)


def test_patterns_as_the_report_names_and_trims_them(results):
    """Positions at the ends under 0.3 of the largest contribution go, those between stay, whatever the sign."""
    motifs = {motif.name: motif for motif in read_motifs(results)}
    assert list(motifs) == [
        *("pos_patterns.pattern_0", "pos_patterns.pattern_2", "pos_patterns.pattern_10"),
        "neg_patterns.pattern_0",
    ]
    gata = motifs["pos_patterns.pattern_0"]
    assert motif_sequences(gata) == ["AGATAA"]
    np.testing.assert_allclose(gata.matrix[0], [0.75, 0, 0, 0.25], rtol=1e-12)
    np.testing.assert_allclose(gata.matrix[4], [0.75, 0, 0, 0.25], rtol=1e-12)
    assert gata.source == f"{results}:pos_patterns/pattern_0"
    # Of 0.5: 0.15 is 0.3 of it, and 0.1 less.
    assert motif_sequences(motifs["neg_patterns.pattern_0"]) == ["AGCAC"]
    # Letters that are not known in some of the seqlets, and contributions of zero, which trim nothing.
    np.testing.assert_allclose(motifs["pos_patterns.pattern_2"].matrix[0], [0, 0, 0, 1], rtol=1e-12)
    assert motif_sequences(motifs["pos_patterns.pattern_10"]) == ["AA"]


@pytest.mark.parametrize(("trim", "sequence"), [(0, "TAGATAAG"), (0.1, "TAGATAAG"), (0.85, "GA"), (1, "G")])
def test_how_much_is_trimmed(results, trim, sequence):
    assert motif_sequences(read_motifs(results, trim_contribution=trim)[0]) == [sequence]


def test_samples_have_the_seqlets_frequencies(results):
    drawn = motif_sequences(read_motifs(results)[0], "sampled", n=2000, seed=1)
    first = np.mean([sequence[0] == "T" for sequence in drawn])
    assert first == pytest.approx(0.25, abs=0.04)  # four standard deviations
    assert {sequence[1:4] for sequence in drawn} == {"GAT"}


def test_files_that_are_not_modiscos(tmp_path, results):
    first = str(tmp_path / "first.h5")
    with h5py.File(first, "w") as file:
        file.create_group("metacluster_idx_to_submetacluster_results")
    empty, cut = str(tmp_path / "empty.h5"), str(tmp_path / "cut.h5")
    h5py.File(empty, "w").close()
    with open(results, "rb") as file, open(cut, "wb") as out:
        out.write(file.read()[:3000])
    pointer = tmp_path / "pointer.h5"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\n")
    protein, nan = str(tmp_path / "protein.h5"), str(tmp_path / "nan.h5")
    for path, width, value in ((protein, 20, 1.0), (nan, 4, np.nan)):
        with h5py.File(path, "w") as file:
            pattern = file.create_group("pos_patterns/pattern_0")
            pattern["sequence"], pattern["contrib_scores"] = np.ones((5, width)), np.full((5, width), value)
    for path, message in [
        (first, "is of the first TF-MoDISco; convert it with `modisco convert`"),
        (empty, "has no patterns of TF-MoDISco"),
        (cut, "is no whole results file of TF-MoDISco"),
        (str(pointer), "is a pointer of git LFS"),
        (protein, r"pattern_0 has sequences of shape \(5, 20\) and contributions of \(5, 20\); patterns of ACGT have"),
        (nan, "pattern_0 has contributions that are no numbers"),
        (str(tmp_path / "none.h5"), "cannot be read: No such file"),
    ]:
        with pytest.raises(InputError, match=message):
            read_motifs(path)


def test_contributions_are_modiscos_alone(tmp_path):
    path = tmp_path / "motifs.fa"
    path.write_text(">a\nACGT\n")
    with pytest.raises(InputError, match=r"motifs\.fa is read as fasta, which has no contributions; leave out trim"):
        read_motifs(path, trim_contribution=0.2)


HITS = """chr\tstart\tend\tstart_untrimmed\tend_untrimmed\tmotif_name\thit_coefficient\tstrand
chr1\t10\t16\t9\t17\tpos_patterns.pattern_0\t1.5\t+
chr2\t20\t25\t18\t26\tneg_patterns.pattern_0\t2.5\t-
chr1\t30\t36\t29\t37\tpos_patterns.pattern_0\t1.1\t-
"""


@pytest.fixture
def hits(tmp_path):
    path = tmp_path / "hits.tsv"
    path.write_text(HITS)
    return str(path)


@pytest.mark.parametrize("stranded", [True, False])
def test_hits_with_the_sequences_of_their_patterns(results, hits, stranded):
    table = read_annotations(hits, None, patterns=results, stranded=stranded)
    turned = ["AGATAA", "AGCAC", "AGATAA"] if stranded else ["AGATAA", "GTGCT", "TTATCT"]
    assert table["sequence"].tolist() == turned
    assert table["name"].tolist() == ["pos_patterns.pattern_0", "neg_patterns.pattern_0", "pos_patterns.pattern_0"]
    assert table[["chrom", "start", "end", "strand"]].to_numpy().tolist() == [
        ["chr1", 10, 16, "+"],
        ["chr2", 20, 25, "-"],
        ["chr1", 30, 36, "-"],
    ]
    assert table["n_unknown"].tolist() == [0, 0, 0]


def test_hits_of_other_patterns(results, hits, tmp_path):
    (tmp_path / "hits.tsv").write_text(HITS.replace("neg_patterns.pattern_0", "neg_patterns.pattern_7"))
    with pytest.raises(InputError, match=r"hits\.tsv, line 3: .*\.h5 has no pattern neg_patterns\.pattern_7; its patt"):
        read_annotations(hits, None, patterns=results)
    with pytest.raises(InputError, match=r"patterns are substituted whole; leave out summit_flank and max_width"):
        read_annotations(hits, None, patterns=results, max_width=3)


def test_a_screen_of_patterns_and_their_hits(results, hits):
    """A pattern and its hits are one element; both files are inputs."""
    elements = {"motifs": [{"file": results}], "annotations": [{"file": hits, "patterns": results}]}
    config = Config.of(resolved(elements=elements))
    read = read_elements(config)
    assert element_files(config) == sorted([results, hits])
    assert sorted(read.elements["sequence"]) == ["AA", "AGATAA", "AGCAC", "TACG"]
    ids = read.motifs.set_index("name")["element_id"]
    assert read.motifs[["tf_class", "tf_family"]].isna().all(axis=None)
    assert read.annotations["element_id"].tolist() == [ids[name] for name in read.annotations["name"]]
