--- Insert a suggestion, or a part of it, at the cursor.
local M = {}

local suggestions = require('sotto.suggestions')

--- Start a new undo step, so that `u` takes back what was accepted and leaves what was typed.
local function break_undo()
  vim.cmd('let &g:undolevels = &g:undolevels')
end

--- Insert the part of the visible suggestion that `cut` returns.
---@param cut fun(text: string): string
---@return boolean whether there was a suggestion
local function insert(cut)
  local bufnr = vim.api.nvim_get_current_buf()
  local candidate = suggestions.visible(bufnr)
  if not candidate then
    return false
  end
  local part = cut(candidate.text)
  local rest = candidate.text:sub(#part + 1)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  -- A part goes in front of what the whole replaces.
  local line = vim.api.nvim_get_current_line()
  local stop = rest == '' and #line - #candidate.after or col
  local lines = vim.split(part, '\n', { plain = true })
  suggestions.dismiss(bufnr)
  break_undo()
  vim.api.nvim_buf_set_text(bufnr, row - 1, col, row - 1, stop, lines)
  local column = #lines[#lines] + (#lines == 1 and col or 0)
  vim.api.nvim_win_set_cursor(0, { row + #lines - 1, column })
  break_undo()
  if rest ~= '' then
    suggestions.continue(bufnr, vim.tbl_extend('force', candidate, { text = rest }))
  else
    suggestions.accepted(bufnr, candidate)
  end
  return true
end

---@return boolean
function M.all()
  return insert(function(text)
    return text
  end)
end

--- Leading blanks, then a run of keyword characters or a run of others. What a keyword character is says
--- the buffer's 'iskeyword'.
---@return boolean
function M.word()
  return insert(function(text)
    local part = vim.fn.matchstr(text, [[^\_s*\%(\k\+\|\%(\k\@!\S\)\+\)]])
    return part ~= '' and part or text
  end)
end

---@return boolean
function M.line()
  return insert(function(text)
    return (text:match('^\n*[^\n]*'))
  end)
end

return M
