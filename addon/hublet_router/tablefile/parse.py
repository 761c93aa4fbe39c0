"""From the text of a table to its values."""

import re
from collections.abc import Iterable, Iterator
from typing import Literal
from urllib.parse import urlsplit

from ..core.request import Request, fold_field, host_name, ip_address
from ..core.table import Example, Misdirected, Policy, Table, Upstream
from .accounts import parse_accounts
from .errors import Faults, TableError
from .rules import parse_rules
from .source_files import SourceFiles
from .structure import Section, Text, read

_NUMBER = re.compile("[0-9]+|0x[0-9a-f]*")
_UNREAD = Upstream("http", "", 0)  # keeps the name of a Hublet whose upstream has a fault


def parse(text: bytes, *, name: str) -> Table:
    """Make a table from the text of its file; raise TableError with every fault that it has.

    The files that it names are looked for beside the one that `name` is the path of.
    """
    faults = Faults()
    document = read(faults, text)
    table = _table(faults, document, SourceFiles(name, text)) if document is not None else None
    if table is None or faults.found:
        raise TableError(name, faults.found)
    return table


def _table(faults: Faults, document: Section, files: SourceFiles) -> Table:
    """Read the whole document. The result is of use only when there are no faults."""
    hublets = _hublets(faults, document.section("hublets"), files)
    aliases = _aliases(faults, document.section("hublets"))
    policy = Policy(**{key: word.value for key, word in document.section("policy").items() if word})
    if "default" not in document and "default" in {policy.legacy, policy.anonymous, policy.unknown}:
        faults.add(
            document.at,
            "the table has no 'default'; name the Hublet of credentials older than Hublets,"
            " or set legacy and anonymous of 'policy' to refuse",
        )
    names = {**aliases, **{name: name for name in hublets}}
    accounts = parse_accounts(faults, document.get("accounts"), names, files)
    misdirected = document.section("misdirected")
    status = misdirected.text("status")
    return Table(
        version=files.version,
        domains=_domains(faults, document.get("domains") or ()),
        hublets=hublets,
        default=_known(faults, document.get("default"), "default", hublets),
        policy=policy,
        rules=parse_rules(faults, document.get("credentials") or ()),
        accounts=accounts,
        misdirected=Misdirected(
            status=int(status) if status else None,
            header=fold_field(misdirected.text("header")) or None,
            json=misdirected.text("json") or None,
        ),
        examples=tuple(_examples(faults, document.get("examples") or (), hublets)),
        aliases=aliases,
        files=files.named,
    )


def _domains(faults: Faults, texts: Iterable[Text]) -> frozenset[str]:
    domains: set[str] = set()
    for text in texts:
        domain = host_name(text.value)
        if domain in domains:
            faults.add(text.at, f"domain '{text.value}' is defined twice; keep one")
        if domain.startswith("[") and not ip_address(domain[1:-1]):
            faults.add(text.at, f"domain '{text.value}' is no IPv6 address; fix it")
        domains.add(domain)
    return frozenset(domains)


def _hublets(faults: Faults, sections: Section, files: SourceFiles) -> dict[str, Upstream]:
    hublets: dict[str, Upstream] = {}
    at_address: dict[tuple[str, int], str] = {}
    for name, section in sections.items():
        upstream = _upstream(faults, section, name, files) if section is not None else None
        hublets[name] = upstream or _UNREAD
        if upstream is None:
            continue
        first = at_address.setdefault((upstream.host, upstream.port), name)
        if hublets[first] != upstream:
            faults.add(
                section.at,
                f"Hublets '{first}' and '{name}' have one address with different scheme, sni,"
                " ca or http2; give each an address of its own, or both the same",
            )
    return hublets


def _aliases(faults: Faults, sections: Section) -> dict[str, str]:
    """Return the Hublet for each other name that credentials use for one."""
    aliases: dict[str, str] = {}
    for name, section in sections.items():
        for alias in (section and section.get("aliases")) or ():
            owner = alias.value if alias.value in sections else aliases.get(alias.value)
            if owner:
                faults.add(alias.at, f"'{alias.value}' is a name of Hublet '{owner}'; keep one")
            aliases.setdefault(alias.value, name)
    return aliases


def _upstream(faults: Faults, section: Section, name: str, files: SourceFiles) -> Upstream | None:
    text: Text | None = section.get("upstream")
    ca: Text | None = section.get("ca")
    if text is None:
        return None
    scheme: Literal["https", "http"] = "https" if text.value.startswith("https:") else "http"
    if ca and scheme == "http":
        faults.add(ca.at, f"'ca' of Hublet '{name}' needs an upstream of https; remove it")
        ca = None
    if not (address := _address(text.value, 443 if scheme == "https" else 80)):
        faults.add(
            text.at,
            f"'upstream' of Hublet '{name}' is at no host and port that can be; write a host name,"
            " an IPv4 address or an IPv6 address in [ ], and a port from 1 to 65535",
        )
        return None
    certificates = files.certificates(faults, ca) if ca else None
    http2 = section.text("http2", "true") == "true"
    sni = section.text("sni", "client").lower()
    return Upstream(scheme, *address, sni, certificates, http2, section.at)


def _address(url: str, default: int) -> tuple[str, int] | None:
    """Return the host and port of a URL, None if nothing can be there."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # in [ ] stands another thing than an IPv6 address; or a port over 65535
        return None
    port = default if port is None else port
    # The last label of a name is never a number (RFC 3696 section 2): 10.20.0 is a slip, and what
    # begins with 0x is an address to inet_aton.
    is_name = not _NUMBER.fullmatch(host.rpartition(".")[2])
    return (host, port) if port and (is_name or ip_address(host)) else None


def _known(
    faults: Faults, text: Text | None, what: str, hublets: dict[str, Upstream]
) -> str | None:
    """Return the name of a Hublet that the table lists."""
    if text is None:
        return None
    if text.value in hublets:
        return text.value
    listed = ", ".join(list(hublets)[:8]) or "none"
    faults.add(
        text.at,
        f"{what} names Hublet '{text.value}', but 'hublets' lists {listed}; add it or fix the name",
    )
    return None


def _examples(
    faults: Faults, sections: Iterable[Section], hublets: dict[str, Upstream]
) -> Iterator[Example]:
    for section in sections:
        hublet = _known(faults, section.get("hublet"), "an example", hublets)
        if request := _request(faults, section.section("request")):
            yield Example(request, hublet, section.text("refused") or None, section.at)


def _request(faults: Faults, section: Section) -> Request | None:
    url: Text | None = section.get("url")
    body = section.text("body")
    if url is None:
        return None
    headers = [
        (name, value.value)
        for name, values in section.section("headers").items()
        for value in values or ()
    ]
    method = section.text("method", "POST" if body else "GET")
    try:
        return Request.of(method, url.value, headers, body)
    except ValueError as error:
        faults.add(url.at, f"'url' is {error}")
        return None
