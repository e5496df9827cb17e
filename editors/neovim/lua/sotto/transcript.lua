--- The buffer that shows a conversation, as Markdown. It grows at its end; who reads further up stays there.
local M = {}

local fences = require('sotto.fences')

local thinking = '> *Thinking*'

--- A reply, for what is done with its code.
---@class sotto.Reply
---@field row integer of its heading, 1-based; lines are added at the end alone, so it stays
---@field content string
---@field edits sotto.Edit[] what the model proposed with its tools

---@class sotto.Transcript
---@field bufnr integer
---@field replies sotto.Reply[]
---@field section string what the last lines are: `heading`, `thinking`, `step`, `text`, `note`
---@field text string the answer's text since the last step
---@field thinking_row? integer where it begins to think
---@field folds { [1]: integer, [2]: integer }[] the lines of what was thought
local Transcript = {}
Transcript.__index = Transcript

---@param name string
---@return sotto.Transcript
function M.new(name)
  local bufnr = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(bufnr, name)
  vim.bo[bufnr].undolevels = -1
  vim.bo[bufnr].filetype = 'markdown'
  vim.bo[bufnr].modifiable = false
  pcall(vim.treesitter.start, bufnr, 'markdown')
  return setmetatable({ bufnr = bufnr, replies = {}, section = '', text = '', folds = {} }, Transcript)
end

--- For 'foldtext'.
---@return string
function M.folded()
  return ('> Thinking: %d lines (zo opens)'):format(vim.v.foldend - vim.v.foldstart)
end

--- Fold what the model thought, in a window that shows it. By hand: folds by expression stand still while
--- anyone is in Insert mode.
---@param window integer
---@param first? integer the first fold to make
function Transcript:fold(window, first)
  vim.api.nvim_win_call(window, function()
    for number = first or 1, #self.folds do
      vim.cmd.fold({ range = self.folds[number] })
    end
  end)
end

--- Windows whose cursor is at the end: they follow what is written.
---@return integer[]
function Transcript:_followers()
  local last = vim.api.nvim_buf_line_count(self.bufnr)
  return vim.tbl_filter(function(window)
    return vim.api.nvim_win_get_cursor(window)[1] == last
  end, vim.fn.win_findbuf(self.bufnr))
end

---@param text string
function Transcript:_append(text)
  if not vim.api.nvim_buf_is_valid(self.bufnr) then
    return
  end
  local followers = self:_followers()
  local lines = vim.split(text, '\n', { plain = true })
  local row = vim.api.nvim_buf_line_count(self.bufnr) - 1
  local line = vim.api.nvim_buf_get_lines(self.bufnr, row, row + 1, true)[1]
  vim.bo[self.bufnr].modifiable = true
  vim.api.nvim_buf_set_text(self.bufnr, row, #line, row, #line, lines)
  vim.bo[self.bufnr].modifiable = false
  vim.bo[self.bufnr].modified = false
  for _, window in ipairs(followers) do
    vim.api.nvim_win_set_cursor(window, { row + #lines, #lines[#lines] })
  end
end

--- How many empty lines the text ends with.
---@return integer
function Transcript:_empty_lines()
  local last = vim.api.nvim_buf_get_lines(self.bufnr, -3, -1, false)
  return last[#last] ~= '' and 0 or last[#last - 1] ~= '' and 1 or 2
end

--- Begin lines of another kind, with an empty line in between.
---@param section string
function Transcript:_begin(section)
  local is_empty = vim.api.nvim_buf_line_count(self.bufnr) == 1 and self.section == ''
  if self.section == 'text' then
    local fence = fences.missing(self.text)
    self:_append(fence and '\n' .. fence or '')
  end
  local last = vim.api.nvim_buf_line_count(self.bufnr)
  if not is_empty then
    local wanted = section == 'step' and self.section == 'step' and 1 or 2
    self:_append(('\n'):rep(wanted - self:_empty_lines()))
  end
  -- Only now: a fold whose last line is written to loses it.
  if self.section == 'thinking' then
    table.insert(self.folds, { self.thinking_row, last })
    for _, window in ipairs(vim.fn.win_findbuf(self.bufnr)) do
      self:fold(window, #self.folds)
    end
  end
  self.section = section
end

---@param heading string
function Transcript:_heading(heading)
  self:_begin('heading')
  self:_append('# ' .. heading)
end

---@param content string
function Transcript:question(content)
  self:_heading('You')
  self:_begin('text')
  self.text = content
  self:_append(content)
end

--- Begin an answer.
function Transcript:answer()
  self:_heading('Sotto')
  self.text = ''
  table.insert(self.replies, { row = vim.api.nvim_buf_line_count(self.bufnr), content = '', edits = {} })
end

---@param text string
function Transcript:reasoning(text)
  if self.section ~= 'thinking' then
    self:_begin('thinking')
    self.thinking_row = vim.api.nvim_buf_line_count(self.bufnr)
    self:_append(thinking .. '\n> ')
  end
  self:_append((text:gsub('\n', '\n> ')))
end

---@param text string
function Transcript:write(text)
  text = text:gsub('\r\n?', '\n')
  if self.section ~= 'text' then
    -- Models begin with line ends, above all after they have thought.
    text = text:gsub('^%s*\n', '')
    if text == '' then
      return
    end
    self:_begin('text')
    self.text = ''
  end
  self.text = self.text .. text
  self:_append(text)
end

--- A remark of Sotto's own.
---@param text string
function Transcript:note(text)
  self:_begin('note')
  self:_append('*' .. text:gsub('\n', ' ') .. '*')
end

---@param tool string
---@param arguments table
function Transcript:step(tool, arguments)
  self:_begin('step')
  local words = {}
  for name, value in vim.spairs(arguments) do
    local shown = type(value) == 'string' and value or vim.json.encode(value)
    words[#words + 1] = ('%s=%s'):format(name, vim.fn.strcharpart(shown:gsub('[\n`]', ' '), 0, 60))
  end
  self:_append(('- `%s`'):format(table.concat({ tool == '' and 'unreadable call' or tool, unpack(words) }, ' ')))
  self.text = ''
end

---@param summary string
---@param failed boolean
function Transcript:step_end(summary, failed)
  self:_append((failed and ' **failed**: ' or ': ') .. summary:gsub('\n', ' '))
end

--- Serve a piece of an answer as the server sends it.
---@param event table
function Transcript:event(event)
  if event.kind == 'text' then
    self:write(event.text)
  elseif event.kind == 'reasoning' then
    self:reasoning(event.text)
  elseif event.kind == 'context' then
    self:note('Attached: ' .. table.concat(event.titles, '; '))
  elseif event.kind == 'step' then
    self:step(event.tool, event.arguments)
  elseif event.kind == 'stepEnd' then
    self:step_end(event.summary, event.failed)
  end
end

--- Write the answer of a turn that the server kept.
---@param turn table
function Transcript:kept(turn)
  if turn.reasoning ~= '' then
    self:reasoning(turn.reasoning)
  end
  for _, step in ipairs(turn.answer and turn.answer.steps or {}) do
    self:write(step.content)
    self:step(step.tool, step.arguments)
    self:step_end(step.failed and step.result or 'done', step.failed)
  end
  self:write(turn.answer and turn.answer.content or '')
  self:finish(turn.answer)
  if turn.outcome ~= 'finished' then
    self:note(turn.outcome == 'pending' and 'Not finished.' or turn.outcome == 'stopped' and 'Stopped.' or 'Failed.')
  end
end

--- End an answer.
---@param answer? { content: string, edits?: sotto.Edit[] } as the server has it; without it, what was written
function Transcript:finish(answer)
  local reply = self.replies[#self.replies]
  reply.content = answer and answer.content or self.text
  reply.edits = answer and answer.edits or {}
  local paths = vim.tbl_map(function(edit)
    return edit.path
  end, reply.edits)
  if #paths > 0 then
    self:note(('Proposed, and not made yet: %s. `ga` here shows it.'):format(table.concat(paths, ', ')))
  end
end

--- The reply that holds a line.
---@param row integer 1-based
---@return sotto.Reply?
function Transcript:reply_at(row)
  local found
  for _, reply in ipairs(self.replies) do
    if reply.row <= row then
      found = reply
    end
  end
  return found
end

---@return string[]
function Transcript:lines()
  return vim.api.nvim_buf_get_lines(self.bufnr, 0, -1, true)
end

return M
