"""The schemas of the Parquet tables of ablations, maps and measurements, and of what follows from the summary."""

from __future__ import annotations

import pyarrow as pa

from .schemas import KEYS, NAME, PLACED, VIEW

INSTANCES = pa.schema(
    [
        ("instance_id", pa.string()),
        ("name", pa.string()),
        ("chrom", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", pa.string()),
        ("width", pa.int64()),
        ("locus_start", pa.int64()),
        ("genome", NAME),
        ("source", pa.string()),
        ("elsewhere", pa.list_(pa.int64())),
    ]
)
ABLATION_OUTPUTS = pa.schema(
    [
        ("instance_id", pa.string()),
        ("target", NAME),
        ("before", pa.float32()),
        ("after", pa.list_(pa.float32())),
    ]
)
"""A readout of loci as they are, and after each replacement: of the instance, then of each of `elsewhere`."""
ABLATIONS = pa.schema(
    [
        *VIEW,
        ("instance_id", pa.string()),
        ("name", pa.string()),
        ("chrom", NAME),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("strand", NAME),
        ("before", pa.float64()),
        ("after_mean", pa.float64()),
        ("effect_mean", pa.float64()),
        ("effect_std", pa.float64()),
        ("elsewhere_mean", pa.float64()),
        ("elsewhere_std", pa.float64()),
        ("elsewhere_p", pa.float64()),
    ]
)
ABLATIONS_SUMMARY = pa.schema(
    [
        *VIEW,
        ("name", pa.string()),
        ("n_instances", pa.int64()),
        ("before_mean", pa.float64()),
        ("effect_mean", pa.float64()),
        ("effect_std", pa.float64()),
        ("elsewhere_mean", pa.float64()),
        ("difference", pa.float64()),
        ("difference_ci_low", pa.float64()),
        ("difference_ci_high", pa.float64()),
        ("elsewhere_low", pa.float64()),
        ("elsewhere_high", pa.float64()),
        ("beyond_floor", pa.bool_()),
        ("fraction_beyond", pa.float64()),
        ("p_value", pa.float64()),
        ("q_value", pa.float64()),
        ("significant", pa.bool_()),
    ]
)
MEASURED = pa.schema(
    [
        ("file", pa.string()),
        ("column", pa.string()),
        *VIEW,
        ("n_measured", pa.int64()),
        ("pearson", pa.float64()),
        ("pearson_ci_low", pa.float64()),
        ("pearson_ci_high", pa.float64()),
        ("spearman", pa.float64()),
        ("spearman_ci_low", pa.float64()),
        ("spearman_ci_high", pa.float64()),
        ("slope", pa.float64()),
        ("intercept", pa.float64()),
        ("bin_n", pa.list_(pa.int64())),
        ("bin_effect", pa.list_(pa.float64())),
        ("bin_measured", pa.list_(pa.float64())),
    ]
)
CLUSTERS = pa.schema(
    [
        *VIEW,
        ("cluster", pa.int64()),
        ("motif", pa.string()),
        ("element_id", pa.string()),
        ("strand", NAME),
        ("start", pa.int64()),
        ("direction", NAME),
        ("effect_mean", pa.float64()),
        ("effect_ci_low", pa.float64()),
        ("effect_ci_high", pa.float64()),
        ("element_q", pa.float64()),
        ("n_motifs", pa.int64()),
        ("n_significant", pa.int64()),
        ("significant", pa.bool_()),
        ("members", pa.list_(pa.string())),
        ("member_ids", pa.list_(pa.string())),
    ]
)
LOCI = pa.schema(
    [
        ("background_id", pa.int64()),
        ("name", pa.string()),
        ("covariate", NAME),
        ("value", pa.float64()),
    ]
)
CONTEXT = pa.schema(
    [
        *VIEW,
        *PLACED,
        ("name", pa.string()),
        ("covariate", NAME),
        ("n_loci", pa.int64()),
        ("spearman", pa.float64()),
        ("spearman_ci_low", pa.float64()),
        ("spearman_ci_high", pa.float64()),
        ("effect_lowest", pa.float64()),
        ("effect_highest", pa.float64()),
        ("p_value", pa.float64()),
        ("q_value", pa.float64()),
    ]
)
MAP_OUTPUTS = pa.schema(
    [
        *KEYS,
        ("position", pa.int64()),
        ("base", NAME),
        ("before", pa.list_(pa.float32())),
        ("after", pa.list_(pa.float32())),
    ]
)
"""A readout of each background as it is, and with the element, of which one base is changed.

Of the element as it is the position is -1, and the base N.
"""
MAPS = pa.schema(
    [
        *VIEW,
        ("element_id", pa.string()),
        ("name", pa.string()),
        ("strand", NAME),
        ("start", pa.int64()),
        ("position", pa.int64()),
        ("reference", NAME),
        ("base", NAME),
        ("n_backgrounds", pa.int64()),
        ("effect_mean", pa.float64()),
        ("effect_std", pa.float64()),
    ]
)
MAPS_SUMMARY = pa.schema(
    [
        *VIEW,
        ("element_id", pa.string()),
        ("name", pa.string()),
        ("strand", NAME),
        ("start", pa.int64()),
        ("effect_mean", pa.float64()),
        ("similarity", pa.float64()),
        ("carried_start", pa.int64()),
        ("carried_end", pa.int64()),
        ("carried", pa.string()),
        ("closest", pa.string()),
        ("closest_similarity", pa.float64()),
        ("closest_offset", pa.int64()),
        ("closest_strand", NAME),
        ("reads", NAME),
    ]
)
SCANS = pa.schema(
    [
        *VIEW,
        *PLACED,
        ("effect_mean", pa.float64()),
        ("half_left", pa.float64()),
        ("half_right", pa.float64()),
    ]
)
COPIES = pa.schema(
    [
        *VIEW,
        ("motif", pa.string()),
        ("orientation", NAME),
        ("distance", pa.int64()),
        ("n_copies", pa.int64()),
        ("strand", NAME),
        ("start", pa.int64()),
        ("element_id", pa.string()),
        ("effect_mean", pa.float64()),
        ("effect_ci_low", pa.float64()),
        ("effect_ci_high", pa.float64()),
        ("over_one", pa.float64()),
        ("over_expected", pa.float64()),
    ]
)
