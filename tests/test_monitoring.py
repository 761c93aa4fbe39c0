"""What operators watch: the list of metrics, the dashboard and the alerts, with a Prometheus."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from harness import Stage, bearer, free_port, wait_for
from metric_list import PAGE, PLACE, metric_list, rows
from system_programs import needed
from test_metrics_server import fetch

DATA = files("hublet_router") / "monitoring"
ALERTS = Path(str(DATA / "alerts.yaml"))
DASHBOARD = json.loads((DATA / "grafana.json").read_text())
QUERIES = [it["expr"] for panel in DASHBOARD["panels"] for it in panel["targets"]]
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def named(expression: str) -> set[str]:
    """The metrics that a query names; a histogram by its own name."""
    return {
        re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\bhublet_\w+", expression)
    }


# what is written about the metrics


def test_the_list_of_the_manual_is_the_one_that_is_generated() -> None:
    shown = PLACE.search(PAGE.read_text())
    assert shown
    assert shown[0] == metric_list(), "run `make readme`"


def test_the_dashboard_shows_each_metric_and_no_other() -> None:
    shown = set[str]().union(*map(named, QUERIES))
    assert shown == {row.name for row in rows()}


def test_the_panels_of_the_dashboard_stand_apart() -> None:
    panels = DASHBOARD["panels"]
    places = [
        (x, y)
        for panel in panels
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert len({it["refId"] for it in panel["targets"]}) == len(panel["targets"])


def test_an_alert_names_metrics_that_there_are_and_says_what_to_do() -> None:
    known = {row.name for row in rows()}
    for rule in RULES:
        assert named(rule["expr"]) <= known
        assert rule["annotations"].keys() == {"summary", "action"}
        assert rule["labels"]["severity"] in {"critical", "warning"}


# with Prometheus itself


def test_promtool_takes_the_alerts_and_each_speaks_when_it_must() -> None:
    promtool = needed("promtool")
    cases = Path(__file__).with_name("alerts.test.yaml")
    for command in ((promtool, "check", "rules", ALERTS), (promtool, "test", "rules", cases)):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert all(f'alertname="{rule["alert"]}"' in cases.read_text() for rule in RULES)


class Prometheus:
    """A Prometheus that scrapes the router, and its API."""

    def __init__(self, folder: Path, target: int) -> None:
        self.port = free_port()
        config = folder / "prometheus.yml"
        config.write_text(
            f"""\
            global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
            rule_files: ["{ALERTS}"]
            scrape_configs:
              - job_name: hublet-router
                static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
            """
        )
        command = [
            needed("prometheus"), f"--config.file={config}", "--enable-feature=exemplar-storage",
            f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}",
        ]  # fmt: skip
        with (folder / "prometheus.log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)

    def get(self, path: str, **parameters: object) -> Any:
        try:
            status, text = fetch(self.port, f"/api/v1/{path}?{urlencode(parameters)}")
        except OSError:
            assert self.process.poll() is None
            return None
        return json.loads(text)["data"] if status == 200 else None

    def query(self, expression: str) -> list[float]:
        found = self.get("query", query=expression)
        return [float(it["value"][1]) for it in found["result"]] if found else []

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def prometheus(stage: Stage, tmp_path: Path) -> Iterator[Prometheus]:
    stage.regions("na1", "eu1")
    stage.proxy(hublet_metrics=":0", hublet_log=str(tmp_path / "decisions.jsonl"))
    it = Prometheus(tmp_path, stage.metrics_port)
    try:
        yield it
    finally:
        it.stop()


def test_a_prometheus_scrapes_the_router_and_feeds_each_panel_and_alert(
    stage: Stage, prometheus: Prometheus
) -> None:
    def is_up() -> bool:
        found = prometheus.get("targets", state="active")
        return bool(found) and [it["health"] for it in found["activeTargets"]] == ["up"]

    # what needs a candidate table, and a Hublet that says no
    stage.router.shadow.counts["eu1", "credential", "na1", "legacy"] += 1
    stage.router.misdirected.counts["na1", "eu1"] += 1
    wait_for(is_up)
    with stage.client() as client:
        for _ in range(3):
            client.get("/", bearer("eu1"), f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01")
        client.get("/", bearer("zz9"))
    wait_for(lambda: prometheus.query('hublet_requests_total{hublet="eu1"}') == [3])

    def exemplars() -> list[dict[str, str]]:
        span = {"start": time.time() - 600, "end": time.time() + 600}
        found = prometheus.get("query_exemplars", query="hublet_requests_total", **span)
        return [it["labels"] for series in found or () for it in series["exemplars"]]

    wait_for(lambda: exemplars() == [{"trace_id": TRACE}])

    for expression in QUERIES:
        query = expression.replace("$instance", ".+").replace("$__rate_interval", "1m")
        assert "$" not in query
        wait_for(partial(prometheus.query, query))

    def health() -> dict[str, str]:
        groups = prometheus.get("rules")["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    wait_for(lambda: health() == {rule["alert"]: "ok" for rule in RULES})
