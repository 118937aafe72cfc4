"""Let ``python -m bakeoff`` be the same as ``bakeoff``."""

from __future__ import annotations

from bakeoff.cli import main

if __name__ == "__main__":
    main()
