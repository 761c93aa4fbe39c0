"""What a decision costs, and a large table: microseconds, seconds and MB.

`python -m bench.decisions TABLE` loads a table in a fresh process, and says what that took.
"""

import gc
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count, islice, product
from pathlib import Path
from random import Random
from string import ascii_lowercase
from tempfile import TemporaryDirectory
from uuid import UUID

import yaml

from bench.subjects import memory
from hublet_router.core.judge import decide
from hublet_router.core.request import Request
from hublet_router.core.table import Table
from hublet_router.tablefile import load, loads
from synthetic import access_token

ROOT = Path(__file__).parents[2]
COUNT = 4000
BATCH = 1000
TURNS = 6
MOVED = 1_000_000
OAUTH_LENGTH = 588
PADDING = 375  # bytes of scopes that make it so long

_NUMBERS = count(1)

HEADERS: tuple[tuple[str, str], ...] = (
    ("host", "api.hubapi.com"),
    ("user-agent", "hubspot-api-client-nodejs; 13.1.0"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-US,en;q=0.9"),
    ("content-type", "application/json"),
    ("cache-control", "no-cache"),
    ("x-request-id", "0d5e1c9e-6a7e-4c0c-9d0e-2f3f5a7b9c1d"),
    ("connection", "keep-alive"),
)


def table_text(hublets: int, **more: object) -> bytes:
    """Return the shipped table with that many Hublets, and without examples."""
    table = yaml.safe_load((ROOT / "hublets.yaml").read_text())
    letters = ("".join(pair) for pair in product(ascii_lowercase, repeat=2))
    names = [f"{pair}{digit}" for pair in letters for digit in range(1, 10)]
    names = ["na1", "eu1", *(name for name in names if name not in {"na1", "eu1"})][:hublets]
    table["hublets"] = {
        name: {"upstream": f"https://10.{i >> 8}.{i & 255}.1:8443"} for i, name in enumerate(names)
    }
    table.pop("examples", None)
    table.pop("accounts", None)
    return yaml.safe_dump({**table, **more}, sort_keys=False).encode()


def oauth_token(number: int) -> str:
    """Return an access token of 588 characters, another one for each number."""
    token = access_token("eu1", scopes=bytes(PADDING), signature=number.to_bytes(20))
    assert len(token) == OAUTH_LENGTH
    return token


def requests(kind: str) -> Iterator[Request]:
    """Yield fresh requests of one kind, as many as are measured; no number comes twice."""
    shared = oauth_token(0)
    for number in islice(_NUMBERS, COUNT):
        target, token, fields = "/crm/v3/objects/contacts?limit=100", None, HEADERS
        match kind:
            case "private-app token":
                token = "pat-eu1-00000000-0000-0000-0000-000000000000"
            case "private-app token, other IDs each time":
                token = "pat-eu1-00000000-0000-0000-0000-000000000000"
                target = f"/crm/v3/objects/contacts/{number}"
                fields = (*HEADERS, ("x-trace-id", str(UUID(int=Random(number).getrandbits(128)))))
            case "API key in the query":
                target += "&hapikey=eu1-0000-0000-0000-000000000000"
            case "OAuth token, another each time":
                token = oauth_token(number)
            case "OAuth token, one of 2,000":
                token = oauth_token(number % 2000)
            case "OAuth token, the same again":
                token = shared
        if token:
            fields = (*fields, ("authorization", f"Bearer {token}"))
        yield Request("GET", ("api.hubapi.com",), target, fields)


TARGETS = {
    "private-app token": 8.0,
    "private-app token, other IDs each time": 20.0,
    "API key in the query": 10.0,
    "OAuth token, another each time": 20.0,
    "OAuth token, one of 2,000": 12.0,
    "OAuth token, the same again": 8.0,
    "no credential": 7.0,
}
"""Microseconds of a decision that are taken to be good: 5 of them to look for stray credentials."""


def microseconds(table: Table, kind: str) -> list[float]:
    """Return the mean time of a decision, batch by batch."""
    fresh = list(requests(kind))
    taken = []
    gc.disable()  # as timeit does: it would collect what was made for the measurement
    for start in range(0, COUNT, BATCH):
        batch = fresh[start : start + BATCH]
        begun = time.thread_time()  # of CPU: others may use the machine
        for request in batch:
            decide(table, request)
        taken.append((time.thread_time() - begun) / BATCH * 1e6)
    gc.enable()
    return taken


def decisions() -> dict[str, dict[str, list[float]]]:
    """Return the microseconds of every kind, with few Hublets and with many, in turn."""
    tables = {f"{count} Hublets": loads(table_text(count)) for count in (5, 5000)}
    found: dict[str, dict[str, list[float]]] = {kind: {it: [] for it in tables} for kind in TARGETS}
    for _ in range(TURNS):
        for kind, by_table in found.items():
            for name, taken in by_table.items():
                taken.extend(microseconds(tables[name], kind))
    return found


def large_table() -> tuple[float, float]:
    """Return the seconds and MB that a table takes with 5,000 Hublets and a million accounts."""
    with TemporaryDirectory(prefix="hublet-router-bench-") as name:
        folder = Path(name)
        accounts = {"ids": [{"query": "portalId"}], "moved": {5865761: "eu1"}, "file": "moved.csv"}
        (folder / "hublets.yaml").write_bytes(table_text(5000, accounts=accounts))
        with (folder / "moved.csv").open("w") as file:
            file.writelines(f"{number + 100_000},eu1\n" for number in range(MOVED))
        said = subprocess.run(
            [sys.executable, "-m", "bench.decisions", folder / "hublets.yaml"],
            cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True, check=True,
        ).stdout  # fmt: skip
    seconds, megabytes = map(float, said.split())
    return seconds, megabytes


def main() -> None:
    """Load a table, and print the seconds, and the peak of memory beyond what was there before."""
    before = memory("self", "VmHWM")
    begun = time.perf_counter()
    load(Path(sys.argv[1]))
    print(time.perf_counter() - begun, memory("self", "VmHWM") - before)


if __name__ == "__main__":
    main()
