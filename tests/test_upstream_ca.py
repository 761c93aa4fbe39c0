"""The CA of a Hublet, on the wire: it verifies its own upstream and no other."""

import logging
import ssl
from pathlib import Path

import certifi
import pytest
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.certs import CertStore
from mitmproxy.net import tls

from harness import API, Stage, Upstream, authority, bearer, certificates, wait_for
from hublet_router.demo.hublets import server_context
from hublet_router.proxy.engine.upstream_ca import _context


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[CertStore, Path]:
    """A CA of a region's own, which mitmproxy does not trust, and the file of its certificate."""
    folder = tmp_path_factory.mktemp("other")
    return CertStore.from_store(folder, "other", 2048), folder / "other-ca-cert.pem"


def start(stage: Stage, store: CertStore, ca: Path | None) -> None:
    """Start a proxy: na1's certificate is of the suite's CA, eu1's of another one."""
    stage.upstream("na1", API)
    eu1 = stage.upstream("eu1")
    stage.call(restart(eu1, server_context(store, [API])))
    text = stage.table_text()
    if ca:
        (stage.folder / "ca.pem").write_bytes(ca.read_bytes())
        text = text.replace(f"'{eu1.url}'", f"'{eu1.url}', ca: ca.pem")
    stage.table(text)
    stage.proxy()


async def restart(upstream: Upstream, context: ssl.SSLContext) -> None:
    assert upstream.server
    upstream.server.close()
    await upstream.start(context)


def test_an_upstream_is_verified_with_the_ca_of_its_hublet(
    stage: Stage, other_ca: tuple[CertStore, Path]
) -> None:
    start(stage, *other_ca)
    with stage.client() as client:
        for hublet in ("na1", "eu1", "na1"):
            answer = client.get("/", bearer(hublet))
            assert (answer.status, answer.body) == (200, hublet.encode())
    assert stage.upstreams["eu1"].server_names == [API]
    plain = tls.create_proxy_server_context
    assert plain.__module__ == tls.__name__, "mitmproxy's own is back in its place"


def test_without_it_the_upstream_is_not_trusted(
    stage: Stage, other_ca: tuple[CertStore, Path]
) -> None:
    start(stage, other_ca[0], None)
    assert stage.get("/", bearer("eu1")).status == 502
    assert stage.upstreams["eu1"].requests == []


def test_no_other_ca_is_trusted_for_it(
    stage: Stage, other_ca: tuple[CertStore, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What mitmproxy trusts for all upstreams, or without that, does not count there."""
    monkeypatch.setattr(certifi, "where", lambda: str(authority()))
    _context.cache_clear()
    start(stage, certificates(), other_ca[1])
    with stage.client() as client:
        assert client.get("/", bearer("na1")).status == 200
        assert client.get("/", bearer("eu1")).status == 502
    assert stage.upstreams["eu1"].requests == []


def test_the_name_still_counts(stage: Stage, other_ca: tuple[CertStore, Path]) -> None:
    store, ca = other_ca
    start(stage, store, ca)
    eu1 = stage.upstreams["eu1"]
    with stage.client("api.hubspot.com") as client:
        assert client.get("/", bearer("eu1"), host="api.hubspot.com").status == 502
    assert eu1.requests == []


def test_the_upstreams_own_certificate_is_enough(
    stage: Stage, other_ca: tuple[CertStore, Path]
) -> None:
    start(stage, *other_ca)
    before, port = stage.router.live.table, stage.upstreams["eu1"].port
    (stage.folder / "ca.pem").write_text(ssl.get_server_certificate(("127.0.0.1", port)))
    wait_for(lambda: stage.router.live.table is not before)
    assert stage.get("/", bearer("eu1")).status == 200


def test_a_new_ca_is_used_after_a_reload(
    stage: Stage, other_ca: tuple[CertStore, Path], caplog: pytest.LogCaptureFixture
) -> None:
    store, ca = other_ca
    start(stage, store, authority())
    assert stage.get("/", bearer("eu1")).status == 502
    with stage.client() as client:
        before = stage.router.live.table
        (stage.folder / "ca.pem").write_bytes(ca.read_bytes())
        wait_for(lambda: stage.router.live.table is not before)
        assert client.get("/", bearer("eu1")).status == 200
        with caplog.at_level(logging.ERROR):
            (stage.folder / "ca.pem").write_bytes(b"half a cert")
            wait_for(lambda: "the last good table goes on" in caplog.text)
        assert client.get("/", bearer("eu1")).status == 200


def test_mitmproxy_still_takes_the_ca_from_an_option_for_all_upstreams() -> None:
    """When this fails, the detour may no longer be needed."""
    names = TlsConfig.tls_start_server.__code__.co_names
    assert {"create_proxy_server_context", "ssl_verify_upstream_trusted_ca"} <= {*names}
