import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.placement import place, placed_table, resolve_start
from marginalization.sequence import identifier


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
    placed = list(place(elements, placement, length))
    rows = placed_table(elements, placement, length)
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
