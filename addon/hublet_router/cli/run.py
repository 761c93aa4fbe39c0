"""`hublet-router run`: the routing proxy."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

SUMMARY = (
    "the routing proxy: mitmdump with the addon, on 127.0.0.1:8080; a first argument without '-' is"
    " the table (or --table FILE), further ones go to mitmdump"
)
UNROUTED = "reverse:https://unrouted.invalid"
"""Where a request goes that nothing routes: a name that cannot exist (RFC 6761 section 6.4)."""

# The user's own mode; or none: where flows are read from a file in a reverse mode, mitmproxy writes
# the mode's host over the Host of each (`Master.load_flow`).
_NO_MODE = re.compile(r"-m.*|--mode(=.*)?|-n|--no-server|-n?r.*|--rfile(=.*)?")


# Without the first, mitmdump would print each URL, and with it credentials of the query. With
# onboarding, it compares the host of each request with that of its own page, mitm.it.
_OPTIONS = {"flow_detail": "0", "onboarding": "false"}


def run(arguments: Sequence[str]) -> int:
    """Run mitmdump with the addon; the user's options win over ours."""
    from mitmproxy.tools.main import mitmdump  # noqa: PLC0415  # half a second, for this alone

    from ..proxy.engine.har_files import install  # noqa: PLC0415

    install()  # a file that `-C` names is read before the script
    arguments = _with_table(list(arguments))
    ours = ["-s", str(script()), "--listen-host", "127.0.0.1", *defaults(_OPTIONS, arguments)]
    if not any(_NO_MODE.fullmatch(word) for word in arguments):
        ours += ["--mode", UNROUTED]
    mitmdump([*ours, *arguments])
    return 0


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
    """Return the words with a leading TABLE, `--table TABLE` or `--table=TABLE` as an option."""
    if words[:1] == ["--table"] and words[1:]:
        words = words[1:]
    elif words and words[0].startswith("--table="):
        words = [words[0].removeprefix("--table="), *words[1:]]
    if words and not words[0].startswith("-"):
        return ["--set", f"hublets={words[0]}", *words[1:]]
    return words


def script() -> Path:
    """Return the file for mitmproxy's `-s`: the checkout's, or the one that the wheel carries."""
    package = Path(__file__).parents[1]
    packed = package / "script" / "router.py"
    return packed if packed.exists() else package.parent / "router.py"
