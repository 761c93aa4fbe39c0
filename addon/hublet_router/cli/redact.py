"""`hublet-router redact`: recorded traffic that is safe to commit."""

import argparse
import os
import sys
from pathlib import Path
from secrets import token_bytes

from ..explain.masking import counted
from ..flows.files import FlowFileError, read_flows
from ..tablefile import DEFAULT_TABLE, load, table_path

DESCRIPTION = """\
Copy recorded traffic (a flow file of mitmproxy, or HAR) with synthetic credentials in place of the
real ones: of the same shape, naming the same Hublet, the same for the same and different for
different ones. What replaces what depends on a random key that is forgotten afterwards.

Replaced are: every credential that a rule of the table finds; the value of every header but for
some that are known to be harmless (Accept, Content-Type, Host, ...), so Authorization, Cookie,
Set-Cookie and signatures too; query values with names like key, token, code or state; the user of
a URL; hosts that are not in 'domains'; accounts where 'accounts' finds them, unless they are listed
as moved; and everywhere what looks like a secret: long words with digits, numbers of five digits
and more, mail addresses, JSON Web Tokens. A short secret under a name that tells nothing is not
recognised: look at what you commit.

Bodies and WebSocket messages are emptied. Where a rule reads a body, its names stay and all its
values are replaced. Addresses, certificates, remarks of people and flows other than HTTP are left
out; Hublets are told by the host that the client asked for.

Then each request is decided again. Unless every decision is the same, nothing is written.
Exit status: 0 done, 1 a decision would change, 2 an error."""


def declare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "redact",
        help="copy recorded traffic with synthetic credentials that get the same decisions",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="IN", type=Path, help="a flow file of mitmproxy, or HAR")
    parser.add_argument("target", metavar="OUT", type=Path, help="the flow file to write")
    parser.add_argument(
        "--table",
        metavar="FILE",
        type=Path,
        default=DEFAULT_TABLE,
        help="the table (default: hublets.yaml)",
    )
    parser.add_argument(
        "--bodies",
        action="store_true",
        help="keep bodies and messages that are text, with what looks like a secret replaced",
    )
    parser.add_argument("--force", action="store_true", help="replace OUT where it exists")
    parser.set_defaults(call=redact)


def redact(options: argparse.Namespace) -> int:
    """Write the copy; return 1 when a decision would change, 2 when OUT may not be written."""
    from mitmproxy.io import FlowWriter  # noqa: PLC0415  # half a second, for this alone

    from ..redaction.redact_flow import FlowRedactor  # noqa: PLC0415

    source, target = options.source, options.target
    if target.resolve() == source.resolve():
        raise FlowFileError(f"{target}: is IN itself; name another OUT")
    if target.is_dir():
        raise FlowFileError(f"{target}: is a folder; name a file in it")
    if target.exists() and not options.force:
        raise FlowFileError(f"{target}: exists already; name another OUT, or say --force")
    table = load(table_path(options.table), option="--table FILE")
    redaction = FlowRedactor(table, token_bytes(32), bodies=options.bodies)
    flows, changed = 0, 0
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with draft.open("xb") as file:
            for flow in read_flows([source]):
                flows += 1
                if new := redaction.redacted(flow):
                    FlowWriter(file).add(new)
                else:
                    changed += 1
                    print(f"flow {flow.id} would be decided in another way", file=sys.stderr)
        if not changed:
            draft.replace(target)
    except OSError as error:
        raise FlowFileError(f"{target}: cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    if changed:
        print(f"{changed:,} of {counted(flows, 'flow')}; {target} is not written", file=sys.stderr)
        return 1
    print(
        f"{counted(flows, 'flow')}, each decided as before; credentials replaced:", file=sys.stderr
    )
    for rule, count in redaction.count.most_common():
        print(f"{count:7} {rule}", file=sys.stderr)
    return 0
