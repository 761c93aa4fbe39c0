"""Holds what servers read in a request against where the router would send it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hublet_router.core.judge import decide
from hublet_router.core.table import Table
from hublet_router.flows.raw import RequestError, read_request
from hublet_router.tablefile import load

from .attempts import PLAIN, Attempt
from .stock import Read, ask

SHIPPED = Path(__file__).parents[2] / "hublets.yaml"
type Row = tuple[str, str]
"""A place, and the dialect in it."""

_SCHEME = re.compile(r"^\s*bearer\s+", re.I)
SESSION = '  - {name: session, in: {cookie: sid}, hublet: {regex: "^([a-z]{2}[0-9])-"}}\n'


class Finding(NamedTuple):
    """A credential that a server reads, of another Hublet than the one that the request reaches."""

    server: str
    attempt: Attempt
    hublet: str


@dataclass
class Result:
    """What a run found."""

    findings: list[Finding] = field(default_factory=list)
    routed: int = 0
    read: dict[Row, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Which servers read the credential under the rule's name."""

    fate: dict[Row, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What the router does: it routes by that credential, or refuses."""


@cache
def table() -> Table:
    """Return the shipped table with a rule for a cookie."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "hublets.yaml"
        text = SHIPPED.read_text("utf-8")
        file.write_text(text.replace("credentials:\n", f"credentials:\n{SESSION}", 1), "utf-8")
        return load(file)


def destination(raw: bytes) -> str | None:
    """Return the Hublet that a request reaches, or None if it is refused."""
    try:
        return decide(table(), read_request(raw)).hublet
    except RequestError:
        return None


def compare(attempts: Iterable[Attempt], ports: Mapping[str, int]) -> Result:
    """Ask each server about each request that is routed, and about each dialect as it is."""
    result = Result()
    for it in attempts:
        hublet = destination(it.raw)
        result.routed += hublet is not None
        key = it.dialect.place, it.dialect.label
        is_row = it.spelling == PLAIN and it.is_alone and it.dialect.is_row
        if is_row:
            result.fate[key].add("refuses" if hublet is None else "routes")
        if not is_row and hublet in {None, it.hublet}:
            continue
        for server, port in ports.items():
            texts = ask(port, it.raw)
            if is_row and reads(it, texts):
                result.read[key].add(server)
            if hublet not in {None, it.hublet} and any(holds(it, text) for text in texts):
                result.findings.append(Finding(server, it, str(hublet)))
    return result


def holds(attempt: Attempt, read: Read) -> bool:
    """Return whether a text that a server reads has the credential in it, as a word."""
    return re.search(rf"(?<!\w)(?:Bearer)?{re.escape(attempt.credential)}", read.text) is not None


def reads(attempt: Attempt, texts: Iterable[Read]) -> bool:
    """Return whether a server reads the credential where the rule looks, under its very name."""
    place, name = attempt.dialect[:2]
    for it in texts:
        if it.place != place:
            continue
        if place == "path":
            is_read = it.text.startswith(name) and attempt.credential in it.text
        else:
            plain = _SCHEME.sub("", it.text).strip()
            is_read = it.name == name and plain == attempt.credential
        if is_read:
            return True
    return False


def dialect_table(result: Result, servers: Sequence[str]) -> str:
    """Return, as a table in Markdown, which server reads what not all of them read."""
    lines = [
        f"| place | dialect | {' | '.join(servers)} | the router |",
        "| --- | --- " + "| --- " * (len(servers) + 1) + "|",
    ]
    for (place, row), by in result.read.items():
        if len(by) < len(servers):
            marks = " | ".join("x" if server in by else "" for server in servers)
            fate = " or ".join(sorted(result.fate[place, row]))
            lines.append(f"| {place} | {row} | {marks} | {fate} |")
    return "\n".join(lines)
