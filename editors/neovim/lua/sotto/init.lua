--- Sotto's front door. Everything else is loaded when it is first needed.
---
--- `vim.lsp.enable('sotto')` is all that is required; `setup` is for those who want other defaults.
local M = {}

--- Change defaults. Call it before `vim.lsp.enable('sotto')`.
---@param options? table any part of |sotto.Config|
function M.setup(options)
  local config = require('sotto.config')
  config.set(options)
  if next(config.get().settings) then
    vim.lsp.config('sotto', { settings = { sotto = config.get().settings } })
  end
end

--- Called for each buffer that the server is attached to.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  require('sotto.suggestions').attach(client, bufnr)
  require('sotto.keys').attach(bufnr)
  require('sotto.server').attach(client, bufnr)
  require('sotto.cursor').attach(client, bufnr)
end

--- Whether a suggestion is visible at the cursor and fits the text.
---@return boolean
function M.visible()
  return require('sotto.suggestions').visible(vim.api.nvim_get_current_buf()) ~= nil
end

--- Insert the whole suggestion. These return whether there was one.
---@return boolean
function M.accept()
  return require('sotto.accept').all()
end

--- Insert the suggestion's next word; the rest stays visible.
---@return boolean
function M.accept_word()
  return require('sotto.accept').word()
end

--- Insert the rest of the suggestion's current line; what follows stays visible.
---@return boolean
function M.accept_line()
  return require('sotto.accept').line()
end

--- Show the next candidate. If there is only one, more are asked for.
function M.next()
  require('sotto.suggestions').cycle(1)
end

function M.previous()
  require('sotto.suggestions').cycle(-1)
end

--- Hide the suggestion until the text or the cursor changes.
function M.dismiss()
  require('sotto.suggestions').dismiss(vim.api.nvim_get_current_buf())
end

--- Ask now, as a request that the user made.
function M.trigger()
  require('sotto.suggestions').trigger()
end

--- For 'statusline': the model, or what it is doing, and the last suggestion's time; empty where Sotto is not.
---@return string
function M.statusline()
  -- Before anything of Sotto is loaded there is nothing to say.
  if not package.loaded['sotto.suggestions'] then
    return ''
  end
  return require('sotto.state').line(vim.api.nvim_get_current_buf())
end

return M
