"""The sequences of genomes, compared with those that the files were made of, whatever index lies beside them."""

import gzip
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pyfaidx
import pytest
from Bio import bgzf
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization import fasta_index
from marginalization.errors import InputError
from marginalization.genome import Genome

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
@given(RECORDS, FORMS, st.integers(1, 40), st.sampled_from(["genome.fa", "genome.fa.gz"]))
def test_every_form_of_a_fasta_file(tmp_path_factory, records, form, piece, name):
    path = save(tmp_path_factory.mktemp("form") / name, written(records, **form))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasta_index, "PIECE", piece)  # lines and titles that go on in the next piece
        assert all_sequences(path) == truth(records)
    fai = Path(f"{path}.fai")
    before = fai.stat().st_ino
    assert all_sequences(path) == truth(records)
    assert fai.stat().st_ino == before  # taken as it is


@settings(deadline=None, max_examples=60)
@given(RECORDS, st.integers(1, 30), st.booleans())
def test_the_index_is_that_of_pyfaidx(tmp_path_factory, records, width, last_end):
    path = save(tmp_path_factory.mktemp("pyfaidx") / "genome.fa", written(records, width, last_end=last_end))
    all_sequences(path)
    ours = fasta_index._read_fai(Path(f"{path}.fai"))
    with pyfaidx.Faidx(str(path), indexname=str(path.with_name("theirs.fai"))) as theirs:
        for name, record in theirs.index.items():
            assert (ours[name].length, ours[name].offset) == (record.rlen, record.offset)
            if record.rlen > record.lenc:
                assert (ours[name].bases, ours[name].bytes) == (record.lenc, record.lenb)
    shutil.copy(path.with_name("theirs.fai"), f"{path}.fai")
    assert all_sequences(path) == truth(records)


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"genome\.fa is empty; give a FASTA file"),
        (b"\n\n", r"genome\.fa is empty; give a FASTA file"),
        (b"\nACGT\n", r"genome\.fa, line 2: text before the first '>'; give a FASTA"),
        (b"\xef\xbb\xbf>a\nACGT\n", r"genome\.fa begins with a byte order mark; save it without one"),
        (b">a\nACGT\n>a\nACGT\n", r"genome\.fa, line 3: a second record 'a'; give each its own name"),
        (b">a\nACGT\n> \nACGT\n", r"genome\.fa, line 3: the record has no name; write one after the '>'"),
        (b">a\nACGT\nACGTACGT\nACGT\n", r"genome\.fa, line 3: the lines of record 'a' are not of one length"),
        (b">a\nACGT\nACGTACGT\n>b\nA\n", r"genome\.fa, line 3: the lines of record 'a' .* `seqkit seq -w 60`"),
        (b">a\nACGT\nAC\nACGT\n", r"genome\.fa, line 3: the lines of record 'a' are not"),
        (b">a\nACGT\n\nACGT\n", r"genome\.fa, line 3: the lines of record 'a' are not"),
        (b">a\nACGT\nACG\r\nACGT\n", r"genome\.fa, line 3: the lines of record 'a' are not"),
        (b">a\rACGT\rACGT\r", r"genome\.fa, line 1: a line ends as on old Macs; convert the file"),
        (b"\x43\x27\x41\x1a" + bytes(40), r"genome\.fa is a \.2bit file; convert it with twoBitToFa"),
        (gzip.compress(FASTA.encode()), r"genome\.fa is compressed by gzip, .*bgzip > genome\.fa\.bgz"),
        (FASTA.encode("utf-16"), r"genome\.fa is UTF-16 text"),
        (b"@read\nACGT\n+\n!!!!\n", r"genome\.fa, line 1: text before the first '>'"),
    ],
)
def test_a_file_that_is_no_genome(tmp_path, content, message):
    path = tmp_path / "genome.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        Genome(path)
    assert str(error.value).count("genome.fa") <= 3
    assert str(error.value).count("genome /") <= 1  # no message within a message
    assert [entry.name for entry in tmp_path.iterdir()] == ["genome.fa"]


def test_a_genome_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"missing\.fa cannot be read: No such file or directory; check the path"):
        Genome(tmp_path / "missing.fa")


@pytest.mark.parametrize("letters", ["AC-GT", "ACGT*", "AC GT", "ACRGT", "AC\u00e9T"])
def test_letters_that_are_not_understood(tmp_path, letters):
    path = save(tmp_path / "genome.fa", f">a\nACGT\n>b\n{letters}\n".encode("latin-1"))
    with Genome(path) as genome:
        asked = pd.DataFrame({"chrom": ["a", "b"], "start": [0, 0], "end": [4, 2]})
        assert genome.sequences(asked, pd.Series(["x.bed, line 1", "x.bed, line 2"])) == ["ACGT", "AC"]
        asked["end"] = [4, len(letters)]
        odd = next(letter for letter in letters if letter not in "ACGT").upper()
        with pytest.raises(
            InputError, match=f"x.bed, line 2: the genome .* has the letter '{re.escape(odd)}' within b:0-"
        ):
            genome.sequences(asked, pd.Series(["x.bed, line 1", "x.bed, line 2"]))
