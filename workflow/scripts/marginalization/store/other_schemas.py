"""The schemas of the Parquet tables of ablations, of measurements, and of what follows from the summary."""

from __future__ import annotations

import pyarrow as pa

from .schemas import NAME

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
        ("model", NAME),
        ("readout", NAME),
        ("target", NAME),
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
        ("model", NAME),
        ("readout", NAME),
        ("target", NAME),
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
        ("model", NAME),
        ("readout", NAME),
        ("target", NAME),
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
        ("model", NAME),
        ("readout", NAME),
        ("target", NAME),
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
    ]
)
SCANS = pa.schema(
    [
        ("model", NAME),
        ("readout", NAME),
        ("target", NAME),
        ("element_id", pa.string()),
        ("strand", NAME),
        ("start", pa.int64()),
        ("effect_mean", pa.float64()),
        ("half_left", pa.float64()),
        ("half_right", pa.float64()),
    ]
)
COPIES = pa.schema(
    [
        ("model", NAME),
        ("readout", NAME),
        ("target", NAME),
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
