"""`python -m marginalization`."""

from .cli import main

raise SystemExit(main())
