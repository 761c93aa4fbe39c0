"""gRPC through the router, with the stock client and server: routed by its metadata."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from harness import API, SECONDS, Stage, authority, bearer, certificates, request
from hublet_router.core.problem import PROXY_NAME
from hublet_router.proxy.routing.grpc_status import FAILED, grpc_answer, is_grpc
from hublet_router.proxy.routing.upstream import UpstreamHost


def token(hublet: str) -> list[tuple[str, str]]:
    return [("authorization", bearer(hublet).partition(": ")[2])]


class Service(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Methods of every kind, in bytes: no code is generated."""

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self.peers: set[str] = set()
        self.metadata: list[dict[str, str]] = []
        self.cancelled = threading.Event()
        self.reached = threading.Semaphore(0)

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        kinds = {
            "unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "count": grpc.unary_stream_rpc_method_handler(self.count),
            "talk": grpc.stream_stream_rpc_method_handler(self.talk),
            "fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "refuse": grpc.stream_unary_rpc_method_handler(self.refuse),
            "sleep": grpc.unary_unary_rpc_method_handler(self.sleep),
        }
        self.metadata.append(dict(call.invocation_metadata))
        return kinds.get(call.method.rpartition("/")[2])

    def unary(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.peers.add(context.peer())
        context.send_initial_metadata([("hublet", self.name.decode())])
        context.set_trailing_metadata([("x-trailer-bin", b"\0\xff"), ("x-trailer", "1")])
        return self.name + b":" + request

    def sum(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        return b"%d" % sum(len(request) for request in requests)

    def count(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        for number in range(int(request)):
            yield b"%d" % number

    def talk(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        for part in requests:
            yield self.name + b":" + part

    def fail(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata([("x-why", "it failed")])
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: \u00e9")
        raise AssertionError

    def refuse(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        next(requests)
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no more")
        raise AssertionError

    def sleep(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(self.cancelled.set)
        self.reached.release()
        self.cancelled.wait(SECONDS)
        return b""


class Hublet:
    """A gRPC server with TLS."""

    def __init__(self, name: str) -> None:
        self.service = Service(name)
        self.pool = ThreadPoolExecutor(8)
        self.server = grpc.server(self.pool, [self.service])
        entry = certificates().get_cert(API, [x509.DNSName(API)])
        key = entry.privatekey.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        credentials = grpc.ssl_server_credentials([(key, entry.cert.to_pem())])
        self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        self.server.start()

    def stop(self) -> None:
        self.server.stop(0).wait(SECONDS)
        self.pool.shutdown()


@contextmanager
def channel(port: int) -> Iterator[grpc.Channel]:
    credentials = grpc.ssl_channel_credentials(authority().read_bytes())
    options = [("grpc.ssl_target_name_override", API), ("grpc.default_authority", API)]
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as it:
        yield it


class Running:
    """A client whose calls go through the router to one of two Hublets."""

    def __init__(self, stage: Stage, calls: grpc.Channel, hublets: dict[str, Hublet]) -> None:
        self.stage = stage
        self.calls = calls
        self.hublets = hublets

    def unary(self, method: str, request: bytes, hublet: str = "eu1", **more: Any) -> Any:
        call = self.calls.unary_unary(f"/test.Echo/{method}")
        return call.with_call(request, metadata=token(hublet), timeout=SECONDS, **more)


@pytest.fixture
def running(stage: Stage) -> Iterator[Running]:
    hublets = {name: Hublet(name) for name in ("na1", "eu1")}
    stage.table(stage_table({name: f"https://127.0.0.1:{it.port}" for name, it in hublets.items()}))
    stage.proxy()
    with ExitStack() as stack:
        for hublet in hublets.values():
            stack.callback(hublet.stop)
        yield Running(stage, stack.enter_context(channel(stage.port)), hublets)


def stage_table(upstreams: dict[str, str], more: str = "") -> str:
    hublets = "".join(f"  {name}: {{upstream: '{url}'{more}}}\n" for name, url in upstreams.items())
    return (
        f"domains: [{API}]\nhublets:\n{hublets}default: na1\n"
        "credentials:\n"
        "  - name: private-app-token\n"
        "    in: {header: authorization, scheme: bearer}\n"
        '    hublet: {regex: "^pat-([a-z]{2}[0-9]{1,3})-"}\n'
    )


def test_a_unary_call_goes_where_its_metadata_says(running: Running) -> None:
    for name in ("eu1", "na1", "eu1"):
        answer, call = running.unary("unary", b"hello", name)
        assert answer == name.encode() + b":hello"
        assert ("hublet", name) in call.initial_metadata()
        assert dict(call.trailing_metadata()) == {"x-trailer-bin": b"\0\xff", "x-trailer": "1"}
        assert call.code() is grpc.StatusCode.OK
    (seen,) = running.hublets["na1"].service.metadata
    assert seen["authorization"] == token("na1")[0][1]
    assert "user-agent" in seen


def test_one_connection_carries_the_calls_of_one_client(running: Running) -> None:
    call = running.calls.unary_unary("/test.Echo/unary")
    calls = [call.future(b"%d" % n, metadata=token("eu1"), timeout=SECONDS) for n in range(50)]
    assert [it.result() for it in calls] == [b"eu1:%d" % n for n in range(50)]
    assert len(running.hublets["eu1"].service.peers) == 1


def test_a_stream_of_answers_arrives(running: Running) -> None:
    count = running.calls.unary_stream("/test.Echo/count")
    answers = count(b"500", metadata=token("eu1"), timeout=SECONDS)
    assert list(answers) == [b"%d" % n for n in range(500)]


@pytest.mark.parametrize("size", [10, 60_000, 1_000_000])
def test_a_stream_of_requests_arrives(running: Running, size: int) -> None:
    add = running.calls.stream_unary("/test.Echo/sum")
    requests = (b"x" * size for _ in range(10))
    assert add(requests, metadata=token("eu1"), timeout=SECONDS) == b"%d" % (10 * size)


def test_each_side_may_wait_for_the_other(running: Running) -> None:
    questions: SimpleQueue[bytes] = SimpleQueue()
    talk = running.calls.stream_stream("/test.Echo/talk")
    answers = talk(iter(questions.get, b""), metadata=token("eu1"), timeout=SECONDS)
    for number in range(20):
        questions.put(b"%d" % number)
        assert next(answers) == b"eu1:%d" % number
    questions.put(b"")
    assert list(answers) == []


def test_much_may_flow_both_ways_at_once(running: Running) -> None:
    talk = running.calls.stream_stream("/test.Echo/talk")
    requests = (b"x" * 50_000 for _ in range(100))
    answers = talk(requests, metadata=token("na1"), timeout=SECONDS)
    assert [len(answer) for answer in answers] == [50_004] * 100


def test_a_failure_arrives_with_its_status_and_trailers(running: Running) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        running.unary("fail", b"")
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == "not today: \u00e9"
    assert ("x-why", "it failed") in caught.value.trailing_metadata()


def test_a_refused_call_of_a_long_body_gets_its_status(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """With an answer while it streams the body, mitmproxy would crash (its issue 1115)."""
    stage.regions("eu1")
    stage.proxy()
    fields = bearer("zz9"), "Content-Type: application/grpc"
    answer = stage.send(request("POST", "/", *fields, body=b"x" * 70_000), "POST")
    assert answer.headers["grpc-status"] == "5"
    assert "crashed" not in caplog.text


def test_a_method_that_is_not_there(running: Running) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        running.unary("other", b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_answer_before_the_end_of_its_request(running: Running) -> None:
    refuse = running.calls.stream_unary("/test.Echo/refuse")
    for _ in range(3):
        questions: SimpleQueue[bytes] = SimpleQueue()
        questions.put(b"first")
        call = refuse.future(iter(questions.get, b""), metadata=token("eu1"), timeout=SECONDS)
        with pytest.raises(grpc.RpcError):
            call.result()
        assert call.code() is grpc.StatusCode.PERMISSION_DENIED
        assert call.details() == "no more"
        questions.put(b"")
    assert running.unary("unary", b"on")[0] == b"eu1:on"


def test_a_deadline_ends_a_call_at_the_hublet_too(running: Running) -> None:
    sleep = running.calls.unary_unary("/test.Echo/sleep")
    with pytest.raises(grpc.RpcError) as caught:
        sleep(b"", metadata=token("eu1"), timeout=1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    service = running.hublets["eu1"].service
    assert service.cancelled.wait(SECONDS)
    assert running.unary("unary", b"on")[0] == b"eu1:on"


def test_a_client_that_gives_up_ends_its_call_at_the_hublet(running: Running) -> None:
    service = running.hublets["eu1"].service
    call = running.calls.unary_unary("/test.Echo/sleep").future(b"", metadata=token("eu1"))
    assert service.reached.acquire(timeout=SECONDS)
    call.cancel()
    assert service.cancelled.wait(SECONDS)
    assert running.unary("unary", b"on")[0] == b"eu1:on"


def test_a_hublet_that_is_gone_is_unavailable(running: Running) -> None:
    running.unary("unary", b"")
    running.hublets["eu1"].stop()
    with pytest.raises(grpc.RpcError) as caught:
        running.unary("unary", b"")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert caught.value.details() == FAILED
    assert running.unary("unary", b"on", "na1")[0] == b"na1:on"


@pytest.mark.parametrize("kind", ["unary", "stream"])
def test_a_refused_call_has_a_status_that_its_client_can_read(running: Running, kind: str) -> None:
    questions: SimpleQueue[bytes] = SimpleQueue()
    call = getattr(running.calls, f"{kind}_{kind}")("/test.Echo/unary")
    request = b"" if kind == "unary" else iter(questions.get, b"")
    with pytest.raises(grpc.RpcError) as caught:
        list(call(request, metadata=token("zz9"), timeout=SECONDS))
    questions.put(b"")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details().startswith("The credential names a region that is not served")
    assert all(it.service.metadata == [] for it in running.hublets.values())


@pytest.mark.parametrize(
    ("reason", "host", "status"),
    [
        ("legacy", "", 'UNAUTHENTICATED; error=http_request_denied; details="legacy"'),
        ("anonymous", "", 'UNAUTHENTICATED; error=http_request_denied; details="anonymous"'),
        ("unknown-hublet", "", 'NOT_FOUND; error=destination_not_found; details="unknown-hublet"'),
        ("foreign-host", "", 'NOT_FOUND; error=destination_not_found; details="foreign-host"'),
        ("conflict", "", 'INVALID_ARGUMENT; error=http_request_error; details="conflict"'),
        ("stray", "", 'INVALID_ARGUMENT; error=http_request_error; details="stray"'),
        ("unreadable", "", 'INVALID_ARGUMENT; error=http_request_error; details="unreadable"'),
        ("too-large", "", 'RESOURCE_EXHAUSTED; error=http_request_error; details="too-large"'),
        ("no-table", "", 'UNAVAILABLE; error=proxy_configuration_error; details="no-table"'),
        ("internal-error", "", 'UNAVAILABLE; error=proxy_internal_error; details="internal-error"'),
        ("legacy", UpstreamHost("na1.test"), "UNAVAILABLE"),
        ("credential", UpstreamHost("na1.test"), "UNAVAILABLE"),
        ("credential", "", "UNAVAILABLE"),
    ],
)
def test_each_reason_has_its_status(reason: str, host: str, status: str) -> None:
    flow = tflow.tflow()
    flow.metadata["hublet_reason"] = reason
    flow.request.data.host = host
    answer = grpc_answer(flow)
    code, _, details = status.partition(";")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/grpc"
    assert int(answer.headers["grpc-status"]) == getattr(grpc.StatusCode, code).value[0]
    assert (answer.headers["grpc-message"] == FAILED) is (details == "")
    assert answer.headers["proxy-status"] == status.replace(code, PROXY_NAME)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/grpc", True),
        ("Application/gRPC ; charset=utf-8", True),
        ("application/grpc+proto", True),
        ("application/grpc-web", False),
        ("application/json", False),
    ],
)
def test_a_call_is_known_by_its_type(kind: str, expected: bool) -> None:
    fields = http.Headers(content_type=kind)
    assert is_grpc(tutils.treq(headers=fields)) is expected
