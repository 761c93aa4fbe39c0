"""What is measured: the upstream alone, mitmdump without and with the router, and real proxies."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mitmproxy.certs import CertStore

from hublet_router.demo import shipped

ROOT = Path(__file__).parents[2]
free_port = shipped.free_port
ROUTER = ROOT / "addon" / "router.py"
BIN = Path(sys.executable).parent
API = "api.hubapi.com"
REGIONS = ("na1", "eu1")


class Subject:
    """A process that listens on a port, and perhaps on another one for TLS.

    `only` is the Hublet that answers all requests where the subject does not route.
    """

    def __init__(
        self, name: str, command: list[str | Path], port: int, tls: int | None, only: str | None
    ) -> None:
        self.name = name
        self.port = port
        self.tls = tls
        self.only = only
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'addon'}:{ROOT / 'tests'}"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, env=environment
        )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.process.kill()
                    said = self.process.stderr.read().decode() if self.process.stderr else ""
                    raise RuntimeError(f"{self.name} does not listen: {said}") from None
                time.sleep(0.005)
            else:
                return

    def cpu(self) -> float:
        """Return the seconds of CPU that all threads of the process have had."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def stop(self) -> None:
        """End the process if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        if self.process.stderr:
            self.process.stderr.close()


class Setting:
    """A folder with the table and the configurations, the upstreams, and all that was started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Subject] = []
        self.ports = {region: free_port() for region in REGIONS}
        pairs = [str(it) for pair in self.ports.items() for it in pair]
        self.upstream = self.start(
            "upstream alone", [sys.executable, "-m", "bench.upstream", *pairs],
            self.ports["eu1"], None, "eu1",
        )  # fmt: skip
        text = (ROOT / "hublets.yaml").read_text().partition("\nexamples:")[0]
        for region, shown in (("na1", 9441), ("eu1", 9442)):
            text = text.replace(f"https://127.0.0.1:{shown}", self.url(region))
        self.table = folder / "hublets.yaml"
        self.table.write_text(text)
        store = CertStore.from_store(folder, "mitmproxy", 2048)
        self.authority = folder / "mitmproxy-ca-cert.pem"
        entry = store.get_cert(API, [x509.DNSName(API)])
        key = entry.privatekey.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        self.certificate = folder / "api.pem"
        self.certificate.write_bytes(entry.cert.to_pem() + key)
        self.http2_ports = {region: free_port() for region in REGIONS}
        pairs = [str(it) for pair in self.http2_ports.items() for it in pair]
        self.start(
            "HTTP/2 upstream",
            [sys.executable, "-m", "bench.upstream", *pairs, "PEM", self.certificate],
            self.http2_ports["eu1"], None, "eu1",
        )  # fmt: skip
        self.http2_table = folder / "http2.yaml"
        for region, port in self.http2_ports.items():
            text = text.replace(self.url(region), f"https://127.0.0.1:{port}")
        self.http2_table.write_text(text)

    def stop(self) -> None:
        """End what still runs, also where a measurement was given up."""
        for subject in self.started:
            subject.stop()

    def url(self, region: str) -> str:
        """Return where a Hublet is."""
        return f"http://127.0.0.1:{self.ports[region]}"

    def mitmdump(
        self, name: str, *arguments: str, script: Path | None = ROUTER, http2: bool = False
    ) -> Subject:
        """Start mitmdump with the flags that all of them share; without a script, to eu1.

        The mode is one without TLS for all: a mode with it has one more layer, used or not. Only
        the upstreams of HTTP/2 need it, for bare mitmdump.
        """
        port = free_port()
        eu1 = f"https://127.0.0.1:{self.http2_ports['eu1']}" if http2 else self.url("eu1")
        mode = "reverse:http://unrouted.invalid" if script else f"reverse:{eu1}"
        routed: list[str | Path] = []
        if script:
            table = self.http2_table if http2 else self.table
            routed = ["-s", script, "--set", f"hublets={table}"]
        routed += ["--set", f"ssl_verify_upstream_trusted_ca={self.authority}"] if http2 else []
        return self.start(
            name,
            [
                BIN / "mitmdump", "--mode", mode, "--listen-host", "127.0.0.1",
                "--listen-port", str(port), "--set", f"confdir={self.folder}",
                "--set", "flow_detail=0", "--set", "keep_host_header=true",
                "--set", "connection_strategy=lazy", *routed, *arguments,
            ],
            port, port, None if script else "eu1",
        )  # fmt: skip

    def haproxy(self) -> Subject | None:
        """Start HAProxy with one thread, where it is installed."""
        if not (program := shutil.which("haproxy")):
            return None
        port, tls, path = free_port(), free_port(), self.folder / "haproxy.cfg"
        path.write_text(
            HAPROXY.format(port=port, tls=tls, certificate=self.certificate, **self.ports)
        )
        return self.start("haproxy", [program, "-db", "-f", path], port, tls, None)

    def nginx(self) -> Subject | None:
        """Start nginx in one process, where it is installed."""
        if not (program := shutil.which("nginx")):
            return None
        port, tls, path = free_port(), free_port(), self.folder / "nginx.conf"
        path.write_text(
            NGINX.format(
                port=port, tls=tls, certificate=self.certificate, folder=self.folder, **self.ports
            )
        )
        return self.start("nginx", [program, "-p", self.folder, "-c", path], port, tls, None)

    def start(
        self,
        name: str,
        command: list[str | Path],
        port: int,
        tls: int | None = None,
        only: str | None = None,
    ) -> Subject:
        """Start a subject, and wait until it listens."""
        subject = Subject(name, command, port, tls, only)
        self.started.append(subject)
        return subject


def memory(process: int | str, line: str) -> float:
    """Return the memory of a process in MB: now (VmRSS), or at its peak (VmHWM)."""
    status = Path(f"/proc/{process}/status").read_text()
    (found,) = (text for text in status.splitlines() if text.startswith(line))
    return int(found.split()[1]) / 1024


HAPROXY = """\
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend api
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{tls} ssl crt {certificate} alpn h2,http/1.1
  use_backend eu1 if {{ req.hdr(authorization) -m reg -i "^bearer pat-eu1-" }}
  use_backend na1 if {{ req.hdr(authorization) -m reg -i "^bearer pat-na1-" }}
backend eu1
  server eu1 127.0.0.1:{eu1}
backend na1
  server na1 127.0.0.1:{na1}
"""

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 0;
  client_body_temp_path {folder}/1;
  proxy_temp_path {folder}/2;
  fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4;
  scgi_temp_path {folder}/5;
  map $http_authorization $region {{
    "~*^bearer pat-eu1-" eu1;
    "~*^bearer pat-na1-" na1;
    default "";
  }}
  upstream eu1 {{ server 127.0.0.1:{eu1}; keepalive 64; keepalive_requests 100000000; }}
  upstream na1 {{ server 127.0.0.1:{na1}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls} ssl http2;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    location / {{
      if ($region = "") {{ return 421; }}
      proxy_pass http://$region;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_request_buffering off;
    }}
  }}
}}
"""
