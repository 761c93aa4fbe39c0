"""Recorded flows."""

import gzip
import json
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow

from flows.record import save
from hublet_router.flows.files import FlowFileError, called, flow_name, read_flows
from hublet_router.flows.har_entries import ENTRY

HAR: dict[str, Any] = {"log": {"entries": [{
    "startedDateTime": "2026-01-01T00:00:00.000Z", "time": 1,
    "request": {
        "method": "GET", "url": "https://api.hubapi.com/x", "httpVersion": "HTTP/1.1",
        "headers": [{"name": "Host", "value": "api.hubapi.com"}], "queryString": [],
    },
    "response": {
        "status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [],
        "content": {"size": 0, "mimeType": "", "text": ""},
    },
    "timings": {"send": 0, "wait": 1, "receive": 0},
}]}}  # fmt: skip


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return save([tflow.tflow(), tflow.ttcpflow(), tflow.tflow()], tmp_path / "flows")


def test_a_flow_is_named_by_its_id_or_its_entry() -> None:
    flow = tflow.tflow()
    assert (flow_name(flow), called(flow)) == (flow.id, f"flow {flow.id}")
    flow.metadata[ENTRY] = 3
    assert flow_name(flow) == called(flow) == "entry 3"


def test_the_http_flows_of_each_file_in_order(recorded: Path, tmp_path: Path) -> None:
    har = tmp_path / "flows.har"
    har.write_text("\ufeff" + json.dumps(HAR))
    hosts = [flow.request.pretty_host for flow in read_flows([recorded, har])]
    assert hosts == ["address", "address", "api.hubapi.com"]


def test_a_file_that_ends_within_a_flow(recorded: Path) -> None:
    recorded.write_bytes(recorded.read_bytes()[:-1])
    flows = read_flows([recorded])
    assert next(flows)
    with pytest.raises(FlowFileError, match="flows: cut off or damaged after 2 flows; record it"):
        list(flows)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FlowFileError, match="nothing: cannot be read: No such file"):
        list(read_flows([tmp_path / "nothing"]))


def test_a_har_file_that_is_cut_off_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    entry = json.dumps(HAR["log"]["entries"][0])
    path = tmp_path / "flows.har"
    path.write_text(f'{{"log": {{"entries": [{entry}, {entry[:-9]}')
    flows = read_flows([path])
    assert next(flows)
    with pytest.raises(FlowFileError, match=r"flows.har: entry 2 is cut off, or no JSON; save"):
        next(flows)


def test_what_is_left_out_of_a_har_file_is_reported_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "flows.har"
    path.write_text(json.dumps({"log": {"entries": [{}, HAR["log"]["entries"][0]]}}))
    assert len(list(read_flows([path]))) == 1
    assert capsys.readouterr().err == f"{path}: entry 1 is left out: it has no request\n"


def test_compressed_files(recorded: Path, tmp_path: Path) -> None:
    zipped, zhar = tmp_path / "flows.gz", tmp_path / "flows.zhar"
    zipped.write_bytes(gzip.compress(recorded.read_bytes()))
    zhar.write_bytes(zlib.compress(json.dumps(HAR).encode()))
    assert len(list(read_flows([zipped, zhar]))) == 3


def test_a_flow_file_of_an_older_mitmproxy_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "old"
    state = tflow.tflow().get_state()
    state["version"], state["client_conn"]["tls_version"] = 20, "QUIC"
    with path.open("wb") as file:
        tnetstring.dump(state, file)
    (flow,) = read_flows([path])
    assert flow.client_conn.tls_version == "QUICv1"


def test_a_version_that_mitmproxy_does_not_convert_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old"
    with path.open("wb") as file:
        tnetstring.dump({"version": [0, 10]}, file)
    with pytest.raises(
        FlowFileError, match=r"cannot read files with flow format version \(0, 10\)"
    ):
        list(read_flows([path]))


@pytest.mark.parametrize(
    "state", [{"version": 21}, {"version": 21, "type": "c0ffee"}, [1], "c0ffee"]
)
def test_whatever_a_corrupt_file_raises_is_one_sentence(state: Any, tmp_path: Path) -> None:
    path = tmp_path / "corrupt"
    with path.open("wb") as file:
        tnetstring.dump(state, file)
    with pytest.raises(FlowFileError, match="not a whole flow file of mitmproxy") as caught:
        list(read_flows([path]))
    assert "c0ffee" not in str(caught.value)


def test_progress_is_shown_in_bytes_over_all_files(recorded: Path) -> None:
    reported: list[int] = []
    size = recorded.stat().st_size
    flows = list(read_flows([recorded, recorded], reported.append))
    assert len(flows) == 4
    assert reported == sorted(reported)
    assert (len(reported), reported[1], reported[-1]) == (4, size, 2 * size)


def test_a_pipe_has_no_progress(recorded: Path) -> None:
    with subprocess.Popen(["cat", recorded], stdout=subprocess.PIPE) as process:
        assert process.stdout
        pipe = Path(f"/dev/fd/{process.stdout.fileno()}")
        reported: list[int] = []
        assert len(list(read_flows([pipe, recorded], reported.append))) == 4
    assert (len(reported), reported[-1]) == (2, recorded.stat().st_size)


@pytest.mark.parametrize(("where", "count"), [("~m GET", 2), ("~c 200", 0), (None, 2)])
def test_a_filter_selects(recorded: Path, where: str | None, count: int) -> None:
    assert len(list(read_flows([recorded], where=where))) == count


def test_a_bad_filter_is_refused_before_a_file_is_read_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(FlowFileError, match=r"^--filter: not a filter expression") as caught:
        list(read_flows([tmp_path / "nothing"], where="~nonsense c0ffee"))
    assert "c0ffee" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_decision_log_is_read_where_it_is_taken(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('{"action": "refuse", "reason": "conflict", "flow": "1"}\n?\n')
    said: list[str] = []
    (flow,) = read_flows([log], report=said.append, takes_log=True)
    assert flow.id == "1"
    assert said == [f"{log}: line 2 is left out: it is none of a decision log"]
    with pytest.raises(FlowFileError, match="a decision log, which has no credential"):
        list(read_flows([log]))
