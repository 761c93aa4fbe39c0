"""Starts the stock servers that this machine has, and asks them what they read."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

FOLDER = Path(__file__).parent / "servers"
DEBIAN = Path("/usr/share/java")
JACKSON = ("jackson-databind.jar", "jackson-core.jar", "jackson-annotations.jar")
SECONDS = 10


class Read(NamedTuple):
    """A text that a server gives to its application: the place, its name there, and the text."""

    place: str
    name: str
    text: str


type Command = list[str | Path]


def _python(name: str) -> Command:
    return [sys.executable, "-m", f"differential.servers.with_{name}"]


def _express(_: Path) -> Command | None:
    is_there = ["node", "-e", "require('express');require('cookie-parser')"]
    found = (
        shutil.which("node")
        and not subprocess.run(is_there, capture_output=True, check=False).returncode
    )
    return ["node", FOLDER / "node.js", "express"] if found else None


def _go(scratch: Path) -> Command | None:
    if not shutil.which("go"):
        return None
    program = scratch / "go-server"
    folders = {"GOCACHE": str(scratch / "go"), "GOPATH": str(scratch), "GO111MODULE": "off"}
    build = ["go", "build", "-o", str(program), str(FOLDER / "server.go")]
    subprocess.run(build, check=True, env={**os.environ, **folders})
    return [program]


def _php(_: Path) -> Command | None:
    options = ("-d", "display_errors=0", "-S", "127.0.0.1:{port}")
    return ["php", *options, FOLDER / "server.php"] if shutil.which("php") else None


def _rack(_: Path) -> Command | None:
    options = ("--quiet", "--bind", "tcp://127.0.0.1:{port}", "--threads", "1:1")
    return ["puma", *options, FOLDER / "server.ru"] if shutil.which("puma") else None


def _tomcat(scratch: Path) -> Command | None:
    jars = [*DEBIAN.glob("tomcat10-*.jar"), *filter(Path.exists, map(DEBIAN.joinpath, JACKSON))]
    if len(jars) <= len(JACKSON) or not shutil.which("javac"):
        return None
    classes = ":".join(map(str, [scratch, *jars]))
    source = FOLDER / "Server.java"
    subprocess.run(["javac", "-nowarn", "-d", scratch, "-cp", classes, source], check=True)
    return ["java", "-Xmx256m", "-cp", classes, "Server", scratch]


SERVERS: dict[str, Callable[[Path], Command | None]] = {
    "Werkzeug": lambda _: _python("werkzeug"),
    "Django": lambda _: _python("django"),
    "Tornado": lambda _: _python("tornado"),
    "Node": lambda _: ["node", FOLDER / "node.js"] if shutil.which("node") else None,
    "Express": _express,
    "Go": _go,
    "PHP": _php,
    "Rack, Rails": _rack,
    "Tomcat, Jackson": _tomcat,
}
"""How each server is started, None where it is not installed; what has to be is compiled."""


@contextlib.contextmanager
def running(names: Iterable[str] = SERVERS) -> Iterator[dict[str, int]]:
    """Run the servers that are installed, and give the port of each."""
    with TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        commands = {name: SERVERS[name](Path(folder)) for name in names}
        yield {name: _start(it, stack) for name, it in commands.items() if it}


def _start(command: Command, stack: contextlib.ExitStack) -> int:
    words, port = [*map(str, command)], 0
    if "{port}" in " ".join(words):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        words = [word.replace("{port}", str(port)) for word in words]
    path = {**os.environ, "PYTHONPATH": str(FOLDER.parents[1])}
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=path
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    assert process.stdout
    if not port:
        port = int(process.stdout.readline())
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
            return port
        time.sleep(0.1)
    raise TimeoutError(f"{words[0]} does not listen on port {port}")


def ask(port: int, raw: bytes) -> list[Read]:
    """Send a request as it stands, and return each text that the server reads in it.

    A server that refuses the request, or closes the connection, reads nothing.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(raw)
            answer = HTTPResponse(connection)
            answer.begin()
            read = json.loads(answer.read()) if answer.status == 200 else []
    except (OSError, HTTPException, ValueError):
        return []
    return [
        Read(place, name, text)
        for place, first, value in read
        for name, text in _texts(value, first)
    ]


def _texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    """Yield each text of a document with the name of the member that it belongs to."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield name, key
            yield from _texts(inner, key if name == "" else name)
