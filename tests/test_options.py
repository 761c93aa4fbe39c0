"""The options that were given: each is taken, or an error that stops the start."""

import asyncio
import logging

import pytest
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.update_alt_svc import UpdateAltSvc
from mitmproxy.exceptions import OptionsError
from mitmproxy.options import Options
from mitmproxy.test import taddons

from harness import Stage, bearer
from hublet_router.proxy.addon import HubletRouter
from hublet_router.proxy.options import (
    OPTIONS,
    GivenOptions,
    be_faithful,
    is_interactive,
    reports_errors,
)


def started(*given: str) -> tuple[HubletRouter, Options]:
    """An addon after a start with `--set` of each, and mitmproxy's options then."""

    async def start() -> tuple[HubletRouter, Options]:
        with taddons.context(loadcore=False) as context:
            context.options.set(*given, defer=True)
            router = HubletRouter()
            context.master.addons.add(router)
            context.master.addons.get(GivenOptions.name).running()
            context.master.addons.remove(router)
            return router, context.options

    return asyncio.run(start())


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [it for it in caplog.records if it.levelno > logging.INFO]


def test_what_was_given_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    _, options = started("hublet_override", "hublet_connect_timeout=7", "another=x")
    assert options.hublet_override is True
    assert options.hublet_connect_timeout == 7
    assert [*options.deferred] == ["another"]
    assert not errors(caplog)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["hublet_override=maybe"], "option hublet_override: boolean must be"),
        (["hublet_connect_timeout=soon"], "hublet_connect_timeout: not an integer: soon"),
        (["hublet_demo=true", "hublet_demo=false"], "multiple values for hublet_demo"),
        (["hublets"], "Option is required: hublets"),
    ],
)
def test_law_1_what_cannot_be_taken_is_an_error_and_the_addon_is_there(
    given: list[str], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, options = started(*given, "hublet_log=decisions.jsonl")
    (record,) = errors(caplog)
    assert record.levelno == logging.ERROR
    assert sentence in record.message
    assert options.hublet_log == "decisions.jsonl"
    assert not options.deferred


def test_a_misspelt_option_of_ours_is_an_error_and_others_are_not_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started("hublet_dmo=true", "other=x")
    assert "unknown option hublet_dmo; did you mean hublet_demo?" in caplog.text
    assert "other" not in caplog.text


def test_what_routing_needs_is_set_once_and_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with taddons.context(Proxyserver(), UpdateAltSvc()) as context:
        context.options.update(validate_inbound_headers=False, stream_large_bodies="1m")
        be_faithful()
        be_faithful()
        assert context.options.keep_host_header
        assert context.options.connection_strategy == "lazy"
        assert context.options.stream_large_bodies == "65536"
        assert context.options.validate_inbound_headers
    assert caplog.messages == [
        "set for faithful routing: keep_host_header=true, keep_alt_svc_header=true,"
        " connection_strategy=lazy, stream_large_bodies=65536, validate_inbound_headers=true"
    ]


def test_every_option_is_declared_with_its_default_and_help() -> None:
    _, options = started()
    for option in OPTIONS:
        assert getattr(options, option.name) == option.default
        declared = options._options[option.name]
        assert (declared.typespec, declared.help) == (option.type, option.help)


class Failing:
    """A sub-addon that takes no option."""

    @reports_errors
    def configure(self, updated: set[str]) -> None:
        raise OptionsError("one\ntwo")


def test_errors_of_the_start_are_logged_and_later_ones_are_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = GivenOptions()
    with taddons.context(loadcore=False) as context:
        Failing().configure(set())  # where there is no router at all
        context.master.addons.add(given)
        Failing().configure(set())
        assert caplog.messages == ["one", "two"] * 2
        assert {record.levelno for record in caplog.records} == {logging.ERROR}
        given.running()
        with pytest.raises(OptionsError, match="one\ntwo"):
            Failing().configure(set())
    assert len(caplog.messages) == 4


def test_console_and_web_are_interactive() -> None:
    with taddons.context() as context:
        assert not is_interactive()
        vars(context.master)["view"] = object()
        assert is_interactive()


@pytest.mark.parametrize(
    ("option", "bad", "good"), [("hublet_connect_timeout", 0, 1), ("hublet_drain_timeout", -1, 0)]
)
def test_a_time_that_cannot_be_is_a_sentence(
    stage: Stage, option: str, bad: int, good: int
) -> None:
    stage.regions("eu1")
    stage.proxy()
    with pytest.raises(OptionsError, match=f"^{option} is {bad}; give it {good} or more seconds$"):
        stage.set_option(**{option: bad})
    stage.set_option(**{option: good})
    assert stage.get("/", bearer("eu1")).hublet == "eu1"
