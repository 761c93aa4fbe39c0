"""Coverage-guided fuzzing of what strangers write: credentials, requests and tables.

`make fuzz` runs every target for its share of the time, prints what each did, and exits with 1
when one found something. What was learnt stays in `.hypothesis/fuzz`, beside what the property
tests keep, and the next run begins with it. To repeat a finding:
`.venv/bin/python tests/fuzz.py run TARGET FILE`.
"""

import argparse
import contextlib
import io
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import atheris

# Only what is imported in here is instrumented, so this comes before every import that needs it.
# It lists each module on stderr, which is noise here.
PARTS = ["hublet_router.core", "hublet_router.tablefile", "yaml"]
with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=PARTS):
    from hublet_router.core.decision import Action
    from hublet_router.core.judge import decide
    from hublet_router.core.readers import Base64, Jwt, Protobuf, Regex
    from hublet_router.core.request import MAX_BODY, Request
    from hublet_router.core.table import Table
    from hublet_router.tablefile import TableError, load, loads
    from synthetic import (
        access_token,
        access_token_message,
        api_key,
        base64url,
        jwt,
        personal_access_key,
        private_app_token,
    )
    from test_laws import reference

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".hypothesis" / "fuzz"
SHIPPED = load(ROOT / "hublets.yaml")
API = "api.hubapi.com"
FIELD_9 = Protobuf(9)
READERS = (
    Regex(re.compile("^pat-([a-z]{2}[0-9]{1,3})-")),
    FIELD_9,
    Protobuf(1),
    Jwt("region"),
    Jwt("customer.region"),
    Base64(re.compile("^([a-z]{2}[0-9]{1,3}):")),
    Base64(re.compile(r"(?s)(.+)\Z")),
)
WORDS = (
    "authorization: bearer ", "cookie: ", "host: ", "pat-eu1-", "eu1-", "hapikey=", "token=",
    "code=", "refresh_token=", "/oauth/v1/token", "/oauth/v1/access-tokens/",
    "/oauth/v1/refresh-tokens/", "/localdevauth/v1/auth/refresh", "encodedOAuthRefreshToken",
    "eyJ", "CIDQ", "%2e%2e", "//", "J\x03eu1",
    *(f"{key}: " for key in (
        "domains", "hublets", "upstream", "sni", "default", "policy", "credentials", "name", "in",
        "hublet", "regex", "protobuf", "jwt", "base64", "header", "scheme", "query", "form", "json",
        "path", "paths", "examples", "request", "url", "refused", "conflict",
    )),
    "https://", "http://[::1]:8", "'",
    "!!", "&a ", "*a", "<<: ", "? ", "- ", "|\n", "%YAML 1.1\n---\n", "(", ")",
    "[", "]", "(?:", "{1,3}", "*", "+?", "(?=",
)  # fmt: skip


def fuzz_readers(data: bytes) -> None:
    """A credential: text as it came, or the message inside base64, or the payload of a JWT."""
    kind, rest = data[:1], data[1:]
    text = rest.decode("latin-1")
    if kind == b"P":
        text = base64url(rest)
    elif kind == b"J":
        text = f"e30.{base64url(rest)}.c2ln"
    for reader in READERS:
        names = reader.names(text)
        assert all(isinstance(name, str) and name for name in names)
        assert names == reader.names(text)
        assert reader.recognises(text) in {True, False}
    if names := FIELD_9.names(text):
        assert reference(text) == names[-1].encode()


def decided(table: Table, request: Request) -> None:
    """Decide, and hold it to laws 2 and 5."""
    decision = decide(table, request)
    if decision.action is Action.ROUTE:
        assert decision.hublet is not None
        assert table.hublets[decision.hublet] is decision.upstream
    else:
        assert (decision.hublet, decision.upstream) == (None, None)
    assert decide(table, replace(request)) == decision


def fuzz_decide(data: bytes) -> None:
    """A request: its target, its header lines, an empty line and its body."""
    head, _, body = data.partition(b"\n\n")
    target, *lines = head.decode("latin-1").split("\n")
    fields = [line.partition(":") for line in lines]
    headers = tuple((name.lower(), value) for name, _, value in fields)
    hosts = tuple(value.strip() for name, value in headers if name == "host") or (API,)
    request = Request("POST", hosts, target, headers, body if len(body) <= MAX_BODY else None)
    decided(SHIPPED, request)
    decided(SHIPPED, replace(request, body=None))


def fuzz_table(data: bytes) -> None:
    """A table, which is either taken or refused with sentences."""
    try:
        table = loads(data)
    except TableError as error:
        faults = error.faults
    else:
        for host in (*table.domains, API):
            decided(table, Request("GET", (host,), "/", (("authorization", "Bearer pat-eu1-0"),)))
        return
    assert faults
    assert all(fault.line > 0 and fault.column > 0 and fault.text for fault in faults)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "readers": fuzz_readers,
    "decide": fuzz_decide,
    "table": fuzz_table,
}


def seeds(target: str) -> Iterable[bytes]:
    """Yield inputs to begin with."""
    tokens = [
        private_app_token("eu1"), access_token("eu1"), access_token(None), api_key("eu1"),
        personal_access_key("eu1"), jwt({"region": "eu1"}), base64url(b"eu1:secret"),
    ]  # fmt: skip
    match target:
        case "readers":
            yield from (b"T" + token.encode() for token in tokens)
            yield b"P" + access_token_message("eu1")
            yield b'J{"customer": {"region": "eu1"}, "region": ["eu1", {"a": 1}]}'
        case "decide":
            for request in (example.request for example in SHIPPED.examples):
                fields = "".join(f"\n{name}: {value}" for name, value in request.headers)
                head = f"{request.target}\nhost: {request.hosts[0]}{fields}\n\n"
                yield head.encode("latin-1") + (request.body or b"")
            yield from (f"/?hapikey={quote(token)}".encode() for token in tokens)
        case "table":
            rule = (
                "credentials:\n- name: a\n  in: {header: x, scheme: b}\n  hublet: {regex: '(.)'}\n"
            )
            head = (
                "domains: [a.b, '*.c']\nhublets: {e: {upstream: 'https://1.1.1.1:8', sni: x.y}}\n"
            )
            yield f"{head}default: e\n{rule}".encode()
            yield f"{head}policy: {{legacy: refuse, anonymous: refuse}}\n{rule}".encode()
            for place in ("query: [a, b]", "cookie: a", "form: a", "json: a.b", "path: '^/(.)'"):
                for reader in ("protobuf: 9", "jwt: a.b", "base64: '(.)'"):
                    where = f"- name: b\n  paths: '^/'\n  in: {{{place}}}\n  hublet: {{{reader}}}\n"
                    yield f"{head}default: e\n{rule}{where}".encode()
            yield (
                f"{head}default: e\n{rule}examples:\n- request: {{url: 'https://a.b/c?d=1',"
                " body: g, method: PUT, headers: {x: [b e, b f]}}\n  refused: unknown-hublet\n"
            ).encode()


def run(target: str, arguments: list[str]) -> None:
    """Become libFuzzer, which ends the process when it is done."""
    # `re` has a FutureWarning for some patterns, which is no fault of a table.
    warnings.simplefilter("ignore")
    atheris.Setup([sys.argv[0], *arguments], TARGETS[target])
    atheris.Fuzz()


def fuzz(target: str, seconds: int) -> bool:
    """Run a target in a process of its own, print a row, and return whether it found nothing."""
    corpus, findings = KEPT / target, KEPT / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = KEPT / "words"
    words.write_text(
        "".join(f'"{"".join(f"\\x{ord(char):02x}" for char in word)}"\n' for word in WORDS)
    )
    ended = subprocess.run(
        [
            sys.executable, __file__, "run", target, str(corpus), f"-dict={words}",
            f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=2048",
            f"-artifact_prefix={findings}/{target}-", "-print_final_stats=1",
        ],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    said = ended.stderr + ended.stdout
    executions = re.search(r"number_of_executed_units:\s*(\d+)", said)
    covered = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", said)
    units = int(executions[1]) if executions else 0
    edges, _, inputs = covered[-1] if covered else ("?", "?", "?")
    result = "nothing found" if ended.returncode == 0 else "FOUND"
    print(f"{target:<10}{units:>12}{edges:>10}{inputs:>10}   {result}", flush=True)
    if ended.returncode:
        print("\n".join(said.splitlines()[-40:]), flush=True)
    return ended.returncode == 0


def main() -> int:
    if sys.argv[1:2] == ["run"]:
        run(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("seconds", type=int, nargs="?", default=60)
    share = max(1, parser.parse_args().seconds // len(TARGETS))
    print(f"{'target':<10}{'executions':>12}{'edges':>10}{'corpus':>10}   in {share} s each")
    silent = [fuzz(target, share) for target in TARGETS]  # each has its turn, whatever is found
    return int(not all(silent))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
