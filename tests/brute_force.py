"""Screens of the lab's model `Letters` by brute force: over strings, one background at a time, in float64."""

from pathlib import Path

import pandas as pd
from marginalization.sequences.letters import reverse_complement

WEIGHTS = {"A": 1.0, "C": 2.0, "G": 4.0, "T": 8.0}


def letters(sequence: str) -> list[float]:
    """What the model `Letters` gives."""
    halves = sequence[:20], sequence[20:]
    return [sum(WEIGHTS.get(letter, 0.0) for letter in half) for half in halves]


def substitute(background: str, element: str, start: int) -> str:
    kept = background[start : start + len(element)]
    new = "".join(old if letter == "N" else letter for letter, old in zip(element, kept, strict=True))
    return background[:start] + new + background[start + len(element) :]


def expected_effects(results: Path) -> pd.DataFrame:
    """All effects, from the tables of backgrounds and elements."""
    backgrounds = pd.read_parquet(results / "backgrounds.parquet")
    rows = []
    for element in pd.read_parquet(results / "elements.parquet").itertuples():
        for strand in "+-":
            sequence = element.sequence if strand == "+" else reverse_complement(element.sequence)
            for start in (5, 20):
                for target in (0, 1):
                    for background in backgrounds.itertuples():
                        before = letters(background.sequence)[target]
                        after = letters(substitute(background.sequence, sequence, start))[target]
                        key = (element.element_id, strand, start, str(target), background.background_id)
                        rows.append((*key, before, after, after - before))
    columns = ["element_id", "strand", "start", "target", "background_id", "before", "after", "effect"]
    return pd.DataFrame(rows, columns=columns)
