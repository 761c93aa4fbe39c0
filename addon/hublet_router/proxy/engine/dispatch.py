"""Dispatch from a table: an event goes only to the addons that have a hook for it.

mitmproxy searches some forty addons for each event, and again for the `update` that follows it
(`trigger_event` and `handle_lifecycle` in addonmanager.py): over 40 % of the CPU of a small
request. It does so for each record of its log, too (`trigger`). The table calls the same hooks in
the same order. Two things count only from the next event on: an addon that a plain function adds or
removes, and, once options or addons have changed again, a hook that an addon did not have before.
"""

from collections.abc import Iterable
from inspect import isawaitable, iscoroutinefunction
from itertools import islice
from typing import Any, NamedTuple

from mitmproxy import ctx, hooks
from mitmproxy.addonmanager import safecall, traverse
from mitmproxy.exceptions import AddonHalt
from mitmproxy.http import MessageData


class Entry(NamedTuple):
    """An addon of the chain, its place there, and those of it and its sub-addons with a hook.

    Without a list of them, mitmproxy has to search this addon itself.
    """

    addon: object
    place: int
    listeners: list[object] | None


_CHECK = "__post_init__"
_check_types = getattr(MessageData, _CHECK)


class Dispatch:
    """Replaces two methods of `AddonManager` while `hublet_fast_dispatch` is on.

    Meanwhile mitmproxy does not check the type of each part of a message that it makes, which takes
    8 % of a small request; it does not under `python -O` either.
    """

    name = "hublet-router-dispatch"

    def __init__(self) -> None:
        self._table: dict[str, list[Entry]] = {}
        # what the table was made from: the chain, and each addon that has sub-addons
        self._chain: list[object] = []
        self._parents: list[tuple[Any, list[object]]] = []
        self._methods = (("trigger_event", self._trigger_event), ("trigger", self._trigger))

    def configure(self, _updated: object = None) -> None:
        """Switch the table on or off, and search again: options can change what an addon hooks."""
        self._table.clear()
        if ctx.options.hublet_fast_dispatch:
            for name, method in self._methods:
                vars(ctx.master.addons).setdefault(name, method)
            setattr(MessageData, _CHECK, lambda _: None)
        else:
            self.done()

    def running(self) -> None:
        """Switch the table on where no option was set before."""
        self.configure()

    def done(self) -> None:
        """Give mitmproxy's own methods back."""
        setattr(MessageData, _CHECK, _check_types)
        manager = vars(ctx.master.addons)
        for name, method in self._methods:
            if manager.get(name) == method:
                del manager[name]

    async def _trigger_event(self, event: hooks.Hook) -> None:
        """Call the hooks of an event; an error ends those of its addon in the chain alone."""
        entries = self._entries(event)
        chain, name, arguments = ctx.master.addons.chain, event.name, event.args()
        for addon, place, listeners in entries:
            has_waited = listeners is None
            try:
                if listeners is None:
                    await ctx.master.addons.invoke_addon(addon, event)
                else:
                    for listener in listeners:
                        if hook := getattr(listener, name, None):
                            result = hook(*arguments)
                            if result is not None and isawaitable(result):
                                has_waited = True
                                await result
            except AddonHalt:
                return
            except Exception:
                with safecall():  # logs it, and passes an OptionsError on
                    raise
            if has_waited and not (self._is_current() and self._table.get(name) is entries):
                await _search(islice(chain, place + 1, None), event)
                return

    def _trigger(self, event: hooks.Hook) -> None:
        """Do the same for an event that does not wait, such as the `add_log` of each log record."""
        for addon, _, listeners in self._entries(event):
            try:
                if listeners is None:
                    ctx.master.addons.invoke_addon_sync(addon, event)
                    continue
                for listener in listeners:
                    if hook := getattr(listener, event.name, None):
                        hook(*event.args())
            except AddonHalt:
                return
            except Exception:
                with safecall():
                    raise

    def _entries(self, event: hooks.Hook) -> list[Entry]:
        """Return the table's row for an event; search for it where addons came, went or moved."""
        if not self._is_current():
            self._table.clear()
            self._chain = list(ctx.master.addons.chain)
            self._parents = [
                (addon, list(addon.addons))
                for addon in traverse(self._chain)
                if hasattr(addon, "addons")
            ]
        entries = self._table.get(event.name)
        if entries is None:
            found = (
                Entry(addon, place, _listeners(addon, event))
                for place, addon in enumerate(self._chain)
            )
            entries = self._table[event.name] = [it for it in found if it.listeners != []]
        return entries

    def _is_current(self) -> bool:
        if ctx.master.addons.chain != self._chain:
            return False
        for parent, addons in self._parents:  # noqa: SIM110  # a generator takes twice the time
            if parent.addons != addons:
                return False
        return True


def _listeners(addon: object, event: hooks.Hook) -> list[object] | None:
    """Search an addon; return None where mitmproxy has to, each time.

    That is where a hook waits, so that sub-addons can come and go meanwhile; and where the search
    fails, which mitmproxy logs, as it does a handler that cannot be called.
    """
    try:
        found = list(ctx.master.addons._iter_hooks(addon, event))
    except Exception:
        return None
    if any(iscoroutinefunction(hook) for _, hook in found):
        return None
    return [listener for listener, _ in found]


async def _search(addons: Iterable[object], event: hooks.Hook) -> None:
    """Do what mitmproxy's own `trigger_event` does, for part of a chain."""
    for addon in addons:
        try:
            with safecall():
                await ctx.master.addons.invoke_addon(addon, event)
        except AddonHalt:
            return
