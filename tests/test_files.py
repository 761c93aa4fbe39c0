"""Recorded flows."""

import json
from pathlib import Path

import pytest
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from hublet_router.flows.files import FlowFileError, read_flows

HAR = {
    "log": {
        "entries": [
            {
                "startedDateTime": "2026-01-01T00:00:00.000Z",
                "time": 1,
                "request": {
                    "method": "GET",
                    "url": "https://api.hubapi.com/x",
                    "httpVersion": "HTTP/1.1",
                    "headers": [{"name": "Host", "value": "api.hubapi.com"}],
                    "queryString": [],
                },
                "response": {
                    "status": 200,
                    "statusText": "OK",
                    "httpVersion": "HTTP/1.1",
                    "headers": [],
                    "content": {"size": 0, "mimeType": "", "text": ""},
                },
                "timings": {"send": 0, "wait": 1, "receive": 0},
            }
        ]
    }
}


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "flows"
    with path.open("wb") as file:
        for flow in (tflow.tflow(), tflow.ttcpflow(), tflow.tflow()):
            FlowWriter(file).add(flow)
    return path


def test_the_http_flows_of_each_file_in_order(recorded: Path, tmp_path: Path) -> None:
    har = tmp_path / "flows.har"
    har.write_text(json.dumps(HAR))
    hosts = [flow.request.pretty_host for flow in read_flows([recorded, har])]
    assert hosts == ["address", "address", "api.hubapi.com"]


def test_a_file_that_ends_within_a_flow(recorded: Path) -> None:
    recorded.write_bytes(recorded.read_bytes()[:-1])
    flows = read_flows([recorded])
    assert next(flows)
    with pytest.raises(FlowFileError, match="flows: not a whole flow file of mitmproxy, nor a HAR"):
        list(flows)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FlowFileError, match="nothing: cannot be read: No such file"):
        list(read_flows([tmp_path / "nothing"]))
