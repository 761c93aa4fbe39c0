"""The bundle for Cloudflare Workers, and for plain `workerd` on a laptop.

Only data and configuration are made here; the JavaScript is the package's own (`worker/`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files

from ..core.request import host_name, ip_address
from ..core.table import Table, Upstream
from .bundle import Bundle, ExportError, filled
from .pattern import MAX_INSTRUCTIONS, TooLongError
from .program import program

COMPATIBILITY_DATE = "2026-11-01"
PORT = 8787
MAX_MOVED = 100_000
"""Accounts that a Worker holds: a million of them take a second to start, which is its limit."""

_DECISION = ("decide.js", "formats.js", "regex.js", "runs.js")
_SCRIPTS = (*_DECISION, "worker.js", "egress.js", "demo.js", "README.md")
_MODULES = ("worker.js", *_DECISION, "program.json")
AUTHORITY = "ca.pem"


def bundle(table: Table, authority: bytes | None = None) -> Bundle:
    """Return the files; raise ExportError for what no Worker can do.

    `authority` is the CA of the upstreams for `workerd`, in PEM.
    """
    if faults := [*_faults(table)]:
        raise ExportError("\n".join(faults))
    try:
        data = program(table)
    except TooLongError as error:
        raise ExportError(
            f"pattern {str(error)!r} takes more than {MAX_INSTRUCTIONS} steps to write down; lower"
            " the limits in { }"
        ) from error
    for name, upstream in table.hublets.items():
        data["hublets"][name]["override"] = _override(name, upstream)
    result = {name: (files(__package__) / "worker" / name).read_bytes() for name in _SCRIPTS}
    result["program.json"] = json.dumps(data, indent=1).encode() + b"\n"
    result["config.capnp"] = configuration(table, has_authority=bool(authority)).encode()
    result["wrangler.toml"] = _wrangler(table).encode()
    if authority:
        result[AUTHORITY] = authority
    result |= {_own_ca(name): it.ca.encode() for name, it in table.hublets.items() if it.ca}
    return result


def limits(table: Table) -> Iterator[str]:
    """Yield what Cloudflare cannot do with a table, so that it runs under `workerd` alone."""
    for name, upstream in table.hublets.items():
        what = f"{upstream.at[0]}:{upstream.at[1]}: Hublet {name}"
        if why := _undeployable(upstream):
            yield f"{what} {why}"
            continue
        strangers = [it for it in sorted(table.domains) if not _may_share_zone(it, upstream.host)]
        if strangers:
            yield (
                f"{what} is at {upstream.host}, which is in another zone than {strangers[0]}:"
                " Cloudflare ignores such an override; name a CNAME of that zone"
            )


def _undeployable(upstream: Upstream) -> str | None:
    if ip_address(upstream.host):
        return "is at an IP address, and an override takes only names; give it one in the zone"
    if upstream.scheme != "https":
        return "speaks http, and an override keeps the scheme of the client; write https"
    if upstream.port != 443:
        return "has a port, and an override keeps the port of the client; serve it at 443"
    if upstream.ca:
        return "has a ca, and Cloudflare trusts the public ones; get a public certificate"
    if upstream.sni != "client":
        return "has an sni, and Cloudflare asks for the host of the request; write sni: client"
    return None


def _may_share_zone(domain: str, host: str) -> bool:
    """Return whether two names end in the same two labels; a zone has no fewer."""
    return domain.split(".")[-2:] == host.split(".")[-2:]


def _faults(table: Table) -> Iterator[str]:
    if table.policy.foreign == "pass":
        yield (
            "policy: foreign: pass sends requests to hosts that the table does not name, and a"
            " Worker has no others; write foreign: refuse"
        )
    if table.accounts and len(table.accounts.moved) > MAX_MOVED:
        yield (
            f"accounts: {len(table.accounts.moved):,} have moved, and a Worker holds {MAX_MOVED:,};"
            " export haproxy, which asks the agent"
        )


def _override(name: str, upstream: Upstream) -> str:
    return f"{name}.hublets.invalid" if _undeployable(upstream) else upstream.host


def configuration(
    table: Table,
    hosts: Iterable[str] = (),
    *,
    has_authority: bool = False,
    addresses: Mapping[str, str] | None = None,
) -> str:
    """Return workerd's: a service for each Hublet and host, behind the egress Worker.

    `hosts` are known beside those of the examples, where a domain stands for many. `addresses`
    gives the host and port of an upstream, where it is not the one of its URL.
    """
    named = {host_name(host) for it in table.examples for host in it.request.hosts}
    known = {host for host in {*named, *hosts} if table.owns(host)}
    known |= {domain for domain in table.domains if not domain.startswith("*.")}
    services: dict[str, str] = {}
    bindings: dict[str, str] = {}
    for name, upstream in table.hublets.items():
        for host in sorted(known):
            if _is_demo(upstream) and not (has_authority or upstream.ca):
                service, what = f"demo {name}", _demo(name)
            else:
                server = upstream.server_name(None, host.strip("[]"))
                address = (addresses or {}).get(str(upstream), str(upstream).partition("//")[2])
                service = f"{upstream} {server}"
                ca = AUTHORITY if has_authority else _own_ca(name) if upstream.ca else None
                what = _external(upstream, address, server, ca)
            services[service] = what
            bindings[f"{_override(name, upstream)} {host}"] = service
    return filled(
        "config.capnp",
        port=PORT,
        date=COMPATIBILITY_DATE,
        servers=",\n  ".join(f"(name = {_quoted(it)}, {what})" for it, what in services.items()),
        modules=",\n    ".join(map(_module, _MODULES)),
        bindings=",\n    ".join(
            f"(name = {_quoted(name)}, service = {_quoted(it)})" for name, it in bindings.items()
        ),
    )


def _is_demo(upstream: Upstream) -> bool:
    address = ip_address(upstream.host)
    is_loopback = address.is_loopback if address else upstream.host == "localhost"
    return is_loopback and upstream.scheme == "https"


def _demo(name: str) -> str:
    return (
        f'worker = (compatibilityDate = "{COMPATIBILITY_DATE}", modules = [{_module("demo.js")}],'
        f' bindings = [(name = "hublet", text = {_quoted(name)})], globalOutbound = "nowhere")'
    )


def _own_ca(name: str) -> str:
    return f"ca-{name}.pem"


def _external(upstream: Upstream, address: str, server_name: str, ca: str | None) -> str:
    where = _quoted(address)
    if upstream.scheme == "http":
        return f"external = (address = {where}, http = (style = host))"
    trust = f'trustedCertificates = [embed "{ca}"]' if ca else "trustBrowserCas = true"
    return (
        f"external = (address = {where}, https = (options = (style = host), tlsOptions ="
        f" ({trust}), certificateHost = {_quoted(server_name)}))"
    )


def _module(name: str) -> str:
    kind = "json" if name.endswith(".json") else "esModule"
    return f'(name = "{name}", {kind} = embed "{name}")'


def _quoted(text: str) -> str:
    return json.dumps(text)


def _wrangler(table: Table) -> str:
    if limit := next(limits(table), None):
        return f"# Not for Cloudflare, and so without a name and a script: {limit}\n"
    routes = "".join(
        f"  {{ pattern = {_quoted(f'{domain}/*')}, zone_name = {_quoted(_zone(domain))} }},\n"
        for domain in sorted(table.domains)
    )
    return filled("wrangler.toml", date=COMPATIBILITY_DATE, routes=routes)


def _zone(domain: str) -> str:
    """Return the shortest name that can be a zone; a longer one is for the operator to write."""
    return ".".join(domain.split(".")[-2:])
