"""One set of servers a run; no test is timed; a skip is a failure where MEGURU_NO_SKIPS is set (.ci/run)."""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from shared.testing import servers

__all__ = ["servers"]

# A busy machine is no fault, and speed is measured in bench/.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where everything must run."""
    report = yield
    if report.skipped and os.environ.get("MEGURU_NO_SKIPS") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report
