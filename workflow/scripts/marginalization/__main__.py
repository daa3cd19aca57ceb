"""`python -m marginalization`."""

from .commands.cli import main

raise SystemExit(main())
