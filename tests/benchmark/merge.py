"""Time the merge of a large screen, and the memory that it takes.

    python tests/benchmark/merge.py [--elements 1000000] [--backgrounds 100]

Effects are drawn at random and written by the package's own writer, in 64 shards; the merge runs in a process of its
own, so that the memory is its alone.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from marginalization.config.checks import Everything
from marginalization.config.sections.substitutions import Placement
from marginalization.design.placement import placed_table
from marginalization.design.shards import element_ranges
from marginalization.merging.parts import find_parts
from marginalization.merging.summary import merge_effects
from marginalization.statistics.families import families
from marginalization.store.files import parquet_writer
from marginalization.store.schemas import EFFECTS

SHARDS = 64
LENGTH = 400
CONTROLS = {"shuffles": 1000, "per": "stratum", "strata": {"width": 1, "gc": 10}, "level": 0.05, "effect_floor": None}


def make_elements(n, rng):
    """A table of n annotations with random sequences, sorted by id; a tenth of them are controls of others."""
    ids = [f"{i:016x}" for i in np.sort(rng.integers(0, 2**64, n, dtype=np.uint64))]
    sequences = ["".join(row) for row in np.array(list("ACGT"))[rng.integers(0, 4, (n, 20))]]
    names = [f"chr1:{i}-{i + 20}(+)" for i in range(n)]
    parents = [None if i % 10 else ids[i + 1] for i in range(n)]
    return pd.DataFrame(
        {
            "element_id": ids,
            "name": names,
            "kind": ["annotation" if i % 10 else "control" for i in range(n)],
            "sequence": sequences,
            "width": 20,
            "source": "x.bed:1",
            "control_of": parents,
        }
    )


def write_shard(path, ids, n_backgrounds, rng):
    """Effects of some elements in all backgrounds, in row groups of about 262,144 rows."""
    facts = {"model": "m", "readout": "r", "job": path.stem, "n_backgrounds": n_backgrounds}
    before = rng.normal(size=n_backgrounds).astype(np.float32)
    group = max(1, 2**18 // n_backgrounds)
    n_effects = len(ids) * n_backgrounds
    with parquet_writer(path, EFFECTS, {**facts, "rows": n_effects, "effects": n_effects}) as writer:
        for first in range(0, len(ids), group):
            chunk = ids[first : first + group]
            n = len(chunk) * n_backgrounds
            after = (before + rng.normal(size=(len(chunk), n_backgrounds))).astype(np.float32)
            rows = pa.array(np.repeat(np.arange(len(chunk), dtype=np.int32), n_backgrounds))
            table = pa.table(
                {
                    "element_id": pa.array(chunk).dictionary_encode().take(rows),
                    "strand": pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), ["+"]),
                    "start": np.full(n, LENGTH // 2 - 10),
                    "target": pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), ["counts"]),
                    "background_id": np.tile(np.arange(n_backgrounds), len(chunk)),
                    "before": np.tile(before, len(chunk)),
                    "after": after.ravel(),
                    "effect": (after - before).ravel(),
                }
            )
            writer.write_table(table.cast(writer.schema))


def merge(folder):
    """Merge, and print the time and the peak of the memory."""
    begin, begin_busy = time.perf_counter(), time.process_time()
    elements = pd.read_parquet(folder / "elements.parquet")
    placed = placed_table(elements, Placement(), LENGTH)
    paths = [str(path) for path in (folder / "effects").rglob("*.parquet")]
    among = families(elements, CONTROLS)
    screened = find_parts(paths, placed, {"m": {"r": ["counts"]}})
    merge_effects(screened, placed, among, {"r": Everything()}, folder / "summary.parquet", {})
    seconds, busy = time.perf_counter() - begin, time.process_time() - begin_busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"merged {len(elements):,} elements in {seconds:.1f} s ({busy:.1f} s of a core), peak memory {peak:.2f} GiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", type=int, default=1_000_000)
    parser.add_argument("--backgrounds", type=int, default=100)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elements = make_elements(arguments.elements, rng)
        elements.to_parquet(folder / "elements.parquet")
        ids = elements["element_id"].tolist()
        for label, rows in element_ranges(ids, SHARDS).items():
            path = folder / f"effects/model=m/readout=r/{label}-0000of0001-000000000000.parquet"
            write_shard(path, ids[rows], arguments.backgrounds, rng)
        process = multiprocessing.get_context("spawn").Process(target=merge, args=(folder,))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
