"""`hublet-router export`: the table on another engine."""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ..analysis.masking import counted
from ..core.request import MAX_BODY, Request
from ..core.table import Table
from ..export import haproxy, worker
from ..export.bundle import Bundle, ExportError, differences, write
from ..flows.files import called
from ..flows.requests import spelled_request
from ..tablefile.authority import fault_of_authority
from .agent import LISTEN
from .progress import watched_flows
from .report import CommandError
from .shared_options import Commands, add_command, add_table, load_table

DESCRIPTION = """\
Write the files with which another engine routes by the table. Nothing in them depends on anything
but the table and these options: made twice, they are the same.
Exit status: 0 done, 1 DIR is not what the table makes (--check), or does not decide and forward as
the table says (--prove), 2 an error."""


_AGENT = re.compile(r"\S+:[0-9]{1,5}|[a-z0-9]+@\S+")


def declare(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "export", help="the table on another engine", description=DESCRIPTION
    )
    engines = parser.add_subparsers(dest="engine", metavar="ENGINE", required=True)
    _declare_worker(engines)
    _declare_haproxy(engines)


def _declare_engine(engines: Commands, name: str, summary: str) -> argparse.ArgumentParser:
    parser = add_command(engines, name, export, summary, DESCRIPTION)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the files are")
    add_table(parser)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; compare DIR with what the table makes"
    )
    parser.add_argument(
        "--prove", metavar="FLOWS", type=Path, nargs="*",
        help="compare, start the engine on loopback with what DIR holds, and send the table's"
        " examples and these recordings through it",
    )  # fmt: skip
    return parser


def _declare_worker(engines: Commands) -> None:
    parser = _declare_engine(engines, "worker", "Cloudflare Workers, and workerd on a laptop")
    parser.add_argument(
        "--ca", metavar="FILE", type=Path,
        help="the CA of the upstreams, for workerd alone (default: browsers' own; the Hublets of"
        " the demo are played by workerd itself)",
    )  # fmt: skip
    parser.set_defaults(bundle=_worker)


def _worker(table: Table, options: argparse.Namespace) -> Bundle:
    bundle = worker.bundle(table, options.ca.read_bytes() if options.ca else None)
    is_written = not options.check and options.prove is None
    limits = [*worker.limits(table)] if is_written else []
    for limit in limits:
        print(f"{options.table}:{limit}", file=sys.stderr)
    if limits:
        print("so wrangler.toml deploys nothing: this bundle is for workerd", file=sys.stderr)
    return bundle


def _declare_haproxy(engines: Commands) -> None:
    parser = _declare_engine(engines, "haproxy", "HAProxy, which asks `hublet-router agent`")
    parser.add_argument(
        "--agent", metavar="ADDRESS", action="append", dest="agents", type=_agent,
        help=f"host:port of an agent, or unix@PATH; once for each (default: {LISTEN})",
    )  # fmt: skip
    parser.add_argument(
        "--bind", metavar="WORDS", action="append", dest="binds", type=_bind,
        help="what follows `bind`, such as ':443 ssl crt api.pem alpn h2,http/1.1'; once for each"
        " (default: 127.0.0.1:8080)",
    )  # fmt: skip
    parser.add_argument(
        "--body-limit", metavar="BYTES", type=_body_limit,
        help="of bodies that a rule reads, up to 65536; it makes HAProxy's buffers that much longer"
        " (default: what fits into its usual buffer, some 14000)",
    )  # fmt: skip
    parser.add_argument(
        "--ca", metavar="FILE", type=Path, help="the CA of the upstreams (default: the system's)"
    )
    parser.set_defaults(bundle=_haproxy)


def _agent(text: str) -> str:
    if not _AGENT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"'{text}' is neither host:port nor unix@PATH")
    return text


def _bind(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; write an address and its port")
    return text


def _body_limit(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) <= MAX_BODY):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of bytes from 1 to {MAX_BODY}")
    return int(text)


def _haproxy(table: Table, options: argparse.Namespace) -> Bundle:
    setting = haproxy.Setting(
        agents=options.agents or [LISTEN],
        binds=options.binds or ["127.0.0.1:8080"],
        body_limit=options.body_limit,
        authority=options.ca,
    )
    return haproxy.bundle(table, setting)


def export(options: argparse.Namespace) -> int:
    """Write the bundle, or compare it."""
    table = load_table(options.table)
    if options.ca and (fault := fault_of_authority(options.ca)):
        raise CommandError(f"--ca: {fault}")
    try:
        bundle: Bundle = options.bundle(table, options)
    except ExportError as error:
        sentences = [f"{options.table}: {it}" for it in str(error).splitlines()]
        raise CommandError("\n".join(sentences)) from error
    if not options.check and options.prove is None:
        try:
            write(bundle, options.folder)
        except OSError as error:
            where = error.filename or options.folder
            raise CommandError(f"{where} cannot be written: {error.strerror}") from error
        return 0
    different = list(differences(bundle, options.folder))
    for sentence in different:
        print(sentence)
    if different:
        print(
            "to write it, leave out --check and --prove; the other options are those of its export",
            file=sys.stderr,
        )
        return 1
    return 0 if options.prove is None else _prove(table, options)


def _prove(table: Table, options: argparse.Namespace) -> int:
    """Print what the engine does not decide as the table says; return 1 where there is any."""
    # These need mitmproxy, which takes half a second.
    from ..prove import haproxy_engine, worker_engine  # noqa: PLC0415
    from ..prove.proof import prove  # noqa: PLC0415

    engine = {"haproxy": haproxy_engine.haproxy, "worker": worker_engine.worker}[options.engine]
    try:
        proof = prove(engine, table, options.folder, _asked(table, options))
        count, faults = asyncio.run(proof)
    except ExportError as error:
        raise CommandError(str(error)) from error
    if not count:
        raise CommandError("nothing was sent: give the table examples, or --prove recordings")
    for fault in faults:
        print(fault)
    if not faults:
        said = "each decided and forwarded as the table says"
        print(f"{counted(count, 'request')}, {said}", file=sys.stderr)
    return 1 if faults else 0


def _asked(table: Table, options: argparse.Namespace) -> Iterator[tuple[str, Request]]:
    """Yield the examples and the recorded requests, each with its name."""
    for example in table.examples:
        yield "example at {}:{}".format(*example.at), example.request
    for flow in watched_flows(options.prove) if options.prove else ():
        yield called(flow), spelled_request(flow)
