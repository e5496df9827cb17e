--- `:Sotto` and its parts.
local M = {}

local server = require('sotto.server')

---@param lines string[]
local function say(lines)
  vim.api.nvim_echo({ { table.concat(lines, '\n') } }, true, {})
end

---@param problem string
local function complain(problem)
  vim.notify('Sotto: ' .. problem, vim.log.levels.WARN)
end

--- Why the buffer has no server, if it has none.
---@param bufnr integer
---@return string?
local function absence(bufnr)
  if vim.lsp.get_clients({ name = 'sotto', bufnr = bufnr })[1] then
    return nil
  elseif not vim.lsp.is_enabled('sotto') then
    return "it is not enabled; vim.lsp.enable('sotto') does that"
  elseif not server.client() then
    return 'the server is not running; `:Sotto restart` starts it, `:checkhealth sotto` says more'
  elseif vim.bo[bufnr].filetype == '' then
    return 'this buffer has no filetype'
  elseif not require('sotto.config').wants(bufnr) then
    return ('buffers like this one are left alone (filetype %s)'):format(vim.bo[bufnr].filetype)
  end
  return 'the server is not attached to this buffer'
end

---@type table<string, fun()>
local parts = {
  status = function()
    local status, problem = server.ask('sotto/status')
    if problem then
      return complain(problem)
    end
    say(require('sotto.report').status(status))
  end,
  why = function()
    local bufnr = vim.api.nvim_get_current_buf()
    local problem = absence(bufnr)
    if problem then
      return complain(problem)
    end
    local answer
    answer, problem = server.ask('sotto/recentRequests')
    if problem then
      return complain(problem)
    end
    local uri = vim.uri_from_bufnr(bufnr)
    local lines = require('sotto.report').requests(answer, uri, 10)
    say(#lines > 0 and lines or { 'Nothing has been asked for in this file yet.' })
  end,
  log = function()
    vim.cmd.split(vim.fn.fnameescape(vim.lsp.log.get_filename()))
    vim.cmd('normal! G')
  end,
  restart = function()
    server.restart()
  end,
  cancel = function()
    if require('sotto.actions').cancel() == 0 then
      complain('no code action runs')
    end
  end,
}

-- The rest is for those who map their own keys: `<Cmd>Sotto accept<CR>`.
for _, name in ipairs({ 'accept', 'accept_word', 'accept_line', 'next', 'previous', 'dismiss', 'trigger' }) do
  parts[name] = function()
    require('sotto')[name]()
  end
end

---@return string[]
local function names()
  local known = vim.tbl_keys(parts)
  table.sort(known)
  return known
end

---@param arguments string[]
function M.run(arguments)
  local part = parts[arguments[1] or 'status']
  if not part or #arguments > 1 then
    return complain(
      (':Sotto %s is unknown; there is %s'):format(table.concat(arguments, ' '), table.concat(names(), ', '))
    )
  end
  part()
end

---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  if #vim.split(line, '%s+') > 2 then
    return {}
  end
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, names())
end

return M
