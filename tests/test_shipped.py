"""The shipped table, and its copy with free ports."""

import errno
import socket
from pathlib import Path

import pytest

from hublet_router.demo.shipped import free_port, shipped_table, write_demo_table
from hublet_router.tablefile import load

ROOT = Path(__file__).parents[1]


def test_the_checkout_ships_its_own_table() -> None:
    assert shipped_table() == ROOT / "hublets.yaml"


def test_a_copy_differs_in_its_ports_alone(tmp_path: Path) -> None:
    shipped, copy = load(shipped_table()), load(write_demo_table(tmp_path))
    assert copy.hublets.keys() == shipped.hublets.keys()
    assert copy.examples == shipped.examples
    ports = {upstream.port for upstream in copy.hublets.values()}
    assert len(ports) == len(copy.hublets)
    assert not ports & {upstream.port for upstream in shipped.hublets.values()}


def test_a_machine_that_gives_no_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(socket.socket):
        def bind(self, address: object, /) -> None:
            raise OSError(errno.EADDRNOTAVAIL, "there is no loopback")

    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(OSError, match="no loopback"):
        free_port(8080)


def test_the_usual_port_is_taken_if_it_is_free(taken: int) -> None:
    usual = free_port()
    assert free_port(usual) == usual
    assert free_port(taken) != taken
