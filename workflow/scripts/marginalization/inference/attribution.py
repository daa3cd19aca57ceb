"""Attributions: how much each base of a sequence adds to a target of a readout, by one function or another.

Each function gives, for one-hot sequences (n, 4, length), floats (n, targets, length): one for the base that is there.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from ..config.sections import DEEP_LIFT_SHAP, SATURATION_MUTAGENESIS
from ..errors import InputError
from ..models.factories import import_callable
from ..models.readouts import ReadoutModel
from ..sequences.letters import named_generator
from ..sequences.onehot import one_hot_encode
from ..sequences.shuffle import dinucleotide_shuffle
from .mutagenesis import centred_effects, saturation_mutagenesis
from .prediction import as_dtype

logger = logging.getLogger(__name__)

N_SHUFFLES = 20
"""How many references a sequence has in deep_lift_shap unless the config says otherwise; as in tangermeme."""

LONGEST_WARNING = 300
"""How many letters of a warning are logged: tangermeme's hold a tensor."""


class OneReadout(nn.Module):
    """A model with its readouts, and of these one: (batch, targets).

    Args:
        model: gives a dict of readouts.
        readout: which of them.
        args: the model's further inputs, whose dtypes they get back where a function casts them, as tangermeme's does.
    """

    def __init__(self, model: ReadoutModel, readout: str, args: Sequence[torch.Tensor] = ()):
        super().__init__()
        self.model = model
        self.readout = readout
        self.dtypes = [arg.dtype for arg in args]

    def forward(self, X: torch.Tensor, *args: torch.Tensor) -> torch.Tensor:
        return self.model(X, *(arg.to(dtype) for arg, dtype in zip(args, self.dtypes, strict=True)))[self.readout]


class Attributor:
    """The function of a config's section `attributions`.

    Args:
        spec: the section.
        compute: the section of that name.
        device: where to run.

    Attributes:
        n_references: how many references each sequence needs: 0 but for deep_lift_shap.

    Raises:
        InputError: a lab's own function can not be imported.
    """

    def __init__(self, spec: dict[str, Any], compute: dict[str, Any], device: torch.device):
        self.name, self.kwargs = spec["function"], dict(spec["kwargs"])
        self.dtype = compute["dtype"]
        self.options = {"batch_size": compute["batch_size"], "device": device}
        own = {DEEP_LIFT_SHAP: self._deep_lift_shap, SATURATION_MUTAGENESIS: self._saturation_mutagenesis}
        self.run = own.get(self.name, self._of_the_lab)
        self.n_references = self.kwargs.pop("n_shuffles", N_SHUFFLES) if self.name == DEEP_LIFT_SHAP else 0
        if self.name not in own:
            self.function = import_callable(self.name, "attributions.function")
        self.warned: Counter[tuple[str, int]] = Counter()

    def __call__(
        self,
        model: OneReadout,
        X: torch.Tensor,
        n_targets: int,
        args: Sequence[torch.Tensor],
        references: torch.Tensor | None,
    ) -> torch.Tensor:
        """Attributions, (n, targets, length), on the CPU.

        Args:
            model: in evaluation mode, on the device.
            X: int8 one-hot sequences, shape (n, 4, length).
            n_targets: of the model's readout.
            args: the model's further inputs, each of n rows.
            references: int8 one-hot, shape (n, n_references, 4, length), where the function needs any.

        Raises:
            InputError: a lab's own function gives something else than attributions.
        """
        with self._warnings_logged():
            return self.run(model, X, n_targets, args, references)

    def log_warnings(self) -> None:
        """Log how often each warning came, where it came more than once."""
        for (path, line), n in self.warned.items():
            if n > 1:
                logger.warning("%s: the warning from %s:%d came %d times", self.name, path, line, n)

    def _deep_lift_shap(
        self,
        model: OneReadout,
        X: torch.Tensor,
        n_targets: int,
        args: Sequence[torch.Tensor],
        references: torch.Tensor | None,
    ) -> torch.Tensor:
        from tangermeme.deep_lift_shap import deep_lift_shap

        options = {**self.options, **self.kwargs, "args": tuple(args), "references": references, "dtype": self.dtype}
        # Sequences with an N are as good as others here, where tangermeme would stop.
        per_target = [deep_lift_shap(model, X, target=i, only_warn=True, **options) for i in range(n_targets)]
        return torch.stack([y.sum(dim=1) for y in per_target], dim=1)

    def _saturation_mutagenesis(
        self,
        model: OneReadout,
        X: torch.Tensor,
        n_targets: int,
        args: Sequence[torch.Tensor],
        references: torch.Tensor | None,
    ) -> torch.Tensor:
        # All targets at once, from the same predictions.
        edits = saturation_mutagenesis(model, X, args=args, dtype=self.dtype, raw_outputs=True, **self.options)
        return (X.unsqueeze(-1) * centred_effects(*edits)).sum(dim=1).transpose(1, 2)

    def _of_the_lab(
        self,
        model: OneReadout,
        X: torch.Tensor,
        n_targets: int,
        args: Sequence[torch.Tensor],
        references: torch.Tensor | None,
    ) -> torch.Tensor:
        X = X.to(as_dtype(None, model))
        found = []
        for i in range(n_targets):
            y = self.function(model, X, args=tuple(args) or None, target=i, **self.options, **self.kwargs)
            if not isinstance(y, torch.Tensor) or y.shape not in (X.shape, (len(X), X.shape[2])):
                given = tuple(y.shape) if isinstance(y, torch.Tensor) else f"a {type(y).__name__}"
                raise InputError(
                    f"config: attributions.function: {self.name} gave {given} for sequences of shape "
                    f"{tuple(X.shape)}; it must return a tensor of that shape, or of {(len(X), X.shape[2])}"
                )
            y = y.detach().cpu()
            found.append(y.sum(dim=1) if y.ndim == 3 else y)
        return torch.stack(found, dim=1)

    @contextlib.contextmanager
    def _warnings_logged(self) -> Iterator[None]:
        """Log a warning the first time that it comes from a line of code: functions repeat theirs for each batch."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
        for warning in caught:
            origin = (warning.filename, warning.lineno)
            if origin not in self.warned:
                message = " ".join(str(warning.message).split())[:LONGEST_WARNING]
                logger.warning("%s: %s: %s", self.name, warning.category.__name__, message)
            self.warned[origin] += 1


def draw_references(sequences: Sequence[str], n: int, seed: int) -> torch.Tensor:
    """n dinucleotide shuffles of each sequence, drawn by the sequence itself.

    Equal sequences have equal references, whatever else there is.

    Returns:
        int8 one-hot, shape (len(sequences), n, 4, length).
    """
    return torch.stack(
        [
            one_hot_encode([dinucleotide_shuffle(s, named_generator(seed, "reference", s, k)) for k in range(n)])
            for s in sequences
        ]
    )
