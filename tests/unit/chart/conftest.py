"""The chart's tests need helm: without it they are passed over on a laptop and fail in CI."""

import os

import pytest

from .rendering import HelmMissing, helm


@pytest.fixture(autouse=True)
def _helm() -> None:
    try:
        helm()
    except HelmMissing as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))
