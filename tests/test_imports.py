"""The direction of imports in the whole package: each room knows only those before it."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import hublet_router

ROOT = Path(hublet_router.__path__[0])
FILES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in ROOT.rglob("*.py")
    if file.parent != ROOT
}
NONE: frozenset[str] = frozenset()
ALLOWED = {
    "core": NONE,
    "regex_bounds": NONE,
    "tablefile": {"core", "regex_bounds"},
    "flows": {"core", "analysis"},
    "analysis": {"core", "regex_bounds", "tablefile"},
    "redaction": {"core", "regex_bounds", "tablefile", "flows", "analysis"},
    "proxy": {"core", "tablefile", "flows", "analysis", "demo"},
    "demo": {"core", "tablefile", "analysis", "proxy", "verify"},
    "agent": {"core", "tablefile", "proxy"},
    "export": {"core", "regex_bounds", "tablefile"},
    "verify": {"core", "tablefile", "flows", "analysis", "redaction"},
    "prove": {"core", "tablefile", "agent", "demo", "export", "verify"},
}
ALLOWED["cli"] = {*ALLOWED}
ALLOWED["testing"] = {*ALLOWED}
"""What each room may import beside itself; the demo's traffic is a script for mitmproxy."""


def imported(module: str, source: str) -> Iterator[str]:
    """Yield each module or name of the package that a module imports, under TYPE_CHECKING too."""
    package = module.split(".") if FILES[module].name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (
                name.removeprefix("hublet_router.") for name in names if "hublet_router." in name
            )
        elif isinstance(node, ast.ImportFrom):
            origin = [*(node.module or "").split(".")] if node.module else []
            if node.level:
                origin = package[: len(package) - node.level + 1] + origin
            elif origin[0] == "hublet_router":
                del origin[0]
            else:
                continue
            for alias in node.names:
                name = ".".join([*origin, alias.name])
                yield name if name in FILES else ".".join(origin) or alias.name


GRAPH = {module: set(imported(module, file.read_text("utf-8"))) for module, file in FILES.items()}


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_a_module_imports_only_rooms_before_its_own(module: str) -> None:
    room = module.partition(".")[0]
    found = {name.partition(".")[0] for name in GRAPH[module]} - {room, "__version__"}
    assert found <= ALLOWED[room]


def test_the_engine_imports_nothing_of_what_observes() -> None:
    for module, names in GRAPH.items():
        if module.startswith("proxy.engine"):
            assert not [name for name in names if name.startswith("proxy.observe")], module


def test_no_imports_form_a_circle() -> None:
    TopologicalSorter({module: names - {module} for module, names in GRAPH.items()}).prepare()


def test_imports_of_every_spelling_are_found() -> None:
    source = (
        "import hublet_router.core.judge\n"
        "from hublet_router.core.table import Table\n"
        "from ..core import lookup\n"
        "from . import progress\n"
        "import json\n"
        "from typing import Any\n"
    )
    assert [*imported("cli.check", source)] == [
        "core.judge", "core.table", "core.lookup", "cli.progress",
    ]  # fmt: skip
