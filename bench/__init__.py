"""Measurements: what a keystroke, a cold completion and a start cost, and what the peers need.

Run as modules from the project's root, for example `python -m bench.latency --help`.
"""
