"""Shards: how elements and backgrounds are cut into them.

As ids are spread evenly, element shards are equal ranges of ids; their number is a power of two, so that a few more
elements do not change it.
"""

from __future__ import annotations

import bisect
import hashlib
import math
from collections.abc import Iterable, Sequence

import pandas as pd

from ..store.paths import job_name, shard_label, shard_numbers

ID_BITS = 64


def shard_count(n_marginals: float, marginals: float) -> int:
    """Into how many shards so many marginals are cut, of about `marginals` each: a power of two."""
    return 2 ** max(0, math.ceil(math.log2(n_marginals / marginals)))


def element_ranges(element_ids: Sequence[str], n_shards: int) -> dict[str, slice]:
    """Where each shard's elements are among sorted ids, by the shard's label; none is empty."""
    labels = [shard_label(i, n_shards) for i in range(n_shards)]
    firsts = [bisect.bisect_left(element_ids, element_bounds(label)[0]) for label in labels]
    ranges = zip(labels, firsts, [*firsts[1:], len(element_ids)], strict=True)
    return {label: slice(first, end) for label, first, end in ranges if first < end}


def element_bounds(label: str) -> tuple[str, str]:
    """The first id that a shard of elements can have, and the last."""
    i, n_shards = shard_numbers(label)
    width = 2**ID_BITS // n_shards
    return f"{i * width:016x}", f"{(i + 1) * width - 1:016x}"


def background_ranges(n: int, size: int) -> dict[str, tuple[int, int]]:
    """First and last (exclusive) of each shard's n backgrounds, by the shard's label."""
    n_shards = math.ceil(n / size)
    return {shard_label(i, n_shards): (i * size, min(n, (i + 1) * size)) for i in range(n_shards)}


def short_digest(values: Iterable[str]) -> str:
    """12 hex digits of the SHA-256 of some values, each on a line of its own."""
    sha256 = hashlib.sha256()
    for value in values:
        sha256.update(value.encode())
        sha256.update(b"\n")
    return sha256.hexdigest()[:12]


def element_digests(elements: pd.DataFrame, per_element: int, marginals: float) -> dict[str, str]:
    """A digest of each shard of elements by its label, in shards of about so many marginals."""
    n_shards = shard_count(len(elements) * per_element, marginals)
    return {
        label: short_digest([*elements["element_id"].iloc[rows], *elements["sequence"].iloc[rows]])
        for label, rows in element_ranges(elements["element_id"].tolist(), n_shards).items()
    }


def jobs_of(models: dict[str, str], elements: dict[str, str], backgrounds: dict[str, str]) -> dict[str, list[str]]:
    """The names of each model's jobs, from the digests of models, and of shards by their labels."""
    return {
        model: [
            job_name(elements_label, backgrounds_label, short_digest([model_digest, of_elements, of_backgrounds]))
            for elements_label, of_elements in elements.items()
            for backgrounds_label, of_backgrounds in backgrounds.items()
        ]
        for model, model_digest in models.items()
    }
