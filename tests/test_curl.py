"""curl's command line, held against what curl itself sends."""

import io
import re
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from hublet_router.cli.curl import CurlError, options, request
from hublet_router.core.request import MAX_BODY, Request
from hublet_router.flows.raw import read_request

SECRET = "c0ffee5ec2e7"
BODY = Path("body")  # in the working directory of each test
FIELDS = Path("fields")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    BODY.write_bytes(b"token=a b\r\n&c=\xc3\xa9\n")
    FIELDS.write_text("X-One: 1\nX-Two: 2\n")


def understood(*words: str) -> Request:
    given = options(words)
    (url,) = [value for name, value in given if name == "url"]
    return request(given, url)


def fields(seen: Request, ignored: Iterable[str] = ()) -> dict[str, list[str]]:
    return {name: seen.header(name) for name, _ in seen.headers if name not in ignored}


@contextmanager
def answering() -> Iterator[tuple[int, list[bytes]]]:
    """A server for one request, its port, and what it received."""
    received: list[bytes] = []

    def serve() -> None:
        with listener.accept()[0] as client:
            raw = b""
            while b"\r\n\r\n" not in raw:
                raw += client.recv(65536)
            head, _, body = raw.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: ([0-9]+)", head)
            while length and len(body) < int(length[1]):
                body += client.recv(65536)
            client.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            received.append(head + b"\r\n\r\n" + body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], received
        thread.join()


@pytest.mark.parametrize(
    "words",
    [
        ["URL"],
        ["http://URL/a/b?c=d#e"],
        ["URL?c=d"],
        ["-XDELETE", "URL/"],
        ["--request", "PUT", "-sSLkH", "X-Key: a", "-HY:b", "--url", "URL"],
        ["-I", "URL/"],
        ["-H", "Authorization: Bearer one", "-H", "authorization:Bearer two", "URL"],
        ["-H", "Host: api.hubapi.com", "URL"],
        ["-H", "Host:", "-H", "X-Empty;", "-H", "nothing", "-H", "X-Gone:", "URL"],
        ["-H", "@fields", "URL"],
        ["-d", "a=b", "--data-raw", "@c", "--data-binary", "@body", "URL"],
        ["-d@body", "--data-ascii", "x", "URL"],
        ["-d", "a", "-H", "Content-Type: text/plain", "-H", "Content-Length: 1", "URL"],
        ["-d", "", "URL"],
        ["-G", "-d", "a=b", "--data-urlencode", "d=e&f", "URL/x"],
        ["--get", "--data-urlencode", "a~b c", "URL/x?y=z"],
        ["-XPOST", "-Gd", "a=b", "URL"],
        ["--data-urlencode", "=a=b", "--data-urlencode", "a@body", "URL"],
        ["--data-urlencode", "@body", "--data-urlencode", "a=@body", "URL"],
        ["-u", "me:pass:word", "URL"],
        ["-u", "me:", "-H", "Authorization: Bearer x", "URL"],
        ["--oauth2-bearer", "pat-eu1-0", "URL"],
        ["http://me%40x:p%3aw@URL/"],
        ["-u", "a:b", "http://me:pw@URL/"],
        ["-b", "a=b; c=d", "URL"],
        ["-b", "a=b", "-b", "c=d", "URL"],
        ["-b", "a=b", "-H", "Cookie: c=d", "URL"],
        ["-A", "mine/1.0", "-e", "https://x/", "URL"],
        ["--compressed", "--max-time", "30", "-o", "out", "--http1.1", "-g", "URL"],
        ["--", "URL"],
        ["URL/caf\u00e9"],
        ["--json", '{"a": "b"}', "URL"],
        ["--json", "@body", "--json", "b", "-d", "c", "URL"],
        ["-d", "", "-d", "b", "--json", "c", "URL"],
        ["--json", "{}", "-H", "Accept: text/plain", "-H", "Content-Type: text/plain", "URL"],
        ["-G", "--json", "a=b", "-d", "c", "URL"],
        ["--url-query", "a=b c", "--url-query", "+x%21y", "URL/p?q"],
        ["--url-query", "a=b", "-d", "c", "URL/p"],
        ["--url-query", "a=b", "-Gd", "c", "URL/p"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_request_is_what_curl_sends(words: list[str]) -> None:
    with answering() as (port, received):
        here = [word.replace("URL", f"127.0.0.1:{port}") for word in words]
        subprocess.run(["curl", "-qs", "--noproxy", "*", *here], check=True, stdout=subprocess.PIPE)
    sent, ours = read_request(received[0]), understood(*here)
    assert ours.method == sent.method
    assert ours.hosts == sent.hosts
    assert ours.target == sent.target.replace("%20", "+")  # it depends on the version of curl
    assert ours.body == (sent.body or b"").replace(b"%20", b"+")
    own = {"accept", "accept-encoding", "content-length", "user-agent"}  # of curl's defaults
    own -= {name for name, _ in ours.headers}
    assert fields(ours) == fields(sent, own)


@pytest.mark.parametrize("option", ["-d", "--data-urlencode", "-H"])
def test_a_value_from_standard_input(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x:y")))
    assert "x" in repr((seen := understood(option, "@-", "api.hubapi.com")).body) + str(
        seen.headers
    )


def test_options_that_change_nothing_are_left_out() -> None:
    words = ["-sG", "-", "--connect-to", "x", "-o", "-", "-oout", "-sk", "--max-time=3", "c"]
    assert options(words) == [("get", ""), ("url", "-"), ("url", "c")]


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["-H", "Content-Encoding: gzip", "-d", "x"], None),
        (["-H", "Content-Encoding: Identity", "-d", "x"], b"x"),
        (["-d", "x" * MAX_BODY], b"x" * MAX_BODY),
        (["-d", "x" * MAX_BODY + "x"], None),
        (["-I"], b""),
    ],
    ids=["compressed", "not compressed", "of 64 KiB", "over 64 KiB", "none"],
)
def test_the_body_that_the_router_reads(words: list[str], body: bytes | None) -> None:
    assert understood(*words, "api.hubapi.com").body == body


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["x", f"--{SECRET}"], "word 2 is not a known option; leave it out if it"),
        ([f"--silent={SECRET}"], "word 1 is not a known option; did you mean --silent?"),
        (["--heder", SECRET], "word 1 is not a known option; did you mean --header?"),
        (["-sM", SECRET], "word 1 is not a known option; leave it out"),
        (["-F", f"a={SECRET}"], "--form: a multipart body is not built"),
        (["--form", f"a={SECRET}"], "--form: a multipart body is not built"),
        ([f"-K{SECRET}"], "--config: a file of options is not read"),
        (["-h"], "--help: put it first"),
        (
            ["x", "--table", SECRET],
            "--table: this option is not curl's; put it before curl's words",
        ),
        (["x", "--format=json"], "--format: this option is not curl's; put it before curl's words"),
        (["x", "-H"], "word 2 is an option without its value; add it"),
        (["-d", f"@{SECRET}", "x"], "a file that an option names after @ cannot be read: No such"),
        (["-H", "@.", "x"], "a file that an option names after @ cannot be read: Is a directory"),
        (["-b", SECRET, "x"], "a file of cookies is not read"),
        ([f"ftp://{SECRET}/"], "a URL must begin with http:// or https://"),
        ([f"Authorization: Bearer {SECRET}"], "a URL has no host that can be"),
        ([f"http://{SECRET}@/x"], "a URL has no host that can be"),
        ([""], "a URL has no host that can be"),
    ],
)
def test_law_4_errors_repeat_no_word(words: list[str], sentence: str) -> None:
    with pytest.raises(CurlError) as caught:
        understood(*words)
    assert str(caught.value).startswith(sentence)
    assert SECRET not in str(caught.value)
