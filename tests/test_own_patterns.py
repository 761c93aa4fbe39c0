"""Law 7 for the project itself: each of its own patterns takes time in proportion to the text."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hublet_router
from hublet_router.regex_bounds.cost import slow

SOURCES = "\n".join(
    file.read_text("utf-8") for file in Path(hublet_router.__path__[0]).rglob("*.py")
)
OWN_WORDS = "cli."  # patterns for what the person wrote that runs the command
SCRIPTS = ("__main__", "demo.proof", "demo.traffic")
ANYWHERE = re.compile(r"\.(?:search|findall|finditer|sub|subn|split)\b")
LAST_REPEAT = re.compile(r"(?:[*+]|\{([0-9]+),\})\+?(?=\)?\Z)")

EXCEPTIONS = {
    "analysis.harmless._DATED": "no repeat without end; it looks but one character back",
    "analysis.harmless._PIECE": "it gives back one capital letter at most",
    "core.table._NUMBER": "in each round, the second character decides between both ways",
    "flows.har._URL": "what follows the @ reads anything, so that nothing is tried again",
    "proxy.engine.log_filter._QUOTED": "a quotation without its end takes the rest of the text",
    "redaction.documents._TOKEN": "it is given whole documents, in which each string ends",
    "redaction.redact_text._TEXT": "each alternative is possessive and takes what it has read",
    "tablefile.moved_file._COMMA": "the author of a table is trusted, and a line is short",
    "tablefile.moved_file._ODD": "the author of a table is trusted, and an id is short",
    "verify.verdict._MEMBER": "the proxy that an operator asks is trusted, and a field is short",
    "verify.verdict._PARAMETER": "the proxy that an operator asks is trusted, and a field is short",
}
"""Patterns that are linear for a reason that the proof does not see, each with that reason."""


def own_patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """Yield each pattern that a module of the package has at its top, with its full name."""
    for found in pkgutil.walk_packages(hublet_router.__path__, "hublet_router."):
        if not found.name.endswith(SCRIPTS):
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern) and f".{OWN_WORDS}" not in module.__name__:
                    yield f"{found.name.removeprefix('hublet_router.')}.{name}", value


PATTERNS = dict(own_patterns())


def source_of(pattern: re.Pattern[str] | re.Pattern[bytes]) -> str:
    text = pattern.pattern
    text = text if isinstance(text, str) else text.decode("latin-1")
    flags = [flag for flag in "imsx" if pattern.flags & getattr(re, flag.upper())]
    return f"(?{''.join(flags)}:{text})" if flags else text


def alternatives(text: str) -> list[str]:
    """Part a pattern at each `|` outside of classes and groups."""
    pieces = re.findall(r"\\.|\[\^?\]?(?:\\.|[^\\\]])*\]|.", text, re.DOTALL)
    ways, depth = [""], 0
    for piece in pieces:
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "|" and depth == 0:
            ways.append("")
        else:
            ways[-1] += piece
    return ways


def proof(name: str) -> str | None:
    """Return why a pattern can take long, or None if it cannot.

    What only `match` and `fullmatch` try begins at one place. A repeat with which a pattern ends
    cannot fail, and what it has read is not searched again: so one round of it stands for all.
    """
    text = source_of(PATTERNS[name])
    variable = name.rpartition(".")[2]
    uses = re.findall(rf"\b{variable}(\.[a-z]+\b|\b)", SOURCES)
    if not any(ANYWHERE.fullmatch(use) for use in uses):
        return slow(f"^(?:{text})")
    ways = [LAST_REPEAT.sub(lambda it: f"{{{it[1] or 1}}}", way) for way in alternatives(text)]
    return slow("|".join(ways))


@pytest.mark.parametrize("name", PATTERNS)
def test_each_pattern_of_the_project_is_linear(name: str) -> None:
    if name in EXCEPTIONS:
        assert proof(name), "no exception any more"
    else:
        assert proof(name) is None


def test_the_proof_would_see_one_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PATTERNS, "core.request._BAD_ESCAPE", re.compile(r"\s+x"))
    assert proof("core.request._BAD_ESCAPE")
    assert len(PATTERNS) > 40
