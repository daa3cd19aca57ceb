"""Tables that are damaged: whatever byte is, they are read as they were, or there is one line that names them."""

import random
import re
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from marginalization.config.sections import Config
from marginalization.errors import InputError
from marginalization.jobs.shard import read_shard
from marginalization.store.files import read_facts, write_table
from marginalization.store.reading import read_table
from marginalization.store.schemas import BACKGROUNDS, ELEMENTS
from screens import run_screen, screen_of

draw = random.Random(0)
TABLE = pd.DataFrame(
    {
        "element_id": sorted(f"{draw.getrandbits(64):016x}" for _ in range(40)),
        "name": [f"motif {i}" for i in range(40)],
        "kind": "motif",
        "sequence": ["".join(draw.choices("ACGT", k=9)) for _ in range(40)],
        "width": 9,
        "source": "motifs.fa:1",
        "control_of": None,
    }
)


def between(low, high):
    return "element_id", lambda ids: pc.and_(pc.greater_equal(ids, low), pc.less_equal(ids, high))


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr("marginalization.store.files.ROW_GROUP_ROWS", 7)
    write_table(TABLE, tmp_path / "elements.parquet", ELEMENTS, {"seed": 3})
    return tmp_path / "elements.parquet"


def test_what_is_read_is_what_pandas_reads(path):
    whole = pd.read_parquet(path)
    pd.testing.assert_frame_equal(read_table(path, ELEMENTS), whole)
    pd.testing.assert_frame_equal(read_table(path, ELEMENTS, columns=["width", "name"]), whole[["width", "name"]])
    ids = TABLE["element_id"].tolist()
    some = read_table(path, ELEMENTS, columns=["name"], rows=between(ids[5], ids[22]))
    assert some["name"].tolist() == [f"motif {i}" for i in range(5, 23)]
    some = read_table(path, ELEMENTS, rows=("name", lambda names: pc.is_in(names, pa.array(["motif 30", "none"]))))
    pd.testing.assert_frame_equal(some, whole[30:31].reset_index(drop=True))
    none = read_table(path, ELEMENTS, rows=between("x", "y"))
    pd.testing.assert_frame_equal(none, whole[:0].reset_index(drop=True), check_dtype=False, check_index_type=False)


def test_a_flipped_bit_anywhere_and_a_file_cut_short(tmp_path):
    path = tmp_path / "elements.parquet"
    write_table(TABLE, path, ELEMENTS, {"seed": 3})
    good, whole, first = path.read_bytes(), read_table(path, ELEMENTS), TABLE["element_id"][0]
    ways = [
        (lambda: read_table(path, ELEMENTS), whole.equals),
        (lambda: read_table(path, ELEMENTS, rows=between(first, "f" * 16)), whole.equals),
        (lambda: read_facts(path), bool),
    ]
    same, refused = 0, []
    for place in range(draw.randrange(15), len(good), 15):
        flipped = bytearray(good)
        flipped[place] ^= 1 << draw.randrange(8)
        for content in (flipped, good[:place]):
            path.write_bytes(content)
            for read, is_as_it_was in ways:
                try:
                    assert is_as_it_was(read()), place
                    same += 1
                except InputError as error:
                    refused.append(str(error))
    assert min(same, len(refused)) > 30
    line = re.compile(f"{path} can not be read: .+; delete it and run snakemake again")
    assert [message for message in refused if not line.fullmatch(message)] == []


def test_other_columns(path):
    with pytest.raises(
        InputError, match=r"elements\.parquet can not be read: its columns are element_id, name, kind, "
    ):
        read_table(path, BACKGROUNDS)
    with pytest.raises(InputError, match=r"gone\.parquet can not be read: .*; delete it and run snakemake again"):
        read_table(path.with_name("gone.parquet"), ELEMENTS)


@pytest.mark.parametrize("table", ["elements", "backgrounds"])
def test_a_shard_of_a_damaged_table(tmp_path, table):
    config = screen_of(tmp_path, ["ACG", "TTGA"], ["ACGTACGTACGT", "TTTTGGGGCCCC"])
    run = run_screen(config, tmp_path)
    results = tmp_path / "results"
    paths = SimpleNamespace(**{name: str(results / f"{name}.parquet") for name in ("elements", "backgrounds")})
    paths.probe = results / "models" / "toy.json"
    (job,) = run.plan.jobs["toy"]
    assert len(read_shard(Config.of(config), "toy", job, paths).placed) == 2
    damaged = results / f"{table}.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with pytest.raises(
        InputError, match=rf"results/{table}\.parquet can not be read: .*; delete it and run snakemake again"
    ):
        read_shard(Config.of(config), "toy", job, paths)
