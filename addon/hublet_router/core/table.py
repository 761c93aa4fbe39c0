"""The table as values: frozen, and known good once they exist. `parse` makes them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

from .lookup import Rule, RuleIndex
from .places import Place
from .readers import AccountReader
from .request import Request, host_name, ip_address

MISDIRECTED, MIGRATING = 421, 477
_LABEL = re.compile("[A-Za-z0-9_-]{1,63}")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*")


def _place(host: str) -> str:
    """Return one spelling for all of a host's: its address where it is one, else its name."""
    name = host_name(host)
    address = ip_address("127.0.0.1" if name == "localhost" else name.strip("[]"))
    return str(getattr(address, "ipv4_mapped", None) or address or name)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the requests of a Hublet go, and by which name its TLS is spoken.

    `host` is a lower-case name, or an IP address without brackets. `sni` is `client`, `upstream`,
    or the server name itself. `ca` has the certificates, in PEM, of which one must have issued the
    upstream's own; None for those that mitmproxy trusts. With `http2`, a client's HTTP/2 is spoken
    where the upstream offers it. `at` is where the table says so: line and column.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    sni: str = "client"
    ca: str | None = field(default=None, repr=False)
    http2: bool = True
    at: tuple[int, int] = field(default=(1, 1), compare=False, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def server_name(self, client_sni: str | None, host: str) -> str:
        """Return the name for TLS to the upstream: its SNI, and what its certificate must hold."""
        names = {"client": client_sni or host.strip("[]"), "upstream": self.host}
        return names.get(self.sni, self.sni)


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens when a request does not name exactly one known Hublet."""

    legacy: Literal["default", "refuse"] = "default"
    anonymous: Literal["default", "refuse"] = "default"
    unknown: Literal["refuse", "default"] = "refuse"
    conflict: Literal["refuse", "first"] = "refuse"
    unreadable: Literal["refuse", "ignore"] = "refuse"
    stray: Literal["refuse", "ignore"] = "refuse"
    foreign: Literal["refuse", "pass"] = "refuse"


@dataclass(frozen=True, slots=True)
class Example:
    """A request with the decision that it must get: a Hublet's name, or the reason of a refusal.

    `at` is the line and column where it stands.
    """

    request: Request
    hublet: str | None
    refused: str | None
    at: tuple[int, int]


class Move(NamedTuple):
    """Where an account lives now, and which Hublet its old credentials name, if known."""

    to: str
    source: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Accounts:
    """What is known of accounts: where a request names one, and which of them have moved.

    `beside` are rules, like those for credentials, for accounts that stand beside a credential.
    `inside` reads the credentials that the rules find.
    """

    beside: tuple[Rule, ...]
    inside: tuple[AccountReader, ...]
    moved: Mapping[str, Move]

    def __repr__(self) -> str:
        """Show no account."""
        return f"<Accounts: {len(self.moved)} moved>"

    def moves(self, ids: Iterable[str]) -> tuple[Move | None, ...]:
        """Return where each account has moved, None for one that has not."""
        return tuple([self.moved.get(account_id(text)) for text in ids])

    def hublets_by_id(self, ids: Iterable[str]) -> tuple[str | None, ...]:
        """Return the Hublet to which each account has moved, None for one that has not."""
        return tuple([move and move.to for move in self.moves(ids)])


def account_id(text: str) -> str:
    """Return one spelling of an account's id: to a server, `+062515` is the number 62515."""
    digits = text.lstrip("+")
    if not digits.isdecimal():
        return text
    if not digits.isascii():  # Java's Long.parseLong takes those of any script
        digits = "".join([str(int(digit)) for digit in digits])
    return digits.lstrip("0") or "0"


@dataclass(frozen=True, slots=True)
class Misdirected:
    """How an answer names another Hublet as right: a header in lower case, a dotted path."""

    status: int | None = None
    header: str | None = None
    json: str | None = None

    @property
    def statuses(self) -> set[int | None]:
        """The statuses of such an answer: the table's own, 421, and HubSpot's 477.

        421 is always understood (RFC 9110 section 15.5.20); 477 says that an account is migrating.
        """
        return {self.status, MISDIRECTED, MIGRATING}


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table. `version` is the first 12 hex digits of its files' SHA-256.

    `aliases` gives the Hublet for each other name that credentials use. `files` are the paths of
    the files that it names.
    """

    version: str
    domains: frozenset[str]
    hublets: Mapping[str, Upstream]
    default: str | None
    policy: Policy
    rules: tuple[Rule, ...]
    accounts: Accounts | None = None
    misdirected: Misdirected = Misdirected()
    examples: tuple[Example, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    index: RuleIndex = field(init=False, compare=False, repr=False)
    _upstreams: frozenset[tuple[str, int]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Work out what each request would have to."""
        beside, inside = (self.accounts.beside, self.accounts.inside) if self.accounts else ((), ())
        index = RuleIndex(self.rules, beside, inside, self.aliases)
        upstreams = frozenset((_place(up.host), up.port) for up in self.hublets.values())
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "_upstreams", upstreams)

    @property
    def places(self) -> Sequence[Place]:
        """Every place of the rules, in their order, and then of the accounts."""
        return self.index.places

    def with_policy(self, **words: Any) -> Self:
        """Return the table with some words of its policy replaced."""
        return replace(self, policy=replace(self.policy, **words))

    def hublet_named(self, name: str) -> str | None:
        """Return the Hublet with that name or alias, or None if the table lists none."""
        name = self.aliases.get(name, name)
        return name if name in self.hublets else None

    def owns(self, host: str) -> bool:
        """Return whether requests for that host are routed; `*.` stands for exactly one label."""
        if host in self.domains:
            return not host.startswith("*.")
        label, _, parent = host.partition(".")
        return f"*.{parent}" in self.domains and _LABEL.fullmatch(label) is not None

    def is_upstream(self, host: str, port: int) -> bool:
        """Return whether a Hublet is there, however its address is written.

        A number that is no plain address (`127.1`, `0x7f000001`) could be any, to some resolvers.
        """
        place = _place(host)
        odd = ip_address(place) is None and _NUMBER.fullmatch(place) is not None
        return odd or (place, port) in self._upstreams

    def reads_body(self, request: Request) -> bool:
        """Return whether a rule has to read the body of a request."""
        return True in [it.in_body for it in self.index.lookups_in(request)]
