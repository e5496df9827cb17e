--- Where a question is written: a buffer below the conversation, its keys, its completion, what it attaches.
local M = {}

local commands = { '/commit', '/doc', '/explain', '/fix', '/refactor', '/tests' }

--- Words after `@` that are no file.
local words = {
  buffer = 'the file in the code window',
  diagnostics = 'what servers and linters say about it',
  diff = 'the uncommitted changes',
}

---@class sotto.Writing
---@field send fun()
---@field stop fun()

--- The completion for the line left of the cursor.
---@param before string
---@return integer? start 1-based byte column, table[] items
function M.candidates(before)
  local items = {}
  local command = before:match('^/%a*$')
  if command then
    for _, name in ipairs(commands) do
      if vim.startswith(name, command) then
        items[#items + 1] = { word = name }
      end
    end
    return 1, items
  end
  local start, lead = before:match('()@([^%s@]*)$')
  if not start or before:sub(start - 1, start - 1):find('%w') then
    return nil, items
  end
  for word, what in vim.spairs(words) do
    if vim.startswith(word, lead) then
      items[#items + 1] = { word = '@' .. word, menu = what }
    end
  end
  for _, path in ipairs(vim.fn.getcompletion(lead, 'file')) do
    items[#items + 1] = { word = '@' .. path }
  end
  return start, items
end

local function complete()
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local before = vim.api.nvim_get_current_line():sub(1, col)
  if row > 1 and vim.startswith(before, '/') then
    return
  end
  local start, items = M.candidates(before)
  if start and #items > 0 and items[1].word ~= before:sub(start) then
    vim.fn.complete(start, items)
  end
end

--- What a question attaches by its `@words`. A word that is neither a file nor known is just a word.
---@param content string
---@param code integer the code's buffer
---@return table[]
function M.attachments(content, code)
  local uri = vim.uri_from_bufnr(code)
  local known = {
    buffer = { kind = 'file', uri = uri },
    diagnostics = { kind = 'diagnostics', uri = uri },
    diff = { kind = 'diff' },
  }
  local root = vim.fs.root(code, require('sotto.config').root_markers) or vim.fn.getcwd()
  local found, seen = {}, {}
  for word in (' ' .. content):gmatch('[%s(]@(%S+)') do
    -- What ends a sentence may be part of a name, but seldom is.
    for _, name in ipairs({ word, (word:gsub('[%p]+$', '')) }) do
      local attachment = known[name]
      for _, folder in ipairs({ vim.fn.getcwd(), root }) do
        local path = vim.fs.normalize(vim.fs.joinpath(folder, name))
        path = vim.startswith(name, '/') and name or vim.startswith(name, '~') and vim.fs.normalize(name) or path
        local stat = not attachment and vim.uv.fs_stat(path)
        if stat and stat.type == 'file' then
          attachment = { kind = 'file', uri = vim.uri_from_fname(path) }
        end
      end
      if attachment and not seen[name] then
        seen[name] = true
        found[#found + 1] = attachment
      end
      if attachment then
        break
      end
    end
  end
  return found
end

--- Send, unless an entry of the menu is chosen by this key.
---@param writing sotto.Writing
local function enter(writing)
  if vim.fn.pumvisible() == 1 and vim.fn.complete_info({ 'selected' }).selected >= 0 then
    vim.api.nvim_feedkeys(vim.keycode('<C-y>'), 'in', false)
  else
    writing.send()
  end
end

---@param writing sotto.Writing
---@return integer bufnr
function M.new(writing)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, 'sotto://question')
  vim.bo[bufnr].filetype = 'markdown'
  vim.bo[bufnr].completeopt = 'menuone,noselect'
  local function map(modes, lhs, action, desc)
    vim.keymap.set(modes, lhs, action, { buffer = bufnr, desc = 'Sotto: ' .. desc })
  end
  map({ 'n', 'i' }, '<CR>', function()
    enter(writing)
  end, 'send the question')
  map('i', '<M-CR>', function()
    vim.api.nvim_feedkeys(vim.keycode('<CR>'), 'in', false)
  end, 'a new line')
  map({ 'n', 'i' }, '<C-c>', writing.stop, 'stop the answer')
  vim.api.nvim_create_autocmd('TextChangedI', { buffer = bufnr, callback = complete })
  return bufnr
end

--- Take what is written, leaving the buffer empty.
---@param bufnr integer
---@return string
function M.take(bufnr)
  local content = table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, true), '\n')
  vim.api.nvim_buf_set_lines(bufnr, 0, -1, true, {})
  return vim.trim(content)
end

--- Put a question back that was not answered, unless another one is being written.
---@param bufnr integer
---@param content string
function M.put_back(bufnr, content)
  local lines = vim.api.nvim_buf_get_lines(bufnr, 0, -1, true)
  if #lines == 1 and lines[1] == '' then
    vim.api.nvim_buf_set_lines(bufnr, 0, -1, true, vim.split(content, '\n', { plain = true }))
  end
end

return M
