"""`hublet-router redact`: recorded traffic that is safe to commit."""

import argparse
import os
import sys
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING

from ..analysis.masking import counted, mask_request
from ..analysis.rows import DECIDED
from ..core.table import Table
from ..flows.files import FlowFileError, called
from ..flows.recorded import explain_flow
from ..flows.requests import request_with_body
from .progress import watched_flows
from .shared_options import Commands, add_command, add_filter, add_table, load_table

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

DESCRIPTION = """\
Copy recorded traffic (a flow file of mitmproxy, or HAR) with synthetic credentials in place of the
real ones: naming the same Hublet, the same for the same and different for different ones. What
replaces what depends on a random key that is forgotten afterwards.

What is known to be harmless stays: words of HTTP and of web APIs, the words of the table, versions,
dates, and numbers of up to four digits. Everything else is replaced, wherever it stands. Values
stay, where they are harmless, only in headers such as Accept, Content-Type or User-Agent, and under
names such as limit, sort or grant_type. Credentials that a rule finds are replaced even if they
are such words, and so are hosts that are not in 'domains'. An account becomes another one, unless
it is listed as moved.

Bodies and WebSocket messages are emptied. Where a rule reads a body, its names stay as above, and
all its values are replaced. Addresses, certificates, people's remarks and flows other than HTTP are
left out; the host is the one that the client asked for.

Then each request is decided again. Unless every decision is the same, nothing is written. A phrase
of harmless words alone is not recognised as a secret: look at what you commit.
Exit status: 0 done, 1 a decision would change, 2 an error."""


def declare(commands: Commands) -> None:
    """Add the command."""
    summary = "copy recorded traffic with synthetic credentials that get the same decisions"
    parser = add_command(commands, "redact", redact, summary, DESCRIPTION)
    parser.add_argument("source", metavar="IN", type=Path, help="a flow file of mitmproxy, or HAR")
    parser.add_argument("target", metavar="OUT", type=Path, help="the flow file to write")
    add_table(parser)
    add_filter(parser)
    parser.add_argument(
        "--bodies", action="store_true",
        help="keep bodies and messages that are text, with what is not harmless replaced",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace OUT where it exists")


def redact(options: argparse.Namespace) -> int:
    """Write the copy; return 1 when a decision would change, 2 when OUT may not be written."""
    from mitmproxy.io import FlowWriter  # noqa: PLC0415  # half a second, for this alone

    from ..redaction.redact_flow import FlowRedactor  # noqa: PLC0415

    source, target = options.source, options.target
    _check_target(source, target, force=options.force)
    table = load_table(options.table)
    redaction = FlowRedactor(table, token_bytes(32), bodies=options.bodies)
    flows, changed = 0, 0
    final = target.resolve()  # a symbolic link stays one
    draft = final.with_name(f".{final.name}.{os.getpid()}")
    try:
        with draft.open("xb") as file:
            for flow in watched_flows([source], options.filter):
                flows += 1
                if new := redaction.redacted(flow):
                    FlowWriter(file).add(new)
                else:
                    changed += 1
                    print(_difference(table, flow), file=sys.stderr)
        if not changed:
            draft.replace(final)
    except OSError as error:
        raise FlowFileError(f"{target}: cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    if changed:
        fix = "to leave such flows out, give --filter '!~u PATH', with the path of their URL"
        print(
            f"{changed:,} of {counted(flows, 'flow')}; {target} is not written; {fix}",
            file=sys.stderr,
        )
        return 1
    replaced = redaction.count.most_common()
    said = "credentials replaced:" if replaced else "no credential to replace"
    print(f"{counted(flows, 'flow')}, each decided as before; {said}", file=sys.stderr)
    for rule, count in replaced:
        print(f"{count:7} {rule}", file=sys.stderr)
    return 0


def _check_target(source: Path, target: Path, *, force: bool) -> None:
    """Raise FlowFileError where the copy may not be written."""
    if target.resolve() == source.resolve():
        raise FlowFileError(f"{target}: is IN itself; name another OUT")
    if target.is_dir():
        raise FlowFileError(f"{target}: is a folder; name a file in it")
    if str(target) == "-" or (target.exists() and not target.is_file()):
        raise FlowFileError(f"{target}: is no file that can be replaced; name another OUT")
    if target.suffix == ".har":
        raise FlowFileError(f"{target}: OUT is a flow file, no HAR; name one such as safe.mitm")
    if target.exists() and not force:
        raise FlowFileError(f"{target}: exists already; name another OUT, or say --force")


def _difference(table: Table, flow: "HTTPFlow") -> str:
    """Return which flow cannot be redacted, how it is decided, and what in it decides."""
    explanation = explain_flow(table, flow)
    shown = mask_request(table, request_with_body(flow), flow.request.scheme)
    deciding = [it for it in explanation.tried if it.why.endswith(DECIDED)]
    why = [f"{it.rule} in {it.place}: {it.why.removesuffix(DECIDED)}" for it in deciding]
    parts = [shown, explanation.decision.summary, *why]
    return f"{called(flow)} would be decided differently: {'; '.join(parts)}"
