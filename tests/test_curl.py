"""curl's words: what they mean is what curl itself sends for them."""

import io
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from hublet_router.cli.curl import CurlError, options, request

SECRET = "c0ffee5ec2e7"
BODY = Path("body")  # in the working directory of each test
FIELDS = Path("fields")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    BODY.write_bytes(b"token=a b\r\n&c=\xc3\xa9\n")
    FIELDS.write_text("X-One: 1\nX-Two: 2\n")


def understood(*words: str) -> bytes:
    given = list(options(words))
    (url,) = [value for name, value in given if name == "url"]
    return request(given, url)


type Parts = tuple[bytes, dict[bytes, list[bytes]], bytes]


def parts(raw: bytes) -> Parts:
    """The request line, the fields in any order of names, and the body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    fields: dict[bytes, list[bytes]] = {}
    for name, _, value in (field.partition(b":") for field in lines):
        fields.setdefault(name.lower(), []).append(value.strip())
    return line, fields, body


@contextmanager
def answering() -> Iterator[tuple[int, list[bytes]]]:
    """A server for one request, its port, and what it received."""
    received: list[bytes] = []

    def serve() -> None:
        with listener.accept()[0] as client:
            raw = b""
            while b"\r\n\r\n" not in raw:
                raw += client.recv(65536)
            length = parts(raw)[1].get(b"content-length", [b"0"])[0]
            while len(parts(raw)[2]) < int(length):
                raw += client.recv(65536)
            client.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            received.append(raw)

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
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_curl_sends(words: list[str]) -> None:
    with answering() as (port, received):
        here = [word.replace("URL", f"127.0.0.1:{port}") for word in words]
        subprocess.run(["curl", "-qs", "--noproxy", "*", *here], check=True, stdout=subprocess.PIPE)
    line, fields, body = parts(received[0])
    our_line, our_fields, our_body = parts(understood(*here))
    assert our_line == line.replace(b"%20", b"+")  # it depends on the version of curl
    assert our_body == body.replace(b"%20", b"+")
    own = {b"accept", b"accept-encoding", b"content-length"}
    if b"user-agent" not in our_fields:
        own.add(b"user-agent")
    assert our_fields == {name: values for name, values in fields.items() if name not in own}


@pytest.mark.parametrize("option", ["-d", "--data-urlencode", "-H"])
def test_a_value_from_standard_input(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x:y")))
    assert b"x" in understood(option, "@-", "api.hubapi.com")


def test_what_is_ours_and_what_is_no_option() -> None:
    words = ["--json", "-h", "--table=a", "--table", "b", "-", "--connect-to", "x", "-o", "-", "c"]
    assert list(options(words)) == [
        ("json", ""), ("help", ""), ("table", "a"), ("table", "b"), ("url", "-"), ("url", "c"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["x", f"--{SECRET}"], "word 2 is no option that is known here; leave it out if it"),
        ([f"--silent={SECRET}"], "word 1 is no option that is known here; did you mean --silent?"),
        (["--heder", SECRET], "word 1 is no option that is known here; did you mean --header?"),
        (["-sM", SECRET], "word 1 is no option that is known here; leave it out"),
        (["-F", f"a={SECRET}"], "--form: a multipart body is not built"),
        (["--form", f"a={SECRET}"], "--form: a multipart body is not built"),
        ([f"-K{SECRET}"], "--config: a file of options is not read"),
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
def test_law_4_mistakes_are_told_and_not_repeated(words: list[str], sentence: str) -> None:
    with pytest.raises(CurlError) as caught:
        understood(*words)
    assert str(caught.value).startswith(sentence)
    assert SECRET not in str(caught.value)
