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

---@return string? program the one that is named, if it cannot be started
local function missing_program()
  local cmd = vim.lsp.config.sotto and vim.lsp.config.sotto.cmd
  local program = type(cmd) == 'table' and cmd[1]
  return program and vim.fn.executable(program) == 0 and program or nil
end

--- What to do where the program is not found.
---@param program string
---@return string
function M.installation(program)
  if vim.startswith(program, '~') then
    return "Neovim takes `~` literally here: write `vim.fs.normalize('" .. program .. "')` in `cmd`."
  end
  return '`make setup` in a clone of Sotto makes `.venv/bin/sotto` there; name it: '
    .. "`vim.lsp.config('sotto', { cmd = { '/path/to/sotto', 'serve' } })`."
end

--- Why there is no server for the buffer, and what to do about it; nil if there is one.
---@param bufnr integer
---@return string?
function M.absence(bufnr)
  local program = missing_program()
  if vim.lsp.get_clients({ name = 'sotto', bufnr = bufnr })[1] then
    return nil
  elseif not vim.lsp.is_enabled('sotto') then
    return "it is not enabled; vim.lsp.enable('sotto') does that"
  elseif program and not M.client() then
    return ('the program `%s` is not found. %s Then `:Sotto restart`.'):format(program, M.installation(program))
  elseif vim.bo[bufnr].filetype == '' then
    return 'this buffer has no filetype; `:set filetype=…` gives it one'
  elseif not M.client() then
    return 'the server is not running; `:Sotto restart` starts it, `:checkhealth sotto` says more'
  elseif not config.wants(bufnr) then
    return ('buffers like this one are left alone (filetype %s)'):format(vim.bo[bufnr].filetype)
  end
  return 'the server is not attached to this buffer'
end

--- Say that the server cannot be started, if so. Neovim itself says it in its log alone.
function M.warn_if_missing()
  if missing_program() and not M.client() then
    vim.notify('Sotto: ' .. M.absence(0), vim.log.levels.WARN)
  end
end

--- Set one of the server's settings for this session; a restart keeps it.
---@param group string
---@param name string
---@param value any vim.NIL for the default
function M.set(group, name, value)
  vim.lsp.config('sotto', { settings = { sotto = { [group] = { [name] = value } } } })
  for _, client in ipairs(vim.lsp.get_clients({ name = 'sotto' })) do
    client.settings = vim.lsp.config.sotto.settings
    client:notify('workspace/didChangeConfiguration', { settings = client.settings })
  end
end

--- One of the server's settings, nil where it has its default.
---@param group string
---@param name string
---@return any
function M.setting(group, name)
  local value = vim.tbl_get(vim.lsp.config.sotto, 'settings', 'sotto', group, name)
  if value ~= vim.NIL then
    return value
  end
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
---@param params? table
---@return any? result, string? problem
function M.ask(method, params)
  local client = M.client(vim.api.nvim_get_current_buf())
  if not client then
    return nil, 'the server is not running; `:Sotto restart` starts it'
  end
  ---@diagnostic disable-next-line: param-type-mismatch - the method is the server's own
  local answer, problem = client:request_sync(method, params or vim.empty_dict(), 5000)
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
