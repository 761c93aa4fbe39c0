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

from cases import cases
from hublet_router.cli.curl import request
from hublet_router.cli.curl_words import CurlError, requests
from hublet_router.core.judge import decide
from hublet_router.core.request import MAX_BODY, Request
from hublet_router.core.table import Table
from hublet_router.flows.raw import read_request
from hublet_router.tablefile import loads
from shipped_table import SHIPPED as TABLE
from synthetic import private_app_token

SECRET = "c0ffee5ec2e7"
BODY = Path("body")  # in the working directory of each test
FIELDS = Path("fields")
PAT = private_app_token("eu1")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    BODY.write_bytes(b"token=a b\r\n&c=\xc3\xa9\n")
    FIELDS.write_text("X-One: 1\nX-Two: 2\n")
    Path("empty").write_text("")
    Path("config").write_text(CONFIG)


CONFIG = """
# a comment
-H "X-One: \\"1\\"\\t"
header = X-Two:2
data: "a=b"  # a comment
--user-agent mine
get
"""


def understood(*words: str, table: Table = TABLE) -> Request:
    (given,) = requests(words)
    (url,) = [value for name, value in given if name == "url"]
    return request(given, url, table)


def fields(seen: Request, ignored: Iterable[str] = ()) -> dict[str, list[str]]:
    return {name: seen.header(name) for name, _ in seen.headers if name not in ignored}


OURS = "------------------------hublet-router-explain"


def boundary(seen: Request) -> str:
    kinds = "".join(seen.header("content-type"))
    return kinds.partition("boundary=")[2] or "no boundary"


def steady(body: bytes) -> bytes:
    """A body of curl without what differs between its versions, or is made up or guessed."""
    if found := re.match(rb"-{24}[0-9A-Za-z]+", body.removeprefix(b"--")):
        body = body.replace(found[0], OURS.encode())
        return body.replace(b"\r\nContent-Type: application/octet-stream", b"")
    return body.replace(b"%20", b"+")


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
        thread = Thread(target=serve, daemon=True)
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
        ["-H", "X_Api_Key: a", "-H", "X-Api_Key: b", "URL"],
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
        ["-g", "URL/{a,b}/[1-3]?a[]=1"],
        ["URL/x?a[]=1"],
        ["--no-get", "-d", "a", "URL"],
        ["-G", "-d", "a", "--no-get", "URL"],
        ["--no-head", "--no-location", "--no-silent", "URL/x"],
        ["--sil", "--max-t", "5", "URL"],
        ["--request-target", "/crm?hapikey=x", "URL/else"],
        ["--digest", "-u", "a:b", "URL"],
        ["--anyauth", "-u", "a:b", "URL"],
        ["--digest", "--basic", "--no-digest", "-u", "a:b", "URL"],
        ["--oauth2-bearer", "pat-eu1-0", "-u", "a:b", "URL"],
        ["--oauth2-bearer", "pat-eu1-0", "--basic", "-u", "a:b", "URL"],
        ["--oauth2-bearer", "pat-eu1-0", "--digest", "URL"],
        ["--basic", "-u", "a:b", "URL"],
        ["-T", "body", "URL/a/"],
        ["-T", "body", "URL"],
        ["-T", "body", "-XPOST", "URL/a"],
        ["-K", "config", "URL"],
        ["-Kconfig", "-H", "X-More: 1", "URL"],
        ["-n", "-b", "empty", "-c", "jar", "--netrc-file", "empty", "URL"],
        ["--create-dirs", "--parallel-max", "5", "--etag-save", "f", "--trace-time",
         "--remote-name-all", "--disable", "--ssl-revoke-best-effort", "-oout", "URL"],
        ["-F", "a=b", "-F", "c=d;type=text/plain", "--form-string", "e=@f;g", "URL"],
        ["--form", "options={\"access\": \"PRIVATE\"}", "-F", 'q="x;y\\"z"', "URL"],
        ["-F", "a=<body", "-XPUT", "URL"],
        ["-F", "file=@body", "-F", "a=b", "URL"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_request_is_what_curl_sends(words: list[str]) -> None:
    with answering() as (port, received):
        here = [word.replace("URL", f"127.0.0.1:{port}") for word in words]
        subprocess.run(
            ["curl", "-qs", "-m9", "--noproxy", "*", *here], check=True, stdout=subprocess.PIPE
        )
    sent, ours = read_request(received[0]), understood(*here)
    assert ours.method == sent.method
    assert ours.hosts == sent.hosts
    assert ours.target == sent.target.replace("%20", "+")  # it depends on the version of curl
    assert ours.body == steady(sent.body or b"")
    own = {"accept", "accept-encoding", "content-length", "user-agent", "expect"}  # of its defaults
    own -= {name for name, _ in ours.headers}
    assert fields(ours) == {
        name: [value.replace(boundary(sent), OURS) for value in values]
        for name, values in fields(sent, own).items()
    }


@pytest.mark.parametrize("option", ["-d", "--data-urlencode", "-H"])
def test_a_value_from_standard_input(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x:y")))
    assert "x" in repr((seen := understood(option, "@-", "api.hubapi.com")).body) + str(
        seen.headers
    )


@cases(
    ("header", "is_said"),
    {
        "no colon": (f"Authorization {PAT}", True),
        "an empty variable": ("X-Api-Key: ", True),
        "curl's own": ("Accept:", False),
        "its host": ("Host:", False),
        "sent without a value": ("X-Empty;", False),
    },
)
def test_a_header_that_curl_does_not_send_is_said(
    header: str, is_said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    understood("-H", header, "api.hubapi.com")
    sentence = "a header of -H has no value: curl does not send it\n"
    assert capsys.readouterr().err == (sentence if is_said else "")


@cases(
    ("words", "body"),
    {
        "compressed": (["-H", "Content-Encoding: gzip", "-d", "x"], b"x"),
        "not compressed": (["-H", "Content-Encoding: Identity", "-d", "x"], b"x"),
        "of 64 KiB": (["-d", "x" * MAX_BODY], b"x" * MAX_BODY),
        "over 64 KiB": (["-d", "x" * MAX_BODY + "x"], None),
        "none": (["-I"], b""),
    },
)
def test_the_body_that_the_router_reads(words: list[str], body: bytes | None) -> None:
    assert understood(*words, "api.hubapi.com").body == body


def test_the_upload_that_hubspot_documents() -> None:
    """Its files need not be there: no rule reads such a body."""
    seen = understood(
        "--request", "POST", "--url", "https://api.hubapi.com/files/v3/files",
        "--header", f"authorization: Bearer {PAT}", "--header", "content-type: multipart/form-data",
        "--form", "file=@example-file", "--form", 'options={"access": "PRIVATE"}',
        "--form", "folderPath=/docs",
    )  # fmt: skip
    assert (seen.method, seen.host) == ("POST", "api.hubapi.com")
    assert b'name="file"; filename="example-file"' in (seen.body or b"")
    assert decide(TABLE, seen).summary == "eu1 ← private-app-token"


def test_a_multipart_body_where_a_rule_reads_another_one_is_refused() -> None:
    seen = understood("-F", f"refresh_token={PAT}", "https://api.hubapi.com/oauth/v1/token")
    assert decide(TABLE, seen).summary == "refused: unreadable (refresh-token)"


COOKIES = """
domains: [a.example]
hublets: {eu1: {upstream: "https://127.0.0.1:1"}}
default: eu1
credentials:
  - {name: sid, paths: "^/sid", in: {cookie: sid}, hublet: {regex: "^(eu1)-"}}
  - {name: form, paths: "^/form", in: {form: key}, hublet: {regex: "^(eu1)-"}}
  - name: basic
    paths: "^/basic"
    in: {header: authorization, scheme: basic}
    hublet: {base64: "^(eu1)-"}
"""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-b", "jar", "a.example/sid"], "a file of cookies is not read"),
        (["-b", "jar", "-b", "sid=eu1-0", "a.example/sid"], "a file of cookies is not read"),
        (["-b", "sid=eu1-0", "a.example/sid"], None),
        (["-b", "jar", "a.example/"], None),
        (["-n", "a.example/basic"], "no password is looked up"),
        (["--netrc-file", "x", "a.example/basic"], "no password is looked up"),
        (["--netrc-optional", "--no-netrc-optional", "a.example/basic"], None),
        (["-n", "a.example/"], None),
        (["-d@gone", "a.example/form"], "the file of --data cannot be read: No such file"),
        (["-da=b", "--data-urlencode", "x@gone", "a.example/form"], "the file of --data-urlencode"),
        (["-Tgone", "a.example/form"], "the file of --upload-file cannot be read: No such file"),
        (["-d@gone", "a.example/"], None),
        (["--json", "@gone", "a.example/"], None),
        (["-Tgone", "a.example/"], None),
    ],
)
def test_what_curl_looks_up_matters_where_a_rule_reads_it(
    words: list[str], sentence: str | None
) -> None:
    table = loads(COOKIES.encode())
    if not sentence:
        assert understood(*words, table=table).host == "a.example"
        return
    with pytest.raises(CurlError, match=sentence):
        understood(*words, table=table)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-H", "@.", "x"], "the file of --header cannot be read: Is a directory"),
        (["--url-query", f"x@{SECRET}", "x"], "the file of --url-query cannot be read: No such"),
        (["-Gd", f"@{SECRET}\0", "x"], "the file of --data cannot be read: it is no"),
        (["-F", SECRET, "x"], "a form needs name=content"),
        ([f"ftp://{SECRET}/"], "a URL must begin with http:// or https://"),
        ([f"Authorization: Bearer {SECRET}"], "a URL has no host that can be"),
        ([f"http://{SECRET}@/x"], "a URL has no host that can be"),
        ([f"http://a.test/{{{SECRET},b}}"], "curl sends a request for each part of {…} and [1-3]"),
        ([f"http://a.test/x[1-3]?a={SECRET}"], "curl sends a request for each part"),
        ([""], "a URL has no host that can be"),
    ],
)
def test_law_4_errors_repeat_no_word(words: list[str], sentence: str) -> None:
    with pytest.raises(CurlError) as caught:
        understood(*words)
    assert str(caught.value).startswith(sentence)
    assert SECRET not in str(caught.value)
