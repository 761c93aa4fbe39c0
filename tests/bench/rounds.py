"""Rounds of requests in turn: what each subject needs for one, by CPU time and by the clock."""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from bench.load import Done, Job
from bench.subjects import ROOT, Setting, Subject

MIB = 1 << 20
BARE = "bare mitmdump"
SEARCHING = "fast dispatch off"
LAUNCHES = 7


@dataclass(frozen=True)
class Scenario:
    """A way to send requests; `shown` in the table."""

    shown: str
    job: Job
    tls: bool = False
    rounds: int = 3
    to_http2: bool = False


MAIN = Scenario("HTTP/1, 16 connections", Job(0))
SCENARIOS = (
    Scenario("HTTP/1, 1 connection", Job(0, connections=1)),
    MAIN,
    Scenario("HTTP/1, 64 connections", Job(0, connections=64)),
    Scenario("HTTP/1, a connection for each", Job(0, fresh=True)),
    Scenario("HTTP/1 in TLS", Job(0), tls=True),
    Scenario("HTTP/2 in TLS, 4 x 4 streams", Job(0, connections=4, streams=4), tls=True),
    Scenario(
        "HTTP/2 to HTTP/2, 4 x 4 streams",
        Job(0, connections=4, streams=4),
        tls=True,
        to_http2=True,
    ),
    Scenario("20 events in a stream", Job(0, connections=2, down=320, events=True)),
    Scenario("1 KiB up (buffered)", Job(0, up=1024)),
    Scenario("1 KiB down (buffered)", Job(0, down=1024)),
    Scenario("1 MiB up", Job(0, up=MIB)),
    Scenario("1 MiB down", Job(0, down=MIB)),
)


@dataclass(frozen=True)
class Round:
    """One round of one subject: microseconds of CPU for a request, and requests in a second."""

    cpu: float
    rate: float
    wrong: int


type Rounds = dict[str, list[Round]]
"""The rounds of each subject."""


def measure(subject: Subject, scenario: Scenario, authority: str) -> Round:
    """Let the clients run once."""
    port = subject.tls if scenario.tls else subject.port
    assert port
    job = replace(
        scenario.job, port=port, only=subject.only, authority=authority if scenario.tls else None
    )
    command = [sys.executable, "-m", "bench.load", json.dumps(asdict(job))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT / "tests") as clients:
        assert clients.stdout
        clients.stdout.readline()
        before = subject.cpu()
        said = clients.stdout.readline()
        cpu = subject.cpu() - before
    done = Done(**json.loads(said))
    requests = max(done.requests, 1)
    return Round(cpu / requests * 1e6, done.requests / done.seconds, done.wrong)


def in_turn(
    scenario: Scenario, subjects: Sequence[Subject], authority: str, report: Callable[[str], None]
) -> Rounds:
    """Let each subject have its rounds, one after another, so that a bad time is bad for all."""
    able = [it for it in subjects if it.tls or not scenario.tls]
    rounds: Rounds = {subject.name: [] for subject in able}
    for number in range(scenario.rounds):
        report(f"{scenario.shown}, round {number + 1} of {scenario.rounds}")
        for subject in able:
            rounds[subject.name].append(measure(subject, scenario, authority))
    return rounds


def ratio(rounds: Rounds, name: str, base: str) -> float:
    """Return how many times the CPU of another one needs, by the medians of their rounds."""
    one, other = (statistics.median(it.cpu for it in rounds[key]) for key in (name, base))
    return one / other


def mitmdumps(setting: Setting) -> list[Subject]:
    """Start what is judged."""
    return [
        setting.mitmdump(BARE, "--set", "stream_large_bodies=64k", script=None),
        setting.mitmdump("router"),
        setting.mitmdump(SEARCHING, "--set", "hublet_fast_dispatch=false"),
    ]


def subjects(setting: Setting) -> list[Subject]:
    """Start everything that is compared."""
    found = [setting.upstream, *mitmdumps(setting), setting.haproxy(), setting.nginx()]
    return [it for it in found if it]


def to_http2(setting: Setting) -> list[Subject]:
    """Start what is compared in front of upstreams of HTTP/2."""
    return [
        setting.mitmdump(BARE, script=None, http2=True),
        setting.mitmdump("router", http2=True),
    ]


def launched(setting: Setting, report: Callable[[str], None]) -> Rounds:
    """Compare what is judged in the main scenario, started anew several times.

    Where in memory a process has what is luck: the same program needs 5 % more or less for it.
    """
    found: Rounds = {}
    for launch in range(LAUNCHES):
        started = mitmdumps(setting)
        shown = f"launch {launch + 1} of {LAUNCHES}"
        scenario = Scenario(shown, Job(0, seconds=0.4), rounds=6)
        for name, them in in_turn(scenario, started, str(setting.authority), report).items():
            found.setdefault(name, []).extend(them)
        for subject in started:
            subject.stop()
    return found
