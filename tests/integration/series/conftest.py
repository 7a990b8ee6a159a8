"""The planner's JVM of the patterns' tests, for tests that only plan."""

from integration.patterns.conftest import gateway

__all__ = ["gateway"]
