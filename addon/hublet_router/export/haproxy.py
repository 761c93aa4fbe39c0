"""The bundle for HAProxy: it asks the agent where each request goes, and holds what may be asked.

Whatever goes wrong between the two, no variable names a Hublet, and the request is refused:
`use_backend` needs the variable, and the default backend answers for all that is left.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from ..core.decision import Reason
from ..core.problem import ANSWERS, PROXY_NAME, Problem, problem_of
from ..core.request import ip_address
from ..core.table import Table, Upstream
from .bundle import Bundle, ExportError, filled

BUFFER = 16 * 1024
"""Bytes of HAProxy's buffer by default: a head, and a body that a rule reads, must fit."""

_RESERVED = 1024  # of the buffer, for what rules may add (tune.maxrewrite)

_RESOLVERS = """
resolvers system
  parse-resolv-conf
"""


class Setting(NamedTuple):
    """What the table does not say. `binds` are what follows `bind` in HAProxy's configuration."""

    agents: Sequence[str]
    binds: Sequence[str]
    body_limit: int | None = None  # bytes of a body that a rule reads; None is the usual buffer
    authority: Path | None = None  # the CA of the upstreams, by default the system's


def bundle(table: Table, setting: Setting) -> Bundle:
    """Return the files; raise ExportError for what HAProxy cannot do."""
    if faults := list(_faults(table)):
        raise ExportError("\n".join(faults))
    size = BUFFER + (setting.body_limit or 0)
    problems = dict(_problems())
    silent = f"{Reason.INTERNAL_ERROR}-{ANSWERS[Reason.INTERNAL_ERROR][0]}"
    files = {f"problems/{name}.json": it.body for name, it in problems.items()}
    upstreams = table.hublets.items()
    configuration = filled(
        "haproxy.cfg",
        size=size,
        reserved=_RESERVED,
        failures=_lines(_failure(*it) for it in _FAILURES.items()),
        refusals=_lines(_refusal(name, it) for name, it in problems.items()),
        silent=_fields(problems[silent], silent),
        agents=_lines(f"server agent{n} {it}" for n, it in enumerate(setting.agents, 1)),
        resolvers=_RESOLVERS if any(_is_looked_up(upstream) for _, upstream in upstreams) else "",
        hublets="".join(_backend(name, upstream, setting) for name, upstream in upstreams),
        binds=_lines(f"bind {bind}" for bind in setting.binds),
    )
    files["haproxy.cfg"] = configuration.encode()
    files["spoe.conf"] = filled("spoe.conf", room=size - _RESERVED).encode()
    if setting.authority:
        files["ca.pem"] = setting.authority.read_bytes()
    files |= {f"ca-{name}.pem": it.ca.encode() for name, it in upstreams if it.ca}
    return files


def _faults(table: Table) -> Iterator[str]:
    if table.policy.foreign == "pass":
        yield (
            "policy: foreign: pass sends requests to hosts that the table does not name, and"
            " HAProxy knows no others; write foreign: refuse"
        )
    for name, upstream in table.hublets.items():
        if upstream.scheme == "https" and upstream.sni == "upstream" and ip_address(upstream.host):
            yield (
                f"{upstream.at[0]}:{upstream.at[1]}: Hublet {name} is verified by its address, and"
                " HAProxy verifies names only; give it an sni that its certificate holds"
            )


def _problems() -> Iterator[tuple[str, Problem]]:
    """Yield each problem document by the name that the agent calls it."""
    kinds: list[tuple[Reason, HTTPStatus]] = [(reason, ANSWERS[reason][0]) for reason in ANSWERS]
    kinds.append((Reason.UNREADABLE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE))
    for reason, status in kinds:
        yield f"{reason}-{status}", problem_of(reason, status)


def _refusal(name: str, problem: Problem) -> str:
    return (
        f"http-request return status {problem.status} {_fields(problem, name)}"
        f" if {{ var(txn.hublet.answer) -m str {name} }}"
    )


def _fields(problem: Problem, name: str) -> str:
    kind = problem.fields["Content-Type"]
    rest = [(it, value) for it, value in problem.fields.items() if it != "Content-Type"]
    shown = " ".join(f"hdr {it} {_quoted(value)}" for it, value in rest)
    return f"content-type {kind} file problems/{name}.json {shown}"


_FAILURES = {
    HTTPStatus.BAD_GATEWAY: "http_protocol_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "destination_unavailable",
    HTTPStatus.GATEWAY_TIMEOUT: "http_response_timeout",
}
"""What RFC 9209 section 2.3 calls the errors of HAProxy that concern an upstream."""


def _failure(status: HTTPStatus, error: str) -> str:
    document = {
        "title": status.phrase,
        "status": status.value,
        "detail": "The region does not answer. Try again later.",
        "hublet": "%[var(txn.hublet.hublet)]",
    }
    shown = f'{PROXY_NAME}; error={error}; next-hop="%[var(txn.hublet.hublet)]"'
    return (
        f"http-error status {status} content-type application/problem+json"
        f" lf-string {_quoted(json.dumps(document))} hdr Proxy-Status {_quoted(shown)}"
        " hdr Cache-Control no-store"
    )


def _backend(name: str, upstream: Upstream, setting: Setting) -> str:
    host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
    words = [f"server upstream {host}:{upstream.port}"]
    if _is_looked_up(upstream):
        words.append("resolvers system init-addr last,libc,none")
    if upstream.scheme == "https":
        authority = "ca.pem" if setting.authority else "@system-ca"
        authority = f"ca-{name}.pem" if upstream.ca else authority
        # HAProxy verifies the certificate against the SNI, and without one against `verifyhost`.
        names = {"client": ("var(txn.hublet.sni)", "unrouted.invalid")}
        fixed = upstream.server_name(None, "")
        sni, verified = names.get(upstream.sni, (f"str({fixed})", fixed))
        words.append(
            f"ssl verify required ca-file {authority} sni {sni} verifyhost {verified} alpn http/1.1"
        )
    return f"\nbackend hublet_{name}\n  {' '.join(words)}\n"


def _is_looked_up(upstream: Upstream) -> bool:
    return ip_address(upstream.host) is None and upstream.host != "localhost"


def _lines(lines: Iterable[str]) -> str:
    return "\n  ".join(lines)


def _quoted(text: str) -> str:
    """Quote a text for HAProxy; nothing of the table that could need more comes here."""
    return f"'{text}'"
