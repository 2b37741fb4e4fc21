"""One set of servers a run; a skip is a failure where MEGURU_NO_SKIPS is set (.ci/run)."""

import os

import pytest

from shared.testing import servers

__all__ = ["servers"]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]  # pytest's hook
    """Turn a skip into a failure where everything must run."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("MEGURU_NO_SKIPS") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
