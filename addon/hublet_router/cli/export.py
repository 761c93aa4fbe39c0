"""`hublet-router export`: the table on another engine."""

import argparse
import sys
from pathlib import Path

from ..export import haproxy
from ..export.bundle import Bundle, ExportError, differences, write
from ..tablefile import load, table_path
from .agent import LISTEN
from .shared_options import add_table

DESCRIPTION = """\
Write the files with which another engine routes by the table. Nothing in them depends on anything
but the table and these options: made twice, they are the same.
Exit status: 0 done, 1 DIR is not what the table makes (--check), 2 an error."""


def declare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "export", help="the table on another engine", description=DESCRIPTION
    )
    engines = parser.add_subparsers(dest="engine", metavar="ENGINE", required=True)
    _declare_haproxy(engines)


def _declare_engine(
    engines: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str
) -> argparse.ArgumentParser:
    """Add an engine with what all of them take."""
    parser = engines.add_parser(name, help=summary, description=DESCRIPTION)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the files are")
    add_table(parser)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; compare DIR with what the table makes"
    )
    parser.set_defaults(call=export)
    return parser


def _declare_haproxy(engines: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _declare_engine(engines, "haproxy", "HAProxy, which asks `hublet-router agent`")
    parser.add_argument(
        "--agent", metavar="ADDRESS", action="append", dest="agents",
        help=f"host:port of an agent, or unix@PATH; once for each (default: {LISTEN})",
    )  # fmt: skip
    parser.add_argument(
        "--bind", metavar="WORDS", action="append", dest="binds",
        help="what follows `bind`, such as ':443 ssl crt api.pem alpn h2,http/1.1'; once for each"
        " (default: 127.0.0.1:8080)",
    )  # fmt: skip
    parser.add_argument(
        "--body-limit", metavar="BYTES", type=int,
        help="of bodies that a rule reads, up to 65536; it makes HAProxy's buffers that much longer"
        " (default: what fits into its usual buffer, some 14000)",
    )  # fmt: skip
    parser.add_argument(
        "--ca", metavar="FILE", type=Path, help="the CA of the upstreams (default: the system's)"
    )
    parser.set_defaults(bundle=_haproxy)


def _haproxy(options: argparse.Namespace) -> Bundle:
    setting = haproxy.Setting(
        agents=options.agents or [LISTEN],
        binds=options.binds or ["127.0.0.1:8080"],
        body_limit=options.body_limit,
        authority=options.ca,
    )
    return haproxy.bundle(load(table_path(options.table), option="--table FILE"), setting)


def export(options: argparse.Namespace) -> int:
    """Write the bundle, or compare it."""
    try:
        bundle: Bundle = options.bundle(options)
    except ExportError as error:
        for sentence in str(error).splitlines():
            print(f"hublet-router export: {options.table}: {sentence}", file=sys.stderr)
        return 2
    if not options.check:
        write(bundle, options.folder)
        return 0
    different = list(differences(bundle, options.folder))
    for sentence in different:
        print(sentence)
    return 1 if different else 0
