"""`hublet-router run`: the routing proxy."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from .report import CommandError

SUMMARY = (
    "the routing proxy: mitmdump with the addon, on 127.0.0.1:8080; a first argument without '-' is"
    " the table (or --table FILE), further ones go to mitmdump"
)
UNROUTED = "reverse:https://unrouted.invalid"
"""Where a request goes that nothing routes: a name that cannot exist (RFC 6761 section 6.4)."""

HELP = f"""\
usage: hublet-router run [TABLE] [MITMDUMP'S ARGUMENTS]

Route requests by TABLE. This is mitmdump with the addon on 127.0.0.1:8080, and with
--mode {UNROUTED}. Each argument of mitmdump takes the place of ours.

  TABLE, --table FILE   the table (default: hublets.yaml)
  --listen-port PORT    where to listen (default: 8080); --listen-host HOST for other than loopback
  --mode MODE           regular for an explicit proxy; can be given several times
  --set NAME=VALUE      an option of mitmproxy, or one of these:

{{options}}

Exit status: 0 it was stopped; 2 it could not start, or its output was closed.

Arguments of mitmdump:
"""

_OWN_MODE = re.compile(r"-m.*|--mode(=.*)?|(--set=)?mode=.*")
_YAML_FILE = re.compile(r"(?![-~!(])[^=]+\.ya?ml")

# Without the first, mitmdump would print each URL, and with it credentials of the query. With
# onboarding, it compares the host of each request with that of its own page, mitm.it.
_OPTIONS = {"flow_detail": "0", "onboarding": "false", "listen_host": "127.0.0.1"}


def run(arguments: Sequence[str]) -> int:
    """Run mitmdump with the addon; the user's options win over ours."""
    from mitmproxy.addons.errorcheck import ErrorCheck  # noqa: PLC0415
    from mitmproxy.addons.tlsconfig import TlsConfig  # noqa: PLC0415
    from mitmproxy.io import FlowReader  # noqa: PLC0415
    from mitmproxy.tools.main import mitmdump  # noqa: PLC0415  # half a second, for this alone

    from ..proxy.engine.certificates import tls_configure  # noqa: PLC0415
    from ..proxy.engine.early_clients import shutdown_if_errored  # noqa: PLC0415
    from ..proxy.engine.loaded_flows import read_flows  # noqa: PLC0415
    from ..proxy.engine.patches import Patches  # noqa: PLC0415

    if {"-h", "--help"} & {*arguments}:
        print(help_text(), flush=True)
        try:
            mitmdump(["--help"])
        except SystemExit:  # it exits with 1
            return 0
    arguments = _with_table(list(arguments))
    ours = ["-s", str(script()), *defaults(_OPTIONS, arguments)]
    if not any(_OWN_MODE.fullmatch(word) for word in arguments):
        ours += ["--mode", UNROUTED]
    before_any_script = Patches(
        (FlowReader, "stream", read_flows),
        (TlsConfig, "configure", tls_configure),
        (ErrorCheck, "shutdown_if_errored", shutdown_if_errored),
    )
    before_any_script.load()
    try:
        mitmdump([*ours, *arguments])
    except SystemExit as end:
        if end.code not in {None, 0, 1}:  # a signal, while it starts
            raise
        return 2 if end.code else 0  # it exits with 1 where it could not start
    finally:
        before_any_script.done()
    return 0


def help_text() -> str:
    """Return what `run --help` prints before the help of mitmdump: our own options."""
    from ..proxy.options import OPTIONS  # noqa: PLC0415  # mitmproxy, for this alone

    rows = []
    for option in OPTIONS:
        default = "none" if option.default is None else str(option.default).lower()
        about = fill(option.help, 92, initial_indent=" " * 8, subsequent_indent=" " * 8)
        rows.append(f"    {option.name} (default: {default})\n{about}")
    return HELP.format(options="\n".join(rows))


def defaults(options: Mapping[str, str], arguments: Sequence[str]) -> list[str]:
    """Return the words that set options, but for those that the user sets.

    mitmproxy takes an option that is set twice for a fault.
    """
    return [
        word
        for option, value in options.items()
        if not any(re.fullmatch(f"(--set=)?{option}(=.*)?", given) for given in arguments)
        for word in ("--set", f"{option}={value}")
    ]


def _with_table(words: list[str]) -> list[str]:
    """Return the words with TABLE as an option: the first word, a YAML file, or `--table FILE`.

    mitmdump would take a YAML file for a filter, and all that follows for more of it. Raise
    CommandError for an option without a file, and for two tables.
    """
    tables: list[str] = []
    rest: list[str] = []
    if words and (words[0] == "-" or not words[0].startswith("-")):
        tables.append(words.pop(0))
    todo = iter(words)
    for word in todo:
        name, equals, value = word.partition("=")
        if name == "--table":
            tables.append(value if equals else next(todo, ""))
        elif _YAML_FILE.fullmatch(word):
            tables.append(word)
        else:
            rest.append(word)
    if "" in tables:
        raise CommandError("--table needs a file; name one")
    if len(tables) > 1:
        raise CommandError(f"two tables, {' and '.join(tables[:2])}; name one")
    return [*(word for table in tables for word in ("--set", f"hublets={table}")), *rest]


def script() -> Path:
    """Return the file for mitmproxy's `-s`: the checkout's, or the one that the wheel carries."""
    package = Path(__file__).parents[1]
    packed = package / "script" / "router.py"
    return packed if packed.exists() else package.parent / "router.py"
