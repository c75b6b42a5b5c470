import os
import socket

import pytest

from devkit.ports import (
    LOOPBACK,
    free_port,
    listening_ports,
    parse_listening,
    reserved_port,
)

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0
   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0
"""


def test_only_listening_sockets_count() -> None:
    assert parse_listening(TABLE) == {"111": 8080, "222": 22}


def test_a_process_is_known_by_the_port_it_listens_on() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert port in listening_ports(os.getpid())
    assert port not in listening_ports(os.getpid())


def test_another_process_does_not_listen_on_our_port() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        assert server.getsockname()[1] not in listening_ports(os.getppid())


def test_a_process_that_is_gone_listens_nowhere() -> None:
    assert listening_ports(2**22 + 1) == frozenset()


def test_nobody_listens_on_a_free_port() -> None:
    port = free_port()
    with socket.socket() as client:
        assert client.connect_ex((LOOPBACK, port)) != 0


def test_a_reserved_port_is_free_for_its_service_only() -> None:
    with reserved_port() as port:
        with socket.socket() as client:
            assert client.connect_ex((LOOPBACK, port)) != 0
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((LOOPBACK, port))
        with socket.create_server((LOOPBACK, port)):  # sets SO_REUSEADDR, as servers do
            assert port in listening_ports(os.getpid())
