"""Conformance: `make conformance` runs public suites against the router and bare mitmdump.

- h2spec (https://github.com/summerwind/h2spec), each case of RFC 9113 and RFC 7541 that it has.
- WebSocket cases after the Autobahn suite (https://github.com/crossbario/autobahn-testsuite).

It exits with 1 where the router fails what bare mitmdump passes, and with 2 without h2spec. What
both fail stands in addon/docs/design.md.
"""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from conformance.proxies import both
from conformance.websocket import CASES, echo, outcome, upgrade
from harness import Stage, bearer

API = "api.hubapi.com"
MISSING = """\
h2spec is not installed. Build it with Go, and name it: make conformance H2SPEC=/path/to/h2spec
  go install github.com/summerwind/h2spec/cmd/h2spec@latest
Where Go reaches no modules, Debian has its libraries: apt-get install golang-go
golang-golang-x-net-dev golang-github-spf13-cobra-dev golang-github-fatih-color-dev; then, with its
source in GOPATH/src/github.com/summerwind/h2spec:
  GO111MODULE=off GOPATH=GOPATH:/usr/share/gocode go build -o h2spec ./cmd/h2spec"""

type Found = dict[str, dict[str, str]]
"""By subject and case, what is wrong: "" where nothing is."""


def main() -> int:
    """Run both suites, and print what fails."""
    h2spec = sys.argv[1] if sys.argv[1:] else shutil.which("h2spec")
    if not h2spec or not shutil.which(h2spec):
        print(MISSING, file=sys.stderr)
        return 2
    with TemporaryDirectory() as name, Stage(Path(name)) as stage:
        stage.upstream("eu1", behaviour=echo)
        worse = report("WebSocket, after Autobahn", staged(stage, websocket))
    with TemporaryDirectory() as name, Stage(Path(name)) as stage:
        stage.upstream("eu1")
        worse += report("h2spec", staged(stage, lambda port: http2(h2spec, port, Path(name))))
    return int(bool(worse))


def staged(stage: Stage, suite: Callable[[int], dict[str, str]]) -> Found:
    """Run a suite against each subject."""
    stage.table(stage.table_text(domains=f"[{API}, 127.0.0.1]"))
    with both(stage) as ports:
        return {subject: suite(port) for subject, port in ports.items()}


def websocket(port: int) -> dict[str, str]:
    """Run each case over a connection of its own."""
    found = {}
    for case in CASES:
        with upgrade(port, API, bearer("eu1")) as connection:
            found[case.number] = outcome(case, connection)
    return found


def http2(h2spec: str, port: int, folder: Path) -> dict[str, str]:
    """Run h2spec, and read its report."""
    file = folder / "h2spec.xml"
    where = ["-h", "127.0.0.1", "-p", str(port), "-t", "-k", "-o", "5", "-j", str(file)]
    subprocess.run([h2spec, *where], check=False, stdout=subprocess.DEVNULL)
    found = {}
    for case in ET.parse(file).getroot().iter("testcase"):  # h2spec wrote it
        name = f"{case.get('package')} {case.get('classname')}"
        wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
        found[name] = "" if wrong is None else " ".join((wrong.text or "fails").split())
    return found


def report(suite: str, found: Found) -> list[str]:
    """Print what fails, and return what only the router fails."""
    for subject, cases in found.items():
        print(f"{suite}: {subject} passes {list(cases.values()).count('')} of {len(cases)}")
    for case in found["router"]:
        for subject, cases in found.items():
            if cases[case]:
                print(f"  {case}: {subject}: {cases[case]}")
    bare, router = found["bare mitmdump"], found["router"]
    return [case for case, wrong in router.items() if wrong and not bare.get(case)]


if __name__ == "__main__":
    sys.exit(main())
