import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.config.sections.substitutions import Placement, Range
from marginalization.design.placement import Placed, changed_part, last_start, place, placed_table, steps, written_out
from marginalization.errors import InputError
from marginalization.sequences.letters import identifier, resolve_start
from screens import typed


def table(sequences):
    records = [(identifier(s), f"name {i}", s, len(s)) for i, s in enumerate(sequences)]
    return pd.DataFrame(records, columns=["element_id", "name", "sequence", "width"]).sort_values(
        "element_id", ignore_index=True
    )


@st.composite
def placements(draw):
    length = draw(st.integers(1, 20))
    sequences = draw(st.lists(st.text("ACGTN", min_size=1, max_size=length), min_size=1, max_size=6, unique=True))
    latest = length - max(map(len, sequences))
    start = draw(
        st.just("centre")
        | st.integers(0, latest)
        | st.lists(st.integers(0, latest), min_size=1, max_size=4, unique=True)
    )
    return table(sequences), {"start": start, "strands": draw(st.sampled_from(["+", "-", "both"]))}, length


@settings(deadline=None)
@given(placements())
def test_the_table_and_the_stream_agree(drawn):
    elements, placement, length = drawn
    placed = list(place(elements, typed(Placement, placement), length))
    rows = placed_table(elements, typed(Placement, placement), length)
    keys = [(p.element_id, p.strand, p.start) for p in placed]
    assert list(rows[["element_id", "strand", "start"]].itertuples(index=False, name=None)) == keys == sorted(keys)
    starts = [placement["start"]] if isinstance(placement["start"], int | str) else placement["start"]
    strands = {"both": "+-"}.get(placement["strands"], placement["strands"])
    by_hand = {
        (identifier(s), strand, (length // 2 - len(s) // 2) if start == "centre" else start)
        for s in elements["sequence"]
        for strand in strands
        for start in starts
    }
    assert set(keys) == by_hand
    names = dict(zip(elements["element_id"], elements["name"], strict=True))
    assert rows["name"].tolist() == [names[p.element_id] for p in placed]
    for p, sequence in zip(placed, rows["sequence"], strict=True):
        complement = dict(zip("ACGTN", "TGCAN", strict=True))
        assert p.sequence == (sequence if p.strand == "+" else "".join(complement[x] for x in reversed(sequence)))
        assert 0 <= p.start <= length - len(p.sequence)


@given(st.integers(1, 30), st.integers(1, 30), st.none() | st.integers(-3, 33))
def test_starts(length, width, start):
    fits = width <= length and (start is None or 0 <= start <= length - width)
    if fits:
        centre = length // 2 - width // 2
        assert resolve_start(length, width, start) == (centre if start is None else start)
    else:
        with pytest.raises(ValueError, match="is longer than" if width > length else "off the end of a sequence"):
            resolve_start(length, width, start)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 7), st.integers(0, 20))
def test_a_range_is_written_out(first, to, step, last):
    """As a list of the starts in it; without `to` up to the last that fits."""
    for end, spec in ((to, {"from": first, "to": to, "step": step}), (last, {"from": first, "step": step})):
        placement = typed(Placement, {"start": spec, "strands": "both"})
        by_hand = [n for n in range(100) if first <= n <= end and (n - first) % step == 0]
        if by_hand:
            assert list(steps(typed(Range, spec), "here", last)) == by_hand
            assert written_out(placement, last).start == tuple(by_hand)
            assert last_start(placement, last) == by_hand[-1]
        else:
            with pytest.raises(InputError) as error:
                written_out(placement, last)
            assert str(error.value) == (
                f"config: placement.start: there is nothing from {first} to {end}; set `from` to {end} or less"
            )
    for start in ("centre", 3, [5, 2]):
        placement = typed(Placement, {"start": start})
        assert written_out(placement, last) is placement


def test_a_scan_is_of_all_elements():
    elements = table(["ACGT", "AC"])
    scan = {"start": {"from": 1, "step": 2}, "strands": "+"}
    rows = placed_table(elements, typed(Placement, scan), 10)
    assert rows["start"].tolist() == [1, 3, 5] * 2
    pd.testing.assert_frame_equal(
        rows, placed_table(elements, typed(Placement, {"start": [1, 3, 5], "strands": "+"}), 10)
    )


@given(st.text("ACGTN", min_size=1, max_size=12), st.integers(0, 5))
def test_only_what_changes_a_background_is_substituted(sequence, start):
    part, at = changed_part(Placed("id", "+", start, sequence))
    assert {at + i: x for i, x in enumerate(part) if x != "N"} == {
        start + i: x for i, x in enumerate(sequence) if x != "N"
    }
    assert (part[0] != "N" and part[-1] != "N") or (part, at) == ("N", start)
