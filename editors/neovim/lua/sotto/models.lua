--- Choose the model for this session.
local M = {}

local server = require('sotto.server')

--- Where model files usually are.
local folders = {
  '~/models',
  '~/.cache/huggingface/hub',
  '~/.cache/llama.cpp',
  '~/.lmstudio/models',
  '~/.cache/lm-studio/models',
  '~/.local/share/models',
}
local max_files = 100
local builtin = 'the built-in model'
local other = 'another file …'

--- A file that a model can be loaded from: not the second part of one, not the eyes of one.
---@param name string
---@return boolean
local function is_model(name)
  local part = name:match('%-(%d+)%-of%-%d+%.gguf$')
  return vim.endswith(name, '.gguf') and not name:find('mmproj', 1, true) and (not part or tonumber(part) == 1)
end

--- Model files in the usual folders, and the configured one.
---@return string[]
function M.files()
  local found = { server.setting('model', 'path') }
  for _, folder in ipairs(folders) do
    local path = vim.fs.normalize(folder)
    if vim.uv.fs_stat(path) then
      vim.list_extend(found, vim.fs.find(is_model, { path = path, limit = max_files }))
    end
  end
  return vim.list.unique(found)
end

--- Load another model. The server starts anew: only from its start may it take a file of an open folder.
---@param path string|vim.NIL
local function use(path)
  server.set('model', 'path', path)
  server.restart()
end

--- Use this file.
---@param path string
function M.use(path)
  local full = vim.fs.normalize(vim.fs.abspath(path))
  if not vim.uv.fs_stat(full) then
    return vim.notify(('Sotto: there is no file %s'):format(full), vim.log.levels.WARN)
  end
  use(full)
end

function M.choose()
  local choices = { builtin }
  vim.list_extend(choices, M.files())
  choices[#choices + 1] = other
  local options = {
    prompt = 'Model for this session:',
    format_item = function(choice)
      local is_file = choice ~= builtin and choice ~= other
      return is_file and vim.fn.fnamemodify(choice, ':~') or choice
    end,
  }
  vim.ui.select(choices, options, function(choice)
    if choice == builtin then
      use(vim.NIL)
    elseif choice == other then
      vim.ui.input({ prompt = 'Model file (GGUF): ', completion = 'file' }, function(path)
        if path and vim.trim(path) ~= '' then
          M.use(vim.trim(path))
        end
      end)
    elseif choice then
      M.use(choice)
    end
  end)
end

return M
