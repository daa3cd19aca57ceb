import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marginalization.errors import InputError
from marginalization.store import files
from marginalization.store.files import parquet_writer, read_facts, whole_file, write_group, write_json, write_table
from marginalization.store.schemas import (
    ANNOTATIONS,
    BACKGROUNDS,
    COOPERATIVITY,
    EFFECTS,
    ELEMENTS,
    PAIRS,
    PROFILES,
    STATISTICS,
    SUMMARY,
)

NUMBERS = pa.schema([("x", pa.int64())])


def test_the_contracts_columns():
    """Those of the output contract in the design, in its order."""
    assert BACKGROUNDS.names == ["background_id", "name", "chrom", "start", "end", "strand", "gc", "sequence"]
    assert ELEMENTS.names == ["element_id", "name", "kind", "sequence", "width", "source", "control_of"]
    assert ANNOTATIONS.names == ["annotation_id", "name", "chrom", "start", "end", "strand", "element_id"]
    assert PAIRS.names == [
        *["pair_id", "first", "second", "distance", "orientation"],
        *["element_id", "first_id", "second_id"],
    ]
    assert EFFECTS.names == ["element_id", "strand", "start", "target", "background_id", "before", "after", "effect"]
    keys = ["model", "readout", "target", "element_id", "strand", "start"]
    assert SUMMARY.names == [
        *keys,
        "name",
        "kind",
        "sequence",
        "n_backgrounds",
        "n_models",
        *STATISTICS,
        "q_value",
        "rank",
        "n_controls",
        "control_mean",
        "control_std",
        "control_z",
        "control_t",
        "control_p",
        "control_q",
        "n_stratum",
        "control_low",
        "control_high",
        "beyond_floor",
        "element_p",
        "element_q",
        "significant",
        "genomic_percentile",
    ]
    assert COOPERATIVITY.names == [
        *["model", "readout", "target", "pair_id", "strand", "start"],
        *["first", "second", "distance", "orientation", "n_backgrounds"],
        *["effect_pair", "effect_first", "effect_second"],
        *["cooperativity", "cooperativity_std", "cooperativity_ci_low", "cooperativity_ci_high", "p_value", "q_value"],
        *["n_controls", "control_t", "control_p", "control_q"],
    ]
    measures = ["log2_fold_change", "jensen_shannon", "footprint_before", "footprint_after", "largest_change"]
    assert PROFILES.names == [*keys, "name", "before", "after", *measures]
    assert [EFFECTS.field(name).type for name in ("before", "after", "effect")] == [pa.float32()] * 3


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "folder" / "file"
    with whole_file(path) as temporary:
        Path(temporary).write_text("new")
        assert not path.exists()
        assert Path(temporary).parent == path.parent  # beside it, as renaming across disks would copy
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("before", [None, "old"])
def test_an_error_leaves_what_was_there(tmp_path, before):
    path = tmp_path / "file"
    if before:
        path.write_text(before)

    def fail():
        with whole_file(path) as temporary:
            Path(temporary).write_text("half")
            raise KeyError("unrelated")

    with pytest.raises(KeyError, match="unrelated"):
        fail()
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ([before] if before else [])


KILLED = """
import os, signal, sys
import pyarrow as pa
from marginalization.store.files import parquet_writer
schema = pa.schema([("x", pa.int64())])
with parquet_writer(sys.argv[1], schema, {}) as writer:
    for i in range(3):
        writer.write_table(pa.table({"x": range(100_000)}))
    print("half", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("before", [False, True])
def test_a_kill_leaves_what_was_there(tmp_path, before):
    path = tmp_path / "table.parquet"
    if before:
        write_table(pd.DataFrame({"x": [1, 2]}), path, NUMBERS, {})
    done = subprocess.run([sys.executable, "-c", KILLED, path], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("half\n", -signal.SIGKILL)
    assert path.exists() == before
    # what the killed job left beside it is no *.parquet, so neither a reader nor a merge takes it for a table
    left = [entry for entry in tmp_path.iterdir() if entry != path]
    assert len(left) == 1
    assert left[0].stat().st_size > 0
    assert list(tmp_path.glob("*.parquet")) == ([path] if before else [])
    if before:
        assert pd.read_parquet(path)["x"].tolist() == [1, 2]
    write_table(pd.DataFrame({"x": [3]}), path, NUMBERS, {})
    assert pd.read_parquet(path)["x"].tolist() == [3]


def test_a_folder_that_can_not_be_written(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "folder" / "table.parquet"
    with pytest.raises(InputError) as error:
        write_json({}, path)
    assert str(error.value) == f"{path} can not be written: Not a directory; make room or fix its folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="can not be written: Permission denied; make room or fix its folder"):
        write_json({}, tmp_path / "file")


FULL = """
import resource, signal, sys
import pandas as pd, pyarrow as pa
from marginalization.errors import InputError
from marginalization.store.files import write_table
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
schema = pa.schema([("x", pa.float64())])
try:
    write_table(pd.DataFrame({"x": [i**0.5 for i in range(100_000)]}), sys.argv[1], schema, {})
except InputError as error:
    print(error)
"""


def test_no_room(tmp_path):
    path = tmp_path / "table.parquet"
    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True)
    assert done.stdout.startswith(f"{path} can not be written: "), done.stderr
    assert os.strerror(errno.EFBIG) in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_trouble_with_another_file_is_not_laid_on_this_one(tmp_path):
    def read_another():
        with whole_file(tmp_path / "table"):
            (tmp_path / "input").read_text()

    with pytest.raises(FileNotFoundError, match=r"No such file or directory: .*input"):
        read_another()
    assert list(tmp_path.iterdir()) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=40)
@given(facts=st.dictionaries(st.text(), JSON, max_size=4), values=st.lists(st.integers(-9, 9), max_size=20))
def test_facts_and_rows_come_back(tmp_path_factory, facts, values):
    path = tmp_path_factory.mktemp("facts") / "table.parquet"
    write_table(pd.DataFrame({"x": values}, dtype="int64"), path, NUMBERS, facts)
    assert read_facts(path) == facts
    assert pq.read_table(path)["x"].to_pylist() == values
    write_json(facts, path.with_suffix(".json"))
    assert json.loads(path.with_suffix(".json").read_text()) == facts


def test_pages_have_checksums(tmp_path):
    """Flipped bits of pages are found when they are read with verification; those of their headers may not be."""
    path = tmp_path / "table.parquet"
    values = [x * x % 65521 for x in range(2000)]
    with parquet_writer(path, NUMBERS, {}) as writer:
        writer.write_table(pa.table({"x": values}))
    whole = path.read_bytes()
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(0)
    assert chunk.compression == "ZSTD"
    errors = []
    places = range(4, 4 + chunk.total_compressed_size, 29)
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            found = pq.ParquetFile(path, page_checksum_verification=True).read()["x"].to_pylist()
            assert found == values[: len(found)]
        except (OSError, pa.ArrowException) as error:
            errors.append(str(error))
    assert sum("CRC checksum verification failed" in error for error in errors) > 0.9 * len(places) > 50


def test_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROW_GROUP_ROWS", 4)
    write_table(pd.DataFrame({"x": range(10)}), tmp_path / "table.parquet", NUMBERS, {})
    metadata = pq.ParquetFile(tmp_path / "table.parquet").metadata
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [4, 4, 2]


def test_a_group_is_one_row_group_however_many_its_rows(tmp_path):
    """Of which pyarrow by itself would make two."""
    n = 2**20 + 1
    with parquet_writer(tmp_path / "table.parquet", NUMBERS, {}) as writer:
        for rows in (n, 0, 3):
            write_group(writer, pa.table({"x": np.zeros(rows, dtype=np.int32)}))
    metadata = pq.ParquetFile(tmp_path / "table.parquet").metadata
    assert [
        metadata.row_group(i).num_rows for i in range(metadata.num_row_groups) if metadata.row_group(i).num_rows
    ] == [n, 3]
