"""From the text of a table to its values."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from ..core.request import Request, ip_address
from ..core.table import Example, Misdirected, Policy, Table, Upstream
from .accounts import parse_accounts
from .errors import Faults, TableError
from .rules import parse_rules
from .structure import Section, Text, read

_UNREAD = Upstream("http", "", 0)  # keeps the name of a Hublet whose upstream has a fault


def parse(text: bytes, *, name: str, version: str) -> Table:
    """Make a table from the text of its file; raise TableError with every fault that it has."""
    faults = Faults()
    document = read(faults, text)
    table = _table(faults, document, version) if document is not None else None
    if table is None or faults.found:
        raise TableError(name, faults.found)
    return table


def _table(faults: Faults, document: Section, version: str) -> Table:
    """Read the whole document. The result is of use only when there are no faults."""
    hublets = _hublets(faults, document.section("hublets"))
    policy = Policy(**{key: word.value for key, word in document.section("policy").items() if word})
    if "default" not in document and "default" in {policy.legacy, policy.anonymous, policy.unknown}:
        faults.add(
            document.at,
            "the table has no 'default'; name the Hublet of credentials older than Hublets,"
            " or set legacy and anonymous of 'policy' to refuse",
        )
    misdirected = document.section("misdirected")
    status, header, json = (misdirected.get(key) for key in ("status", "header", "json"))
    return Table(
        version=version,
        domains=_domains(faults, document.get("domains") or ()),
        hublets=hublets,
        default=_known(faults, document.get("default"), "default", hublets),
        policy=policy,
        rules=parse_rules(faults, document.get("credentials") or ()),
        accounts=parse_accounts(faults, document.get("accounts"), hublets),
        misdirected=Misdirected(
            status=int(status.value) if status else None,
            header=header.value.lower() if header else None,
            json=json.value if json else None,
        ),
        examples=tuple(_examples(faults, document.get("examples") or (), hublets)),
    )


def _domains(faults: Faults, texts: Iterable[Text]) -> frozenset[str]:
    domains: set[str] = set()
    for text in texts:
        domain = text.value.lower().removesuffix(".")
        if domain in domains:
            faults.add(text.at, f"domain '{text.value}' is defined twice; keep one")
        domains.add(domain)
    return frozenset(domains)


def _hublets(faults: Faults, sections: Section) -> dict[str, Upstream]:
    hublets: dict[str, Upstream] = {}
    at_address: dict[tuple[str, int], str] = {}
    for name, section in sections.items():
        upstream = _upstream(faults, section, name) if section is not None else None
        hublets[name] = upstream or _UNREAD
        if upstream is None:
            continue
        first = at_address.setdefault((upstream.host, upstream.port), name)
        if hublets[first] != upstream:
            faults.add(
                section.at,
                f"Hublets '{first}' and '{name}' have one address with different scheme or sni;"
                " give each an address of its own, or both the same scheme and sni",
            )
    return hublets


def _upstream(faults: Faults, section: Section, name: str) -> Upstream | None:
    text: Text | None = section.get("upstream")
    if text is None:
        return None
    sni: Text | None = section.get("sni")
    secure = text.value.startswith("https:")
    try:
        parts = urlsplit(text.value)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # in [ ] stands another thing than an IPv6 address; or a port over 65535
        host, port = "", None
    port = (443 if secure else 80) if port is None else port
    # The last label of a name is never all digits (RFC 3696 section 2): 10.20.0 is a slip.
    is_name = not host.rpartition(".")[2].isdigit()
    if host and port and (is_name or ip_address(host)):
        name_for_tls = sni.value.lower() if sni else "client"
        return Upstream("https" if secure else "http", host, port, name_for_tls, section.at)
    faults.add(
        text.at,
        f"'upstream' of Hublet '{name}' is at no host and port that can be; write a host name, an"
        " IPv4 address or an IPv6 address in [ ], and a port from 1 to 65535",
    )
    return None


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
        refused: Text | None = section.get("refused")
        if request := _request(faults, section.section("request")):
            yield Example(request, hublet, refused.value if refused else None, section.at)


def _request(faults: Faults, section: Section) -> Request | None:
    url, method, body = (section.get(key) for key in ("url", "method", "body"))
    if url is None:
        return None
    headers = [
        (name, value.value)
        for name, values in section.section("headers").items()
        for value in values or ()
    ]
    sent = body.value if body else ""
    try:
        return Request.of(
            method.value if method else "POST" if body else "GET", url.value, headers, sent
        )
    except ValueError as error:
        faults.add(url.at, f"'url' is {error}")
        return None
