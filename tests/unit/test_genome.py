import bz2
import gzip
import lzma

import pandas as pd
import pytest
from marginalization.errors import InputError
from marginalization.inputs.genome import Genome
from marginalization.inputs.text import fasta_records, numbered_lines

FASTA = ">chr1 the first\nACGTA\ncgtac\nGGN\n>chr2\nTTTTR\n>3\nA\n"
CHR1 = "ACGTACGTACGGN"


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(FASTA)
    return path


def intervals(*rows):
    table = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    return table, pd.Series([f"x.bed, line {i}" for i in range(1, len(rows) + 1)])


def test_lengths_and_upper_case_sequences_in_the_order_asked(fasta):
    with Genome(fasta) as genome:
        assert genome.lengths == {"chr1": 13, "chr2": 5, "3": 1}
        asked = intervals(("chr2", 0, 4), ("chr1", 3, 11), ("3", 0, 1), ("chr1", 0, 13))
        assert genome.sequences(*asked) == ["TTTT", CHR1[3:11], "A", CHR1]
    assert [entry.name for entry in fasta.parent.iterdir() if entry.name != fasta.name] == ["genome.fa.fai"]


def test_every_interval_of_a_wrapped_chromosome(fasta):
    every = [("chr1", start, end) for start in range(13) for end in range(start + 1, 14)]
    with Genome(fasta) as genome:
        assert genome.sequences(*intervals(*every)) == [CHR1[start:end] for _, start, end in every]


def test_outside_and_its_error(fasta):
    asked, where = intervals(("chr1", 0, 13), ("chr1", 1, 14), ("chr2", -1, 3))
    with Genome(fasta) as genome:
        assert genome.outside(asked).tolist() == [False, True, True]
        with pytest.raises(InputError, match=r"x\.bed, line 2: chr1:1-14 .* has 13 bases in .*genome\.fa; drop it"):
            genome.check_ends(asked, where, "drop it")
        genome.check_ends(asked[:1], where, "drop it")


@pytest.mark.parametrize(
    ("chrom", "message"),
    [
        ("1", r"'1' is not in .*genome\.fa, which calls it 'chr1'; use one name"),
        ("chr3", r"'chr3' is not in .*, which calls it '3'; use one name"),
        ("chrX", r"'chrX' is not in .*, which has chr1, chr2, 3; use the genome of the same assembly"),
    ],
)
def test_a_chromosome_that_is_missing(fasta, chrom, message):
    asked, where = intervals(("chr1", 0, 1), (chrom, 0, 1))
    with Genome(fasta) as genome, pytest.raises(InputError, match=r"^x\.bed, line 2: chromosome " + message):
        genome.check_chromosomes(asked["chrom"], where)


def test_a_letter_that_is_not_understood(fasta):
    with (
        Genome(fasta) as genome,
        pytest.raises(InputError, match=r"x\.bed, line 1: .*genome\.fa has the letter 'R' within chr2:0-5; .*mask"),
    ):
        genome.sequences(*intervals(("chr2", 0, 5)))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_any_system(tmp_path, end):
    path = tmp_path / "x.txt"
    path.write_bytes(f"\ufeffone{end}{end}three".encode())
    assert list(numbered_lines(path)) == [(1, "one"), (2, ""), (3, "three")]


@pytest.mark.parametrize("name", ["x.bed", "x.bed.gz"])
def test_gzip_is_seen_from_the_content(tmp_path, name):
    for content in (b"chr1\t0\t1\n", gzip.compress(b"chr1\t0\t1\n")):
        (tmp_path / name).write_bytes(content)
        assert list(numbered_lines(tmp_path / name)) == [(1, "chr1\t0\t1")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(range(128, 256)), r"is not a text file, or not in UTF-8 \(it has the byte 0x80\); give the text"),
        (
            "caf\u00e9\t1".encode("latin-1"),
            r"is not .* or not in UTF-8 \(it has the byte 0xe9\); .* saved as UTF-8",
        ),
        ("chr1\t0\t1\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ("chr1\t0\t1\n".encode("utf-16-le"), "is not a text file; give the text form of the table"),
        (b"PK\x03\x04\x14\x00 and the rest of an .xlsx", "is a spreadsheet or an archive; save the table as text"),
        (lzma.compress(b"chr1\t0\t1\n"), "is compressed by bzip2, xz or zstd; unpack it"),
        (bz2.compress(b"chr1\t0\t1\n"), "is compressed by bzip2, xz or zstd; unpack it"),
        (b"\xeb\xf2\x89\x87\x04\x00", "is a bigBed file; convert it with bigBedToBed"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of git LFS .* `git lfs pull`"),
        (b"<!DOCTYPE html>\n<html>Not found</html>\n", "is a web page or XML, such as the answer to a failed download"),
        (gzip.compress(b"chr1\t0\t1\n" * 99, mtime=0)[:-9], "cannot be read: Compressed file ended"),
        (gzip.compress(b"", mtime=0)[:10] + b"\x07" * 40, "cannot be read: Error -3 while decompressing"),
    ],
)
def test_files_that_are_no_text(tmp_path, content, message):
    (tmp_path / "x.bed").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.bed {message}"):
        list(numbered_lines(tmp_path / "x.bed"))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"missing\.bed cannot be read: No such file or directory; check"):
        list(numbered_lines(tmp_path / "missing.bed"))


def test_fasta_records_with_their_lines(tmp_path):
    path = tmp_path / "x.fa"
    path.write_text("\n>a first\nac\n\nGt\n>b\nN\n")
    assert list(fasta_records(path)) == [(2, "a first", "ACGT"), (6, "b", "N")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"x\.fa is empty; give"),
        ("ACGT\n", r"x\.fa, line 1: text before the first '>'"),
        (">a\nA\n>\nC\n", r"x\.fa, line 3: the record has no name; write one"),
        (">a\nA\n>b\n>c\nC\n", r"x\.fa, line 3: record 'b' has no sequence; add it"),
    ],
)
def test_fasta_records_that_are_malformed(tmp_path, text, message):
    path = tmp_path / "x.fa"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        list(fasta_records(path))
