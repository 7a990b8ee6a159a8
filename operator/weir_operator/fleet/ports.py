"""Ports of this machine: which are free."""

import socket
import time


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def comes_free(host: str, port: int, seconds: float) -> bool:
    """Whether the port is free, or comes free so soon: a killed process's goes a moment after it."""
    ends = time.monotonic() + seconds
    while not _free(host, port):
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        # As Java does: connections in TIME_WAIT are no harm.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True
