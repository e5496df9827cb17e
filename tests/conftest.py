"""What all tests share: hypothesis without deadlines, as no test measures time.

Where `CI` is set the examples are the same in every run, so that a failure belongs to the change
that is tested. Everywhere else they are new ones each time, which is how new faults are found.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("sotto", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("sotto")
