"""The commands inside mitmproxy, `hublet.explain` and the like, and two keys for them."""

import logging
import pathlib
from collections.abc import Sequence
from typing import cast
from weakref import WeakKeyDictionary

from mitmproxy import command, contentviews, ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import CommandError, OptionsError
from mitmproxy.flow import Flow
from mitmproxy.log import ALERT
from mitmproxy.types import Choice, Data, Path

from ..analysis.comparison import Changes, differ
from ..analysis.masking import counted, place_name
from ..core.judge import decide
from ..core.table import Table
from ..flows.requests import request_with_body
from ..tablefile import TableError, load
from .content_view import NO_TABLE, HubletView, describe, record
from .engine.flow_lists import show_asked_ports_in_mitmweb, show_hublets_in_console
from .engine.web_focus import ChosenFlows
from .live_table import LiveTable
from .observe.misdirected import MisdirectedAnswers
from .observe.usage import Usage
from .options import is_interactive
from .overrides import Overrides, fingerprints

logger = logging.getLogger(__name__)

KEYS = {
    "y": ("hublet.explain @focus", "Explain where it went"),
    "Y": ("console.command hublet.resend @focus ", "Resend to another Hublet"),
}
"""Keys that mitmproxy leaves free, with what they run and its help."""

WEB_COLUMNS = ["comment", "status", "method", "path"]
"""The columns of mitmweb's list, unless its user sets some: first where a flow went and why."""

CONTEXTS = ["flowlist", "flowview"]
"""Where in the console they work."""


class Commands:
    """Explains, compares and overrides decisions for the person at the console."""

    name = "hublet-router-commands"

    def __init__(
        self,
        live: LiveTable,
        usage: Usage,
        misdirected: MisdirectedAnswers,
        overrides: Overrides,
    ) -> None:
        self.live = live
        self.usage = usage
        self.misdirected = misdirected
        self.overrides = overrides
        # each copy that was resent, with its original
        self.originals: WeakKeyDictionary[http.HTTPFlow, http.HTTPFlow] = WeakKeyDictionary()

    def configure(self, updated: set[str]) -> None:
        """Drop every override once they are no longer allowed."""
        if "hublet_override" in updated and not _is_allowed():
            self.overrides.end("hublet_override is off")

    def load(self, _loader: Loader) -> None:
        """Add the content view, to the console and to mitmweb alike."""
        contentviews.add(HubletView(lambda: self.live.table))

    def running(self) -> None:
        """Show Hublets in the list; bind the keys in the console, except those that are bound."""
        show_hublets_in_console()
        show_asked_ports_in_mitmweb()
        if "web_columns" in ctx.options and not ctx.options.has_changed("web_columns"):
            ctx.options.update(web_columns=WEB_COLUMNS)
        if keymap := getattr(ctx.master, "keymap", None):
            for key, (words, help_) in KEYS.items():
                if not any(keymap.get(context, key) for context in CONTEXTS):
                    keymap.add(key, words, CONTEXTS, help_)

    def response(self, flow: http.HTTPFlow) -> None:
        """Show both answers of a flow that was resent; a later replay follows its credential."""
        if not flow.is_replay:
            return
        self.overrides.resent.pop(flow, None)
        if original := self.originals.pop(flow, None):
            then, now = _answer(original), _answer(flow)
            first = original.metadata.get("hublet", "the router")
            flow.comment = f"{flow.comment}: {now}; {first}: {then}"
            hublet = flow.metadata.get("hublet", "the router")
            logger.log(ALERT, "resent: %s answered %s, %s answered %s", first, then, hublet, now)

    error = response

    @command.command("hublet.explain")
    @command.argument("flows", type=ChosenFlows)
    def explain(self, flows: Sequence[Flow]) -> Data:
        """Explain where flows go and why: every rule that was tried, and what came of it."""
        table = self._table()
        rows = [row for flow in _requests(flows) for row in record(table, flow)]
        return cast(Data, rows or [["no request", ""]])

    @command.command("hublet.table")
    def table(self) -> Data:
        """Show each Hublet and rule, with the requests that it decided since the start."""
        table = self._table()
        rows = [
            [f"Hublet {name}", str(upstream), self.usage.of_hublet(name)]
            for name, upstream in table.hublets.items()
        ]
        for rule in table.rules:
            places = ", ".join(map(place_name, rule.places))
            rows.append([f"rule {rule.name}", places, self.usage.of_rule(rule.name)])
        for names, count in self.misdirected.counts.items():
            rows.append(["misdirected", " said: ".join(names), str(count)])
        rows += [["pinned", key, f"to {hublet}"] for key, hublet in self.overrides.pins.items()]
        return cast(Data, [*rows, ["table", table.version, ""]])

    @command.command("hublet.diff")
    @command.argument("flows", type=ChosenFlows)
    def diff(self, path: Path, flows: Sequence[Flow]) -> Data:
        """Show what another table would change for flows."""
        old = self._table()
        try:
            new = load(pathlib.Path(path))
        except TableError as error:
            raise CommandError(str(error)) from error
        changes = Changes()
        for flow in _requests(flows):
            changes.requests += 1
            request = request_with_body(flow)
            before, after = decide(old, request), decide(new, request)
            if differ(before, after):
                changes.add(before, after, describe(old, flow))
        return cast(Data, [[line] for line in changes.lines() if line])

    @command.command("hublet.reload")
    def reload(self) -> None:
        """Read the table again, now; keep the one in use if it is bad."""
        if not self.live.path:
            raise CommandError("there is no file to read; name one with :set hublets=FILE")
        try:
            table = self.live.reload()
        except (TableError, OptionsError) as error:
            raise CommandError(f"{error}\nthe last good table goes on") from error
        logger.log(ALERT, "table %s is in use", table.version)

    @command.command("hublet.names")
    def names(self) -> Sequence[str]:
        """List the Hublets of the table, which the others complete."""
        return list(self._table().hublets)

    @command.command("hublet.pin")
    @command.argument("flows", type=ChosenFlows)
    @command.argument("hublet", type=Choice("hublet.names"))
    def pin(self, flows: Sequence[Flow], hublet: str) -> None:
        """Send the credentials of flows to another Hublet, until hublet.unpin or the end."""
        table = self._table_to_override()
        requests = _requests(flows)
        found = [fingerprints(table, request_with_body(flow)) for flow in requests]
        if not any(found):
            raise CommandError("these flows carry no credential that the table reads; none pinned")
        for credentials in found:
            self.overrides.pins |= dict.fromkeys(credentials, hublet)
        rules = sorted({rule for credentials in found for rule in credentials.values()})
        logger.log(
            ALERT, "PINNED to %s until hublet.unpin: %s of %s",
            hublet, ", ".join(rules), _named(table, requests),
        )  # fmt: skip

    @command.command("hublet.unpin")
    def unpin(self) -> None:
        """Let every credential go where it names again."""
        count = len(self.overrides.pins)
        self.overrides.pins.clear()
        logger.log(ALERT, "unpinned: %s", counted(count, "credential"))

    @command.command("hublet.resend")
    @command.argument("flows", type=ChosenFlows)
    @command.argument("hublet", type=Choice("hublet.names"))
    def resend(self, flows: Sequence[Flow], hublet: str) -> None:
        """Replay copies of flows to another Hublet, and show both answers."""
        table = self._table_to_override()
        if not (requests := _requests(flows)):
            raise CommandError("no request is named; give a flow's id, @ID, or a filter")
        copies = []
        for flow in requests:
            copy = flow.copy()
            copy.comment = copy.marked = ""
            self.overrides.resent[copy] = hublet
            self.originals[copy] = flow
            copies.append(copy)
        logger.log(ALERT, "resending to %s: %s", hublet, _named(table, requests))
        ctx.master.commands.call("replay.client", copies)

    def _table(self) -> Table:
        if self.live.table is None:
            raise CommandError(NO_TABLE)
        return self.live.table

    def _table_to_override(self) -> Table:
        """Return the table if a person is looking, or an option says that none has to."""
        if not _is_allowed():
            raise CommandError(
                "mitmdump does not show that a request goes where its credential does not name;"
                " allow it with --set hublet_override=true, or use mitmproxy or mitmweb"
            )
        return self._table()


def _is_allowed() -> bool:
    return bool(ctx.options.hublet_override or is_interactive())


def _requests(flows: Sequence[Flow]) -> list[http.HTTPFlow]:
    return [flow for flow in flows if isinstance(flow, http.HTTPFlow)]


def _named(table: Table, flows: Sequence[http.HTTPFlow]) -> str:
    """Return the first of some flows, and how many others there are."""
    first, *others = flows
    return describe(table, first) + (f" and {counted(len(others), 'other')}" if others else "")


def _answer(flow: http.HTTPFlow) -> str:
    """Return the status of an answer, and the bytes that it had."""
    if response := flow.response:
        return f"{response.status_code}, {len(response.raw_content or b'')} bytes"
    return "nothing"
