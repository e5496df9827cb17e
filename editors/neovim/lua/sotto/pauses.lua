--- Where ghost text is paused. A buffer is paused here; a language and everything by the server's settings, so
--- that it knows, and says so when it is asked why nothing came.
local M = {}

local server = require('sotto.server')

M.scopes = { 'buffer', 'language', 'everywhere' }

---@return string[]
local function languages()
  return server.setting('inlineCompletion', 'disabledLanguages') or {}
end

--- The widest pause that holds in a buffer, or nil.
---@param bufnr integer
---@return string?
function M.at(bufnr)
  if server.setting('inlineCompletion', 'enabled') == false then
    return 'everywhere'
  elseif vim.list_contains(languages(), vim.bo[bufnr].filetype) then
    return 'language'
  end
  return vim.b[bufnr].sotto_paused and 'buffer' or nil
end

---@type table<string, fun(bufnr: integer): boolean> whether it is paused afterwards
local toggles = {
  buffer = function(bufnr)
    vim.b[bufnr].sotto_paused = not vim.b[bufnr].sotto_paused
    return vim.b[bufnr].sotto_paused
  end,
  language = function(bufnr)
    local filetype = vim.bo[bufnr].filetype
    local others = vim.tbl_filter(function(language)
      return language ~= filetype
    end, languages())
    local paused = #others == #languages()
    server.set('inlineCompletion', 'disabledLanguages', paused and vim.list_extend(others, { filetype }) or others)
    return paused
  end,
  everywhere = function()
    local paused = server.setting('inlineCompletion', 'enabled') ~= false
    server.set('inlineCompletion', 'enabled', not paused)
    return paused
  end,
}

--- Pause, or go on.
---@param scope string
---@param bufnr integer
---@return boolean whether it is paused now
function M.toggle(scope, bufnr)
  local paused = toggles[scope](bufnr)
  require('sotto.suggestions').dismiss(bufnr)
  vim.cmd.redrawstatus({ bang = true })
  return paused
end

return M
