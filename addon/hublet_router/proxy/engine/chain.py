"""The event chain: who hears nothing of traffic is not asked; in lean mode, nor is who is idle.

mitmproxy offers each event to each of some forty addons, and then the news of it to each again
(`handle_lifecycle` in addonmanager.py): more than 40 % of the work for a small request.
"""

from collections.abc import Callable, Iterable, Iterator
from inspect import isawaitable, iscoroutinefunction
from itertools import groupby
from typing import Any

from mitmproxy import ctx, hooks
from mitmproxy.addonmanager import AddonManager, Loader, safecall, traverse
from mitmproxy.exceptions import OptionsError

type Hook = Callable[..., Any]

SLEEPS = {
    "anticache": "anticache",
    "anticomp": "anticomp",
    "blocklist": "block_list",
    "dumper": "flow_detail",
    "maplocal": "map_local",
    "mapremote": "map_remote",
    "modifybody": "modify_body",
    "modifyheaders": "modify_headers",
    "onboarding": "onboarding",
    "save": "save_stream_file",
    "savehar": "hardump",
    "stickyauth": "stickyauth",
    "stickycookie": "stickycookie",
    "hublet-router-proxy-status": "hublet_proxy_status",
    "hublet-router-shadow": "hublet_shadow",
}
"""Addons that do nothing with a flow while an option of theirs is off, and which that is."""

STAYS = {
    "it guards": {"block", "disableh2c"},
    "it authenticates": {"proxyauth", "upstreamauth"},
    "without it nothing is proxied": {"dnsresolver", "nextlayer", "proxyserver", "tlsconfig"},
    "it edits answers unasked": {"stripdnshttpsrecords", "updatealtsvc"},
    "a command can ask it, too": {"serverplayback"},
}
"""Others of mitmdump, by why they do not sleep."""

DEAF = {
    "browser", "clientplayback", "commandhistory", "comment", "core", "cut", "errorcheck",
    "export", "keepserving", "readfilestdin", "termlog",
}  # fmt: skip
"""Those with commands, tasks or options, but no hook that is offered anything.

Only `scriptloader` is in no table: what it loads can change at any time. Where it loads anything
but this package, it keeps its place in the chain, like whatever is not ours to judge.
"""

_JUDGED = DEAF | SLEEPS.keys() | set().union(*STAYS.values())
_LIFE_CYCLE = {"load", "configure", "running", "done"}


class Group:
    """Neighbours in a chain of addons: one addon, with the hooks that any of them needs now.

    To the life cycle all listen, and to flows and connections those that do not sleep. A hook's
    error is logged, and the next hook goes on, as in mitmproxy's own chain.
    """

    name = "hublet-router-group"  # else its class would name it, as it would a user's own `Group`

    def __init__(self, neighbours: Iterable[object]) -> None:
        self.neighbours = list(neighbours)
        for event in _LIFE_CYCLE - {"configure"}:
            self._listen(event, list(traverse(self.neighbours)))

    def configure(self, updated: set[str]) -> None:
        """Pass on what changed; wake who is needed by it, and let others sleep."""
        for addon in traverse(self.neighbours):  # step by step: a script may come or go on the way
            _offer(_hooks("configure", [addon]))(updated)
        self.listen()

    def listen(self) -> None:
        """Make the hooks that are needed as the options stand."""
        awake = [addon for addon in _all_of(self.neighbours) if _is_awake(addon)]
        for event in hooks.all_hooks.keys() - _LIFE_CYCLE:
            self._listen(event, awake)

    def _listen(self, event: str, addons: list[object]) -> None:
        vars(self).pop(event, None)
        if needed := _hooks(event, addons):
            setattr(self, event, needed[0] if len(needed) == 1 else _offer(needed))


class Chain:
    """Puts addons in groups, from the start of the proxy to its end; in lean mode all that we know.

    The loader of scripts is in one where it loads ours alone: else an event goes down five
    levels to reach it.
    """

    name = "hublet-router-chain"

    def __init__(self) -> None:
        self.is_running = False

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        loader.add_option(
            "hublet_lean",
            bool,
            False,
            "For routing under mitmdump: addons of mitmproxy that are idle leave the event chain.",
        )

    def take_options(self, updated: set[str]) -> None:
        """Raise OptionsError where a person looks on, who can ask an addon for anything."""
        is_new = "hublet_lean" in updated
        if is_new and ctx.options.hublet_lean and ctx.master.addons.get("view") is not None:
            raise OptionsError(
                "hublet_lean is for routing under mitmdump, and takes away what you would look at"
                " here; leave it out"
            )
        if is_new or "scripts" in updated:
            self._arrange()

    def running(self) -> None:
        """Begin: everybody has started."""
        self.is_running = True
        # mitmproxy's own looks for what it removes in the chain alone
        vars(ctx.master.addons).update(remove=self._remove)
        self._arrange()

    def done(self) -> None:
        """Leave the chain as it was, for the end or for the next version of this package."""
        self.is_running = False
        vars(ctx.master.addons).pop("remove", None)
        self._arrange()

    def _arrange(self) -> None:
        """Replace the chain, which may be under way: who goes through the old one meets all."""
        chain = list(_without_groups(ctx.master.addons.chain))
        ctx.master.addons.chain = list(self._with_groups(chain)) if self.is_running else chain

    def _with_groups(self, chain: list[object]) -> Iterator[object]:
        for is_known, neighbours in groupby(chain, self._is_known):
            if not is_known:
                yield from neighbours
                continue
            group = Group(neighbours)
            group.listen()
            yield group

    def _is_known(self, addon: object) -> bool:
        """Tell whether we know what an addon hears: of the scripts, what this package does."""
        if _name(addon) != "scriptloader":
            return _name(addon) in (_JUDGED if ctx.options.hublet_lean else DEAF)
        groups = [part for part in traverse([addon]) if isinstance(part, Group)]
        return len(getattr(addon, "addons", ())) == 1 and any(
            self in it.neighbours for it in groups
        )

    def _remove(self, addon: object) -> None:
        """Remove an addon that may be in a group, or be this one."""
        manager = ctx.master.addons
        manager.chain = list(_without_groups(manager.chain))
        try:
            AddonManager.remove(manager, addon)
        finally:
            self._arrange()


def _without_groups(chain: list[object]) -> Iterator[object]:
    for addon in chain:
        yield from addon.neighbours if isinstance(addon, Group) else [addon]


def _all_of(addons: Iterable[object]) -> Iterator[object]:
    """Yield addons and those within them, the neighbours of a group in its place."""
    for addon in traverse(addons):
        yield from _all_of(addon.neighbours) if isinstance(addon, Group) else [addon]


def _offer(listening: list[Hook]) -> Hook:
    """Return one hook in place of several; as mitmproxy does, it asks each whether to wait.

    `safecall` deals with what is raised, and costs nothing where nothing is.
    """

    def offer(*arguments: object) -> None:
        for hook in listening:
            try:
                hook(*arguments)
            except Exception:
                with safecall():
                    raise

    async def offer_and_wait(*arguments: object) -> None:
        for hook in listening:
            try:
                result = hook(*arguments)
                if result is not None and isawaitable(result):
                    await result
            except Exception:
                with safecall():
                    raise

    return offer_and_wait if any(map(iscoroutinefunction, listening)) else offer


def _hooks(event: str, addons: list[object]) -> list[Hook]:
    return [getattr(addon, event) for addon in addons if callable(getattr(addon, event, None))]


def _is_awake(addon: object) -> bool:
    option = SLEEPS.get(_name(addon))
    return option is None or bool(getattr(ctx.options, option))


def _name(addon: object) -> str:
    """Return the name by which mitmproxy knows an addon (`AddonManager.get`)."""
    name: str = getattr(addon, "name", type(addon).__name__.lower())
    return name
