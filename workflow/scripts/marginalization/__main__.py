"""`python -m marginalization`."""

from .view.cli import main

raise SystemExit(main())
