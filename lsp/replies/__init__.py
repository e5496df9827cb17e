"""What a model answers, read: thoughts, prose, code in fences, search/replace blocks and diffs.

Nothing here judges an answer. Code actions (`lsp.actions.fitting`) and the chat's proposals
(`lsp.chat.proposals`) decide what may become of it.
"""
