import gzip
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.errors import InputError
from marginalization.inputs.annotations import read_annotations
from marginalization.inputs.intervals import overlaps
from marginalization.sequences.letters import reverse_complement

CHR1 = "".join(np.random.default_rng(0).choice(list("ACGT"), 100))
CHR2 = "ACGTNNacgtTTGGCCAARA"
FINEMO = (
    "chr\tstart\tend\tstart_untrimmed\tend_untrimmed\tmotif_name\thit_coefficient\tstrand\tpeak_name\tpeak_id\n"
    "chr1\t10\t16\t8\t18\tpos_patterns.pattern_0\t0.5\t+\tp1\t0\n"
    "chr1\t20\t26\t18\t28\tneg_patterns.pattern_1\t0.7\t-\tp1\t0\n"
)
NARROW_PEAK = "chr1\t30\t50\tpeak\t100\t.\t9.0\t-1\t4.6\t7\nchr1\t60\t80\t.\t100\t.\t9.0\t-1\t4.6\t0\n"


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(f">chr1\n{CHR1}\n>chr2\n{CHR2}\n")
    return path


@pytest.fixture
def read(tmp_path, genome):
    """Read a table of the given text, from a file of the given name."""

    def read_text(text, name="x.bed", **options):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return read_annotations(path, genome, **options)

    return read_text


def test_bed_columns_values_and_order(read):
    table = read("chr2\t4\t10\tone\t0\t+\nchr1\t5\t9\t.\t0\t-\nchr1\t0\t100\tall\t0\t.\n")
    assert table.drop(columns="source").to_dict("list") == {
        "name": ["one", "chr1:5-9(-)", "all"],
        "chrom": ["chr2", "chr1", "chr1"],
        "start": [4, 5, 0],
        "end": [10, 9, 100],
        "strand": ["+", "-", "+"],
        "sequence": ["NNACGT", reverse_complement(CHR1[5:9]), CHR1],
        "n_unknown": [2, 0, 0],
    }
    assert [source.rpartition("/")[2] for source in table["source"]] == ["x.bed:1", "x.bed:2", "x.bed:3"]
    assert [str(table[column].dtype) for column in ("start", "end", "n_unknown")] == ["int64"] * 3


def test_without_strands(read):
    table = read("chr1\t5\t9\ta\t0\t-\n", stranded=False)
    assert (table["sequence"][0], table["strand"][0]) == (CHR1[5:9], "-")


@pytest.mark.parametrize("columns", range(3, 13))
def test_bed_of_any_number_of_columns(read, columns):
    fields = ["chr1", "10", "20", "name", "0", "-", "10", "20", "0", "2", "3,3", "0,7"]
    table = read("\t".join(fields[:columns]) + "\n")
    strand = "-" if columns >= 6 else "+"
    assert table["name"].tolist() == ["name" if columns >= 4 else "chr1:10-20(+)"]
    assert table["sequence"].tolist() == [reverse_complement(CHR1[10:20]) if strand == "-" else CHR1[10:20]]


@pytest.mark.parametrize("name", ["x.bed", "x.bed.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_skipped_lines_keep_the_line_numbers(read, name, end):
    lines = ["browser position chr1", "track name=x", "#chrom", "", "chr1\t1\t5\ta", "#", "chr1\t2\t6\tb"]
    table = read(end.join(lines) + end, name)
    assert table["name"].tolist() == ["a", "b"]
    assert [source.rpartition(":")[2] for source in table["source"]] == ["5", "7"]
    with pytest.raises(InputError, match="line 8: end 3 is not after start 3"):
        read(end.join([*lines, "chr1\t3\t3\tc"]), name)


def test_narrow_peaks_whole_and_by_their_summits(read):
    whole = read(NARROW_PEAK, "x.narrowPeak")
    assert whole["sequence"].tolist() == [CHR1[30:50], CHR1[60:80]]
    for name in ("x.narrowPeak.gz", "encode.bed"):
        summits = read(NARROW_PEAK, name, summit_flank=3)
        assert summits["sequence"].tolist() == [CHR1[34:41], CHR1[57:64]]
        assert summits["name"].tolist() == ["peak", "chr1:57-64(+)"]


BED10 = "chr1\t30\t50\tgene\t0\t+\t32\t40\t255,0,0\t2\nchr1\t60\t80\t.\t0\t-\t62\t70\t0\t3\n"


@pytest.mark.parametrize(
    "text",
    [
        BED10,
        BED10.replace("255,0,0", "0"),  # all of it could be narrowPeak's
        BED10.replace("\t2\n", "\ttext\n"),
        BED10.replace("\t2\n", "\t99\n").replace("\t3\n", "\t\n"),
    ],
)
def test_ten_columns_that_are_not_those_of_a_narrow_peak(read, text):
    assert read(text)["sequence"].tolist() == [CHR1[30:50], reverse_complement(CHR1[60:80])]


def test_a_file_named_a_narrow_peak_is_one(read):
    with pytest.raises(InputError, match=r"x\.narrowPeak, line 2: summit '30' in column 10 is not within"):
        read(BED10.replace("\t3\n", "\t30\n"), "x.narrowPeak")


def test_summits_asked_of_ten_columns_that_have_none(read):
    message = (
        r"x\.bed, line 1: '255,0,0' in column 9 is no number, so this is no narrowPeak file .* name it [.]narrowPeak if"
    )
    with pytest.raises(InputError, match=message):
        read(BED10, summit_flank=3)
    without = NARROW_PEAK.replace("\t9.0\t-1\t4.6\t0\n", "\t.\t-1\t4.6\t0\n")
    with pytest.raises(InputError, match=r"x\.bed, line 2: '\.' in column 7 is no number"):
        read(without, summit_flank=3)
    assert read(without, summit_flank=3, format="narrowpeak")["sequence"].tolist() == [CHR1[34:41], CHR1[57:64]]


def test_fi_nemo_hits_and_their_bed(read):
    table = read(FINEMO, "hits.tsv")
    assert table["name"].tolist() == ["pos_patterns.pattern_0", "neg_patterns.pattern_1"]
    assert table["sequence"].tolist() == [CHR1[10:16], reverse_complement(CHR1[20:26])]
    assert table["source"][0].endswith("hits.tsv:2")
    bed = read(
        "chr1\t10\t16\tpos_patterns.pattern_0\t500\t+\nchr1\t20\t26\tneg_patterns.pattern_1\t700\t-\n", "hits.bed"
    )
    pd.testing.assert_frame_equal(table.drop(columns="source"), bed.drop(columns="source"))


@pytest.mark.parametrize(("width", "start", "end"), [(20, 10, 20), (10, 10, 20), (9, 10, 19), (4, 13, 17), (3, 13, 16)])
def test_wide_annotations_are_clipped_to_their_middle(read, width, start, end):
    table = read("chr1\t10\t20\n", max_width=width)
    assert table.loc[0, ["start", "end", "sequence"]].tolist() == [start, end, CHR1[start:end]]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 100), st.sampled_from("+-")), min_size=1, max_size=20))
def test_sequences_are_the_genome_s(genome, tmp_path_factory, rows):
    rows = [(min(a, b - 1), max(a + 1, b), strand) for a, b, strand in rows]
    path = tmp_path_factory.mktemp("bed") / "x.bed"
    path.write_text("".join(f"chr1\t{start}\t{end}\t.\t0\t{strand}\n" for start, end, strand in rows))
    forward = [CHR1[start:end] for start, end, _ in rows]
    assert read_annotations(path, genome, stranded=False)["sequence"].tolist() == forward
    assert [
        reverse_complement(sequence) if strand == "-" else sequence
        for sequence, strand in read_annotations(path, genome)[["sequence", "strand"]].itertuples(index=False)
    ] == forward


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chr1 1 5 a", r"1 columns where the first row has 4; separate columns by one tab"),
        ("chr1\t1\t5", r"3 columns where the first row has 4"),
        ("chr1\tone\t5\ta", r"start 'one' is no position; write a whole number"),
        ("chr1\t-1\t5\ta", r"start '-1' is no position; write a whole number of 0 or more"),
        ("chr1\t1\t5.0\ta", r"end '5\.0' is no position"),
        ("chr1\t1\t" + "9" * 30 + "\ta", r"end '9+' is no position"),
        ("chr1\t5\t5\ta", r"end 5 is not after start 5; intervals are 0-based"),
        ("chr1\t90\t101\ta", r"chr1:90-101 is outside its chromosome, which has 100 bases in .*genome\.fa; use the"),
        ("1\t1\t5\ta", r"chromosome '1' is not in .*genome\.fa, which calls it 'chr1'; use one name"),
        ("chrX\t1\t5\ta", r"chromosome 'chrX' is not in .*genome\.fa, which has chr1, chr2; use"),
        ("chr2\t15\t20\ta", r"has the letter 'R' within chr2:15-20; only A, C, G, T and N .*: mask it with N or drop"),
    ],
)
def test_a_bad_row_is_named_with_its_remedy(read, row, message):
    with pytest.raises(InputError, match=r"x\.bed, line 3: .*" + message):
        read(f"chr1\t1\t5\ta\n# comment\n{row}\nchr1\t1\t5\ta\n")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("#\n\n", {}, r"x\.bed has no intervals; give at least one row"),
        ("chr1 1 5\n", {}, r"x\.bed, line 1: 1 columns; .* separated by tabs, not spaces"),
        ("chrom\tstart\tend\n", {}, r"x\.bed, line 1: start 'start' .*put '#' before a header"),
        ("chr1\t1\t5\ta\t0\t*\n", {}, r"x\.bed, line 1: strand '\*' is not one of '\+', '-' and '\.'; fix"),
        ("chr1\t1\t5\n", {"format": "bigbed"}, r"format 'bigbed' of .*x\.bed is not known; use one of bed, narrowpeak"),
        ("chr1\t1\t5\n", {"format": "narrowpeak"}, r"x\.bed, line 1: 3 columns; a narrowPeak file has 10"),
        ("chr1\t1\t5\n", {"format": "finemo"}, r"x\.bed, line 1: .*lacks a column \('chr'.*\); it needs chr, start"),
        ("chr1\t1\t5\n", {"summit_flank": 5}, r"x\.bed, line 1: no summit .*leave summit_flank out"),
        (
            NARROW_PEAK + "chr1\t1\t9\t.\t0\t.\t0\t0\t0\t-1\n",
            {"summit_flank": 5},
            r"x\.bed, line 3: no summit .*drop the row",
        ),
        (
            "chr1\t1\t9\t.\t0\t.\t0\t0\t0\t8\n",
            {"summit_flank": 0},
            r"x\.bed, line 1: summit '8' .*interval of 8 bases; write its dist",
        ),
        ("1\tchr1\t5\n", {}, r"x\.bed, line 1: start 'chr1' is no position"),
        ("chr1\t1e6\t2e6\n", {}, r"x\.bed, line 1: start '1e6' is no position; write a whole number"),
        ("chr1\t1,000\t2,000\n", {}, r"x\.bed, line 1: start '1,000' is no position; .* in digits alone"),
        ("chr1,1,5\n", {}, r"x\.bed, line 1: 1 columns; .* separated by tabs"),
        ("chr 1\t1\t5\n", {}, r"x\.bed, line 1: chromosome 'chr 1' is not in .* which has chr1, chr2"),
        ('"chr1"\t1\t5\n', {}, r"x\.bed, line 1: chromosome '\"chr1\"' is not in"),
        ("chr1\tHAVANA\texon\t1\t5\t.\t+\t.\tgene\n", {}, r"x\.bed, line 1: start 'HAVANA' is no position"),
        ("chr1:1-5\n", {}, r"x\.bed, line 1: 1 columns; give at least chrom, start and end"),
        ("chr1\t1\t9\t.\t0\t.\t0\t0\t0\t1\n", {"summit_flank": 5}, r"x\.bed, line 1: chr1:-3-8 is outside"),
    ],
)
def test_bad_tables(read, text, options, message):
    with pytest.raises(InputError, match=message):
        read(text, **options)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(1, 8)), max_size=12),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(1, 8)), max_size=12),
)
def test_overlaps_by_brute_force(some, others):
    some, others = ([(chrom, start, start + width) for chrom, start, width in rows] for rows in (some, others))
    expected = [any(a[0] == b[0] and a[1] < b[2] and b[1] < a[2] for b in others) for a in some]
    columns = {"chrom": "str", "start": "int64", "end": "int64"}
    tables = [pd.DataFrame(rows, columns=list(columns)).astype(columns) for rows in (some, others)]
    assert overlaps(*tables).tolist() == expected


def test_real_ctcf_peaks_by_their_summits(real_data, tmp_path):
    genome = shutil.copy(real_data / "genome" / "hg38_chr22_32.0-32.3Mb.fa", tmp_path)
    peaks = real_data / "genome" / "ctcf_k562_hg38_chr22_32.0-32.3Mb.narrowPeak"
    table = read_annotations(peaks, genome, summit_flank=100)
    assert table["end"].sub(table["start"]).tolist() == [201] * 8
    assert table["start"][0] == 266209 + 150 - 100
    assert table["name"][0] == "chr22:266259-266460(+)"
    text = (real_data / "genome" / "hg38_chr22_32.0-32.3Mb.fa").read_text().split("\n", 1)[1].replace("\n", "")
    assert table["sequence"].tolist() == [text[a:b].upper() for a, b in zip(table["start"], table["end"], strict=True)]
