import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marginalization.errors import InputError
from marginalization.inputs.motifs import (
    Motif,
    distinct_names,
    information,
    motif_sequences,
    read_jaspar,
    read_motifs,
    trim,
)

ARNT = np.array([[0.2, 0.8, 0, 0], [0.95, 0, 0.05, 0], [0, 1, 0, 0]])
MINIMAL = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF MA0004.1 Arnt
letter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0
 0.200000  0.800000  0.000000  0.000000
 0.950000  0.000000  0.050000  0.000000
 0.000000  1.000000  0.000000  0.000000
URL http://jaspar.genereg.net/matrix/MA0004.1

MOTIF MA0006.1
letter-probability matrix:
0 0 0 1.01
0 0.333 0.333 0.333
"""
# as MEME 5 writes it, shortened
FULL = """********************************************************************************
MEME - Motif discovery tool
********************************************************************************
MEME version 5.5.4 (Release date: Mon Sep 18 2023)

TRAINING SET
PRIMARY SEQUENCES= crp0.fa
ALPHABET= ACGT
Sequence name            Weight Length  Sequence name            Weight Length
ce1cg                    1.0000    105  ara                      1.0000    105
********************************************************************************
MOTIF AC MEME-1\twidth =   2  sites =  18  llr = 188  p-value = 1.1e-007  E-value = 3.3e-005
********************************************************************************
--------------------------------------------------------------------------------
\tMotif AC MEME-1 Description
--------------------------------------------------------------------------------
Simplified        A  9:
pos.-specific     C  :8
--------------------------------------------------------------------------------
\tMotif AC MEME-1 position-specific scoring matrix
--------------------------------------------------------------------------------
log-odds matrix: alength= 4 w= 2 n= 1575 bayes= 6.4 E= 3.3e-005
   149   -1081   -1081   -108
 -1081     184   -1081    -20
--------------------------------------------------------------------------------
\tMotif AC MEME-1 position-specific probability matrix
--------------------------------------------------------------------------------
letter-probability matrix: alength= 4 w= 2 nsites= 18 E= 3.3e-005
 0.900000  0.000000  0.000000  0.100000
 0.000000  0.800000  0.000000  0.200000
--------------------------------------------------------------------------------
Time  0.33 secs.
********************************************************************************
MOTIF G MEME-2\twidth =   1  sites =  18  llr = 1  E-value = 3.3e-005
log-odds matrix: alength= 4 w= 1 n= 1575 bayes= 6.4 E= 3.3e-005
   149   -1081   -1081   -108
letter-probability matrix: alength= 4 w= 1 nsites= 18 E= 3.3e-005
 0.000000  0.000000  1.000000  0.000000
Time  0.44 secs.
********************************************************************************
SUMMARY OF MOTIFS
SEQUENCE NAME            COMBINED P-VALUE  MOTIF DIAGRAM
ce1cg                            1.27e-03  60_[+1(9.5e-06)]_27
"""
COUNTS = np.array([[4, 19, 0], [16, 0, 20], [0, 1, 0], [0, 0, 20]]).T
JASPAR = """>MA0004.1 Arnt (var.2)
A  [ 4 19  0 ]
C  [16  0 20 ]
G  [ 0  1  0 ]
T  [ 0  0 20 ]

>MA0006.1
4\t19\t0
16\t0\t20
0\t1\t0
0\t0\t20
"""


@pytest.fixture
def write(tmp_path):
    def write_text(name, text):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write_text


def of_matrix(matrix, name="m"):
    return Motif(name, np.array(matrix, dtype=np.float64), "", "x.meme:1")


@pytest.mark.parametrize("name", ["x.meme", "x.meme.gz"])
def test_minimal_meme(write, name):
    path = write(name, MINIMAL)
    motifs = read_motifs(path)
    assert [(motif.name, motif.sequence, motif.source) for motif in motifs] == [
        ("MA0004.1 Arnt", "", f"{path}:10"),
        ("MA0006.1", "", f"{path}:17"),
    ]
    np.testing.assert_allclose(motifs[0].matrix, ARNT, rtol=1e-15)
    np.testing.assert_allclose(motifs[1].matrix, [[0, 0, 0, 1], [0, 1 / 3, 1 / 3, 1 / 3]], rtol=1e-15)
    assert motifs[0].matrix.dtype == np.float64


def test_text_output_of_meme(write):
    motifs = read_motifs(write("meme.txt", FULL), format="meme")
    assert [motif.name for motif in motifs] == ["AC MEME-1", "G MEME-2"]
    np.testing.assert_allclose(motifs[0].matrix, [[0.9, 0, 0, 0.1], [0, 0.8, 0, 0.2]])
    assert motifs[1].matrix.tolist() == [[0, 0, 1, 0]]


@pytest.mark.parametrize(
    "alphabet",
    [
        "",
        "ALPHABET= ACGT",
        "ALPHABET = ACGT\r",
        "ALPHABET= acgt",
        'ALPHABET "DNA" DNA-LIKE\nA "Adenine" CC0000 ~ T "Thymine" 008000\nC ~ G\nN = ACGT\n\nEND ALPHABET\nA = b',
    ],
)
def test_meme_alphabets_that_are_dna(write, alphabet):
    path = write("x.meme", MINIMAL.replace("ALPHABET= ACGT", alphabet))
    assert [motif.name for motif in read_motifs(path)] == ["MA0004.1 Arnt", "MA0006.1"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ALPHABET= ACGT", "ALPHABET= ACGU", "line 3: alphabet 'ACGU'; only .*: convert RNA with T for U"),
        (
            "ALPHABET= ACGT",
            'ALPHABET "RNA" RNA-LIKE\nA "a" 0\nC "c"\nG "g"\nU "u"\nEND ALPHABET',
            "line 3: alphabet 'ACGU'",
        ),
        ("ALPHABET= ACGT", "ALPHABET= ATCG", "line 3: alphabet 'ATCG'; only motifs over ACGT .*, in this order$"),
        ("MOTIF", "motif", r"has no MOTIF line; give a MEME file"),
        ("MOTIF MA0006.1", "MOTIF", "line 17: MOTIF without a name; write one"),
        ("letter-probability matrix:\n", "log-odds matrix:\n", "line 17: motif 'MA0006.1' has 0 letter-prob.* give it"),
        ("MOTIF MA0006.1\n", "", "line 10: motif 'MA0004.1 Arnt' has 2 letter-probability matrices"),
        ("w= 3", "w= 4", "line 11: motif 'MA0004.1 Arnt' has 3 rows where its header says w= 4; give one row"),
        ("0 0 0 1.01\n0 0.333 0.333 0.333\n", "", "line 18: motif 'MA0006.1' has 0 rows; give one row"),
        ("0 0 0 1.01", "0 0 1", "line 19: motif 'MA0006.1': '0 0 1' is not four probabilities .*; give those of A, C"),
        ("0 0 0 1.01", "0 0 0 1.03", "line 19: .*'0 0 0 1.03' is not four probabilities that add up to 1"),
        ("0 0 0 1.01", "0 0 -1 2", "line 19: .*'0 0 -1 2' holds a negative or infinite number; give"),
        ("0 0 0 1.01", "0 0 0 1,0", r"line 19: .*'1,0'; write numbers with a decimal point"),
        ("0 0 0 1.01", "x 0 0 1.0", r"line 19: .*'x'; write numbers"),
    ],
)
def test_malformed_meme(write, old, new, message):
    assert old in MINIMAL
    with pytest.raises(InputError, match=rf"x\.meme.*{message}"):
        read_motifs(write("x.meme", MINIMAL.replace(old, new)))


@pytest.mark.parametrize("name", ["x.jaspar", "x.pfm", "x.jaspar.gz"])
def test_jaspar_text(write, name):
    path = write(name, JASPAR)
    motifs = read_motifs(path)
    assert [(motif.name, motif.source) for motif in motifs] == [
        ("MA0004.1 Arnt (var.2)", f"{path}:1"),
        ("MA0006.1", f"{path}:7"),
    ]
    for motif in motifs:
        np.testing.assert_allclose(motif.matrix, COUNTS / COUNTS.sum(axis=1, keepdims=True), rtol=1e-15)


def test_jaspar_counts_without_a_title_and_rows_in_another_order(write):
    untitled = read_motifs(write("CTCF.v1.pfm", "".join(JASPAR.splitlines(keepends=True)[7:])))
    lines = JASPAR.splitlines()
    reordered = read_motifs(write("x.jaspar", "\n".join([lines[0], *reversed(lines[1:5])])))
    assert [motif.name for motif in untitled] == ["CTCF.v1"]
    for motif in (untitled[0], reordered[0]):
        np.testing.assert_allclose(motif.matrix, COUNTS / COUNTS.sum(axis=1, keepdims=True), rtol=1e-15)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (JASPAR, "\n", r"is empty; give at least one motif"),
        (">MA0006.1", ">", "line 7: a motif without a name; write one"),
        ("T  [ 0  0 20 ]\n", "", r"line 1: motif 'MA0004.1 Arnt \(var.2\)' has 3 rows; give four, of A, C, G and T"),
        ("T  [ 0  0 20 ]\n", "C [ 0 0 20 ]\n", "line 1: .* has 4 rows; give four, of A, C, G and T"),
        ("T  [ 0  0 20 ]\n", "U [ 0 0 20 ]\n", "line 1: .* with or without letters, not A, C, G, U$"),
        (
            JASPAR,
            ">ACGN\tHOMER\n.9 .1 0 0\n.1 .9 0 0\n0 0 1 0\n.2 .3 .3 .2\n",
            "line 1: motif 'ACGN HOMER': each row adds up to 1, so the rows are positions; in JASPAR's",
        ),
        ("T  [ 0  0 20 ]\n", "[ 0 0 20 ]\n", "line 1: .* has 4 rows; give four, .* all with or without letters"),
        ("T  [ 0  0 20 ]\n", "T  [ 0  0 20 ]\n1 1 1\n", "line 1: .* has 5 rows; give four"),
        (
            "T  [ 0  0 20 ]\n",
            "T  [ 0  0 ]\n",
            "line 5: .*: 2 counts where the first row has 3; give one or more, as many in",
        ),
        ("A  [ 4 19  0 ]\n", "A  [ ]\n", "line 2: .*: 0 counts where the first row has 0; give one or more"),
        ("[ 4 19  0 ]", "[ 4 19 ] 0", r"line 2: .*'A  \[ 4 19 \] 0' is no row of counts; write it as A \[ 4 19 0 \]"),
        ("[ 4 19  0 ]", "[ 4 -1 0 ]", "line 2: .* holds a negative or infinite number"),
        ("[ 4 19  0 ]", "[ 4 nan 0 ]", "line 2: .* holds a negative or infinite number"),
        ("[ 4 19  0 ]", "[ 4 x 0 ]", "line 2: .*'x'; write numbers"),
        ("4\t19\t0\n16", "0\t19\t0\n0", "line 7: motif 'MA0006.1' has no counts at position 1; remove the position"),
    ],
)
def test_malformed_jaspar_text(write, old, new, message):
    assert old in JASPAR
    with pytest.raises(InputError, match=rf"x\.jaspar.*{message}"):
        read_motifs(write("x.jaspar", JASPAR.replace(old, new)))


def test_tsv(write):
    path = write("x.tsv", "id\tsequence\tname\tnote\n\n1\tacgn\tlower\tx\n2\tTTT\twithout a note\n")
    assert read_motifs(path) == [
        Motif("lower", None, "ACGN", f"{path}:3"),
        Motif("without a note", None, "TTT", f"{path}:4"),
    ]


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tsv_as_spreadsheets_and_r_write_it(write, start, end):
    lines = ['"name"\t"sequence"', '"an ""A"""\tA', 'b\t"ACGT"\t', "5' \"end\tC"]
    motifs = read_motifs(write("x.tsv", start + end.join(lines) + end))
    assert [(motif.name, motif.sequence) for motif in motifs] == [('an "A"', "A"), ("b", "ACGT"), ("5' \"end", "C")]


def test_fasta(write):
    path = write("x.fa", ">a first\nac\nGN\n>a first\nTTT\n")
    assert read_motifs(path) == [
        Motif("a first", None, "ACGN", f"{path}:1"),
        Motif("a first", None, "TTT", f"{path}:4"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.tsv", "", "has no motifs; give a header with the columns name and sequence"),
        ("x.tsv", "name\tsequence\n", "has no motifs; give a header"),
        ("x.tsv", "name\tseq\na\tACGT\n", "line 1: the header has name, seq; it needs the columns name and sequence"),
        ("x.tsv", "name\tsequence\na\tACGT\nb\n", "line 3: no name or no sequence; give both"),
        ("x.tsv", "name\tsequence\n\tACGT\n", "line 2: no name or no sequence"),
        ("x.tsv", "name\tsequence\tsequence\na\tA\tC\n", "line 1: the header names a column twice"),
        ("x.tsv", '"name"\t"sequence"\n"1"\t"CAT"\t"ACGT"\n', "line 2: 3 columns where the header has 2; name every"),
        ("x.tsv", "name,sequence\na,ACGT\n", "line 1: the header has name,sequence; .* separated by tabs"),
        ("x.tsv", "name\tsequence\na\tACGU\n", "line 2: motif 'a' has the letter 'U'; write T for U"),
        ("x.tsv", "name\tsequence\na\tACG\nb\tARG\n", "line 3: motif 'b' has the letter 'R'; write A, C, G, T, or N"),
        ("x.fasta", ">a\nA C\n", "line 1: motif 'a' has the letter ' '; write"),
        ("x.fa", ">a\n>b\nACG\n", "line 1: record 'a' has no sequence"),
        ("x.fa", "", "is empty"),
        (
            "x.txt",
            "ACG",
            r"is not known by its suffix; give `format`, one of meme, jaspar, homer, transfac, modisco, tsv, fasta",
        ),
    ],
)
def test_malformed_sequences_and_tables(write, name, text, message):
    with pytest.raises(InputError, match=rf"{name.replace('.', '[.]')}.*{message}"):
        read_motifs(write(name, text))


def test_an_unknown_format(write):
    with pytest.raises(
        InputError, match=r"the format 'uniprobe' of .*x\.tsv is not known; use one of meme, jaspar, homer"
    ):
        read_motifs(write("x.tsv", "name\tsequence\na\tACGT\n"), format="uniprobe")


HOMER = """>NATGA\tAP-1(bZIP)/ThioMac-PU.1-ChIP-Seq(GSE21512)/Homer\t6.049537\t-1.782996e+03\t0\t9805.3,5781.0
0.419\t0.275\t0.277\t0.028
0.001\t0.001\t0.001\t0.997
>GC
0 0 1 0

0\t1.0\t0\t0
"""


def test_homers_motifs(write):
    ap1, gc = read_motifs(write("x.motif", HOMER))
    assert ap1[:1] + ap1[2:4] == ("AP-1(bZIP)/ThioMac-PU.1-ChIP-Seq(GSE21512)/Homer", "", ap1.source)
    assert ap1.source.endswith("x.motif:1")
    np.testing.assert_allclose(
        ap1.matrix, [np.array([419, 275, 277, 28]) / 999, [0.001, 0.001, 0.001, 0.997]], rtol=1e-12
    )
    assert (gc.name, gc.matrix.tolist()) == ("GC", [[0, 0, 1, 0], [0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"x\.motif is empty"),
        ("0 0 1 0\n", r"x\.motif, line 1: text before the first '>'"),
        (">A\tB\n0 0 1 0\n>C\tD\n", r"x\.motif, line 3: a motif without a name or without rows"),
        (">A\tB\n0 0 1\n", r"x\.motif, line 2: motif 'B': '0 0 1' is not four probabilities"),
        (">A\tB\n12 3 4 5\n", r"x\.motif, line 2: motif 'B': .* is not four probabilities"),
    ],
)
def test_files_that_are_not_homers(write, text, message):
    with pytest.raises(InputError, match=message):
        read_motifs(write("x.motif", text))


TRANSFAC = """VV  TRANSFAC MATRIX TABLE
XX
//
AC  M00001
XX
ID  V$MYOD_01
XX
P0      A      C      G      T
01      1      2      1      0      S
02      0      0.5   1.5      0      R
XX
//
AC MA0004.1
ID Arnt
PO\tA\tC\tG\tT
01\t4.0\t16.0\t0.0\t0.0
//
"""


def test_transfacs_matrices(write):
    """As TRANSFAC and as JASPAR write them."""
    myod, arnt = read_motifs(write("x.transfac", TRANSFAC))
    assert (myod.name, myod.matrix.tolist()) == ("M00001 V$MYOD_01", [[0.25, 0.5, 0.25, 0], [0, 0.25, 0.75, 0]])
    assert (arnt.name, arnt.matrix.tolist()) == ("MA0004.1 Arnt", [[0.2, 0.8, 0, 0]])
    assert arnt.source.endswith("x.transfac:MA0004.1 Arnt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TRANSFAC.removesuffix("//\n"),
            r"x\.transfac has 2 matrices, 1 of them whole; end each, the last too",
        ),
        ("AC M1\n//\n", r"x\.transfac has 0 matrices"),
        (TRANSFAC.replace("16.0", "-1"), r"x\.transfac: motif 'MA0004\.1 Arnt' has a negative count"),
        (TRANSFAC.replace("16.0", "many"), r"x\.transfac is no file of TRANSFAC's matrices: could not convert"),
        (TRANSFAC.replace("4.0\t16.0", "0\t0"), r"motif 'MA0004\.1 Arnt' has no counts at position 1"),
    ],
    ids=range(5),
)
def test_files_that_are_not_transfacs(write, text, message):
    with pytest.raises(InputError, match=message):
        read_motifs(write("x.transfac", text))


def test_distinct_names_pass_over_names_that_are_taken():
    names = ["a", "b", "a", "a#2", "a", "b", "a#2"]
    renamed = [motif.name for motif in distinct_names([of_matrix(ARNT, name) for name in names])]
    assert renamed == ["a", "b", "a#3", "a#2", "a#4", "b#2", "a#2#2"]


@given(st.lists(st.sampled_from(["a", "b", "a#2", "a#3", "a#2#2"])))
def test_distinct_names_are_distinct_and_keep_what_is(names):
    renamed = [motif.name for motif in distinct_names([of_matrix(ARNT, name) for name in names])]
    assert len(set(renamed)) == len(names)
    assert set(names) <= set(renamed)
    assert all(new.startswith(old) for old, new in zip(names, renamed, strict=True))


def test_information_content():
    matrix = np.array([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0], [0.5, 0.25, 0.125, 0.125]])
    np.testing.assert_allclose(information(matrix), [2, 0, 1, 0.25], atol=1e-15)


INFORMATIVE = [0, 0, 1, 0]  # 2 bits
HALF = [0.5, 0.5, 0, 0]  # 1 bit
FLAT = [0.25, 0.25, 0.25, 0.25]  # none


@pytest.mark.parametrize(("least", "first", "last"), [(0, 0, 6), (0.1, 1, 5), (1, 1, 5), (1.1, 2, 5), (2, 2, 5)])
def test_trimming_takes_from_the_ends_alone(least, first, last):
    motif = of_matrix([FLAT, HALF, INFORMATIVE, FLAT, INFORMATIVE, FLAT])
    trimmed = trim(motif, least)
    assert trimmed.matrix.tolist() == motif.matrix[first:last].tolist()
    assert trimmed._replace(matrix=None) == motif._replace(matrix=None)


def test_trimming_of_everything_and_of_a_sequence():
    with pytest.raises(InputError, match=r"x\.meme:1: motif 'm' has no position of 1.5 bits .*most is 1\.00\); lower"):
        trim(of_matrix([HALF, FLAT]), 1.5)
    motif = Motif("s", None, "NNACGTNN", "x.tsv:2")
    assert trim(motif, 2) == motif


def test_consensus_and_informative_sequences():
    motif = of_matrix([[0.1, 0.2, 0.3, 0.4], FLAT, [0, 0.4, 0.2, 0.4], INFORMATIVE, HALF])
    assert motif_sequences(motif) == ["TACGA"]
    assert motif_sequences(motif, "informative", min_information=0) == ["TACGA"]
    assert motif_sequences(motif, "informative", min_information=1) == ["NNNGA"]
    assert motif_sequences(motif, "informative", min_information=1.01) == ["NNNGN"]
    with pytest.raises(InputError, match=r"x\.meme:1: motif 'm' has no position of 0\.5 bits"):
        motif_sequences(of_matrix([FLAT]), "informative", min_information=0.5)


def test_sampled_sequences_have_the_matrix_s_frequencies():
    motif = of_matrix([[0.1, 0.2, 0.3, 0.4], [0, 0.5, 0, 0.5], INFORMATIVE, [0.7, 0, 0, 0.3]])
    drawn = np.array([list(sequence) for sequence in motif_sequences(motif, "sampled", n=4000, seed=3)])
    frequencies = np.stack([(drawn == letter).mean(axis=0) for letter in "ACGT"], axis=1)
    assert ((frequencies == 0) == (motif.matrix == 0)).all()
    # four standard deviations of a frequency are at most 0.032
    np.testing.assert_allclose(frequencies, motif.matrix, atol=0.032)
    # positions are drawn independently
    together = ((drawn[:, 0] == "T") & (drawn[:, 1] == "C")).mean()
    assert together == pytest.approx(0.4 * 0.5, abs=0.026)


def test_samples_depend_on_the_seed_and_the_name_and_more_begin_with_fewer():
    motif = of_matrix([FLAT] * 12)
    ten = motif_sequences(motif, "sampled", n=10, seed=1)
    assert motif_sequences(motif, "sampled", n=5, seed=1) == ten[:5]
    assert len({*ten, *motif_sequences(motif, "sampled", n=10, seed=2)}) == 20
    assert len({*ten, *motif_sequences(motif._replace(name="other"), "sampled", n=10, seed=1)}) == 20


def test_sequences_of_a_sequence():
    motif = Motif("s", None, "ACNT", "x.tsv:2")
    assert motif_sequences(motif) == motif_sequences(motif, "informative", min_information=2) == ["ACNT"]
    with pytest.raises(InputError, match=r"x\.tsv:2: motif 's' is a sequence, so .* to sample from; use consensus"):
        motif_sequences(motif, "sampled")
    with pytest.raises(InputError, match="by 'mode'; use consensus, informative or sampled"):
        motif_sequences(motif, "mode")


def test_jaspar_database():
    motifs = read_jaspar("JASPAR2026", "CORE", "nematodes")
    assert [motif.name for motif in motifs] == sorted(motif.name for motif in motifs)
    assert len({motif.name.split()[0].split(".")[0] for motif in motifs}) == len(motifs) > 10
    for motif in motifs:
        assert motif.source == f"JASPAR2026:{motif.name.split()[0]}"
        assert motif.matrix.shape[1] == 4
        np.testing.assert_allclose(motif.matrix.sum(axis=1), 1, rtol=1e-12)


def test_factors_of_a_class_or_family_of_the_jaspar_database():
    """Of a dimer one of the two is enough; which they are is kept."""
    everything = read_jaspar("JASPAR2026", "CORE", "vertebrates")
    homeo = read_jaspar("JASPAR2026", "CORE", "vertebrates", "Homeo domain factors")
    expected = [motif.name for motif in everything if "Homeo domain factors" in motif.tf_class.split("; ")]
    assert [motif.name for motif in homeo] == expected
    dimer = next(motif for motif in homeo if motif.name == "MA0142.1 Pou5f1::Sox2")
    assert dimer.tf_class == "Homeo domain factors; High-mobility group (HMG) domain factors"
    assert dimer.tf_family == "POU domain factors; SOX-related factors"
    hox = read_jaspar("JASPAR2026", "CORE", "vertebrates", "Homeo domain factors", "HOX*")
    families = [motif.tf_family.split("; ") for motif in hox]
    assert all(any(family.startswith("HOX") for family in of) for of in families)
    assert len(everything) > len(homeo) > len(hox) > 20
    with pytest.raises(InputError, match="the tf_class 'Homeo domain factor'; others are Homeo domain factors, "):
        read_jaspar("JASPAR2026", "CORE", "insects", "Homeo domain factor")
    with pytest.raises(InputError, match="no motif of JASPAR2026 here has the tf_family 'HO'; others are "):
        read_jaspar("JASPAR2026", "CORE", "insects", None, "HO")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("JASPAR1999",), "release 'JASPAR1999' is not in pyjaspar; use one of JASPAR2026, JASPAR2024, JASPAR2022"),
        (("JASPAR2022", "core'"), "collection 'core'' is not in JASPAR2022; use one of CORE, UNVALIDATED"),
        (("JASPAR2022", "CORE", "mammals"), "group 'mammals' is not in JASPAR2022; use one of .*plants.*vertebrates"),
        (("JASPAR2014", "SPLICE", "fungi"), "JASPAR2014 has no motif of fungi in SPLICE; choose another"),
    ],
)
@pytest.mark.filterwarnings("ignore:Zero motifs:Bio.BiopythonWarning")
def test_unknown_parts_of_the_jaspar_database(arguments, message):
    with pytest.raises(InputError, match=message):
        read_jaspar(*arguments)


def test_real_meme_file_and_database_have_the_same_consensuses(real_data):
    from_file = {motif.name: motif for motif in read_motifs(real_data / "JASPAR2022_CORE_vertebrates.meme")}
    from_database = {motif.name: motif for motif in read_jaspar("JASPAR2022", "CORE", "vertebrates")}
    assert from_file.keys() == from_database.keys()
    assert len(from_file) == 841
    for name, motif in from_database.items():
        # the file has six decimals, which neither break nor make a tie of the two likeliest letters
        np.testing.assert_allclose(from_file[name].matrix, motif.matrix, atol=2e-6)
        assert motif_sequences(from_file[name]) == motif_sequences(motif)
    assert motif_sequences(trim(from_database["MA0139.1 CTCF"], 0.5))[0] in "TGGCCACCAGGGGGCGCTA"
