"""Which files of a project a model may see and propose to change.

Everything inside the open folders, but for what holds secrets and what makes other programs run
code: version control's own files, editors' settings, continuous integration, hooks, start-up files
of shells. A path is judged as it is written and as it is once symbolic links are followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

_FOLDERS = frozenset(
    {
        ".git", ".hg", ".svn", ".jj", ".bzr",
        ".vscode", ".vscode-server", ".idea", ".zed", ".helix", ".nvim", ".vim", ".fleet",
        ".cursor", ".claude", ".devcontainer", ".vs",
        ".github", ".gitlab", ".gitea", ".forgejo", ".circleci", ".buildkite", ".woodpecker",
        ".husky", ".githooks", "git-hooks", ".direnv", ".teamcity", ".semaphore", ".cargo",
        ".ssh", ".gnupg", ".aws", ".azure", ".gcloud", ".kube", ".docker", ".password-store",
        ".secrets", "secrets",
    }
)  # fmt: skip
_NAMES = frozenset(
    {
        ".gitconfig", ".gitmodules", ".gitattributes", ".hgrc", ".git",
        ".gitlab-ci.yml", ".travis.yml", ".drone.yml", ".woodpecker.yml", ".cirrus.yml",
        "appveyor.yml", ".appveyor.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml",
        "jenkinsfile", "cloudbuild.yml", "buildspec.yml", ".pre-commit-config.yml",
        "lefthook.yml", ".lefthook.yml", "lefthook.toml", ".lefthook.toml", ".overcommit.yml",
        "mise.toml", ".mise.toml",
        ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile",
        ".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".cshrc", ".tcshrc",
        ".login", ".inputrc", ".envrc", "config.fish",
        ".exrc", ".vimrc", ".gvimrc", ".nvim.lua", ".nvimrc", ".emacs", ".dir-locals.el",
        ".netrc", "_netrc", ".pgpass", ".my.cnf", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pypirc",
        ".git-credentials", ".htpasswd", ".mcp.json", "mcp.json",
        "credentials", "credentials.json", "credentials.yml",
        "secrets.json", "secrets.yml", "secrets.toml", "secret.json",
        "service-account.json", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "sitecustomize.py",
        "usercustomize.py",
    }
)  # fmt: skip
"""Those that end with `.yml` stand for `.yaml` too."""
_ENDINGS = (
    ".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk", ".asc", ".gpg", ".age",
    ".code-workspace", ".tfvars", ".tfstate", ".pth",
)  # fmt: skip
_ENVIRONMENT = re.compile(r"\.env(?:\..*)?|.*\.env|\.dev\.vars")
_ENVIRONMENT_SAMPLES = frozenset({".env.example", ".env.sample", ".env.template"})
_ODD = re.compile(r"[\x00-\x1f:]|~\d|[ .]\Z")
"""Control characters, streams and short names of Windows' file systems, and endings they ignore."""
_IGNORED = re.compile(r"[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What file systems of macOS pass over in a name."""


class PathRefusedError(Exception):
    """The message says why, for the model and the person."""


def resolve(path: str, folders: Sequence[Path]) -> Path:
    """The file or folder a model means, with links followed; it need not exist.

    A relative path is taken in the first folder in which it exists, else in the first.

    Raises `PathRefusedError`.
    """
    if not folders:
        raise PathRefusedError("No folder is open.")
    written = Path(path.strip().removeprefix("file://") or ".")
    candidates = [folder / written for folder in folders]  # an absolute one stays as it is
    chosen = next((c for c in candidates if os.path.lexists(c)), candidates[0])
    check_name(os.path.normpath(chosen), folders, path)
    real = os.path.realpath(chosen)
    check_name(real, folders, path)
    return Path(real)


def check_name(absolute: str, folders: Sequence[Path], shown: str) -> None:
    """Raises `PathRefusedError` for a path that may not be seen. Looks at no disk."""
    inside = [folder for folder in folders if Path(absolute).is_relative_to(folder)]
    if not inside:
        raise PathRefusedError(f"{shown} is outside the open folders.")
    folder = max(inside, key=lambda f: len(f.parts))
    parts = Path(absolute).relative_to(folder).parts
    if any(is_protected(part, is_last=i == len(parts) - 1) for i, part in enumerate(parts)):
        raise PathRefusedError(f"{shown} is protected: it may hold secrets or make programs run.")


def is_protected(name: str, *, is_last: bool) -> bool:
    """Whether a part of a path is one of those above; `is_last` for the file's own name."""
    name = re.sub(r"\.yaml\Z", ".yml", _IGNORED.sub("", name).casefold())
    if name in _FOLDERS or _ODD.search(name):
        return True
    if not is_last:
        return False
    is_environment = _ENVIRONMENT.fullmatch(name) and name not in _ENVIRONMENT_SAMPLES
    return bool(is_environment) or name in _NAMES or name.endswith(_ENDINGS)
