"""From the text of a table to its values."""

import re
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit

import yaml

from ..core.request import MAX_BODY, Request, ip_address
from ..core.table import Example, Misdirected, Policy, Table, Upstream
from .accounts import parse_accounts
from .errors import TableError
from .nodes import Faults, position
from .rules import parse_rules, tell_header

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_UPSTREAM = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^\s:/@?#\[\]]+)(?::([0-9]{1,5}))?")
_UNREAD = Upstream("http", "", 0)  # keeps the name of a Hublet whose upstream has a fault
_REFUSALS = ("unknown-hublet", "conflict", "foreign-host", "too-large", "legacy", "anonymous")


def parse(text: bytes, *, name: str, version: str) -> Table:
    """Make a table from the text of its file; raise TableError with every fault that it has."""
    faults = Faults()
    table = _table(faults, faults.root(text), version)
    if faults.found:
        raise TableError(name, faults.found)
    return table


def _table(faults: Faults, root: yaml.Node | None, version: str) -> Table:
    """Read the whole document. The result is of use only when no fault was told."""
    keys = faults.mapping(
        root,
        "the table",
        required=("domains", "hublets", "credentials"),
        optional=("default", "policy", "accounts", "misdirected", "examples"),
    )
    hublets = _hublets(faults, keys.get("hublets"))
    policy = _policy(faults, keys.get("policy"))
    default = _known(faults, keys.get("default"), "default", hublets)
    if (
        isinstance(root, yaml.MappingNode)
        and "default" not in keys
        and "default" in {policy.legacy, policy.anonymous, policy.unknown}
    ):
        faults.tell(
            root,
            "the table has no 'default'; name the Hublet of credentials older than Hublets,"
            " or set legacy and anonymous of 'policy' to refuse",
        )
    return Table(
        version=version,
        domains=_domains(faults, keys.get("domains")),
        hublets=hublets,
        default=default,
        policy=policy,
        rules=parse_rules(faults, keys.get("credentials")),
        accounts=parse_accounts(faults, keys.get("accounts"), hublets),
        misdirected=_misdirected(faults, keys.get("misdirected")),
        examples=tuple(_examples(faults, keys.get("examples"), hublets)),
    )


def _domains(faults: Faults, node: yaml.Node | None) -> frozenset[str]:
    domains: set[str] = set()
    for item in faults.items(node, "'domains'"):
        text = faults.text(item, "a domain")
        if text is None:
            continue
        domain = text.lower().removesuffix(".")
        if not _HOST.fullmatch(domain.removeprefix("*.")):
            faults.tell(
                item,
                f"domain '{text}' is not a host name; write it without scheme, port and path,"
                " in ASCII (xn--…), with a leading '*.' for any one label",
            )
        elif domain in domains:
            faults.tell(item, f"domain '{text}' is defined twice; keep one")
        domains.add(domain)
    return frozenset(domains)


def _hublets(faults: Faults, node: yaml.Node | None) -> dict[str, Upstream]:
    hublets: dict[str, Upstream] = {}
    at_address: dict[tuple[str, int], str] = {}
    for key, value, key_node in faults.pairs(node, "'hublets'"):
        upstream = _upstream(faults, value, f"Hublet '{key}'")
        if faults.name(key_node, "the name of a Hublet") is None:
            continue
        hublets[key] = upstream or _UNREAD
        if upstream is None:
            continue
        first = at_address.setdefault((upstream.host, upstream.port), key)
        if hublets[first] != upstream:
            faults.tell(
                value,
                f"Hublets '{first}' and '{key}' have one address with different scheme or sni;"
                " give each an address of its own, or both the same scheme and sni",
            )
    if isinstance(node, yaml.MappingNode) and not node.value:
        faults.tell(node, "'hublets' is empty; name at least one")
    return hublets


def _upstream(faults: Faults, node: yaml.Node, what: str) -> Upstream | None:
    keys = faults.mapping(node, what, required=("upstream",), optional=("sni",))
    sni = faults.text(keys.get("sni"), f"sni of {what}") or "client"
    if not _HOST.fullmatch(sni):
        faults.tell(keys["sni"], f"sni '{sni}' of {what} is not client, upstream or a host name")
    text = faults.text(keys.get("upstream"), f"upstream of {what}")
    if text is None:
        return None
    if match := _UPSTREAM.fullmatch(text):
        scheme, host, digits = match.groups()
        port = int(digits or (443 if scheme == "https" else 80))
        if 0 < port < 65536 and _is_host(host):
            host = host.strip("[]").lower()
            secure = scheme == "https"
            return Upstream("https" if secure else "http", host, port, sni.lower(), position(node))
    faults.tell(
        keys["upstream"],
        f"upstream of {what} is not http(s)://host[:port]; write nothing else, not even a slash"
        " at the end: the path is the client's",
    )
    return None


def _is_host(host: str) -> bool:
    if host.startswith("["):
        return ":" in host and ip_address(host[1:-1]) is not None
    # The last label of a name is never all digits (RFC 3696 section 2): 10.20.0 is a slip.
    is_name = _HOST.fullmatch(host) and not host.rpartition(".")[2].isdigit()
    return bool(is_name) or ip_address(host) is not None


def _known(
    faults: Faults, node: yaml.Node | None, what: str, hublets: dict[str, Upstream]
) -> str | None:
    """Return the name of a Hublet that the table lists."""
    name = faults.text(node, what)
    if name is None or name in hublets:
        return name
    listed = ", ".join(list(hublets)[:8]) or "none"
    faults.tell(
        node, f"{what} names Hublet '{name}', but 'hublets' lists {listed}; add it or mend the name"
    )
    return None


def _policy(faults: Faults, node: yaml.Node | None) -> Policy:
    choices = {name: get_args(hint) for name, hint in get_type_hints(Policy).items()}
    chosen: dict[str, Any] = {}
    for key, value in faults.mapping(node, "'policy'", optional=choices).items():
        if choice := faults.choice(value, f"'{key}' of 'policy'", choices[key]):
            chosen[key] = choice
    return Policy(**chosen)


def _misdirected(faults: Faults, node: yaml.Node | None) -> Misdirected:
    keys = faults.mapping(node, "'misdirected'", optional=("status", "header", "json"))
    status = keys.get("status")
    value = status.value if isinstance(status, yaml.ScalarNode) else ""
    if status is not None and not re.fullmatch("[45][0-9][0-9]", value):
        faults.tell(status, "'status' of 'misdirected' must be the status of an error, like 488")
    header = faults.text(keys.get("header"), "'header' of 'misdirected'")
    if header:
        tell_header(faults, keys["header"], header)
    return Misdirected(
        status=int(value) if value.isdecimal() else None,
        header=header.lower() if header else None,
        json=faults.text(keys.get("json"), "'json' of 'misdirected'"),
    )


def _examples(
    faults: Faults, node: yaml.Node | None, hublets: dict[str, Upstream]
) -> list[Example]:
    examples: list[Example] = []
    for item in faults.items(node, "'examples'"):
        keys = faults.mapping(
            item, "an example", required=("request",), optional=("hublet", "refused")
        )
        if isinstance(item, yaml.MappingNode) and ("hublet" in keys) == ("refused" in keys):
            faults.tell(item, "an example must hold either 'hublet' or 'refused'")
        hublet = _known(faults, keys.get("hublet"), "an example", hublets)
        refused = faults.choice(keys.get("refused"), "'refused'", _REFUSALS)
        if request := _request(faults, keys.get("request")):
            examples.append(Example(request, hublet, refused, position(item)))
    return examples


def _request(faults: Faults, node: yaml.Node | None) -> Request | None:
    keys = faults.mapping(
        node, "a request", required=("url",), optional=("method", "headers", "body")
    )
    url = faults.text(keys.get("url"), "'url'")
    method = faults.text(keys.get("method"), "'method'")
    body = faults.text(keys.get("body"), "'body'") or ""
    headers: list[tuple[str, str]] = []
    for name, value, _ in faults.pairs(keys.get("headers"), "'headers'"):
        for item in faults.items(value, f"header '{name}'", one=True):
            headers.append((name.lower(), _wire(faults.text(item, f"header '{name}'") or "")))
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        faults.tell(keys["url"], "'url' must be a whole URL, like https://api.hubapi.com/x")
        return None
    sent = body.encode(errors="replace")
    target = url.partition("//")[2][len(parts.netloc) :].partition("#")[0]
    return Request(
        method=method or ("POST" if body else "GET"),
        hosts=tuple(value for name, value in headers if name == "host") or (parts.netloc,),
        target=_wire(target if target.startswith("/") else f"/{target}"),
        headers=tuple(headers),
        body=sent if len(sent) <= MAX_BODY else None,  # as the proxy would hand it over
    )


def _wire(text: str) -> str:
    """Return text as the wire has it: its UTF-8, one character a byte."""
    return text.encode(errors="replace").decode("latin-1")
