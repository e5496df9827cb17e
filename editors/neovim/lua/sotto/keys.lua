--- Insert-mode keys that act while a suggestion is visible and else do what they did before.
local M = {}

local config = require('sotto.config')

---@type table<string, string>
local descriptions = {
  accept = 'accept the suggestion',
  accept_word = 'accept its next word',
  accept_line = 'accept its line',
  next = 'next candidate',
  previous = 'previous candidate',
  dismiss = 'dismiss the suggestion',
  trigger = 'suggest now',
}

--- Neovim's own <Tab>, which jumps in snippets.
local default_tab = 'vim.snippet.jump if active, otherwise <Tab>'

---@param lhs string
---@return string
local function normal(lhs)
  return vim.fn.keytrans(vim.api.nvim_replace_termcodes(lhs, true, true, true))
end

--- The mapping of a key, among the buffer's or the global ones.
---@param mappings vim.api.keyset.get_keymap[]
---@param lhs string
---@return vim.api.keyset.get_keymap?
local function mapping_of(mappings, lhs)
  for _, mapping in ipairs(mappings) do
    if normal(mapping.lhs) == normal(lhs) then
      return mapping
    end
  end
end

---@param mapping? vim.api.keyset.get_keymap
---@return boolean
local function is_ours(mapping)
  return mapping ~= nil and vim.startswith(mapping.desc or '', 'Sotto: ')
end

---@param lhs string
---@return string
local function plug(lhs)
  return ('<Plug>(sotto-before-%s)'):format(normal(lhs):gsub('[<>]', ''))
end

--- What the key did before, as keys that do it. A global mapping is looked up when the key is pressed, so
--- that one made after Sotto was attached counts too.
---@param lhs string
---@param before? vim.api.keyset.get_keymap the buffer's own mapping that Sotto's took the place of
---@return string?
local function previous_keys(lhs, before)
  local mapping = before or mapping_of(vim.api.nvim_get_keymap('i'), lhs)
  if not mapping then
    return nil
  end
  local name = plug(lhs)
  local copy = vim.tbl_extend('force', mapping, {
    lhs = name,
    lhsraw = vim.api.nvim_replace_termcodes(name, true, true, true),
    buffer = 1,
  })
  copy.lhsrawalt = nil
  vim.fn.mapset('i', false, copy)
  return name
end

--- Whether a visible suggestion gives way: to a snippet that can jump, to a popup menu in use.
---@param lhs string
---@param before? vim.api.keyset.get_keymap
---@return boolean
local function gives_way(lhs, before)
  if normal(lhs) == '<Tab>' and vim.snippet.active({ direction = 1 }) then
    return true
  end
  if vim.fn.pumvisible() == 0 then
    return false
  end
  local mapping = before or mapping_of(vim.api.nvim_get_keymap('i'), lhs)
  local own = mapping ~= nil and mapping.desc ~= default_tab
  return own or vim.fn.complete_info({ 'selected' }).selected >= 0
end

--- Neovim looks ahead in what is typed fast, so an expression mapping would be asked before the keys in
--- front of it have arrived in the buffer. Hence the decision is made here, when the key's turn has come,
--- and what the key did before is put in front of the keys that wait.
---@param action string
---@param lhs string
---@param before? vim.api.keyset.get_keymap
local function press(action, lhs, before)
  local sotto = require('sotto')
  if action == 'trigger' or (sotto.visible() and not gives_way(lhs, before)) then
    sotto[action]()
    return
  end
  local keys, flags = previous_keys(lhs, before), 'im'
  if not keys then
    -- An unmapped Alt key would leave insert mode; pressing it once too often should not.
    keys, flags = normal(lhs):find('^<M%-') and '' or lhs, 'in'
  end
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, true, true), flags, false)
end

---@param bufnr integer
function M.attach(bufnr)
  local keys = config.get().keys
  if not keys then
    return
  end
  for action, lhs in pairs(keys) do
    if lhs then
      local before = mapping_of(vim.api.nvim_buf_get_keymap(bufnr, 'i'), lhs)
      if not is_ours(before) then
        vim.keymap.set('i', lhs, function()
          press(action, lhs, before)
        end, { buffer = bufnr, desc = 'Sotto: ' .. descriptions[action] })
      end
    end
  end
end

--- Keys that do not reach Sotto in a buffer, each with the mapping that took its place.
---@param bufnr integer
---@return {action: string, lhs: string, by: string}[]
function M.conflicts(bufnr)
  local found = {}
  for action, lhs in pairs(config.get().keys or {}) do
    local mapping = lhs and mapping_of(vim.api.nvim_buf_get_keymap(bufnr, 'i'), lhs)
    if lhs and not is_ours(mapping) then
      local by = mapping and (mapping.desc or mapping.rhs or 'a Lua function') or 'nothing'
      found[#found + 1] = { action = action, lhs = lhs, by = by }
    end
  end
  table.sort(found, function(a, b)
    return a.action < b.action
  end)
  return found
end

return M
