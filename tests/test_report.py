"""What a command found, in each format."""

import json
from xml.etree.ElementTree import fromstring

import pytest

from hublet_router.cli.report import Report

AT = ("a,b:c.yaml", 3, 19)
TEXT = "100 % of 'a'\nare <b>, ü\x1b[0m"


def reported(format_: str, capsys: pytest.CaptureFixture[str]) -> str:
    report = Report("hublet-router check", format_)
    report.text("for people")
    report.found("fault", TEXT, at=AT)
    report.found("warning", "w", at=AT, fails=False)
    report.found("unexplained", "query key", shown="  7  query key", count=7)
    report.found("moved", "account 1 has moved", shown="", account="1")
    report.passed("t.yaml: sound")
    report.end()
    return capsys.readouterr().out


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert reported("text", capsys) == (
        f"for people\na,b:c.yaml:3:19: {TEXT}\na,b:c.yaml:3:19: warning: w\n  7  query key\n"
    )


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    place = {"file": "a,b:c.yaml", "line": 3, "column": 19}
    assert [json.loads(line) for line in reported("json", capsys).splitlines()] == [
        {**place, "level": "fault", "text": TEXT},
        {**place, "level": "warning", "text": "w"},
        {"level": "unexplained", "text": "query key", "count": 7},
        {"level": "moved", "text": "account 1 has moved", "account": "1"},
    ]


def test_github_gets_annotations_that_no_text_can_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert reported("github", capsys).split("\n") == [
        "::error file=a%2Cb%3Ac.yaml,line=3,col=19,title=hublet-router check%3A fault::"
        "100 %25 of 'a'%0Aare <b>, ü\x1b[0m",
        "::warning file=a%2Cb%3Ac.yaml,line=3,col=19,title=hublet-router check%3A warning::w",
        "::error title=hublet-router check%3A unexplained::query key",
        "::error title=hublet-router check%3A moved::account 1 has moved",
        "",
    ]


def test_junit_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    suite = fromstring(reported("junit", capsys))
    assert suite.attrib == {"name": "hublet-router check", "tests": "5", "failures": "3"}
    cases = {case.attrib["name"]: case.find("failure") for case in suite}
    plain = TEXT.replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    fault = cases[f"fault: a,b:c.yaml:3:19: {plain}"]
    assert fault is not None
    assert fault.text == fault.attrib["message"] == plain
    assert cases["warning: a,b:c.yaml:3:19: w"] is None
    assert cases["t.yaml: sound"] is None
