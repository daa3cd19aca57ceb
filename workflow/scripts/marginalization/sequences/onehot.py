"""One-hot tensors: encoding letters, checking encodings, and substituting one sequence into others.

A batch of sequences is a tensor of shape (n, len(alphabet), length). An unknown letter (N) is an all-zero column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from .letters import DNA, UNKNOWN, resolve_start


def one_hot_encode(sequences: str | Sequence[str], alphabet: Sequence[str] = DNA) -> torch.Tensor:
    """Encode sequences of equal length.

    Args:
        sequences: one sequence or several. N is an all-zero column, unless N is a letter of the alphabet (as it is
            in protein).
        alphabet: single ASCII letters, in the order of the encoding's rows.

    Returns:
        int8 tensor, shape (n, len(alphabet), length).

    Raises:
        ValueError: no sequences, letters outside the alphabet, or sequences of different lengths.
    """
    sequences = [sequences] if isinstance(sequences, str) else list(sequences)
    if not sequences:
        raise ValueError("there are no sequences to encode")
    columns = np.full(256, -1, dtype=np.int64)
    columns[ord(UNKNOWN)] = len(alphabet)
    for i, letter in enumerate(alphabet):
        columns[ord(letter)] = i

    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) > 1:
        raise ValueError(f"sequences differ in length: {sorted(lengths)}")
    letters = np.frombuffer("".join(sequences).encode("ascii", "replace"), dtype=np.uint8)
    codes = columns[letters].reshape(len(sequences), -1)
    if (codes < 0).any():
        row = int((codes < 0).any(axis=1).argmax())
        unknown = sorted(set(sequences[row]) - set(alphabet) - {UNKNOWN})
        raise ValueError(f"sequence {row} holds {unknown}, which are not in the alphabet {list(alphabet)}")

    rows = np.eye(len(alphabet) + 1, len(alphabet), dtype=np.int8)
    return torch.from_numpy(rows[codes].transpose(0, 2, 1).copy())


def check_one_hot(X: torch.Tensor, name: str, n_letters: int) -> None:
    """Raise a ValueError unless `X` is one-hot of shape (n >= 1, n_letters, length >= 1), N as all-zero columns."""
    if not isinstance(X, torch.Tensor):
        raise ValueError(f"{name} must be a torch.Tensor, not {type(X).__name__}")
    if X.ndim != 3 or X.shape[1] != n_letters:
        raise ValueError(f"{name} has shape {tuple(X.shape)} but must have shape (n, {n_letters}, length)")
    if X.shape[0] == 0 or X.shape[2] == 0:
        raise ValueError(
            f"{name} is empty: its shape is {tuple(X.shape)}; it takes at least one example of one position"
        )
    if not ((X == 0) | (X == 1)).all() or (X.sum(dim=1) > 1).any():
        raise ValueError(f"{name} must be one-hot encoded, with at most a single 1 in each column")


def as_motif(motif: torch.Tensor | str, alphabet: Sequence[str], n: int = 1) -> torch.Tensor:
    """A motif as one-hot of shape (1 or n, len(alphabet), width), where n is the number of backgrounds.

    Raises:
        ValueError: letters outside the alphabet, an empty motif, a tensor that is not one-hot, or a tensor with
            neither one motif nor one for each background.
    """
    if isinstance(motif, str) and motif:
        return one_hot_encode(motif, alphabet)
    if isinstance(motif, str):
        raise ValueError("motif is empty")
    check_one_hot(motif, "motif", len(alphabet))
    if motif.shape[0] not in (1, n):
        raise ValueError(f"motif holds {motif.shape[0]} sequences; give one, or one for each of the {n} in X")
    return motif


def substitute_(X: torch.Tensor, motif: torch.Tensor, start: int) -> torch.Tensor:
    """Substitute `motif` (1 or n, letters, width) into `X` (n, letters, length) in place; N keeps X's base."""
    covered = X[:, :, start : start + motif.shape[-1]]
    motif = motif.to(device=X.device, dtype=X.dtype)
    covered.copy_(torch.where(motif.sum(dim=1, keepdim=True) > 0, motif, covered))
    return X


def substitute(
    X: torch.Tensor, motif: torch.Tensor | str, start: int | None = None, alphabet: Sequence[str] = DNA
) -> torch.Tensor:
    """A copy of `X` with `motif` substituted at `start`, the length unchanged.

    Args:
        X: one-hot sequences, shape (n, len(alphabet), length), any dtype.
        motif: a string, or one-hot of shape (1 or n, len(alphabet), width). N keeps the base of `X`.
        start: 0-based position of the motif's first letter; None centres it.
        alphabet: the letters, in the order of the rows of `X`.

    Raises:
        ValueError: `X` or the motif is empty or no one-hot encoding, holds other letters, or does not fit.
    """
    check_one_hot(X, "X", len(alphabet))
    motif = as_motif(motif, alphabet, X.shape[0])
    return substitute_(X.clone(), motif, resolve_start(X.shape[-1], motif.shape[-1], start))
