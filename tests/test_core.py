"""What holds for the core as a whole."""

import ast
from pathlib import Path

import pytest

import hublet_router.core

FILES = sorted(Path(hublet_router.core.__path__[0]).glob("**/*.py"))
FORBIDDEN = {"mitmproxy", "yaml", "socket", "time", "os", "pathlib"}


def imported(source: str) -> set[str]:
    """Return the top-level package of each absolute import, wherever in the module it stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_core_does_no_io_and_knows_no_engine(file: Path) -> None:
    # One asks the environment whether hashes are known; then it remembers nothing.
    allowed = {"os"} if file.name == "memory.py" else set()
    assert imported(file.read_text("utf-8")) & FORBIDDEN == allowed
