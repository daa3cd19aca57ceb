import shutil
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from marginalization.config.resolving import resolve
from marginalization.config.sections import Config
from marginalization.design.backgrounds import select_backgrounds, transform_backgrounds
from marginalization.design.plan import make_plan
from marginalization.errors import InputError
from marginalization.sequences.letters import gc_fraction, named_generator, reverse_complement
from marginalization.sequences.shuffle import dinucleotide_shuffle, local_dinucleotide_shuffle, shuffle
from screens import MINIMAL, SCHEMA, screen_of, typed

CHR1 = "".join(np.random.default_rng(0).choice(list("ACGT"), 200))
CHR2 = "".join(np.random.default_rng(1).choice(list("ACGT"), 60)) + "NN" + "ACGT" * 10


def select_from(spec, seed):
    """The backgrounds of a section."""
    return select_backgrounds(typed(Config, {**MINIMAL, "backgrounds": spec, "seed": seed}))


@pytest.fixture
def files(tmp_path):
    """Write files of the given texts by their names, and say where they are."""
    (tmp_path / "genome.fa").write_text(f">chr1\n{CHR1}\n>chr2\n{CHR2}\n")

    def write(name, text):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.fixture
def select(files, tmp_path):
    """Select from loci given as the text of a BED file."""

    def select_loci(bed, length=10, seed=0, summits=False, **options):
        loci = {"file": files("loci.bed", bed), "genome": str(tmp_path / "genome.fa"), "summits": summits}
        return select_from({"length": length, "loci": loci, **options}, seed)

    return select_loci


def dropped(counts):
    return {reason: count for reason, count in counts.items() if count and reason not in ("read", "kept")}


def test_windows_are_centred_on_loci_and_follow_their_strands(select):
    table, counts = select("chr1\t20\t31\ta\t0\t+\nchr1\t50\t52\tb\t0\t-\nchr2\t0\t10\tc\t0\t.\n")
    assert table.to_dict("list") == {
        "name": ["chr1:20-30(+)", "chr1:46-56(-)", "chr2:0-10(+)"],
        "chrom": ["chr1", "chr1", "chr2"],
        "start": [20, 46, 0],
        "end": [30, 56, 10],
        "strand": ["+", "-", "+"],
        "sequence": [CHR1[20:30], reverse_complement(CHR1[46:56]), CHR2[0:10]],
    }
    assert table["start"].dtype == table["end"].dtype == "Int64"
    assert (counts["read"], counts["kept"], dropped(counts)) == (3, 3, {})


@pytest.mark.parametrize(("length", "start", "end"), [(1, 25, 26), (2, 24, 26), (5, 23, 28), (50, 0, 50)])
def test_length_of_windows(select, length, start, end):
    table, _ = select("chr1\t20\t31\n", length=length)
    assert table.loc[0, ["start", "end", "sequence"]].tolist() == [start, end, CHR1[start:end]]


def test_windows_on_summits(select):
    table, _ = select("chr1\t20\t60\t.\t0\t.\t0\t0\t0\t3\n", summits=True)
    assert table.loc[0, ["start", "end"]].tolist() == [18, 28]
    with pytest.raises(InputError, match=r"loci\.bed, line 1: no summit .*summits: false"):
        select("chr1\t20\t60\n", summits=True)


def test_loci_of_other_chromosomes_and_those_held_out(select):
    bed = "chr1\t20\t30\nchr2\t20\t30\nchr1\t40\t50\nchrUn\t0\t10\n"
    table, counts = select(bed, chromosomes=["chr1", "chr2"], holdout=["chr2"])
    assert table["name"].tolist() == ["chr1:20-30(+)", "chr1:40-50(+)"]
    assert dropped(counts) == {"other_chromosomes": 1, "holdout": 1}


def test_chromosomes_that_the_genome_lacks(select):
    with pytest.raises(InputError, match=r"config: backgrounds\.holdout: chromosome '2' is not in .* calls it 'chr2'"):
        select("chr1\t20\t30\n", holdout=["chr1", "2"])
    with pytest.raises(InputError, match=r"config: backgrounds\.chromosomes: chromosome 'chr9' is not in"):
        select("chr1\t20\t30\n", chromosomes=["chr9"])
    with pytest.raises(InputError, match=r"loci\.bed, line 2: chromosome 'chr9' is not in"):
        select("chr1\t20\t30\nchr9\t20\t30\n")


def test_windows_past_a_chromosome_s_end(select):
    bed = "chr1\t0\t4\nchr1\t20\t30\nchr1\t196\t200\nchr1\t190\t200\nchr1\t0\t10\n"
    table, counts = select(bed, past_end="drop")
    assert table["start"].tolist() == [20, 190, 0]
    assert dropped(counts) == {"past_chromosome_end": 2}
    with pytest.raises(InputError, match=r"loci\.bed, line 1: chr1:-3-7 is outside .* 200 bases .*past_end: drop"):
        select(bed)


def test_equal_windows_are_kept_once(select):
    table, counts = select("chr1\t20\t30\ta\t0\t+\nchr1\t15\t35\tb\t0\t.\nchr1\t20\t30\tc\t0\t-\n")
    assert table["name"].tolist() == ["chr1:20-30(+)", "chr1:20-30(-)"]
    assert dropped(counts) == {"duplicates": 1}


def test_windows_that_overlap_excluded_regions(select, files):
    exclude = files("exclude.bed", "chr1\t30\t41\nchrUn\t0\t9\n")
    table, counts = select("chr1\t20\t30\nchr1\t21\t31\nchr1\t40\t50\nchr1\t41\t51\nchr2\t30\t40\n", exclude=exclude)
    assert table["start"].tolist() == [20, 41, 30]
    assert dropped(counts) == {"overlapping": 2}


def test_excluded_regions_of_another_genome(select, files):
    with pytest.raises(InputError, match=r"exclude\.bed, line 1: chromosome '1' is not in .* calls it 'chr1'"):
        select("chr1\t20\t30\n", exclude=files("exclude.bed", "1\t30\t41\n"))


@pytest.mark.parametrize(("most", "kept"), [(0, 2), (1, 3), (2, 4), (None, 4)])
def test_windows_with_unknown_letters(select, most, kept):
    table, counts = select("chr2\t48\t58\nchr2\t51\t61\nchr2\t55\t65\nchr2\t62\t72\n", max_unknown=most)
    assert len(table) == counts["kept"] == kept
    assert dropped(counts) == ({"unknown_letters": 4 - kept} if kept < 4 else {})


def test_nothing_left(select, files):
    with pytest.raises(
        InputError, match=r"no background is left \(read 2, past_chromosome_end 1, unknown_letters 1, kept 0\); loosen"
    ):
        select("chr2\t55\t65\nchr2\t0\t1\n", past_end="drop")
    every = files("every.bed", "chr1\t0\t200\n")
    with pytest.raises(InputError, match=r"no background is left \(read 1, holdout 1, kept 0\)"):
        select("chr1\t20\t30\n", holdout=["chr1"], exclude=every, match_gc=every, maximum=1)


def test_a_larger_maximum_adds_to_a_smaller_one_and_keeps_file_order(select):
    bed = "".join(f"chr1\t{start}\t{start + 10}\n" for start in range(180, 0, -5))
    chosen = {most: select(bed, maximum=most) for most in (1, 5, 20, 36, 99)}
    for smaller, larger in pairwise(chosen):
        assert set(chosen[smaller][0]["name"]) < set(chosen[larger][0]["name"]) or smaller == 36
    for table, _ in chosen.values():
        assert table["start"].is_monotonic_decreasing
    assert {most: (len(table), dropped(counts)) for most, (table, counts) in chosen.items()} == {
        1: (1, {"over_maximum": 35}),
        5: (5, {"over_maximum": 31}),
        20: (20, {"over_maximum": 16}),
        36: (36, {}),
        99: (36, {}),
    }
    assert chosen[5][0]["name"].tolist() != select(bed, maximum=5, seed=1)[0]["name"].tolist()
    assert set(chosen[5][0]["name"]) == set(select("".join(reversed(bed.splitlines(True))), maximum=5)[0]["name"])


@pytest.fixture
def blocks(files, tmp_path):
    """A genome of blocks of 10 bases whose GC content is 0, 10, ..., 100 %, 20 blocks of each; their BED rows."""
    rng = np.random.default_rng(0)
    gc = [count for count in range(11) for _ in range(20)]
    parts = ["".join(rng.permutation(list("G" * count + "A" * (10 - count)))) for count in gc]
    (tmp_path / "genome.fa").write_text(">chr1\n" + "".join(parts) + "\n")
    return gc, [f"chr1\t{10 * i}\t{10 * i + 10}\n" for i in range(len(gc))]


def test_matched_gc_is_that_of_the_targets(select, files, blocks):
    gc, rows = blocks
    targets = files("targets.bed", "".join(rows[20 * count + i] for count, n in ((2, 5), (5, 12)) for i in range(n)))
    table, counts = select("".join(rows), match_gc=targets)
    assert Counter(round(10 * gc_fraction(sequence)) for sequence in table["sequence"]) == {2: 5, 5: 12}
    assert table["start"].is_monotonic_increasing
    assert counts["unmatched_gc"] == len(gc) - 17
    other, _ = select("".join(rows), match_gc=targets, seed=1)
    assert other["name"].tolist() != table["name"].tolist()


def test_matched_gc_goes_to_the_nearest_bin_that_has_any_left(select, files, blocks):
    _, rows = blocks
    candidates = [rows[20 * count] for count in (1, 2, 4, 7, 9)]
    targets = files("targets.bed", "".join(rows[20 * 4 : 20 * 4 + 3]))
    # 4 itself, then 2 (by 2), then of 1 and 7, both 3 away, the poorer one
    table, _ = select("".join(candidates), match_gc=targets)
    assert [round(10 * gc_fraction(sequence)) for sequence in table["sequence"]] == [1, 2, 4]


def test_more_targets_than_candidates_and_targets_without_gc(select, files):
    targets = files("targets.bed", "".join(f"chr1\t{i}\t{i + 10}\n" for i in range(10, 60)) + "chr1\t0\t1\n")
    table, counts = select("chr1\t20\t30\nchr1\t40\t50\n", match_gc=targets)
    assert (len(table), dropped(counts)) == (2, {})
    table, _ = select("chr2\t59\t61\nchr1\t20\t30\nchr1\t40\t50\n", length=2, max_unknown=None, match_gc=targets)
    assert "chr2:59-61(+)" in table["name"].tolist()
    unknown = files("unknown.bed", "chr2\t60\t62\nchr1\t20\t22\n")
    table, _ = select("chr2\t60\t62\nchr1\t20\t30\nchr1\t40\t50\n", length=2, max_unknown=None, match_gc=unknown)
    assert len(table) == 1
    assert "NN" not in table["sequence"].tolist()


def test_bins_of_gc_are_closed_below(select, files, tmp_path):
    # 58 of 100 is in the bin from 0.58 to 0.60, though 0.58 / 0.02 is below 29 in floating point
    parts = {count: "G" * count + "A" * (100 - count) for count in (57, 58, 59)}
    (tmp_path / "genome.fa").write_text(">chr1\n" + "".join(parts.values()) + "\n")
    target = files("target.bed", "chr1\t100\t200\n")
    table, _ = select("chr1\t0\t100\nchr1\t200\t300\n", length=100, match_gc=target)
    assert table["sequence"].tolist() == [parts[59]]


def test_backgrounds_from_fasta(files):
    fasta = files("x.fa", ">b second\nacgtn\n>a\nAACCG\n>c\nAACCG\n")
    table, counts = select_from({"length": 5, "fasta": fasta, "max_unknown": 1}, 0)
    assert table["name"].tolist() == ["b", "a", "c"]
    assert table["sequence"].tolist() == ["ACGTN", "AACCG", "AACCG"]
    assert table[["chrom", "start", "end", "strand"]].isna().all(axis=None)
    assert counts["read"] == counts["kept"] == 3
    table, counts = select_from({"length": 5, "fasta": fasta, "maximum": 1}, 0)
    assert dropped(counts) == {"unknown_letters": 1, "over_maximum": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\nAACCG\n>b\nAACC\n", r"x\.fa, line 3: record 'b' has 4 letters, but `length` is 5; trim or pad it"),
        (">a 1\nAACCG\n>a 2\nAACCG\n", r"x\.fa, line 3: record 'a' has the name of the record on line 1; give each"),
        (">a\nAACCR\n", r"x\.fa, line 1: record 'a' has the letter 'R'; write A, C, G, T, or N"),
        (">a\nAACNN\n", r"no background is left \(read 1, unknown_letters 1, kept 0\)"),
    ],
)
def test_bad_fasta(files, text, message):
    with pytest.raises(InputError, match=message):
        select_from({"length": 5, "fasta": files("x.fa", text)}, 0)


@pytest.mark.parametrize(
    ("key", "value"), [("chromosomes", ["chr1"]), ("holdout", ["chr1"]), ("exclude", "x.bed"), ("match_gc", "x.bed")]
)
def test_options_of_loci_need_loci(key, value):
    config = {"length": 5, "random": {"n": 3, "gc": 0.5}, key: value}
    with pytest.raises(InputError, match=rf"config: backgrounds\.{key} needs .*; give `loci`"):
        select_from(config, 0)


@pytest.mark.parametrize("gc", [0, 0.3, 1])
def test_random_backgrounds(gc):
    config = {"length": 20_000, "random": {"n": 3, "gc": gc}}
    table, counts = select_from(config, 0)
    assert table["name"].tolist() == ["random_0", "random_1", "random_2"]
    assert table[["chrom", "start", "end", "strand"]].isna().all(axis=None)
    assert counts["read"] == counts["kept"] == 3
    for sequence in table["sequence"]:
        frequencies = np.array([sequence.count(letter) for letter in "ACGT"]) / 20_000
        # four standard deviations of a frequency are at most 0.0142
        np.testing.assert_allclose(frequencies, [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2], atol=0.0142)
    fewer, _ = select_from({**config, "random": {"n": 2, "gc": gc}}, 0)
    pd.testing.assert_frame_equal(fewer, table[:2])


def test_random_backgrounds_differ_from_one_another_and_by_seed():
    config = {"length": 100, "random": {"n": 5, "gc": 0.5}}
    sequences = [sequence for seed in (0, 1) for sequence in select_from(config, seed)[0]["sequence"]]
    assert len(set(sequences)) == 10


def test_backgrounds_as_they_are(select):
    table, _ = select("chr1\t20\t30\nchr2\t57\t67\n", max_unknown=2)
    result = transform_backgrounds(table, "none", 1, 0)
    assert list(result) == ["background_id", "name", "chrom", "start", "end", "strand", "gc", "sequence"]
    assert result["background_id"].tolist() == [0, 1]
    assert result["gc"].tolist() == [gc_fraction(CHR1[20:30]), gc_fraction(CHR2[57:67])]
    pd.testing.assert_frame_equal(result[list(table)], table)
    assert [str(dtype) for dtype in result.dtypes[["background_id", "start", "end", "gc"]]] == [
        "int64",
        "Int64",
        "Int64",
        "float64",
    ]


@pytest.mark.parametrize(("transform", "draw"), [("shuffle", shuffle), ("dinucleotide_shuffle", dinucleotide_shuffle)])
def test_shuffled_copies_are_drawn_by_name(select, transform, draw):
    table, _ = select("chr1\t20\t120\nchr1\t60\t160\n", length=100)
    result = transform_backgrounds(table, transform, 2, 7)
    names = ["chr1:20-120(+)", "chr1:60-160(+)"]
    assert result["background_id"].tolist() == [0, 1, 2, 3]
    assert result["name"].tolist() == [f"{name}/{copy}" for name in names for copy in (0, 1)]
    assert result["start"].tolist() == [20, 20, 60, 60]
    assert result["sequence"].tolist() == [
        draw(sequence, named_generator(7, transform, name, copy))
        for name, sequence in zip(names, [CHR1[20:120], CHR1[60:160]], strict=True)
        for copy in (0, 1)
    ]
    assert result["sequence"].nunique() == 4
    alone = transform_backgrounds(table[1:], transform, 1, 7)
    assert alone["sequence"][0] == result["sequence"][2]


def test_local_shuffles_of_backgrounds(select):
    table, _ = select("chr1\t20\t120\n", length=100)
    result = transform_backgrounds(table, "local_dinucleotide_shuffle", 2, 7, bin_size=20)
    rngs = [named_generator(7, "local_dinucleotide_shuffle", "chr1:20-120(+)", copy) for copy in (0, 1)]
    assert result["sequence"].tolist() == [local_dinucleotide_shuffle(CHR1[20:120], rng, 20) for rng in rngs]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"bin_size": 20}, "bin_size goes only with transform local_dinucleotide_shuffle, not none"),
        ({"transform": "local_dinucleotide_shuffle"}, "bins of 1024 letters are not shorter than the 100 of the back"),
        (
            {"transform": "local_dinucleotide_shuffle", "bin_size": 100},
            "bins of 100 letters are not shorter than the",
        ),
    ],
)
def test_bins_that_do_not_fit(section, message):
    with pytest.raises(InputError, match=message):
        resolve({**MINIMAL, "backgrounds": {"length": 100, "random": {"n": 5}, **section}}, str(SCHEMA))


def test_another_bin_size_makes_other_jobs(tmp_path):
    def jobs(**section):
        folder = tmp_path / str(section)
        config = screen_of(folder, ["ACG"], ["ACGTTGCAACGTACGG"], backgrounds=section)
        return set(make_plan(config, folder / "cache").jobs["toy"])

    local = {"transform": "local_dinucleotide_shuffle"}
    plans = [jobs(transform="dinucleotide_shuffle"), jobs(**local, bin_size=4), jobs(**local, bin_size=6)]
    assert len(set.union(*plans)) == 3


def test_transforms_that_make_no_sense(select):
    table, _ = select("chr1\t20\t30\n")
    with pytest.raises(InputError, match=r"'reverse' is not known; use one of none, shuffle, dinucleotide_shuffle"):
        transform_backgrounds(table, "reverse", 1, 0)
    with pytest.raises(InputError, match="2 copies of each background would be equal; shuffle them, or"):
        transform_backgrounds(table, "none", 2, 0)


def test_gc_of_a_background_without_letters_is_unknown(select):
    table, _ = select("chr2\t60\t62\n", length=2, max_unknown=None)
    assert transform_backgrounds(table, "none", 1, 0)["gc"].isna().all()


def test_real_peaks_with_matched_gc(real_data, tmp_path):
    genome = shutil.copy(real_data / "genome" / "hg38_chr22_32.0-32.3Mb.fa", tmp_path)
    peaks = real_data / "genome" / "ctcf_k562_hg38_chr22_32.0-32.3Mb.narrowPeak"
    tiles = tmp_path / "tiles.bed"
    tiles.write_text("".join(f"chr22\t{start}\t{start + 400}\n" for start in range(0, 299_600, 400)))
    config = {"length": 400, "exclude": str(peaks), "match_gc": str(peaks)}
    config["loci"] = {"file": str(tiles), "genome": str(genome), "summits": False}
    table, counts = select_from(config, 0)
    assert counts["kept"] == 8
    assert counts["overlapping"] >= 8
    at_peaks = {"length": 400, "loci": {"file": str(peaks), "genome": str(genome), "summits": False}}
    targets, _ = select_from(at_peaks, 0)
    differences = np.sort(table["sequence"].map(gc_fraction)) - np.sort(targets["sequence"].map(gc_fraction))
    assert np.abs(differences).max() < 0.04
