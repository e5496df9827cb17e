--- What the user may choose, with its defaults.
local M = {}

---@class sotto.Keys
---@field accept string|false Insert the whole suggestion.
---@field accept_word string|false Insert its next word.
---@field accept_line string|false Insert the rest of its current line.
---@field next string|false Show the next candidate; asks for more if there is only one.
---@field previous string|false Show the candidate before.
---@field dismiss string|false Hide the suggestion.
---@field trigger string|false Ask now, whatever the automatic gates say.

---@class sotto.ChatConfig
---@field tools boolean Whether the model may look around in the project from the start.
---@field width integer Columns of the chat's windows; never more than half of the screen.

---@class sotto.Config
---@field chat sotto.ChatConfig
---@field keys sotto.Keys|false Insert-mode keys, set in buffers that Sotto is attached to.
---@field debounce_ms integer Milliseconds of quiet before the server is asked.
---@field exclude string[] Filetypes that Sotto keeps out of.
---@field settings table The server's settings, as `docs/configuration.md` lists them.

---@type sotto.Config
local defaults = {
  chat = { tools = false, width = 80 },
  keys = {
    accept = '<Tab>',
    accept_word = '<M-w>',
    accept_line = '<M-l>',
    next = '<M-]>',
    previous = '<M-[>',
    dismiss = '<C-]>',
    trigger = '<M-\\>',
  },
  debounce_ms = 10,
  exclude = { 'help', 'gitcommit', 'gitrebase', 'mail' },
  settings = {},
}

M.root_markers = { '.git', '.hg', '.jj', '.svn', 'pyproject.toml', 'package.json', 'Cargo.toml', 'go.mod' }

local current = vim.deepcopy(defaults)

---@return sotto.Config
function M.get()
  return current
end

---@return sotto.Config
function M.defaults()
  return vim.deepcopy(defaults)
end

--- Replace the configuration. An unknown or wrong option is an error that names it.
---@param options? table
function M.set(options)
  vim.validate('options', options, 'table', true)
  options = options or {}
  for name, value in pairs(options) do
    local default = defaults[name]
    if default == nil then
      local known = vim.tbl_keys(defaults)
      table.sort(known)
      error(('sotto: no option is called %q; there is %s'):format(name, table.concat(known, ', ')), 0)
    end
    local off = name == 'keys' and value == false
    if type(value) ~= type(default) and not off then
      error(('sotto: option %q is a %s, a %s was expected'):format(name, type(value), type(default)), 0)
    end
  end
  for name, value in pairs(options.chat or {}) do
    if type(value) ~= type(defaults.chat[name]) then
      local wanted = 'chat has `tools`, a boolean, and `width`, a number'
      error(('sotto: option "chat.%s" is unknown or a wrong %s; %s'):format(name, type(value), wanted), 0)
    end
  end
  for name, key in pairs(options.keys or {}) do
    if defaults.keys[name] == nil then
      local known = vim.tbl_keys(defaults.keys)
      table.sort(known)
      error(('sotto: no key is called %q; there is %s'):format(name, table.concat(known, ', ')), 0)
    end
    if type(key) ~= 'string' and key ~= false then
      error(('sotto: key %q is a %s, a string or false was expected'):format(name, type(key)), 0)
    end
  end
  current = vim.tbl_extend('force', M.defaults(), options)
  current.chat = vim.tbl_extend('force', M.defaults().chat, options.chat or {})
  if options.keys then
    current.keys = vim.tbl_extend('force', M.defaults().keys, options.keys)
  end
end

--- Whether the server should see this buffer.
---@param bufnr integer
---@return boolean
function M.wants(bufnr)
  local options = vim.bo[bufnr]
  return options.buftype == '' and not vim.list_contains(current.exclude, options.filetype)
end

return M
