import gzip
import os
from pathlib import Path

import pandas as pd
import pytest
from Bio import bgzf
from marginalization.errors import InputError
from marginalization.genome import Genome
from marginalization.text import fasta_records, numbered_lines

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


def test_a_genome_compressed_by_bgzip(tmp_path):
    path = tmp_path / "genome.fa.gz"
    with bgzf.open(path, "wb") as file:
        file.write(FASTA.encode())
    for _ in range(2):  # the second time the indexes are there
        with Genome(path) as genome:
            assert genome.sequences(*intervals(("chr1", 3, 11))) == [CHR1[3:11]]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "genome.fa.gz",
        "genome.fa.gz.fai",
        "genome.fa.gz.gzi",
    ]


def test_an_index_older_than_the_genome_is_made_anew(fasta):
    with Genome(fasta):
        pass
    fasta.write_text(">other\nGGGG\n")
    index = fasta.with_name("genome.fa.fai")
    os.utime(index, (0, 0))
    with index.open() as read_meanwhile:
        with Genome(fasta) as genome:
            assert genome.lengths == {"other": 4}
        assert read_meanwhile.read().startswith("chr1\t13\t")  # the old index was replaced, not written over
    assert index.read_text().startswith("other\t4\t")


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not contain a valid sequence"),
        ("ACGT\n", "Unexpected text before the first"),
        (">a\nACGT\n>a\nACGT\n", 'Duplicate key "a"'),
        (">a\nACGT\nACGTACGT\nACGT\n", "Line length of fasta file is not consistent"),
    ],
)
def test_a_file_that_is_no_genome(tmp_path, text, message):
    path = tmp_path / "broken.fa"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"genome .*broken\.fa is no FASTA that can be indexed: .*{message}"):
        Genome(path)


def test_a_plain_gzip_and_a_missing_file(tmp_path):
    with gzip.open(tmp_path / "plain.fa.gz", "wt") as file:
        file.write(FASTA)
    with pytest.raises(InputError, match=r"plain\.fa\.gz .*bgzip"):
        Genome(tmp_path / "plain.fa.gz")
    with pytest.raises(InputError, match=r"missing\.fa does not exist; check the path"):
        Genome(tmp_path / "missing.fa")


def test_a_folder_that_takes_no_index(fasta):
    # a folder of /proc takes no new files, not even from root, whom permissions do not stop
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc here")
    with (
        fasta.open() as file,
        pytest.raises(InputError, match=r"no up-to-date index .*samtools faidx.*ln -s"),
    ):
        Genome(f"/proc/self/fd/{file.fileno()}")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_any_system(tmp_path, end):
    path = tmp_path / "x.txt"
    path.write_bytes(f"\ufeffone{end}{end}three".encode())
    assert list(numbered_lines(path)) == [(1, "one"), (2, ""), (3, "three")]


def test_files_that_are_no_text(tmp_path):
    binary = tmp_path / "x.bed"
    binary.write_bytes(bytes(range(255, 0, -1)))
    with pytest.raises(InputError, match=r"x\.bed is not a text file; give the text"):
        list(numbered_lines(binary))
    with pytest.raises(InputError, match=r"missing\.bed cannot be read: No such file or directory; check"):
        list(numbered_lines(tmp_path / "missing.bed"))
    (tmp_path / "x.bed.gz").write_text("chr1\t0\t1\n")
    with pytest.raises(InputError, match=r"x\.bed\.gz cannot be read: Not a gzipped file"):
        list(numbered_lines(tmp_path / "x.bed.gz"))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"chr1\t0\t1\n" * 99)[:-9])
    with pytest.raises(InputError, match=r"cut\.gz cannot be read: Compressed file ended"):
        list(numbered_lines(tmp_path / "cut.gz"))


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
