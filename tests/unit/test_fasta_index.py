"""The sequences of genomes, compared with those that the files were made of, whatever index lies beside them."""

import gzip
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from Bio import bgzf
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.errors import InputError
from marginalization.inputs.genome import Genome

FASTA = ">chr1 the first\nACGTA\ncgtac\nGGN\n>chr2\nTTTTR\n>3\nA\n"
CHR1 = "ACGTACGTACGGN"


def written(records, width=60, end="\n", describe="", blanks=0, last_end=True):
    """A FASTA file of (name, sequence) in lines of a width, as its bytes."""
    lines = []
    for name, sequence in records:
        lines += [f">{name}{describe}", *(sequence[i : i + width] for i in range(0, len(sequence), width))]
        lines += [""] * blanks
    return (end.join(lines) + end * last_end).encode()


def save(path: Path, content: bytes):
    """Write a genome, compressed by bgzip when its name ends in .gz."""
    if path.suffix == ".gz":
        with bgzf.open(path, "wb") as file:
            file.write(content)
    else:
        path.write_bytes(content)
    return path


def all_sequences(path):
    """The whole sequence of each record, and each of its parts from a third to two thirds, as a genome reads them."""
    with Genome(path) as genome:
        rows = [(name, 0, length) for name, length in genome.lengths.items() if length]
        rows += [(name, length // 3, 1 + 2 * length // 3) for name, length in genome.lengths.items() if length]
        table = pd.DataFrame(rows, columns=["chrom", "start", "end"])
        read = genome.sequences(table, pd.Series(["x"] * len(rows)))
        empty = {name: "" for name, length in genome.lengths.items() if not length}
    half = len(rows) // 2
    whole, parts = (dict(zip(table["chrom"][:half], some, strict=True)) for some in (read[:half], read[half:]))
    assert parts == {name: text[len(text) // 3 : 1 + 2 * len(text) // 3] for name, text in whole.items()}
    return whole | empty


def truth(records):
    return {name: sequence.upper() for name, sequence in records}


NAMES = st.text("ab1|.>", min_size=1, max_size=4)
RECORDS = st.lists(
    st.tuples(NAMES, st.text("ACGTNacgtn", max_size=60)), min_size=1, max_size=6, unique_by=lambda r: r[0]
)
FORMS = st.fixed_dictionaries(
    {
        "width": st.integers(1, 30),
        "end": st.sampled_from(["\n", "\r\n"]),
        "describe": st.sampled_from(["", " of a kind", "\tof >a kind"]),
        "blanks": st.integers(0, 3),
        "last_end": st.booleans(),
    }
)


@settings(deadline=None, max_examples=60)
@given(RECORDS, FORMS, st.sampled_from(["genome.fa", "genome.fa.gz"]))
def test_every_form_of_a_fasta_file(tmp_path_factory, records, form, name):
    path = save(tmp_path_factory.mktemp("form") / name, written(records, **form))
    assert all_sequences(path) == truth(records)
    fai = Path(f"{path}.fai")
    os.utime(fai, (1e9, 1e9))
    before = fai.stat().st_ino
    assert all_sequences(path) == truth(records)
    assert fai.stat().st_ino == before  # taken as it is, although older than the file


@settings(deadline=None, max_examples=60)
@given(RECORDS, FORMS, RECORDS, FORMS, st.booleans(), st.sampled_from(["genome.fa", "genome.fa.gz"]))
def test_the_index_of_another_file_is_never_read_by(tmp_path_factory, records, form, others, form2, same_names, name):
    folder = tmp_path_factory.mktemp("other")
    if same_names:  # another assembly
        others = [(name, others[i % len(others)][1]) for i, (name, _) in enumerate(records)]
    path, other = (
        save(folder / name, written(records, **form)),
        save(folder / f"other-{name}", written(others, **form2)),
    )
    all_sequences(other)
    shutil.move(f"{other}.fai", f"{path}.fai")
    os.utime(f"{path}.fai", (2e9, 2e9))  # newer than the file
    assert all_sequences(path) == truth(records)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, "more\t5\t900\t5\t6"],
        lambda lines: [lines[0].replace("chr1", "chr9"), *lines[1:]],
        lambda lines: [lines[0].replace("13\t16", "12\t16"), *lines[1:]],
        lambda lines: [lines[0].replace("\t5\t6", "\t6\t7"), *lines[1:]],
        lambda lines: [lines[0].replace("\t5\t6", "\t0\t0"), *lines[1:]],
        lambda lines: [lines[0].replace("\t5\t6", ""), *lines[1:]],
        lambda lines: [lines[0].replace("13", "-13"), *lines[1:]],
        lambda lines: [lines[0].replace("13", "13.0"), *lines[1:]],
        lambda lines: ["\udcff" * 9],
        lambda lines: [],
    ],
)
def test_an_index_that_is_garbled_is_made_anew(tmp_path, change):
    path = save(tmp_path / "genome.fa", FASTA.encode())
    good = "chr1\t13\t16\t5\t6\nchr2\t5\t38\t5\t6\n3\t1\t47\t1\t2\n"
    bad = "".join(f"{line}\n" for line in change(good.splitlines()))
    (tmp_path / "genome.fa.fai").write_text(bad, errors="surrogateescape")
    with Genome(path) as genome:
        assert genome.lengths == {"chr1": 13, "chr2": 5, "3": 1}
        assert genome.sequences(pd.DataFrame({"chrom": ["chr1"], "start": [4], "end": [12]}), "x") == [CHR1[4:12]]
    assert (tmp_path / "genome.fa.fai").read_text() == good


def test_an_index_in_another_order_fits(tmp_path):
    path = save(tmp_path / "genome.fa", FASTA.encode())
    (tmp_path / "genome.fa.fai").write_text("3\t1\t47\t1\t2\nchr2\t5\t38\t5\t6\nchr1\t13\t16\t5\t6\n")
    with Genome(path) as genome:
        assert list(genome.lengths) == ["3", "chr2", "chr1"]
        assert genome.sequences(pd.DataFrame({"chrom": ["chr1"], "start": [4], "end": [12]}), "x") == [CHR1[4:12]]


def test_an_older_file_put_in_place(tmp_path):
    new, old = (written([("chr1", text * 20)], 10) for text in ("ACGGT", "TTGACCA"))
    path = save(tmp_path / "genome.fa", new)
    assert all_sequences(path) == {"chr1": "ACGGT" * 20}
    path.write_bytes(old)
    os.utime(path, (1e9, 1e9))  # as `cp -p` and `rsync -a` leave it
    assert all_sequences(path) == {"chr1": "TTGACCA" * 20}


def test_every_place_of_blocks_of_bgzip(tmp_path):
    """Their first bases too, and with an index of bgzip that is another file's."""
    text = "".join("ACGT"[i * i % 7 % 4] + "ACGT"[i % 3] for i in range(70_000))
    path = save(tmp_path / "genome.fa.gz", written([("a", text[:65_000]), ("b", text)]))
    (tmp_path / "genome.fa.gz.gzi").write_bytes(b"\x01" + bytes(7) + bytes(range(16)))
    with Genome(path) as genome:
        starts = [*range(64_300, 64_600), *range(64_300, 65_536)]
        table = pd.DataFrame({"chrom": ["a"] * 300 + ["b"] * 1236, "start": starts}).assign(
            end=lambda t: t["start"] + 20
        )
        read = genome.sequences(table, pd.Series(["x"] * len(table)))
        assert read == [text[start : start + 20] for start in starts]
        everything = pd.DataFrame({"chrom": ["a", "b"], "start": [0, 0], "end": [65_000, 140_000]})
        assert genome.sequences(everything, pd.Series(["x", "x"])) == [text[:65_000], text]


def test_comments_at_the_top_are_skipped(tmp_path):
    path = save(tmp_path / "genome.fa", b"; a genome\n\n; of a kind\n>a\nACGT\nAC\n")
    assert all_sequences(path) == all_sequences(path) == {"a": "ACGTAC"}


def test_a_genome_whose_name_does_not_tell_how_it_is_compressed(tmp_path):
    known = FASTA.replace("R", "N").encode()
    packed = save(tmp_path / "packed.gz", known).rename(tmp_path / "packed.fa")
    for path in (packed, tmp_path / "plain.fa.gz"):
        if path != packed:
            path.write_bytes(known)
        assert all_sequences(path) == {"chr1": CHR1, "chr2": "TTTTN", "3": "A"}


def test_bgzip_files_that_were_put_one_after_another(tmp_path):
    parts = [save(tmp_path / f"{i}.gz", written([(f"{i}", "ACGTT" * 50)])) for i in range(3)]
    (tmp_path / "genome.fa.gz").write_bytes(b"".join(part.read_bytes() for part in parts))
    assert all_sequences(tmp_path / "genome.fa.gz") == {f"{i}": "ACGTT" * 50 for i in range(3)}


@pytest.mark.parametrize("where", ["beginning", "middle", "end", "marker"])
def test_a_damaged_bgzip_file(tmp_path, where):
    path = save(tmp_path / "genome.fa.gz", written([("a", "ACGT" * 50_000)]))
    content = bytearray(path.read_bytes())
    if where == "marker":
        del content[-28:]
    elif where == "end":
        del content[-40:]
    else:
        content[100 if where == "beginning" else len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"genome\.fa\.gz is cut short or damaged; copy or download it again"):
        all_sequences(path)


def test_a_folder_that_takes_no_index(tmp_path):
    # a folder of /proc takes no new files, not even from root, whom permissions do not stop
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc here")
    with save(tmp_path / "genome.fa", FASTA.encode()).open() as file:
        path = f"/proc/self/fd/{file.fileno()}"
        with Genome(path) as genome:
            assert genome.sequences(pd.DataFrame({"chrom": ["chr1"], "start": [4], "end": [12]}), "x") == [CHR1[4:12]]
        assert not Path(f"{path}.fai").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["genome.fa"]


LONGER = [
    b">a\nACGT\nACGTACGT\n>b\nA\n",
    b">a\nACGT\nACGTA",
    b">a\nACGT\nACGTACGTACGTACGT\n\n\n>b\nA\n",
    b">a\nA\nCGT\n\n\n\n>b\nA\n",
    b">a\nACGT\nACG\r\nACGT\n",
    b">a\nACGT\nACG\r\nACGTAC\n",
    b">a\nACG\r\nACGT\nACGT\n",
]
"""Records that pyfaidx indexes, and would read at wrong places."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"can not be indexed: The FASTA file 'genome\.fa' does not contain a valid sequence; give a FASTA file"),
        (b"\n\n", r"can not be indexed: The FASTA file 'genome\.fa' does not contain a valid sequence"),
        (
            b"\nACGT\n",
            r"indexed: Unexpected text before the first sequence definition line in 'genome\.fa'; give a FASTA",
        ),
        (b"\xef\xbb\xbf>a\nACGT\n", r"genome\.fa begins with a byte order mark; save it without one"),
        (b">a\nACGT\n>a\nACGT\n", 'can not be indexed: Duplicate key "a"; give a FASTA .* a name of its own for each'),
        (b">a\nACGT\n> \nACGT\n", "can not be indexed: Bad sequence name > ; give a FASTA file with a name of its own"),
        (b">a\nACGT\nACGTACGT\nACGT\n", "not consistent! Inconsistent line found in >a; wrap .* `seqkit seq -w 60`"),
        (b">a\nACGT\nAC\nACGT\n", "not consistent! Inconsistent line found in >a; wrap"),
        (b">a\nACGT\n\nACGT\nACGT\n", "not consistent! Inconsistent line found in >a; wrap"),
        (b">a\nACGT\nACG\nACGT\nA", "not consistent! Inconsistent line found in >a; wrap"),
        (b">a\nACGT\nACG\nA", "not consistent! Inconsistent line found in >a; wrap"),
        *[(text, "lines of a record are not of one length, .*; wrap .*`seqkit seq -w 60`") for text in LONGER],
        (b">a\rACGT\rACGT\r", r"lines of a record .* end as on old Macs; .* old Macs' after `tr '\\r' '\\n'`"),
        (b">a\nAC\xe9T\n", r"indexed: it is not text in UTF-8 \(it has the byte 0xe9\); give a FASTA file"),
        (b"\x43\x27\x41\x1a" + bytes(40), r"genome\.fa is a \.2bit file; convert it with twoBitToFa"),
        (gzip.compress(FASTA.encode(), mtime=0), r"genome\.fa is compressed by gzip, .*bgzip > genome\.fa\.bgz"),
        (FASTA.encode("utf-16"), r"genome\.fa is UTF-16 text"),
        (b"@read\nACGT\n+\n!!!!\n", r"indexed: Unexpected text before the first sequence definition line"),
    ],
)
def test_a_file_that_is_no_genome(tmp_path, content, message):
    path = tmp_path / "genome.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        Genome(path)
    assert "genome.fa" in str(error.value)
    assert str(error.value).count("genome.fa") <= 3
    assert str(error.value).count("genome /") <= 1  # no message within a message
    assert [entry.name for entry in tmp_path.iterdir()] == ["genome.fa"]


def test_a_genome_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"missing\.fa cannot be read: No such file or directory; check the path"):
        Genome(tmp_path / "missing.fa")


@pytest.mark.parametrize("letters", ["AC-GT", "ACGT*", "AC GT", "ACRGT", "AC\u00e9T"])
def test_letters_that_are_not_understood(tmp_path, letters):
    path = save(tmp_path / "genome.fa", f">a\nACGT\n>b\n{'A' * len(letters)}\n".encode())
    all_sequences(path)  # an index, since none is made of a file that is not UTF-8
    path.write_bytes(f">a\nACGT\n>b\n{letters}\n".encode("latin-1"))
    with Genome(path) as genome:
        asked = pd.DataFrame({"chrom": ["a", "b"], "start": [0, 0], "end": [4, 2]})
        assert genome.sequences(asked, pd.Series(["x.bed, line 1", "x.bed, line 2"])) == ["ACGT", "AC"]
        asked["end"] = [4, len(letters)]
        odd = next(letter for letter in letters if letter not in "ACGT").upper()
        with pytest.raises(
            InputError, match=f"x.bed, line 2: the genome .* has the letter '{re.escape(odd)}' within b:0-"
        ):
            genome.sequences(asked, pd.Series(["x.bed, line 1", "x.bed, line 2"]))
