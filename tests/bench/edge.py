"""HAProxy that asks the agent, beside mitmdump and what one would write for HAProxy by hand.

wrk sends for a second in turn to each: three credentials in turn, on 16 connections. The upstreams
are a HAProxy that answers by itself, so that they hold nothing up.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from bench.rounds import Round, Rounds
from bench.subjects import API, Setting, Subject, free_port
from hublet_router.export.bundle import write
from hublet_router.export.haproxy import Setting as Options
from hublet_router.export.haproxy import bundle
from hublet_router.tablefile import load
from synthetic import access_token, api_key, private_app_token

ROUTER, AGENT, LUA, MAPS = "mitmdump", "haproxy + agent", "haproxy, Lua", "haproxy, maps"
ROUNDS = 5
REQUESTS: tuple[tuple[str, str, str], ...] = (
    ("eu1", "/x", private_app_token("eu1")),
    ("na1", "/x", access_token("na1")),
    ("eu1", f"/x?hapikey={api_key('eu1')}", ""),
)
"""Which upstream must answer, the target, and the bearer token. Maps guess the second."""

_DONE = re.compile(r"(\d+) requests in ([\d.]+)s")
_WRONG = re.compile(r"wrong (\d+)")


class Pair(Subject):
    """A subject, and another one that works for it."""

    def __init__(self, subject: Subject, other: Subject) -> None:
        self.__dict__ |= subject.__dict__
        self.other = other

    def cpu(self) -> float:
        """Return the seconds of CPU that both have had."""
        return super().cpu() + self.other.cpu()


def is_possible() -> bool:
    """Return whether the programs are installed."""
    return bool(shutil.which("haproxy") and shutil.which("wrk"))


def subjects(setting: Setting) -> list[Subject]:
    """Start everything that is compared."""
    ports = {hublet: free_port() for hublet in ("na1", "eu1")}
    answering = "".join(ANSWERING.format(hublet=it, port=port) for it, port in ports.items())
    _haproxy(setting, "upstreams", answering, ports["na1"])
    text = setting.table.read_text()
    for hublet, port in ports.items():
        text = text.replace(setting.url(hublet), f"http://127.0.0.1:{port}")
    table = setting.table = setting.folder / "edge.yaml"
    table.write_text(text)
    lua = setting.folder / "hand.lua"
    lua.write_text(BY_HAND)
    by_hand = "".join(BACKEND.format(hublet=it, port=port) for it, port in ports.items())
    port, other = free_port(), free_port()
    router = setting.mitmdump(ROUTER)
    return [
        router,
        _asking(setting, table),
        _haproxy(setting, LUA, IN_LUA.format(port=port) + by_hand, port, f"  lua-load {lua}\n"),
        _haproxy(setting, MAPS, IN_MAPS.format(port=other) + by_hand, other),
    ]


def _asking(setting: Setting, table: Path) -> Pair:
    """Start HAProxy with one thread, and its agent."""
    port, listen = free_port(), free_port()
    folder = setting.folder / "bundle"
    options = Options([f"127.0.0.1:{listen}"], [f"127.0.0.1:{port}"])
    write(bundle(load(table), options), folder)
    configuration = folder / "haproxy.cfg"
    text = configuration.read_text().replace("global\n", "global\n  nbthread 1\n", 1)
    configuration.write_text(text)
    agent = setting.start(
        "agent",
        [sys.executable, "-m", "hublet_router", "agent", "--table", table,
         "--listen", f"127.0.0.1:{listen}"],
        listen,
    )  # fmt: skip
    return Pair(setting.start(AGENT, ["haproxy", "-db", "-f", configuration], port), agent)


def _haproxy(setting: Setting, name: str, text: str, port: int, more: str = "") -> Subject:
    path = setting.folder / f"{port}.cfg"
    path.write_text(HEAD + more + DEFAULTS + text)
    return setting.start(name, ["haproxy", "-db", "-f", path], port)


def in_turn(found: Sequence[Subject], rounds: int, report: Callable[[str], None]) -> Rounds:
    """Let each have its second, one after another."""
    measured: Rounds = {it.name: [] for it in found}
    for number in range(rounds):
        report(f"other engines, round {number + 1} of {rounds}")
        for subject in found:
            measured[subject.name].append(measure(subject))
    return measured


def wrong(subject: Subject) -> int:
    """Count the requests that are not answered by their Hublet."""
    count = 0
    for hublet, target, token in REQUESTS:
        fields = {"Host": API} | ({"Authorization": f"Bearer {token}"} if token else {})
        with closing(HTTPConnection("127.0.0.1", subject.port, 20)) as client:
            client.request("GET", target, headers=fields)
            count += client.getresponse().getheader("hublet") != hublet
    return count


def measure(subject: Subject, seconds: int = 1) -> Round:
    """Let wrk send to a subject, after each request was seen to be answered by its Hublet."""
    before_all = wrong(subject)
    script = Path(__file__).with_name("edge.lua")
    words = [word for request in REQUESTS for word in request]
    before = subject.cpu()
    said = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{subject.port}",
         "--", API, *words],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    cpu = subject.cpu() - before
    done, failed = _DONE.search(said), _WRONG.search(said)
    assert done
    assert failed
    count = max(int(done[1]), 1)
    return Round(cpu / count * 1e6, count / float(done[2]), before_all + int(failed[1]))


HEAD = "global\n  nbthread 1\n"
DEFAULTS = """\
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
"""
ANSWERING = """\
frontend {hublet}
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string ok hdr Hublet {hublet}
"""
BACKEND = "backend {hublet}\n  server {hublet} 127.0.0.1:{port}\n"
IN_LUA = """\
frontend edge
  bind 127.0.0.1:{port}
  http-request lua.hublet
  use_backend %[var(txn.hublet)]
"""
IN_MAPS = """\
frontend edge
  bind 127.0.0.1:{port}
  use_backend eu1 if {{ req.hdr(authorization) -m reg -i "^bearer pat-eu1-" }}
  use_backend eu1 if {{ url_param(hapikey) -m beg eu1- }}
  use_backend na1 if {{ req.hdr(authorization) -m found }}
"""
BY_HAND = r"""
-- The three credentials of the measurement, and nothing else of the table.
local places = {}
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
for at = 1, 64 do places[alphabet:byte(at)] = at - 1 end

local function decode(text)
  local out, bits, count = {}, 0, 0
  for at = 1, #text do
    local place = places[text:byte(at)]
    if not place then return nil end
    bits, count = (bits << 6 | place) & 0xffffff, count + 6
    if count >= 8 then
      count = count - 8
      out[#out + 1] = string.char(bits >> count & 255)
    end
  end
  return table.concat(out)
end

local function varint(data, at)
  local value, shift = 0, 0
  while true do
    local byte = data:byte(at)
    if not byte then return nil end
    value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
    if byte < 128 then return value, at end
  end
end

local function field(data, number)
  local at = 1
  while at <= #data do
    local key, size
    key, at = varint(data, at)
    if not key then return nil end
    size, at = varint(data, at)
    if not size then return nil end
    if key & 7 == 2 then
      if key >> 3 == number then return data:sub(at, at + size - 1) end
      at = at + size
    elseif key & 7 ~= 0 then
      return nil
    end
  end
end

core.register_action("hublet", {"http-req"}, function(txn)
  local hublet
  local token = txn.sf:req_fhdr("authorization"):match("^[Bb]earer (%S+)$")
  if token then
    hublet = token:match("^pat%-(%l%l%d%d?%d?)%-")
    if not hublet then
      local data = decode(token)
      hublet = data and field(data, 9)
    end
  else
    hublet = txn.sf:url_param("hapikey"):match("^(%l%l%d%d?%d?)%-")
  end
  txn:set_var("txn.hublet", hublet or "na1")
end)
"""
