"""`python -m hybrid_etl`: the command without an installed entry point."""

from __future__ import annotations

import sys

from hybrid_etl.cli import main

sys.exit(main())
