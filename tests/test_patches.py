"""What stands in the place of mitmproxy's own, and that it goes again."""

import pytest
from mitmproxy.io import FlowReader
from mitmproxy.proxy.layers.http import _http1, _http2, _http3

from harness import Stage
from hublet_router.proxy.engine.loaded_flows import _plain_stream
from hublet_router.proxy.engine.patches import PATCHES, Patch


def current(patches: list[Patch]) -> list[object]:
    return [getattr(owner, name) for owner, name, _ in patches]


def test_mitmproxy_is_left_as_it_was(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FlowReader, "stream", _plain_stream)  # a test of `run` may have set it
    pages = [
        (_http1.Http1Server, "send", None),
        (_http2.Http2Connection, "_handle_event", None),
        (_http3.Http3Connection, "_handle_event", None),
        *((protocol, "format_error", None) for protocol in (_http1, _http2, _http3)),
    ]
    patches: list[Patch] = [*PATCHES, *pages]
    before = current(patches)
    stage.regions("eu1")
    stage.proxy()
    ours = [it for _, _, it in [*PATCHES, *stage.router.error_pages.patches]]
    assert current(patches) == ours
    assert not {id(it) for it in before} & {id(it) for it in ours}

    async def remove() -> None:
        stage.master.addons.remove(stage.router)

    stage.call(remove())
    assert current(patches) == before
