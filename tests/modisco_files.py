"""Results of TF-MoDISco as tfmodisco-lite writes them, in small."""

import h5py
import numpy as np


def write_modisco(path, patterns):
    """Write a results file.

    Args:
        path: of the file.
        patterns: by group ("pos_patterns" or "neg_patterns") and name ("pattern_0"): sequences of the seqlets, all of
            one width, and the contribution of each position, (width,).
    """
    with h5py.File(path, "w") as file:
        file.attrs["window_size"] = 400
        for group, of_group in patterns.items():
            file.create_group(group)
            for name, (seqlets, contributions) in of_group.items():
                one_hot = np.stack([np.eye(5)[["ACGTN".index(x) for x in seqlet]][:, :4] for seqlet in seqlets])
                sequence = one_hot.mean(axis=0)
                pattern = file[group].create_group(name)
                pattern["sequence"] = sequence
                pattern["contrib_scores"] = sequence * np.array(contributions)[:, None]
                pattern["hypothetical_contribs"] = np.tile(np.array(contributions)[:, None], 4)
                pattern.create_group("seqlets")["n_seqlets"] = np.array([len(seqlets)])
                pattern.create_group("subpattern_0")["sequence"] = sequence
    return str(path)
