"""What a command found, printed in one of four formats, for people, programs or CI."""

import json
import re
import sys
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

CI_FORMATS = ("github", "junit")
"""What CI reads: annotations of a GitHub workflow, and a JUnit report."""

_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

type At = tuple[str, int, int]
"""A file, with the line and column in it."""


class CommandError(Exception):
    """What a command cannot do, in sentences, which are printed behind its name."""


@dataclass(slots=True)
class Report:
    """Prints what a command finds as it finds it; a JUnit report as a whole, by `end`.

    If it is `strict`, warnings make the command fail, too.
    """

    command: str
    format: str
    strict: bool = False
    has_failed: bool = False
    cases: list[tuple[str, str | None]] = field(default_factory=list)

    def text(self, text: str) -> None:
        """Print what only people read, before the rate of reading flows on standard error."""
        if self.format == "text" and text:
            print(text, flush=True)

    def found(
        self,
        level: str,
        text: str,
        *,
        at: At | None = None,
        shown: str | None = None,
        fails: bool = True,
        **more: Any,
    ) -> None:
        """Print one thing that was found.

        `shown` is the line for people, if it is not made of place, level and text; an empty one is
        left out. `fails` says whether it makes the command fail. `more` are further keys of its
        JSON.
        """
        place = "{}:{}:{}: ".format(*at) if at else ""
        self.has_failed |= fails
        match self.format:
            case "text":
                label = "" if level == "fault" else f"{level}: "
                self.text(f"{place}{label}{text}" if shown is None else shown)
            case "json":
                where = dict(zip(("file", "line", "column"), at, strict=True)) if at else {}
                print(json.dumps({**where, "level": level, "text": text, **more}))
            case "github":
                print(self._annotation(level, text, at, "error" if fails else "warning"))
            case _:
                self.cases.append((f"{level}: {place}{text}", text if fails else None))

    def passed(self, name: str) -> None:
        """Keep that something is as it must be, which a JUnit report counts."""
        self.cases.append((name, None))

    def end(self) -> None:
        """Print the JUnit report, if that is the format."""
        if self.format != "junit":
            return
        failures = sum(failure is not None for _, failure in self.cases)
        suite = Element(
            "testsuite", name=self.command, tests=str(len(self.cases)), failures=str(failures)
        )
        for name, failure in self.cases:
            case = SubElement(suite, "testcase", classname=self.command, name=_plain(name))
            if failure is not None:
                SubElement(case, "failure", message=_plain(failure)).text = _plain(failure)
        indent(suite)
        sys.stdout.write(tostring(suite, "unicode") + "\n")

    def _annotation(self, level: str, text: str, at: At | None, kind: str) -> str:
        """Return a workflow command of GitHub Actions, with what would end it escaped.

        Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
        and `escapeProperty` in actions/toolkit.
        """
        properties = {"title": f"{self.command}: {level}"}
        if at:
            file, line, column = at
            properties = {"file": file, "line": str(line), "col": str(column), **properties}
        written = ",".join(
            f"{name}={_escaped(value).replace(':', '%3A').replace(',', '%2C')}"
            for name, value in properties.items()
        )
        return f"::{kind} {written}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _plain(text: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
