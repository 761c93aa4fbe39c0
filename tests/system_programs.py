"""Programs that tests run and pip cannot bring; `make test` installs them (tests/needs)."""

import shutil

import pytest


def needed(program: str) -> str:
    """The path of a program; a test without it is left out, and says so."""
    return shutil.which(program) or pytest.skip(
        f"{program} is not installed; `make test` as root on Debian does it (tests/needs)"
    )
