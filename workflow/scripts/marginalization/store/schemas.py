"""The schemas of a screen's Parquet tables."""

from __future__ import annotations

import pyarrow as pa

NAME = pa.dictionary(pa.int32(), pa.string())
"""For columns that repeat few values in many rows."""
VIEW = [("model", NAME), ("readout", NAME), ("target", NAME)]
"""The first columns of each merged table."""
PLACED = [("element_id", pa.string()), ("strand", NAME), ("start", pa.int64())]
"""An element in place, in those of elements."""
BACKGROUNDS = pa.schema(
    [
        ("background_id", pa.int64()),
        ("name", pa.string()),
        ("chrom", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", pa.string()),
        ("gc", pa.float64()),
        ("sequence", pa.string()),
    ]
)
ELEMENTS = pa.schema(
    [
        ("element_id", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("sequence", pa.string()),
        ("width", pa.int64()),
        ("source", pa.string()),
        ("control_of", pa.string()),
    ]
)
MOTIFS = pa.schema(
    [
        ("motif_id", pa.int64()),
        ("name", pa.string()),
        ("source", pa.string()),
        ("element_id", pa.string()),
        ("matrix", pa.list_(pa.list_(pa.float64()))),
        ("tf_class", pa.string()),
        ("tf_family", pa.string()),
    ]
)
ANNOTATIONS = pa.schema(
    [
        ("annotation_id", pa.int64()),
        ("name", pa.string()),
        ("chrom", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", pa.string()),
        ("element_id", pa.string()),
    ]
)
PAIRS = pa.schema(
    [
        ("pair_id", pa.int64()),
        ("first", pa.string()),
        ("second", pa.string()),
        ("distance", pa.int64()),
        ("orientation", pa.string()),
        ("element_id", pa.string()),
        ("first_id", pa.string()),
        ("second_id", pa.string()),
    ]
)
ARRANGEMENTS = pa.schema(
    [
        ("arrangement_id", pa.int64()),
        ("name", pa.string()),
        ("motifs", pa.list_(pa.string())),
        ("distances", pa.list_(pa.int64())),
        ("orientation", pa.string()),
        ("n_motifs", pa.int64()),
        ("element_id", pa.string()),
    ]
)
CONTROL_PAIRS = pa.schema(
    [
        ("pair_id", pa.int64()),
        ("shuffled", NAME),
        ("shuffle", pa.int64()),
        ("element_id", pa.string()),
        ("first_id", pa.string()),
        ("second_id", pa.string()),
    ]
)
KEYS = [("element_id", NAME), ("strand", NAME), ("start", pa.int64()), ("target", NAME)]
"""The first columns of each file of a shard, by which its rows are sorted."""
EFFECTS = pa.schema(
    [
        *KEYS,
        ("background_id", pa.int64()),
        ("before", pa.float32()),
        ("after", pa.float32()),
        ("effect", pa.float32()),
    ]
)
PROFILE_SUMS = pa.schema(
    [
        *KEYS,
        ("before", pa.list_(pa.float64())),
        ("after", pa.list_(pa.float64())),
    ]
)
"""Sums of profiles over the backgrounds of one shard, which the merge turns into means."""
PROFILES = pa.schema(
    [
        *VIEW,
        *PLACED,
        ("name", pa.string()),
        ("before", pa.list_(pa.float32())),
        ("after", pa.list_(pa.float32())),
        ("log2_fold_change", pa.float64()),
        ("jensen_shannon", pa.float64()),
        ("footprint_before", pa.float64()),
        ("footprint_after", pa.float64()),
        ("largest_change", pa.int64()),
    ]
)
ATTRIBUTION_TOTALS = ["before_inside", "before_outside", "after_inside", "after_outside"]
ATTRIBUTION_SUMS = pa.schema(
    [
        *KEYS,
        ("before", pa.list_(pa.float64())),
        ("after", pa.list_(pa.float64())),
        *((total, pa.float64()) for total in ATTRIBUTION_TOTALS),
    ]
)
"""Sums of attributions over the backgrounds of one shard."""
ATTRIBUTIONS = pa.schema(
    [
        *VIEW,
        *PLACED,
        ("name", pa.string()),
        ("window_start", pa.int64()),
        ("before", pa.list_(pa.float32())),
        ("after", pa.list_(pa.float32())),
        *((total, pa.float64()) for total in ATTRIBUTION_TOTALS),
    ]
)
STATISTICS = [
    "before_mean",
    "after_mean",
    "effect_mean",
    "effect_std",
    "effect_sem",
    "effect_ci_low",
    "effect_ci_high",
    "effect_median",
    "effect_q05",
    "effect_q25",
    "effect_q75",
    "effect_q95",
    "effect_min",
    "effect_max",
    "fraction_positive",
    "effect_size",
    "p_value",
    "models_std",
    "n_models_agree",
]
STATISTICS_OF_EFFECTS = pa.schema([*KEYS, *((statistic, pa.float64()) for statistic in STATISTICS)])
"""What is kept in place of effects where the summary alone is asked for."""
AMONG_ELEMENTS = [
    ("q_value", pa.float64()),
    ("rank", pa.int64()),
    ("n_controls", pa.int64()),
    ("control_mean", pa.float64()),
    ("control_std", pa.float64()),
    ("control_z", pa.float64()),
    ("control_t", pa.float64()),
    ("control_p", pa.float64()),
    ("control_q", pa.float64()),
    ("n_stratum", pa.int64()),
    ("control_low", pa.float64()),
    ("control_high", pa.float64()),
    ("beyond_floor", pa.bool_()),
    ("element_p", pa.float64()),
    ("element_q", pa.float64()),
    ("significant", pa.bool_()),
]
"""What follows from all elements and controls together."""
SUMMARY = pa.schema(
    [
        *VIEW,
        *PLACED,
        ("name", pa.string()),
        ("kind", NAME),
        ("sequence", pa.string()),
        ("n_backgrounds", pa.int64()),
        ("n_models", pa.int64()),
        *((statistic, pa.int64() if statistic.startswith("n_") else pa.float64()) for statistic in STATISTICS),
        *AMONG_ELEMENTS,
        ("genomic_percentile", pa.float64()),
    ]
)
COOPERATIVITY = pa.schema(
    [
        *VIEW,
        ("pair_id", pa.int64()),
        ("strand", NAME),
        ("start", pa.int64()),
        ("first", pa.string()),
        ("second", pa.string()),
        ("distance", pa.int64()),
        ("orientation", NAME),
        ("n_backgrounds", pa.int64()),
        ("effect_pair", pa.float64()),
        ("effect_first", pa.float64()),
        ("effect_second", pa.float64()),
        ("cooperativity", pa.float64()),
        ("cooperativity_std", pa.float64()),
        ("cooperativity_ci_low", pa.float64()),
        ("cooperativity_ci_high", pa.float64()),
        ("p_value", pa.float64()),
        ("q_value", pa.float64()),
        ("n_controls", pa.int64()),
        ("control_t", pa.float64()),
        ("control_p", pa.float64()),
        ("control_q", pa.float64()),
    ]
)
PAIRS_SUMMARY = pa.schema(
    [
        *VIEW,
        ("first", pa.string()),
        ("second", pa.string()),
        ("n_arrangements", pa.int64()),
        ("distance", pa.int64()),
        ("orientation", NAME),
        ("strand", NAME),
        ("start", pa.int64()),
        ("cooperativity", pa.float64()),
        ("cooperativity_ci_low", pa.float64()),
        ("cooperativity_ci_high", pa.float64()),
        ("spacing_reach", pa.int64()),
        ("spacing", NAME),
        ("pair_p", pa.float64()),
        ("pair_q", pa.float64()),
        ("significant", pa.bool_()),
    ]
)
DIFFERENTIAL = pa.schema(
    [
        ("first", NAME),
        ("second", NAME),
        *VIEW,
        *PLACED,
        ("name", pa.string()),
        ("kind", NAME),
        ("sequence", pa.string()),
        ("n_backgrounds", pa.int64()),
        ("effect_first", pa.float64()),
        ("effect_second", pa.float64()),
        ("unit_first", pa.float64()),
        ("unit_second", pa.float64()),
        ("difference", pa.float64()),
        ("difference_std", pa.float64()),
        ("difference_ci_low", pa.float64()),
        ("difference_ci_high", pa.float64()),
        ("p_value", pa.float64()),
        *AMONG_ELEMENTS,
    ]
)
