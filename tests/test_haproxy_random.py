"""Random requests through HAProxy and its agent, many at a time: none goes astray.

Each is aimed at the rules of the shipped table and then damaged: delimiters of every grammar stand
where they do not belong.
"""

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from urllib.parse import quote

from haproxy_stage import haproxy
from harness import Answer, Client, Stage
from hublet_router.core.judge import decide
from hublet_router.core.problem import problem
from hublet_router.core.request import Request
from hublet_router.tablefile import load
from hublet_router.verify.exchange import as_bytes, sendable
from synthetic import UUID, access_token, api_key, personal_access_key, private_app_token
from test_haproxy_wire import received, staged

COUNT = 2000
SHIPPED = Path(__file__).parents[1] / "hublets.yaml"
HUBLETS = ("na1", "eu1", "ap1", "eu1", "na2")
PATHS = (
    "/crm/v3/objects", "/oauth/v1/token", "/oauth/2026-03/token/introspect", "/oauth/v3/token/",
    "/localdevauth/v1/auth/refresh", "/oauth/v2/private-apps/get/access-token-info",
    "/submissions/v3/integration/submit/5865761/form", "/oauth/v1/access-tokens/",
    "/oauth/v1/refresh-tokens/", "/./oauth/%76%31//token;x", "/OAUTH/v1/token.json",
)  # fmt: skip
DELIMITERS = (*" \t,;:=&?/\\\"'%+@[]{}()<>#", "%00", "%2F", "..", "\xe9", "%252f", "||")
NOT_TAKEN = re.compile(r"^[^/]|[#\x80-\xff]")
"""Targets that HAProxy refuses, or the agent: what is no path may name a host."""


MAKERS: tuple[Callable[[str], str], ...] = (
    private_app_token, access_token, api_key, personal_access_key, lambda _: UUID,
)  # fmt: skip
SUITED = (0, 1, 0, 2, 1, 2, 3)
"""The maker of what a rule reads, by the number of its place."""


def credential(random: Random, place: int) -> str:
    at = SUITED[place] if random.random() < 0.7 else random.randrange(len(MAKERS))
    return damaged(random, MAKERS[at](random.choice(HUBLETS)))


def damaged(random: Random, text: str) -> str:
    if random.random() < 0.75:
        return text
    at = random.randint(0, len(text))
    delimiter: str = random.choice(DELIMITERS)
    return text[:at] + delimiter + text[at + random.randrange(2) :]


def drawn(random: Random) -> Request:
    """A request; most carry one credential, in a place where a rule looks or nearly looks."""
    path, query, body = random.choice(PATHS), [], ""
    headers = [
        ("host", random.choice(["api.hubapi.com"] * 8 + ["API.hubapi.com:443", "x.example"]))
    ]
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        place = random.randrange(7)
        token = credential(random, place)
        match place:
            case 0 | 1:
                scheme = random.choice(("Bearer ", "bearer  ", "BEARER\t", "Basic ", "Bearer:"))
                headers.append(("authorization", damaged(random, scheme) + token))
            case 2:
                headers.append((random.choice(("private-app", "x-token", "cookie")), token))
            case 3:
                name = random.choice(
                    ("hapikey", "HapiKey", "h%61pikey", "refresh_token", "portalId")
                )
                query.append(f"{name}={token}")
            case 4:
                path = random.choice(PATHS[7:9]) + quote(token, safe="/;=?&%")
            case 5:
                body = damaged(
                    random, f"a=b&{random.choice(('code', 'token', 'refresh_token'))}={token}"
                )
                headers.append(("content-type", "application/x-www-form-urlencoded"))
            case 6:
                name = random.choice(("tokenKey", "encodedOAuthRefreshToken"))
                body = damaged(random, f'{{"{name}": "{token}"}}')
                headers.append(("content-type", "application/json"))
    target = damaged(random, path) + (f"?{damaged(random, '&'.join(query))}" if query else "")
    target = re.sub(r"[\t ]", "+", target)
    method = "POST" if body else random.choice(("GET", "HEAD", "DELETE", "OPTIONS"))
    whole = body.encode("latin-1")
    return Request(method, (headers[0][1],), target, tuple(headers), whole)


def answered(port: int, requests: dict[int, Request]) -> dict[int, Answer]:
    """Send one after another, on a connection that goes on until a request is refused."""
    answers: dict[int, Answer] = {}
    client = Client(port)
    for number, request in requests.items():
        kept = tuple(it for it in request.headers if it != ("connection", "close"))
        raw = as_bytes(replace(request, headers=kept))
        answers[number] = client.send(raw, request.method)
        if answers[number].status != 200:
            client.socket.close()
            client = Client(port)
    client.socket.close()
    return answers


def test_random_requests_go_where_the_core_sends_them(stage: Stage) -> None:
    path = staged(stage, SHIPPED)
    table, random = load(path), Random(20261129)
    requests: dict[int, Request] = {}
    while len(requests) < COUNT:
        number, request = len(requests), drawn(random)
        numbered = Request(
            request.method, request.hosts, request.target,
            (*request.headers, ("x-number", str(number))), request.body,
        )  # fmt: skip
        if sent := sendable(numbered, in_chunks=random.random() < 0.3 and bool(request.body)):
            requests[number] = sent
    with haproxy(stage, path) as edge, ThreadPoolExecutor(8) as pool:
        turns = [dict(list(requests.items())[at::8]) for at in range(8)]
        answers: dict[int, Answer] = {}
        for some in pool.map(answered, [edge.port] * 8, turns):
            answers |= some
    arrived: dict[int, list[tuple[str, Request]]] = {number: [] for number in requests}
    for upstream in stage.upstreams.values():
        for raw in upstream.requests:
            got = received(raw)
            arrived[int(got.header("x-number")[0])].append((upstream.url, got))
    seen: Counter[str] = Counter()
    for number, request in requests.items():
        decision, there = decide(table, request), arrived[number]
        outcome = decision.reason.value
        if decision.upstream and not there:  # HAProxy itself refuses such targets
            assert answers[number].status in {400, 421}
            assert NOT_TAKEN.search(request.target), request.target
            outcome = "refused by HAProxy"
        elif decision.upstream:
            ((url, got),) = there
            assert url == str(decision.upstream)
            assert (got.method, got.target, got.body) == (
                request.method, request.target, request.body,
            )  # fmt: skip
            assert got.hosts == request.hosts
            assert decide(table, got) == decision
        else:
            assert there == []
            other = {400, 421} if NOT_TAKEN.search(request.target) else set()
            assert answers[number].status in {problem(decision, table).status, *other}
        seen[outcome] += 1
    assert seen["refused by HAProxy"] < COUNT / 20
    assert seen["credential"] > COUNT / 10
    often = ("anonymous", "legacy", "moved", "conflict", "stray", "unreadable", "unknown-hublet")
    assert all(seen[reason] > COUNT / 200 for reason in often), seen
