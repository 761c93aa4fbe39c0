"""`hublet-router run`: the routing proxy."""

import re
from collections.abc import Sequence
from pathlib import Path

UNROUTED = "reverse:https://unrouted.invalid"
"""Where a request goes that nothing routes: a name that cannot exist (RFC 6761 section 6.4)."""

# The user's own mode; or none: where flows are read from a file in a reverse mode, mitmproxy writes
# the mode's host over the Host of each (`Master.load_flow`).
_NO_MODE = re.compile(r"-m.*|--mode(=.*)?|-n|--no-server|-n?r.*|--rfile(=.*)?")


# Without the first, mitmdump would print each URL, and with it credentials of the query. With
# onboarding, it compares the host of each request with that of its own page, mitm.it.
_OPTIONS = {"flow_detail": "0", "onboarding": "false"}


def run(arguments: Sequence[str]) -> int:
    """Run mitmdump with the addon; what the user says wins over ours."""
    from mitmproxy.tools.main import mitmdump  # noqa: PLC0415  # half a second, for this alone

    ours = ["-s", str(script()), "--listen-host", "127.0.0.1"]
    for option, value in _OPTIONS.items():
        # mitmproxy takes an option that is set twice for a fault
        if not any(re.fullmatch(f"(--set=)?{option}(=.*)?", word) for word in arguments):
            ours += ["--set", f"{option}={value}"]
    if not any(_NO_MODE.fullmatch(word) for word in arguments):
        ours += ["--mode", UNROUTED]
    mitmdump([*ours, *arguments])
    return 0


def script() -> Path:
    """Return the file for mitmproxy's `-s`: the checkout's, or the one that the wheel carries."""
    package = Path(__file__).parents[1]
    packed = package / "script" / "router.py"
    return packed if packed.exists() else package.parent / "router.py"
