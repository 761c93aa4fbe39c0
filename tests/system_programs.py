"""Programs that tests run and pip cannot bring; `make test` installs them, and fails if it cannot.

Only a person who may not install packages runs the rest without them.
"""

import shutil
import sys
from pathlib import Path

import pytest


def needed(program: str) -> str:
    """The path of a program; a test without it is left out, and says so."""
    return shutil.which(program) or pytest.skip(
        f"{program} is not installed; `make test` as root on Debian does it (tests/needs)"
    )


def from_npm(pattern: str) -> Path:
    """The path of what `make test` installs from npm; a test without it is left out."""
    found = [*(Path(sys.prefix) / "node" / "node_modules").glob(pattern)]
    return found[0] if found else pytest.skip(f"{pattern} is not installed (tests/workerd)")
