"""What of the package the tests of a run of pytest under slipcover have executed in their own processes.

    slipcover --source workflow/scripts/marginalization --json --out /dev/null -m pytest -n 2 ...

The jobs of whole screens are processes of their own, and do not count.
"""

import json
import os
from pathlib import Path

LEAST = 12
"""Of how many modules a run tells."""


def coverage_lines() -> list[str]:
    """The share of all lines, and the modules of which the fewest are covered; nothing where it was not measured."""
    measured = Path(os.environ.get("SLIPCOVER_COVERAGE_DIR", "")) / "merged.json"
    if not measured.is_file():
        return []
    files = {}
    for path, found in json.loads(measured.read_text())["files"].items():
        n_covered, n_missing = len(found["executed_lines"]), len(found["missing_lines"])
        files[path] = n_covered, n_covered + n_missing
    covered, total = map(sum, zip(*files.values(), strict=True))
    least = sorted((n / of, path) for path, (n, of) in files.items() if of)[:LEAST]
    return [f"{covered / total:6.1%} of {total:,} lines", *(f"{share:6.1%} {path}" for share, path in least)]
