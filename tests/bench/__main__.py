"""The benchmark: `make bench` for what takes under 8 minutes, `make bench ARGS=memory` for memory.

It prints tables, and writes every figure as JSON. The first figure is CPU time of the proxy for a
request, which a busy machine disturbs least; every answer is checked to have come, whole, from the
Hublet of its credential. It exits with 1 when one did not.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import costs, decisions, edge, hostile, redactions, rounds, workers
from bench.rounds import BARE, SCENARIOS, Round, Rounds
from bench.subjects import Setting

type Figures = dict[str, object]


def main() -> int:
    """Measure the sections that are asked for."""
    sections = {
        "requests": requests, "decisions": decide, "hostile": resist, "redaction": redact,
        "start": start, "edge": edges, "memory": memory,
    }  # fmt: skip
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "sections", nargs="*",
        default=["requests", "decisions", "hostile", "redaction", "start", "edge"],
        help=f"of {', '.join(sections)}; all but memory when none is named",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, default=Path("bench.json"))
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - sections.keys():
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(sections)}")
    begun = time.monotonic()
    print(machine(), end="\n\n")
    with TemporaryDirectory(prefix="hublet-router-bench-") as folder:
        setting = Setting(Path(folder))
        try:
            figures = {name: sections[name](setting) for name in arguments.sections}
        finally:
            setting.stop()
    arguments.json.write_text(json.dumps({"machine": machine(), **figures}, indent=1))
    print(f"{time.monotonic() - begun:.0f} s; every round is in {arguments.json}")
    return int(any(figure.pop("wrong", 0) for figure in figures.values()))


def machine() -> str:
    """Return what was measured, and where."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line.partition(": ")[2] for line in info if line.startswith("model name"))
    return (
        f"{os.cpu_count()} x {model}, Python {platform.python_version()},"
        f" mitmproxy {version('mitmproxy')}"
    )


def report(text: str = "") -> None:
    """Say on a terminal what is going on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def judge(what: str, value: float, limit: float, unit: str = "") -> None:
    """Print a figure beside what it should not exceed."""
    verdict = "ok" if value <= limit else "MISSED"
    print(f"{what:<58}{value:>9.2f} of {limit:g}{unit}  {verdict}", flush=True)


def requests(setting: Setting) -> Figures:
    """Compare the ways to send requests."""
    subjects = rounds.subjects(setting)
    print("CPU µs ± spread, requests/s".ljust(30), end="")
    print("".join(subject.name.rjust(19) for subject in subjects))
    measured: dict[str, Rounds] = {}
    for scenario in SCENARIOS:
        those = rounds.to_http2(setting) if scenario.to_http2 else subjects
        found = measured[scenario.shown] = rounds.in_turn(
            scenario, those, str(setting.authority), report
        )
        for subject in those if scenario.to_http2 else ():
            subject.stop()
        report()
        cells = (cell(found.get(subject.name, [])) for subject in subjects)
        print("".join([scenario.shown.ljust(30), *(it.rjust(19) for it in cells)]), flush=True)
    for subject in subjects[1:]:
        subject.stop()
    print()
    launched = measured["launched"] = rounds.launched(setting, report)
    report()
    judge(f"CPU of the router, in that of {BARE}", rounds.ratio(launched, "router", BARE), 0.60)
    wrong = sum(one.wrong for found in measured.values() for them in found.values() for one in them)
    print(f"{wrong} answers were wrong\n")
    return {"rounds": {shown: raw(found) for shown, found in measured.items()}, "wrong": wrong}


def raw(found: Rounds) -> dict[str, list[dict[str, float]]]:
    """Return rounds as they are written."""
    return {name: [asdict(one) for one in them] for name, them in found.items()}


def cell(them: list[Round]) -> str:
    """Return the median of some rounds, with half of the distance of the quartiles."""
    if not them:
        return "-"
    costs = [one.cpu for one in them]
    rate = statistics.median(one.rate for one in them)
    low, _, high = statistics.quantiles(costs)
    return f"{statistics.median(costs):.0f} ±{(high - low) / 2:.0f} {rate:6.0f}/s"


def decide(setting: Setting) -> Figures:
    """Time decisions, and a large table."""
    found = decisions.decisions()
    for kind, tables in found.items():
        for table, taken in tables.items():
            judge(f"{kind}, {table}", statistics.median(taken), decisions.TARGETS[kind], " µs")
    seconds, megabytes = decisions.large_table()
    judge("5,000 Hublets and 1,000,000 moved accounts: time", seconds, 5, " s")
    judge("5,000 Hublets and 1,000,000 moved accounts: memory", megabytes, 300, " MB")
    print()
    return {"microseconds": found, "seconds": seconds, "megabytes": megabytes}


def resist(setting: Setting) -> Figures:
    """Time decisions about hostile requests, and print the slowest ones."""
    found = hostile.hostile()
    for name in sorted(found, key=found.__getitem__, reverse=True)[:5]:
        judge(name, found[name], hostile.TARGET, " ms")
    print()
    return {"milliseconds": found}


def redact(setting: Setting) -> Figures:
    """Time the redaction of flows with credentials that all differ."""
    alone, whole, megabytes = redactions.redactions()
    judge("a redacted flow, every credential another one", alone, 1000, " µs")
    judge("the same with mitmproxy's reading and writing", whole, 1000, " µs")
    judge(f"memory after {redactions.COUNT:,} flows", megabytes, 20, " MB")
    print()
    return {"alone": alone, "whole": whole, "megabytes": megabytes}


def start(setting: Setting) -> Figures:
    """Time the start, and what being watched costs."""
    bare, router = costs.start_seconds(setting)
    judge(f"start, beyond the {bare:.2f} s of bare mitmdump", router - bare, 0.25, " s")
    report("metrics and decision log")
    taken = costs.watched(setting)
    report()
    pairs = zip(taken["without"], taken["with"], strict=False)  # each of two turns together
    share = statistics.median(watched / without for without, watched in pairs) - 1
    judge("metrics and decision log, of the CPU of a request", share * 100, 6, " %")
    print()
    return {"bare": bare, "router": router, "turns": taken}


def edges(setting: Setting) -> Figures:
    """Compare other engines with mitmdump, and with what is written for them by hand."""
    if not edge.is_possible():
        print("HAProxy is not measured: it needs haproxy and wrk, which Debian has\n")
        return {}
    routers = edge.subjects(setting)
    beside = workers.subjects(setting, setting.table)
    measured = edge.in_turn(routers, edge.ROUNDS, report)
    for subject in beside:
        report(f"{subject.name} warms up")
        edge.measure(subject, workers.WARM_UP)
    measured_workers = edge.in_turn(beside, edge.ROUNDS, report)
    report()
    for found in (measured, measured_workers):
        print("".join(["".ljust(30), *(name.rjust(19) for name in found)]))
        cells = (cell(them) for them in found.values())
        print("".join(["three credentials, wrk".ljust(30), *(it.rjust(19) for it in cells)]))
    times = faster(measured, edge.AGENT, edge.ROUTER)
    print(f"{edge.AGENT}: {times:.1f} times the requests/s of {edge.ROUTER} (20 are asked for)")
    cpu = statistics.median(one.cpu for one in measured[edge.AGENT])
    judge("CPU of HAProxy and its agent for a request", cpu, 60, " µs")
    by_hand = rounds.ratio(measured, edge.AGENT, edge.LUA)
    print(f"{edge.AGENT}: {by_hand:.2f} times the CPU of {edge.LUA}")
    if beside:
        share = 1 / rounds.ratio(measured_workers, workers.EXPORTED, workers.BY_HAND)
        print(f"{workers.EXPORTED}: {share:.2f} of the requests by hand for its CPU (of 0.85)")
    else:
        print("the Worker is not measured: tests/workerd .venv installs workerd")
    every = [*measured.values(), *measured_workers.values()]
    wrong = sum(one.wrong for them in every for one in them)
    print(f"{wrong} answers were wrong\n")
    return {"rounds": raw(measured | measured_workers), "times": times, "wrong": wrong}


def faster(found: Rounds, name: str, base: str) -> float:
    """Return how many times the requests of another one it answers: a bad time is bad for both."""
    pairs = zip(found[name], found[base], strict=True)
    return statistics.median(one.rate / other.rate for one, other in pairs)


def memory(setting: Setting) -> Figures:
    """Look for what is kept of requests and bodies that have passed."""
    found = costs.growth(setting, report)
    report()
    early = next(size for count, size in found if count >= costs.WARM)
    judge(f"growth from {costs.WARM:,} to {costs.ALL:,} requests", found[-1][1] - early, 5, " MB")
    up = costs.streamed(setting, up=1 << 30, down=1)
    judge("1 GiB up", up, 50, " MB")
    down = costs.streamed(setting, up=1, down=1 << 30)
    judge("1 GiB down", down, 50, " MB")
    print()
    return {"growth": found, "up": up, "down": down}


if __name__ == "__main__":
    sys.exit(main())
