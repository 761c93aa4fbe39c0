"""What there is beside requests: the time to start, the cost of being watched, and memory."""

import json
import os
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.load import API, TOKEN, Job
from bench.rounds import Scenario, measure
from bench.subjects import ROUTER, Setting, Subject, memory

MIB = 1 << 20
PIECE = bytes(MIB)
TURNS = Path(__file__).with_name("turns.py")
WATCHED = 75  # seconds
WARM = 5_000
ALL = WARM + 200_000


def start_seconds(setting: Setting) -> tuple[float, float]:
    """Return the seconds until bare mitmdump listens, and until it does with the router."""
    bare: list[float] = []
    router: list[float] = []
    for _ in range(5):
        for script, seconds in ((None, bare), (ROUTER, router)):
            begun = time.perf_counter()
            subject = setting.mitmdump("start", script=script)
            seconds.append(time.perf_counter() - begun)
            subject.stop()
    return statistics.median(bare), statistics.median(router)


def watched(setting: Setting, seconds: float = WATCHED) -> dict[str, list[float]]:
    """Return what a request costs without the decision log and the metrics, and with them."""
    found = setting.folder / "turns.json"
    os.environ["TURNS"] = str(found)
    log = f"hublet_log={setting.folder / 'decisions.jsonl'}"
    subject = setting.mitmdump(
        "turns", "--set", "hublet_metrics=:0", "--set", log, script=TURNS
    )  # fmt: skip
    once = measure(subject, Scenario("", Job(0, seconds)), str(setting.authority))
    assert not once.wrong
    subject.stop()
    taken: dict[str, list[float]] = json.loads(found.read_text())
    return taken


def growth(setting: Setting, report: Callable[[str], None]) -> list[tuple[int, float]]:
    """Return the memory of the router in MB after so many requests."""
    subject = setting.mitmdump("router")
    scenario = Scenario("", Job(0, seconds=4))
    answered, found = 0, []
    while answered < ALL:
        once = measure(subject, scenario, str(setting.authority))
        assert not once.wrong
        answered += round(once.rate * scenario.job.seconds)
        found.append((answered, memory(subject.process.pid, "VmRSS")))
        report(f"{answered} of {ALL} requests, {found[-1][1]:.1f} MB")
    subject.stop()
    return found


def streamed(setting: Setting, *, up: int, down: int) -> float:
    """Return by how many MB the peak of memory rises when bodies of that size pass."""
    subject = setting.mitmdump("router")
    _exchange(subject, up=1, down=1)
    before = memory(subject.process.pid, "VmHWM")
    _exchange(subject, up=up, down=down)
    peak = memory(subject.process.pid, "VmHWM")
    subject.stop()
    return peak - before


def _exchange(subject: Subject, *, up: int, down: int) -> None:
    """Send a request in pieces, and read its answer without keeping it."""
    head = (
        f"PUT /bytes/{down} HTTP/1.1\r\nHost: {API}\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Length: {up}\r\nConnection: close\r\n\r\n"
    ).format("eu1")
    with socket.create_connection(("127.0.0.1", subject.port), 60) as client:
        client.sendall(head.encode())
        for start in range(0, up, MIB):
            client.sendall(PIECE[: up - start])
        received = 0
        while received < down and (data := client.recv(MIB)):
            received += len(data)
    assert received >= down
