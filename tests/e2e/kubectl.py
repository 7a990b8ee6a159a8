"""kubectl, as a user types it."""

import json
import subprocess
from typing import Any


class KubectlError(AssertionError):
    """kubectl said no; the message is its own."""


def run(*arguments: str, stdin: str | None = None, deadline: float = 120) -> str:
    """What kubectl prints. Raises KubectlError."""
    command = ["kubectl", *arguments]
    answer = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=deadline)
    if answer.returncode != 0:
        raise KubectlError(f"{' '.join(command)}: {answer.stderr.strip()}")
    return answer.stdout


def get(*arguments: str) -> Any:
    """What kubectl has, parsed."""
    return json.loads(run("get", *arguments, "--output", "json"))


def exists(*arguments: str) -> bool:
    """Whether this object is there."""
    return bool(run("get", *arguments, "--ignore-not-found", "--output", "name"))


def apply(document: object, *arguments: str) -> str:
    """Applies one document."""
    return run("apply", "--server-side", "--filename", "-", *arguments, stdin=json.dumps(document))


def allowed(account: str, namespace: str, verb: str, resource: str) -> bool:
    """Whether this service account (NAMESPACE:NAME) may do that."""
    command = ["kubectl", "auth", "can-i", verb, resource, "--namespace", namespace]
    command += ["--as", f"system:serviceaccount:{account}"]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
