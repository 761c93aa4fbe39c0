"""mitmproxy's CA and certificates, and what is said where they cannot be used."""

from pathlib import Path

import pytest
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options
from mitmproxy.test import taddons

from harness import confdir
from hublet_router.proxy.engine.certificates import make_certificate_store, tls_configure


def test_certificate_store_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tls = TlsConfig()
    with taddons.context(tls, options=Options(confdir=str(confdir()))):
        monkeypatch.setattr(tls, "certstore", None)  # as it is before mitmproxy runs
        make_certificate_store()
        made = tls.certstore
        assert made
        make_certificate_store()
        assert tls.certstore is made


def test_a_certificate_store_that_cannot_be_made_is_a_sentence(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = TlsConfig()
    with taddons.context(tls, options=Options(confdir="/dev/null/x")):
        monkeypatch.setattr(tls, "certstore", None)
        make_certificate_store()
    assert "confdir /dev/null/x cannot be written: Not a directory; name a folder" in caplog.text


def test_a_certificate_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TlsConfig, "configure", lambda *_: None)  # each change would ask it
    tls = TlsConfig()
    with taddons.context(tls, options=Options(confdir=str(confdir()))) as context:
        context.options.certs = [f"a.example={tmp_path}"]
        with pytest.raises(OptionsError, match=f"^{tmp_path} cannot be read: Is a directory$"):
            tls_configure(tls, {"certs"})


def test_mitmproxy_without_tls_needs_no_certificate_store() -> None:
    with taddons.context() as context:
        make_certificate_store()
        assert context.master.addons.get("tlsconfig") is None
