--- The only file that knows how Neovim's built-in inline completion works inside (0.12).
---
--- `vim.lsp.inline_completion` shows the ghost text and cycles through candidates. Its public face has no
--- way to show an answer to a request of our own, which is needed for asking sooner than its fixed 200 ms,
--- for asking by key, and for keeping answers in step with the text. So its object for the buffer is
--- used directly. `check` says whether that object is still as it was when this was written.
local M = {}

local method = 'textDocument/inlineCompletion'

--- What this file uses of the object, by name.
local wanted = { 'handler', 'abort', 'on_detach', 'destroy' }

---@param bufnr integer
---@return table? the buffer's object, absent where no server with inline completion is attached
local function completor(bufnr)
  return require('vim.lsp._capability').all.inline_completion.active[bufnr]
end

--- Why the built-in cannot be driven, or nil if it can.
---@return string?
function M.check()
  -- Loading the module registers it.
  local loaded = pcall(require, 'vim.lsp.inline_completion')
  local found, capability = pcall(require, 'vim.lsp._capability')
  local prototype = loaded and found and vim.tbl_get(capability, 'all', 'inline_completion')
  if type(prototype) ~= 'table' or type(prototype.active) ~= 'table' then
    return 'vim.lsp.inline_completion has no object per buffer'
  end
  for _, name in ipairs(wanted) do
    if type(prototype[name]) ~= 'function' then
      return ('vim.lsp.inline_completion has no %q'):format(name)
    end
  end
end

---@param client vim.lsp.Client
---@param bufnr integer
function M.enable(client, bufnr)
  if not pcall(require, 'vim.lsp.inline_completion') then
    return
  end
  vim.lsp.inline_completion.enable(true, { client_id = client.id, bufnr = bufnr })
end

--- Take a client that is leaving out of the buffer's object. What was enabled for one client in one buffer
--- is not taken out by the built-in itself, which then fails at a client that is gone.
---@param client vim.lsp.Client
---@param bufnr integer
function M.disable(client, bufnr)
  local object = completor(bufnr)
  if object then
    object:abort()
    object:on_detach(client.id)
    if next(object.client_state) == nil then
      object:destroy()
    end
  end
end

--- Whether it shows this client's suggestions in the buffer; the user may have switched it off since.
---@param client vim.lsp.Client
---@param bufnr integer
---@return boolean
function M.is_active(client, bufnr)
  local object = completor(bufnr)
  return object ~= nil and object.client_state[client.id] ~= nil
end

--- Show these items; none clears what this client showed.
---@param client vim.lsp.Client
---@param bufnr integer
---@param items lsp.InlineCompletionItem[]
function M.show(client, bufnr, items)
  if M.is_active(client, bufnr) then
    local context = { client_id = client.id, bufnr = bufnr, method = method }
    completor(bufnr):handler(nil, { items = items }, context)
  end
end

--- The text of the item that is selected now, if it is this client's.
---@param client vim.lsp.Client
---@param bufnr integer
---@return string?
function M.selected(client, bufnr)
  local object = completor(bufnr)
  local item = object and object.current
  if item and item.client_id == client.id and type(item.insert_text) == 'string' then
    return item.insert_text
  end
end

--- Hide the ghost and cancel the buffer's requests that are not answered yet.
---@param bufnr integer
function M.abort(bufnr)
  local object = completor(bufnr)
  if object then
    object:abort()
  end
end

--- Whether a request comes from the built-in's own timer.
---@param requested string
---@param handler? function
---@return boolean
function M.is_own_request(requested, handler)
  return requested == method
    and handler ~= nil
    and vim.endswith(debug.getinfo(handler, 'S').source, 'vim/lsp/inline_completion.lua')
end

return M
