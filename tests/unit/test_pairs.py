"""Pairs of motifs, against tangermeme's `space`, and against strings."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.sections import Config
from marginalization.config.sections.substitutions import Pair, Placement
from marginalization.design.control_pairs import pairs_resolution
from marginalization.design.elements import read_elements
from marginalization.design.pairs import arrange, read_pairs
from marginalization.design.placement import changed_part, place, placed_table
from marginalization.errors import InputError
from marginalization.inference.streams import stream_motifs
from marginalization.sequences.letters import identifier, reverse_complement
from marginalization.sequences.onehot import one_hot_encode
from marginalization.store.files import write_table
from marginalization.store.schemas import PAIRS as PAIRS_TABLE
from screens import run_screen, screen_of, substituted, typed
from tangermeme.ersatz import multisubstitute
from tangermeme.space import space
from toy_models import Convolution, Tower

ORIENTATIONS = ["++", "+-", "-+", "--"]
STRANDS = dict(zip("+-", (str, reverse_complement), strict=True))


@given(st.text("ACGTN", min_size=1, max_size=9), st.text("ACGT", min_size=1, max_size=9), st.integers(0, 12))
def test_arrangements(first, second, distance):
    for orientation in ORIENTATIONS:
        left, right = STRANDS[orientation[0]](first), STRANDS[orientation[1]](second)
        pair, one, other = arrange(first, second, distance, orientation)
        assert pair == left + "N" * distance + right
        assert one == left + "N" * (distance + len(right))
        assert other == "N" * (len(left) + distance) + right


@st.composite
def placed_pairs(draw):
    """Motifs, a distance, an orientation, and a background that they fit into at a start."""
    first, second = (draw(st.text("ACGT", min_size=1, max_size=6)) for _ in range(2))
    distance, orientation = draw(st.integers(0, 8)), draw(st.sampled_from(ORIENTATIONS))
    width = len(first) + len(second) + distance
    background = draw(st.text("ACGT", min_size=width, max_size=width + 12))
    start = draw(st.just("centre") | st.integers(0, len(background) - width))
    return first, second, distance, orientation, background, start


@settings(deadline=None)
@given(placed_pairs())
def test_pairs_and_their_parts_stand_where_tangermeme_puts_them(drawn):
    """On the minus strand it is the reverse complement of the arrangement, so the second motif is on the left."""
    first, second, distance, orientation, background, start = drawn
    arranged = arrange(first, second, distance, orientation)
    table = pd.DataFrame({"element_id": range(3), "sequence": arranged, "width": list(map(len, arranged))})
    placed = list(place(table, typed(Placement, {"start": start, "strands": "both"}), len(background)))
    assert len({p.start for p in placed}) == 1
    left, right = STRANDS[orientation[0]](first), STRANDS[orientation[1]](second)
    X = one_hot_encode(background)
    at = None if start == "centre" else start
    for strand, motifs in (("+", (left, right)), ("-", (reverse_complement(right), reverse_complement(left)))):
        theirs = multisubstitute(X, list(motifs), [distance], start=at)
        pair, one, other = (substituted(background, p.sequence, p.start) for p in placed if p.strand == strand)
        assert torch.equal(one_hot_encode(pair), theirs.to(torch.int8))
        one, other = (one, other) if strand == "+" else (other, one)
        begin = placed[0].start
        assert one == substituted(background, motifs[0], begin)
        assert other == substituted(background, motifs[1], begin + len(motifs[0]) + distance)


@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("network", [Convolution(), Tower(8)], ids=["convolution", "tower"])
def test_predictions_equal_tangermemes(network, orientation, incremental):
    first, second, distances = "TGACTCAT", "GGGCGG", [0, 1, 5, 20, 66]
    rng = np.random.default_rng(0)
    X = one_hot_encode(["".join(rng.choice(list("ACGT"), 101)) for _ in range(4)])
    network = network.eval()
    motifs = [STRANDS[strand](motif) for strand, motif in zip(orientation, (first, second), strict=True)]
    _, theirs = space(network, X.float(), motifs, [[d] for d in distances], device="cpu")
    sequences = [arrange(first, second, d, orientation).pair for d in distances]
    table = pd.DataFrame({"element_id": range(5), "sequence": sequences, "width": list(map(len, sequences))})
    placements = map(changed_part, place(table, typed(Placement, {"start": "centre", "strands": "+"}), 101))
    groups = list(stream_motifs(network, X, placements, device="cpu", incremental=incremental))
    if isinstance(theirs, torch.Tensor):
        groups, theirs = [[group] for group in groups], [theirs]
    for i, expected in enumerate(theirs):
        found = torch.cat([group[i] for group in groups])
        torch.testing.assert_close(found.transpose(0, 1), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("incremental", [False, True])
def test_unknown_letters_at_the_ends_change_no_prediction(incremental):
    network = Tower(8).eval()
    rng = np.random.default_rng(1)
    X = one_hot_encode(["".join(rng.choice(list("ACGT"), 101)) for _ in range(3)])
    arranged = [*arrange("TGACTCAT", "GGGCGG", 30, "+-"), "NNN"]
    table = pd.DataFrame({"element_id": range(4), "sequence": arranged, "width": list(map(len, arranged))})
    placed = list(place(table, typed(Placement, {"start": "centre", "strands": "both"}), 101))
    assert max(len(part) for part, _ in map(changed_part, placed[2:])) == 8
    whole = list(stream_motifs(network, X, ((p.sequence, p.start) for p in placed), device="cpu", incremental=False))
    found = list(stream_motifs(network, X, map(changed_part, placed), device="cpu", incremental=incremental))
    for i in range(2):
        expected = torch.cat([group[i] for group in whole])
        ours = torch.cat([group[i] for group in found])
        if incremental:
            torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
        else:
            assert torch.equal(ours, expected)


PAIRS = [
    {"first": "motif_0", "second": "motif_1", "distances": [4, 0], "orientations": ["+-", "++"]},
    {"first": "motif_1", "second": "motif_1", "distances": {"from": 1, "to": 3, "step": 2}},
]


def test_tables_of_pairs(tmp_path):
    """Equal sequences are one element, and what is a motif already stays one."""
    motifs = ["TGA", "GG", "TGANNNNGG", "GGNN"]
    found = read_elements(Config.of(screen_of(tmp_path, motifs, ["ACGTACGTACGT"], pairs=PAIRS)))
    pairs = found.pairs
    rows = [("motif_0", "motif_1", d, o) for d in (0, 4) for o in ("+-", "++")]
    rows += [("motif_1", "motif_1", d, o) for d in (1, 3) for o in ORIENTATIONS]
    keys = ["first", "second", "distance", "orientation"]
    assert list(pairs[keys].itertuples(index=False, name=None)) == rows
    assert pairs["pair_id"].tolist() == list(range(12))
    elements = found.elements.set_index("element_id")
    assert elements.index.is_monotonic_increasing
    assert elements["sequence"].is_unique
    sequence_of = dict(zip(["motif_0", "motif_1"], motifs, strict=False))
    for row in pairs.itertuples():
        arranged = arrange(sequence_of[row.first], sequence_of[row.second], row.distance, row.orientation)
        ids = row.element_id, row.first_id, row.second_id
        assert [found[4:] for found in ids] == [identifier(sequence)[4:] for sequence in arranged]
        assert tuple(elements.loc[list(ids), "sequence"]) == arranged
    by_sequence = found.elements.set_index("sequence")
    assert by_sequence.loc["TGANNNNGG", ["kind", "name"]].tolist() == ["motif", "motif_2"]
    assert by_sequence.loc["TGACC", ["kind", "name", "width"]].tolist() == ["pair", "motif_0+ 0 motif_1-", 5]
    assert by_sequence.loc["TGANN", "kind"] == "part"
    assert by_sequence.loc["TGANN", "name"] == "motif_0+ 0 motif_1-/first;motif_0+ 0 motif_1+/first"
    source = f"{tmp_path / 'motif.fa'}:"
    assert by_sequence.loc["TGACC", "source"] == f"{source}1;{source}3"
    assert by_sequence.loc["NNNCC", "source"] == f"{source}3"
    assert (by_sequence["width"] == by_sequence.index.str.len()).all()
    expected = {s for row in rows for s in arrange(sequence_of[row[0]], sequence_of[row[1]], *row[2:])}
    assert set(by_sequence.index) == {*motifs, *expected}


def test_a_screen_without_pairs_has_a_table_of_none(tmp_path):
    pairs = read_elements(Config.of(screen_of(tmp_path, ["TGA"], ["ACGTACGTACGT"]))).pairs
    write_table(pairs, tmp_path / "pairs.parquet", PAIRS_TABLE, {})
    found = pd.read_parquet(tmp_path / "pairs.parquet")
    assert found.columns.tolist() == PAIRS_TABLE.names
    assert found.empty


def test_controls_are_those_without_pairs(tmp_path):
    motifs = ["TGACTC", "GGATT"]
    options = {"controls": {"shuffles": 5}}
    with_pairs = read_elements(
        Config.of(screen_of(tmp_path, motifs, ["ACGTACGTACGTACGT"], pairs=PAIRS, **options))
    ).elements
    without = read_elements(Config.of(screen_of(tmp_path, motifs, ["ACGTACGTACGTACGT"], **options))).elements
    kept = with_pairs[with_pairs["kind"].isin(["motif", "control"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, without)
    assert with_pairs["kind"].value_counts()["control"] == 10
    assert with_pairs.loc[with_pairs["kind"].isin(["pair", "part"]), "control_of"].isna().all()


def test_a_pair_that_is_a_control_is_that_element(tmp_path):
    motifs = ["A", "CA", "AC"]
    pair = {"first": "motif_0", "second": "motif_1", "distances": [0], "orientations": ["++"]}
    controls = {"shuffles": 3}
    found = read_elements(
        Config.of(screen_of(tmp_path, ["A", "CA", "AAC"], ["ACGTACGT"], pairs=[pair], controls=controls))
    )
    element = found.elements.set_index("sequence").loc["ACA"]
    assert element["kind"] == "control"
    assert found.pairs["element_id"].tolist() == [element["element_id"]]
    alone = read_elements(Config.of(screen_of(tmp_path, motifs, ["ACGTACGT"], pairs=[pair])))
    assert alone.pairs["element_id"].tolist() == [identifier("ACA")]  # which sorts before TGT


def test_samples_of_a_motif_are_named_each(tmp_path):
    (tmp_path / "m.jaspar").write_text(">M1 half\nA [ 1 1 ]\nC [ 1 1 ]\nG [ 0 0 ]\nT [ 0 0 ]\n")
    pair = {"first": "M1 half/1", "second": "motif_0", "distances": [2], "orientations": ["++"]}
    config = screen_of(tmp_path, ["TG"], ["ACGTACGT"], pairs=[pair])
    sampled = {**config["elements"]["motifs"][0], "file": str(tmp_path / "m.jaspar"), "format": "jaspar"}
    config["elements"]["motifs"].append({**sampled, "sequences": "sampled", "samples": 3})
    found = read_elements(Config.of(config))
    sequences = found.elements.set_index("element_id")["sequence"]
    drawn = sequences[found.motifs.set_index("name").loc["M1 half/1", "element_id"]]
    assert sequences[found.pairs["element_id"][0]] == drawn + "NNTG"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"second": "motif1"},
            "config: elements.pairs[0].second: there is no motif motif1; did you mean motif_1? Names are those of "
            "motifs.parquet",
        ),
        (
            {"first": "GATA"},
            "config: elements.pairs[0].first: there is no motif GATA. Names are those of motifs.parquet",
        ),
        (
            {"second": "motif_3"},
            "config: elements.pairs[0].second: motif motif_3 (motif.fa:7) is N alone, so there is nothing to "
            "substitute; name another",
        ),
        (
            {"distances": [0, 8, 3]},
            "config: elements.pairs[0]: motif_0 and motif_1 with 8 bases between them are wider than the backgrounds' "
            "12; the largest distance that fits is 7",
        ),
        (
            {"distances": {"from": 0, "to": 10**12}},
            "config: elements.pairs[0]: motif_0 and motif_1 with 1000000000000 bases between them are wider than the "
            "backgrounds' 12; the largest distance that fits is 7",
        ),
        (
            {"first": "motif_2"},
            "config: elements.pairs[0]: motif_2 and motif_1 with 0 bases between them are wider than the backgrounds' "
            "12; trim motifs, or set backgrounds.length",
        ),
        (
            {"distances": {"from": 5, "to": 4}},
            "config: elements.pairs[0].distances: there is nothing from 5 to 4; set `from` to 4 or less",
        ),
        (
            {"distances": {"from": 5}},
            "config: elements.pairs[0].distances: the range needs an end; give `to`",
        ),
    ],
    ids=["near", "no name", "unknown", "wide", "very wide", "too wide", "empty", "endless"],
)
def test_bad_pairs(tmp_path, change, message):
    pair = {"first": "motif_0", "second": "motif_1", "distances": [0], **change}
    with pytest.raises(InputError) as error:
        read_elements(
            Config.of(screen_of(tmp_path, ["TGA", "GG", "ACACACACACA", "NN"], ["ACGTACGTACGT"], pairs=[pair]))
        )
    assert str(error.value).replace(f"{tmp_path}/", "") == message


def test_pairs_off_the_end(tmp_path):
    pair = {"first": "motif_0", "second": "motif_1", "distances": [0, 3], "orientations": ["+-"]}
    options = {"pairs": [pair], "placement": {"start": 5}}
    with pytest.raises(InputError) as error:
        read_elements(Config.of(screen_of(tmp_path, ["TGA", "GG"], ["ACGTACGTACGT"], **options)))
    assert str(error.value) == (
        f"motif_0+ 3 motif_1- ({tmp_path / 'motif.fa'}:1;{tmp_path / 'motif.fa'}:3) has 8 bases and runs off the end "
        f"of the backgrounds' 12 when it begins at placement.start 5; 1 such: the last start that fits all is 4"
    )
    options["placement"] = {"start": {"from": 0}}
    run = run_screen(screen_of(tmp_path, ["TGA", "GG"], ["ACGTACGTACGT"], **options), tmp_path)
    assert sorted(run.placed["start"].unique()) == [0, 1, 2, 3, 4]
    listed = placed_table(run.elements, typed(Placement, {"start": [0, 1, 2, 3, 4], "strands": "+"}), 12)
    pd.testing.assert_frame_equal(run.placed, listed)


def test_a_pair_in_an_arrangement_of_its_own_can_reach_less(tmp_path):
    motifs = ["TGACTCA", "GATAAGG", "CACGTGT"]
    names = [f"motif_{i}" for i in range(3)]
    alike = [{"first": names[i], "second": names[i - 1], "distances": [2]} for i in range(3)]
    other = {"first": names[0], "second": names[1], "distances": [3]}
    told = {}
    for pairs in (alike, [*alike, other]):
        options = {"pairs": pairs, "controls": {"shuffles": 5, "pairs": 5}}
        read = read_elements(Config.of(screen_of(tmp_path, motifs, ["ACGT" * 10], **options)))
        told[len(pairs)] = pairs_resolution(read.pairs, read.control_pairs)
    assert "with 15 controls of each motif" in told[3]
    assert "in arrangements" not in told[3]
    assert "with 15 controls of each motif" in told[4]
    assert "in arrangements that few others have" in told[4]


def test_all_against_all_by_names_patterns_and_families(tmp_path):
    motifs = pd.DataFrame(
        {
            "name": ["MA1 GATA1", "MA2 GATA4", "MA3 FOXA1", "MA4 none", "a*b"],
            "sequence": ["GATAA", "CTTATC", "TGTTTAC", "NN", "ACGT"],
            "source": "m",
            "tf_family": ["C4-GATA", "C4-GATA", "FOX; other", None, None],
        }
    )

    def names(first, second):
        spec = typed(Pair, {"first": first, "second": second, "distances": [3], "orientations": ["++"]})
        return list(read_pairs([spec, spec], motifs, 40)[["first", "second"]].itertuples(index=False, name=None))

    gata, fox = ["MA1 GATA1", "MA2 GATA4"], ["MA3 FOXA1"]
    assert names("*GATA*", "MA3 FOXA1") == [(name, *fox) for name in gata]
    assert names("family:C4-*", "family:FOX") == [(name, *fox) for name in gata]
    assert names(["MA3 FOXA1", "*GATA1"], "*FOXA1") == [("MA3 FOXA1", *fox), ("MA1 GATA1", *fox)]
    everything = [*gata, *fox, "a*b"]
    assert names("*", "*") == [(first, second) for first in everything for second in everything]
    assert names("a*b", "MA3 FOXA1") == [("a*b", *fox)]  # a name before a pattern
    with pytest.raises(InputError, match="no motif is called"):
        names("MA[12]*", "MA3 FOXA1")
    for first, message in (("*SOX*", r"no motif is called \*SOX\*"), ("family:SOX", "no motif is of the family SOX")):
        with pytest.raises(InputError, match=message):
            names(first, "MA3 FOXA1")
