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

--- What all servers and linters say about some lines, as the protocol has it. Neovim by itself sends a
--- server only its own diagnostics.
---@param bufnr integer
---@param first integer 0-based
---@param last integer
---@param encoding lsp.PositionEncodingKind
---@return lsp.Diagnostic[]
local function diagnostics(bufnr, first, last, encoding)
  local function position(row, col)
    local line = vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1] or ''
    return { line = row, character = vim.str_utfindex(line, encoding, math.min(col, #line)) }
  end
  local found = {} ---@type lsp.Diagnostic[]
  for _, diagnostic in ipairs(vim.diagnostic.get(bufnr)) do
    local finish = diagnostic.end_lnum or diagnostic.lnum
    if diagnostic.lnum <= last and first <= finish then
      found[#found + 1] = {
        range = {
          start = position(diagnostic.lnum, diagnostic.col),
          ['end'] = position(finish, diagnostic.end_col or diagnostic.col),
        },
        message = diagnostic.message,
        severity = diagnostic.severity,
        source = diagnostic.source,
      }
    end
  end
  return found
end

--- Choose among Sotto's own actions of a kind, or do the only one.
---@param kind string
---@param client vim.lsp.Client
---@param range? { [1]: integer, [2]: integer } lines, 1-based
---@param given? lsp.Diagnostic[]
local function act(kind, client, range, given)
  local bufnr = vim.api.nvim_get_current_buf()
  local last = range and vim.api.nvim_buf_get_lines(bufnr, range[2] - 1, range[2], true)[1]
  vim.lsp.buf.code_action({
    apply = true,
    context = {
      only = { kind },
      diagnostics = given or {},
      -- Else Neovim leaves out what cannot be done, and so the reason why.
      triggerKind = vim.lsp.protocol.CodeActionTriggerKind.Invoked,
    },
    filter = function(_, id)
      return id == client.id
    end,
    range = range and { start = { range[1], 0 }, ['end'] = { range[2], #last } },
  })
end

--- Explain the function at the cursor, or some lines.
---@param client vim.lsp.Client
---@param range? { [1]: integer, [2]: integer }
function M.explain(client, range)
  act('source.explain', client, range)
end

--- Fix what is wrong in the cursor's line, or in some lines.
---@param client vim.lsp.Client
---@param range? { [1]: integer, [2]: integer }
---@return string? problem
function M.fix(client, range)
  local row = vim.api.nvim_win_get_cursor(0)[1]
  local first, last = unpack(range or { row, row })
  local bufnr = vim.api.nvim_get_current_buf()
  local given = diagnostics(bufnr, first - 1, last - 1, client.offset_encoding)
  if #given == 0 then
    return 'no server and no linter has found anything wrong here'
  end
  -- The server wants the range to touch what it is to fix.
  act('quickfix', client, { first, last }, given)
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
