"""Whether a model can do what an action needs."""

from __future__ import annotations

from inference import ModelInfo
from lsp.actions.offers import Needs

_NO_INSTRUCTIONS = (
    "{name} completes code but takes no instructions. An instruct model can, such as "
    "Qwen2.5-Coder-Instruct: name its file in `model.path`."
)
_NO_FILL = "{name} can neither fill in code nor take instructions: name another in `model.path`."


def inability(model: ModelInfo, needs: Needs) -> str | None:
    """Why the model cannot do it, in one sentence that says which could; None if it can."""
    name = "The built-in model" if model.is_builtin else model.name
    match needs:
        case Needs.NOTHING:
            return None
        case Needs.FILL:
            can = model.supports_fim or takes_instructions(model)
            return None if can else _NO_FILL.format(name=name)
        case Needs.INSTRUCTIONS:
            return None if takes_instructions(model) else _NO_INSTRUCTIONS.format(name=name)


def takes_instructions(model: ModelInfo) -> bool:
    return model.supports_chat
