import hashlib

import pytest
from marginalization.config.sections import Config
from marginalization.design.elements import NAMES_SHOWN, read_elements
from marginalization.errors import InputError
from screens import resolved

GENOME = "ACGTACGTTTNNGATTACAGGGCCCAAATTT"


def identifier(sequence):
    return hashlib.sha256(sequence.encode()).hexdigest()[:16]


@pytest.fixture
def read(tmp_path, monkeypatch):
    """A function from motifs (TSV), annotations (BED) and sections of a config to the tables of elements."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "genome.fa").write_text(f">chr1\n{GENOME}\n")

    def read(motifs=(), annotations=(), length=12, placement=None, seed=0, **options):
        (tmp_path / "motifs.fa").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in motifs))
        (tmp_path / "sites.bed").write_text("".join("\t".join(map(str, row)) + "\n" for row in annotations))
        sections = {"motifs": [{"file": "motifs.fa", **options}]} if motifs else {"motifs": []}
        if annotations:
            sections["annotations"] = [{"file": "sites.bed", "genome": "genome.fa"}]
        return read_elements(
            Config.of(
                resolved(
                    elements=sections,
                    backgrounds={"length": length, "random": {"n": 1}},
                    placement=placement or {},
                    seed=seed,
                )
            )
        )

    return read


def test_equal_sequences_are_one_element(read):
    motifs = [("first", "GATTACA"), ("gata", "GATA"), ("second", "gattaca")]
    found = read(motifs, [("chr1", 12, 19, "site", 0, "+"), ("chr1", 12, 19, "turned", 0, "-")])
    elements = found.elements.set_index("sequence")
    assert found.elements["element_id"].tolist() == sorted(map(identifier, ["GATTACA", "GATA", "TGTAATC"]))
    assert elements["name"].to_dict() == {"GATTACA": "first;second;site", "GATA": "gata", "TGTAATC": "turned"}
    assert elements["kind"].to_dict() == {"GATTACA": "motif", "GATA": "motif", "TGTAATC": "annotation"}
    assert elements["width"].to_dict() == {"GATTACA": 7, "GATA": 4, "TGTAATC": 7}
    assert elements.loc["GATTACA", "source"] == "motifs.fa:1"
    assert elements.loc["TGTAATC", "source"] == "sites.bed:2"
    assert elements["control_of"].isna().all()
    # each motif and annotation keeps a row of its own, in the order of the config
    assert found.motifs["name"].tolist() == ["first", "gata", "second"]
    assert found.motifs["motif_id"].tolist() == [0, 1, 2]
    assert found.motifs["element_id"].tolist() == [identifier(s) for s in ("GATTACA", "GATA", "GATTACA")]
    assert found.annotations["annotation_id"].tolist() == [0, 1]
    assert found.annotations["element_id"].tolist() == [identifier("GATTACA"), identifier("TGTAATC")]


@pytest.mark.parametrize("more", [0, 1, 3])
def test_names_are_joined_up_to_a_number(read, more):
    names = [f"m{i}" for i in range(NAMES_SHOWN + more)]
    (name,) = read([(name, "ACGT") for name in names]).elements["name"]
    assert name == ";".join(names[:NAMES_SHOWN]) + (f";+{more}" if more else "")


def test_unknown_letters_of_annotations_are_counted(read):
    found = read(annotations=[("chr1", 8, 14), ("chr1", 0, 4)])
    assert found.annotations["n_unknown"].tolist() == [2, 0]
    assert found.annotations["sequence"].tolist() == ["TTNNGA", "ACGT"]
    assert set(found.elements["sequence"]) == {"TTNNGA", "ACGT"}
    assert (found.dropped, found.warnings) == ({"motifs": 0, "annotations": 0}, [])


def test_what_is_n_alone_is_left_out(read):
    sites = [("chr1", 10, 12, "gap", 0, "-"), ("chr1", 12, 19, "site", 0, "+"), ("chr1", 11, 12, "gap", 0, "+")]
    found = read([("none", "NNN"), ("gata", "GATA"), ("flanked", "NAN")], sites)
    assert found.motifs[["motif_id", "name"]].values.tolist() == [[0, "gata"], [1, "flanked"]]
    assert found.annotations[["annotation_id", "name", "start"]].values.tolist() == [[0, "site", 12]]
    assert set(found.elements["sequence"]) == {"GATA", "NAN", "GATTACA"}
    assert found.dropped == {"motifs": 1, "annotations": 2}
    assert found.warnings == [
        "1 motif and 2 annotations of N alone left out: there is nothing in them to substitute",
    ]
    with pytest.raises(
        InputError, match=r"^config: elements: 1 motif and 2 annotations of N alone left out: .* others$"
    ):
        read([("none", "NNN")], sites[::2])


def test_sampled_motifs(read, tmp_path):
    def sampled(seed):
        return read([("x", "A")], sequences="sampled", samples=20, seed=seed, file="half.jaspar")

    (tmp_path / "half.jaspar").write_text(">M1 half\nA [ 1 1 ]\nC [ 1 1 ]\nG [ 0 0 ]\nT [ 0 0 ]\n")
    found = sampled(0)
    assert len(found.motifs) == 20
    assert {name.rpartition("/")[2] for name in found.motifs["name"]} == {str(i) for i in range(20)}
    assert set(found.elements["sequence"]) == {"AA", "AC", "CA", "CC"}  # each with odds of 1 in 4
    assert found.motifs.equals(sampled(0).motifs)
    assert not found.motifs["element_id"].equals(sampled(1).motifs["element_id"])


def test_a_matrix_is_kept_and_trimmed(read, tmp_path):
    (tmp_path / "m.jaspar").write_text(">M1 m\nA [ 5 8 0 5 ]\nC [ 5 0 0 5 ]\nG [ 5 0 8 5 ]\nT [ 5 0 0 5 ]\n")
    found = read([("x", "A")], file="m.jaspar", trim=0.5)
    assert found.elements["sequence"].tolist() == ["AG"]
    assert found.motifs["matrix"][0] == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert read([("x", "ACG")]).motifs["matrix"][0] is None


def test_too_long_elements(read):
    with pytest.raises(InputError) as error:
        read([("fits", "A" * 12), ("long", "A" * 13), ("longer", "A" * 15)])
    assert str(error.value) == (
        "longer (motifs.fa:5) has 15 bases, more than the backgrounds' 12; 2 such: clip annotations with max_width, "
        "trim motifs, or set backgrounds.length"
    )
    assert read([("fits", "A" * 12)]).elements["width"].tolist() == [12]


@pytest.mark.parametrize("start", [5, [0, 5], [5, 2]])
def test_elements_off_the_end(read, start):
    motifs = [("fits", "A" * 7), ("off", "A" * 8), ("further", "A" * 10)]
    with pytest.raises(InputError) as error:
        read(motifs, placement={"start": start})
    assert str(error.value) == (
        "further (motifs.fa:5) has 10 bases and runs off the end of the backgrounds' 12 when it begins at "
        "placement.start 5; 2 such: the last start that fits all is 2"
    )
    assert len(read(motifs[:1], placement={"start": start}).elements) == 1
    assert len(read(motifs, placement={"start": 2}).elements) == 3


def test_a_range_of_starts(read):
    motifs = [("fits", "A" * 7), ("off", "A" * 8)]
    assert len(read(motifs, placement={"start": {"from": 1, "to": 6, "step": 3}}).elements) == 2
    assert len(read(motifs, placement={"start": {"from": 4}}).elements) == 2
    with pytest.raises(InputError, match=r"^off .* when it begins at placement.start 5; 1 such: the last .* all is 4$"):
        read(motifs, placement={"start": {"from": 1, "to": 6, "step": 2}})
    with pytest.raises(InputError, match=r"begins at placement.start 1000000000000; 2 such"):
        read(motifs, placement={"start": {"from": 0, "to": 10**12}})
    with pytest.raises(InputError, match=r"^config: placement.start: there is nothing from 5 to 4; set `from` to 4 or"):
        read(motifs, placement={"start": {"from": 5}})
    with pytest.raises(InputError, match=r"^config: placement.start: there is nothing from 3 to 1;"):
        read(motifs, placement={"start": {"from": 3, "to": 1}})


def test_some_too_long_and_some_off_the_end(read):
    """The remedy of the widest fixes both, that of the first would ask for a start before the background's."""
    with pytest.raises(InputError, match=r"^long .* has 13 bases, more than the backgrounds' 12"):
        read([("off", "A" * 8), ("long", "A" * 13)], placement={"start": 5})


def test_no_elements(read):
    with pytest.raises(InputError, match="config: elements: give at least one table of motifs or annotations"):
        read()
