"""`hublet-router verify`: does a running router or edge decide as the table says?"""

import argparse
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_bytes
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ..analysis.masking import aligned, counted, mask_method, mask_url, printable
from ..core.decision import Decision, Reason
from ..core.judge import decide
from ..core.request import Request
from ..core.table import Table
from ..flows.files import called
from ..flows.requests import spelled_request
from ..tablefile.authority import fault_of_authority
from ..verify.exchange import exchange, sendable
from ..verify.verdict import Said, agrees, said_by
from .progress import watched_flows
from .report import CI_FORMATS, CommandError, Report
from .shared_options import Commands, add_command, add_filter, add_format, add_table, load_table

DESCRIPTION = """\
Send the table's examples, and recorded requests with synthetic credentials, to a running router or
edge, and compare what its Proxy-Status says with what the table decides. A router says it with
--set hublet_proxy_status=true, an agent with --proxy-status, a Worker with the variable
HUBLET_PROXY_STATUS, which is on under workerd; or name a header in which the Hublets say who they
are. Each request goes to URL's address with its own Host.

A recorded request is sent as `redact` would write it. One that could change something, for its
method is not GET, HEAD or OPTIONS and it carries no synthetic credential, is not sent.
Exit status: 0 all agree, 1 one does not, 2 an error, or an answer that did not come."""

_SAFE = {"GET", "HEAD", "OPTIONS"}


class Edge(NamedTuple):
    """Where it listens, with what TLS, and the header in which its Hublets name themselves."""

    address: tuple[str, int]
    tls: ssl.SSLContext | None
    header: str | None


class Asked(NamedTuple):
    """A request to send, where it is from, and whether the credentials in it are synthetic."""

    request: Request
    origin: str
    is_synthetic: bool = True


class Result(NamedTuple):
    """What came of a request: what the answer said, or why there was none."""

    asked: Asked
    url: str
    decision: Decision
    said: Said | None
    error: str | None
    agrees: bool

    @property
    def name(self) -> str:
        """The request, in a line."""
        return printable(
            f"{mask_method(self.asked.request.method)} {self.url} ({self.asked.origin})"
        )

    @property
    def shown(self) -> str:
        """What the edge said, in a line."""
        return self.said.summary if self.said else f"error: {self.error}"

    def as_json(self) -> dict[str, Any]:
        """What `--format json` writes beside a sentence."""
        return {
            "request": self.asked.origin,
            "method": mask_method(self.asked.request.method),
            "url": self.url,
            "table": self.decision.as_json(),
            "edge": self.said and self.said._asdict(),
            "error": self.error,
        }


def declare(commands: Commands) -> None:
    """Add the command."""
    summary = "whether a running router or edge decides as the table says"
    parser = add_command(commands, "verify", verify, summary, DESCRIPTION)
    parser.add_argument("url", metavar="URL", help="http(s)://host[:port] of the router or edge")
    parser.add_argument(
        "flows", metavar="FLOWS", nargs="*", type=Path, help="flow files of mitmproxy, or HAR"
    )
    add_table(parser)
    parser.add_argument("--header", metavar="NAME", help="of answers: it names the Hublet")
    parser.add_argument(
        "--rate", metavar="N", type=float, default=10, help="requests a second (default: 10)"
    )
    parser.add_argument(
        "--total", metavar="N", type=int, default=1000, help="of requests (default: 1000)"
    )
    parser.add_argument("--ca", metavar="FILE", help="the CA of the edge (default: the system's)")
    parser.add_argument(
        "--as-recorded", action="store_true",
        help="send recorded requests with their real credentials, those that change nothing",
    )  # fmt: skip
    add_filter(parser)
    add_format(parser, *CI_FORMATS, json="a request on which they do not agree")


def verify(options: argparse.Namespace) -> int:
    """Print what does not agree; return 1 for that, and 2 for answers that did not come."""
    try:
        edge = _edge(options)
    except (ValueError, KeyError):
        raise CommandError(
            "write URL as http(s)://host[:port], and --rate and --total over 0"
        ) from None
    table = load_table(options.table)
    results: list[Result] = []
    left_out = 0
    for asked in _asked(table, options):
        if len(results) == options.total:
            print(f"only the first {options.total:,} are sent (--total)", file=sys.stderr)
            break
        if results:
            time.sleep(1 / options.rate)
        if not (result := _result(table, edge, asked)):
            left_out += 1
            continue
        results.append(result)
        if result.error and len(results) == 1:
            break  # one row says it for all
    if not results:
        raise CommandError(
            "nothing was sent: give the table examples, or name recordings, that may be sent"
        )
    _print(results, left_out, options.format)
    if any(it.error for it in results):
        return 2
    return int(not all(it.agrees for it in results))


def _edge(options: argparse.Namespace) -> Edge:
    """Return what is verified; raise ValueError or KeyError for a slip."""
    if options.ca and (fault := fault_of_authority(options.ca)):
        raise CommandError(f"--ca: {fault}")
    parts = urlsplit(options.url)
    host, port = parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
    is_over_0 = options.rate > 0 and options.total > 0  # nan is not
    if not host or parts.path.strip("/") or not is_over_0:
        raise ValueError
    is_tls = parts.scheme == "https"
    context = ssl.create_default_context(cafile=options.ca) if is_tls else None
    return Edge((host, port), context, options.header)


def _result(table: Table, edge: Edge, asked: Asked) -> Result | None:
    """Send a request and return what came of it, None for one that is not sent."""
    if not (request := sendable(asked.request)):
        return None
    decision = decide(table, request)
    if request.method not in _SAFE and not (asked.is_synthetic and decision.credential):
        return None
    url = mask_url(request, "https", table)
    # As a client that looks the host up: but no one has a certificate for a foreign one.
    is_foreign = decision.reason is Reason.FOREIGN_HOST
    name = edge.address[0] if is_foreign else request.host or edge.address[0]
    try:
        answer = exchange(edge.address, request, edge.tls, name)
    except (OSError, ValueError) as error:
        return Result(asked, url, decision, None, _reason(error), agrees=False)
    said = said_by(answer, edge.header)
    return Result(asked, url, decision, said, None, agrees(said, decision, table, edge.header))


def _reason(error: OSError | ValueError) -> str:
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
    return printable(said or str(error) or type(error).__name__)


def _asked(table: Table, options: argparse.Namespace) -> Iterator[Asked]:
    """Yield the examples, whose credentials are the table's own, and the recorded requests."""
    for example in table.examples:
        line, column = example.at
        yield Asked(example.request, f"example at {line}:{column}")
    if not options.flows:
        return
    from ..redaction.redact_flow import FlowRedactor  # noqa: PLC0415  # mitmproxy: half a second

    redactor = FlowRedactor(table, token_bytes(32))
    for flow in watched_flows(options.flows, options.filter):
        origin = called(flow)
        if options.as_recorded:
            yield Asked(spelled_request(flow), origin, is_synthetic=False)
        elif new := redactor.redacted(flow):
            yield Asked(spelled_request(new), origin)
        else:
            print(f"{origin} would be decided differently once redacted", file=sys.stderr)


def _print(results: list[Result], left_out: int, format_: str) -> None:
    report = Report("hublet-router verify", format_)
    different = [it for it in results if not it.agrees]
    rows = [(it.decision.summary, it.shown, it.name) for it in different]
    head, *lines = aligned([("the table", "the edge", "request"), *rows])
    report.text(head if different else "")
    for it in results:
        if it.agrees:
            report.passed(it.name)
            continue
        text = f"{it.name}: the table: {it.decision.summary}; the edge: {it.shown}"
        level = "difference" if it.said else "error"
        report.found(level, text, shown=lines.pop(0), **it.as_json())
    report.end()
    errors = sum(it.error is not None for it in results)
    parts = [f"{len(results) - len(different):,} as the table says"]
    parts += [f"{len(different) - errors:,} not"] if len(different) > errors else []
    parts += [f"{errors:,} without an answer"] if errors else []
    parts += [f"{left_out:,} not sent"] if left_out else []
    print(f"{counted(len(results), 'request')}: {', '.join(parts)}", file=sys.stderr)
    if all(it.said and it.said.is_silent for it in results):
        print(
            "no answer says anything: start the router with --set hublet_proxy_status=true or the"
            " agent with --proxy-status, or name a header of the Hublets with --header",
            file=sys.stderr,
        )
