--- Code actions: what needs the editor's help. The rest is Neovim's own, `vim.lsp.buf.code_action()`.
local M = {}

---@type table<integer, table<string|integer, true>> what can be cancelled: progress tokens by client
local running = {}

--- Serve the command `sotto.rewrite`: ask what to do and have the action resolved with it.
---@param command lsp.Command
---@param context { client_id: integer, bufnr: integer }
function M.rewrite(command, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  vim.ui.input({ prompt = 'Rewrite: ' }, function(instruction)
    if not instruction or vim.trim(instruction) == '' then
      return
    end
    local data = vim.tbl_extend('force', command.arguments[1], { instruction = instruction })
    local action = { title = command.title, data = data }
    client:request('codeAction/resolve', action, function(problem, resolved)
      if problem then
        -- The server has said it itself, unless the user has cancelled.
        return
      end
      vim.lsp.util.apply_workspace_edit(resolved.edit, client.offset_encoding)
    end, context.bufnr)
  end)
end

--- Remember what can be cancelled.
---@param event { data: { client_id: integer, params: lsp.ProgressParams } }
function M.on_progress(event)
  local tokens = running[event.data.client_id] or {}
  running[event.data.client_id] = tokens
  local token, value = event.data.params.token, event.data.params.value
  if value.kind == 'begin' and value.cancellable then
    tokens[token] = true
  elseif value.kind == 'end' then
    tokens[token] = nil
  end
end

--- Stop the actions that run.
---@return integer number of them
function M.cancel()
  local count = 0
  for id, tokens in pairs(running) do
    local client = vim.lsp.get_client_by_id(id)
    for token in pairs(tokens) do
      tokens[token] = nil
      if client then
        count = count + 1
        client:notify('window/workDoneProgress/cancel', { token = token })
      end
    end
  end
  return count
end

return M
