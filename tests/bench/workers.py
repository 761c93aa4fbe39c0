"""The exported Worker, beside one that is written by hand, under workerd with the same egress.

The one by hand knows the three credentials of the measurement, and logs one line for each request
as the exported one does.
"""

import sys
from pathlib import Path

from bench.subjects import Setting, Subject, free_port
from hublet_router.export.bundle import write
from hublet_router.export.worker import bundle
from hublet_router.tablefile import load

EXPORTED, BY_HAND = "Worker", "Worker, by hand"
WARM_UP = 15  # seconds of requests, until V8 has compiled what runs often


def workerd() -> Path | None:
    """Return the program, None where it is not installed."""
    found = Path(sys.prefix).glob("node/node_modules/@cloudflare/workerd-*/bin/workerd")
    return next(found, None)


def subjects(setting: Setting, table: Path) -> list[Subject]:
    """Start both; none where workerd is not installed."""
    program = workerd()
    return [_started(setting, program, table, it) for it in (EXPORTED, BY_HAND) if program]


def _started(setting: Setting, program: Path, table: Path, name: str) -> Subject:
    folder, port = setting.folder / name, free_port()
    write(bundle(load(table)), folder)
    configuration = folder / "config.capnp"
    text = configuration.read_text()  # as it is deployed: no answer says where a request went
    configuration.write_text(text.replace('text = "true"', 'text = "false"'))
    if name == BY_HAND:
        (folder / "worker.js").write_text(SCRIPT)
    socket = f"http=127.0.0.1:{port}"
    return setting.start(name, [program, "serve", configuration, "--socket-addr", socket], port)


SCRIPT = r"""
function varint(data, at) {
  for (let value = 0, shift = 0; ; shift += 7) {
    const byte = data.charCodeAt(at++);
    value |= (byte & 0x7f) << shift;
    if (!(byte >= 0x80)) return [value, at];
  }
}

function field(data, number) {
  for (let at = 0; at < data.length; ) {
    const [tag, size] = [varint(data, at), varint(data, at + 1)];
    if ((tag[0] & 7) === 2) {
      const end = size[1] + size[0];
      if (tag[0] >> 3 === number) return data.slice(size[1], end);
      at = end;
    } else {
      at = size[1];
    }
  }
}

function hubletOf(request) {
  const token = /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (token === undefined) {
    const key = new URL(request.url).searchParams.get("hapikey") ?? "";
    return /^([a-z]{2}[0-9]{1,3})-/.exec(key)?.[1];
  }
  const found = /^pat-([a-z]{2}[0-9]{1,3})-/.exec(token);
  return found?.[1] ?? field(atob(token.replaceAll("-", "+").replaceAll("_", "/")), 9);
}

export default {
  async fetch(request) {
    const started = Date.now(), hublet = hubletOf(request) ?? "na1";
    const response = await fetch(request, { cf: { resolveOverride: `${hublet}.hublets.invalid` } });
    console.log(JSON.stringify({
      time: new Date(started).toISOString(),
      method: request.method,
      hublet,
      status: response.status,
      first_byte_seconds: (Date.now() - started) / 1000,
    }));
    return response;
  },
};
"""
