"""Where a process of Weir's answers, for whoever started it: `endpoint.json` in its work directory."""

import os
from pathlib import Path

import psutil

from weir_api.files import write_atomically
from weir_api.launchers import Endpoint


def announce(work: Path, url: str, revision: str) -> None:
    """Says that this process answers at `url`; raises OSError."""
    endpoint = Endpoint(url=url, pid=os.getpid(), started_at=psutil.Process().create_time(), revision=revision)
    work.mkdir(parents=True, exist_ok=True)
    write_atomically(work / "endpoint.json", endpoint.model_dump_json(by_alias=True))
