"""The rules that turn raw model text into ghost text; `lsp.ghost_text` is their front door."""
