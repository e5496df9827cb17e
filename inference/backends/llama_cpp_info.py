"""What the llama.cpp runtime says about itself, without any model."""

from __future__ import annotations

from inference.backends.llama_bindings import has_gpu, runtime_version, system_info
from inference.hardware import RuntimeInfo


def runtime_info() -> RuntimeInfo:
    """Loads the runtime's shared libraries if that was not done yet."""
    return RuntimeInfo(
        name="llama.cpp",
        version=f"llama-cpp-python {runtime_version()}",
        system_info=system_info(),
        has_gpu=has_gpu(),
    )
