"""`weir get` answers at once because it imports next to nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pyflink", "py4j", "jgo", "confluent_kafka", "httpx", "requests", "watchfiles", "psutil", "ruamel")
PROGRAM = """
import json, sys
sys.argv = ["weir", *json.loads(sys.argv[1])]
from weir_operator.cli.main import run
code = run()
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["get"], ["describe", "no"]])
def test_looking_imports_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / ".weir").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([*arguments, "-d", str(tmp_path)])],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    _, modules = json.loads(done.stderr.splitlines()[-1])
    assert not {name for name in modules if name.split(".")[0] in HEAVY}
