--- The server as a whole: which client it is, its workspace folders, starting it again, asking it things.
local M = {}

local config = require('sotto.config')

--- The running client, the buffer's first.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.client(bufnr)
  local here = bufnr and vim.lsp.get_clients({ name = 'sotto', bufnr = bufnr })[1]
  return here or vim.lsp.get_clients({ name = 'sotto' })[1]
end

--- One process serves all projects, so it is told of each project that a buffer brings.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  local root = vim.fs.root(bufnr, config.root_markers)
  if not root then
    return
  end
  local folder = { uri = vim.uri_from_fname(root), name = root }
  client.workspace_folders = client.workspace_folders or {}
  for _, known in ipairs(client.workspace_folders) do
    if known.uri == folder.uri then
      return
    end
  end
  table.insert(client.workspace_folders, folder)
  client:notify('workspace/didChangeWorkspaceFolders', { event = { added = { folder }, removed = {} } })
end

--- Ask the server and wait for the answer.
---@param method string
---@param timeout_ms? integer
---@return any? result, string? problem
function M.ask(method, timeout_ms)
  local client = M.client(vim.api.nvim_get_current_buf())
  if not client then
    return nil, 'the server is not running; `:Sotto restart` starts it'
  end
  ---@diagnostic disable-next-line: param-type-mismatch - the method is the server's own
  local answer, problem = client:request_sync(method, vim.empty_dict(), timeout_ms or 5000)
  if not answer then
    return nil, ('no answer to %s: %s'):format(method, problem or 'unknown')
  end
  if answer.err then
    return nil, ('%s failed: %s'):format(method, answer.err.message)
  end
  return require('sotto.wire').without_nulls(answer.result)
end

local restarting = false

--- Stop the server if it runs and start it for the open buffers. At most one restart is under way.
function M.restart()
  if restarting then
    return
  end
  restarting = true
  vim.lsp.enable('sotto', false)
  local timer = assert(vim.uv.new_timer())
  timer:start(0, 50, vim.schedule_wrap(function()
    -- A client that does not leave is ended by force after its `exit_timeout`.
    if restarting and not M.client() then
      restarting = false
      timer:close()
      vim.lsp.enable('sotto')
    end
  end))
end

return M
