"""The table as values: frozen, and known good once they exist. `parse` makes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .places import Place, Request, host_name, ip_address
from .readers import Reader

_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*")


def _place(host: str) -> str:
    """Return one spelling for all of a host's: its address where it is one, else its name."""
    name = host_name(host)
    address = ip_address("127.0.0.1" if name == "localhost" else name)
    return str(getattr(address, "ipv4_mapped", None) or address or name)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a table: where (1-based), what, and what to do."""

    line: int
    column: int
    text: str


class TableError(Exception):
    """A table that cannot be used: one line for each fault, `file:line:column: what`."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: (fault.line, fault.column))
        self.sentences = [f"{name}:{f.line}:{f.column}: {f.text}" for f in self.faults]
        super().__init__("\n".join(self.sentences))


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the requests of a Hublet go, and by which name its TLS is spoken.

    `host` is a lower-case name, or an IP address without brackets. `sni` is `client`, `upstream`,
    or the server name itself.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    sni: str = "client"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def server_name(self, client_sni: str | None, host: str) -> str:
        """Return the name for TLS to the upstream: its SNI, and what its certificate must hold."""
        match self.sni:
            case "client":
                return client_sni or host
            case "upstream":
                return self.host
            case name:
                return name


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of credential: where it stands, on which paths, and how it names its Hublet."""

    name: str
    places: tuple[Place, ...]
    reader: Reader
    paths: re.Pattern[str] | None = None

    def applies_to(self, path: str) -> bool:
        """Tell whether the rule looks at requests for that path."""
        return self.paths is None or self.paths.search(path) is not None


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens when a request does not name exactly one known Hublet."""

    legacy: Literal["default", "refuse"] = "default"
    anonymous: Literal["default", "refuse"] = "default"
    unknown: Literal["refuse", "default"] = "refuse"
    conflict: Literal["refuse", "first"] = "refuse"
    foreign: Literal["refuse", "pass"] = "refuse"


@dataclass(frozen=True, slots=True)
class Example:
    """A request with the decision that it must get: a Hublet's name, or the reason of a refusal."""

    request: Request
    hublet: str | None
    refused: str | None
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table. `version` is the first 12 hex digits of the SHA-256 of its file."""

    version: str
    domains: frozenset[str]
    hublets: Mapping[str, Upstream]
    default: str | None
    policy: Policy
    rules: tuple[Rule, ...]
    by_place: Mapping[Place, tuple[Rule, ...]]
    examples: tuple[Example, ...] = ()

    def owns(self, host: str) -> bool:
        """Tell whether requests for that host are routed; `*.` stands for exactly one label."""
        label, _, parent = host.partition(".")
        return host in self.domains or (label != "" and f"*.{parent}" in self.domains)

    def is_upstream(self, host: str, port: int) -> bool:
        """Tell whether a Hublet is there, however its address is written.

        A number that is no plain address (`127.1`, `0x7f000001`) could be any, to some resolvers.
        """
        place = _place(host)
        odd = ip_address(place) is None and _NUMBER.fullmatch(place) is not None
        return odd or any(
            (_place(upstream.host), upstream.port) == (place, port)
            for upstream in self.hublets.values()
        )

    def reads_body(self, path: str) -> bool:
        """Tell whether a rule has to read the body of a request for that path."""
        return any(
            rule.applies_to(path)
            for place, rules in self.by_place.items()
            if place.in_body
            for rule in rules
        )
