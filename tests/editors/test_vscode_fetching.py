"""`.ci/vscode.py`: which browser is taken, what is said without one, and the gate it puts back."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.vscode_process import ROOT


@pytest.fixture(scope="module")
def fetcher() -> ModuleType:
    sys.path.insert(0, str(ROOT / ".ci"))  # it imports its neighbour
    try:
        path = ROOT / ".ci" / "vscode.py"
        spec = importlib.util.spec_from_file_location("ci_vscode", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def test_the_named_browser_is_taken(
    fetcher: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text("")
    browser.chmod(0o755)
    monkeypatch.setenv("SOTTO_CHROMIUM", str(browser))
    assert fetcher.find_browser() == str(browser)
    browser.chmod(0o644)
    with pytest.raises(fetcher.EditorsError, match="is no program"):
        fetcher.find_browser()


def test_without_a_browser_only_root_gets_one(
    fetcher: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOTTO_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(fetcher.EditorsError, match=r"apt-get install chromium.*SOTTO_CHROMIUM"):
        fetcher.install_browser()


def test_nothing_in_the_cache_is_said_plainly(
    fetcher: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(fetcher.EditorsError, match="`make editors` fetches it"):
        fetcher.where()


def test_the_check_for_proposed_functions_is_put_back(fetcher: ModuleType, tmp_path: Path) -> None:
    host = tmp_path / "host.js"
    before = (
        "function Oe(i,t){return!0}function We(i,t){if(!Oe(i,t))throw new Error(`Extension x`)}"
    )
    host.write_text(f"a();{before}b();")
    fetcher.restore_gate(host)
    check = "return(i.enabledApiProposals||[]).includes(t)"
    assert host.read_text() == f"a();{before.replace('return!0', check)}b();"
    with pytest.raises(fetcher.EditorsError, match="has its check elsewhere"):
        fetcher.restore_gate(host)
