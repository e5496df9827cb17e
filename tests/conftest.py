"""What all tests share: hypothesis without deadlines, as no test measures time; reports that can be
written down.

Where `CI` is set the examples are the same in every run, so that a failure belongs to the change
that is tested. Everywhere else they are new ones each time, which is how new faults are found.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("sotto", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("sotto")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in what was logged: tests send them, and reports go between processes
    in UTF-8."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report
