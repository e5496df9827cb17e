--- Fenced code blocks in lines of Markdown: pure functions.
local M = {}

---@class sotto.Block
---@field first integer 1-based line of the opening fence
---@field last integer line of the closing fence, or the last line if none closes it
---@field info string what stands behind the opening fence
---@field lines string[] what is between the fences
---@field closed boolean

---@param line string
---@return string? margin, string? fence, string? info
local function opening(line)
  for _, mark in ipairs({ '`', '~' }) do
    local margin, fence, info = line:match(('^(%%s*)(%s%s%s+)(.*)$'):format(mark, mark, mark))
    if fence and not (mark == '`' and info:find('`', 1, true)) then
      return margin, fence, vim.trim(info)
    end
  end
end

---@param line string
---@param fence string
---@return boolean
local function closes(line, fence)
  local trimmed = vim.trim(line)
  return #trimmed >= #fence and trimmed == fence:sub(1, 1):rep(#trimmed)
end

--- All blocks, in their order. Between search and replace markers a fence is text, as for the server.
---@param lines string[]
---@return sotto.Block[]
function M.blocks(lines)
  local blocks = {} ---@type sotto.Block[]
  local block, fence, margin, is_inside
  for number, line in ipairs(lines) do
    if not block then
      local found, mark, info = opening(line)
      if mark then
        block = { first = number, last = #lines, info = info, lines = {}, closed = false }
        fence, margin, is_inside = mark, found, false
        blocks[#blocks + 1] = block
      end
    elseif not is_inside and closes(line, fence) then
      block.last, block.closed, block = number, true, nil
    else
      if line:find('^<<<<<+ ?SEARCH%s*$') then
        is_inside = true
      elseif line:find('^>>>>>+ ?REPLACE%s*$') then
        is_inside = false
      end
      local indented = vim.startswith(line, margin)
      block.lines[#block.lines + 1] = indented and line:sub(#margin + 1) or line
    end
  end
  return blocks
end

--- The block that holds this line, its fences included.
---@param lines string[]
---@param number integer 1-based
---@return sotto.Block?
function M.at(lines, number)
  for _, block in ipairs(M.blocks(lines)) do
    if block.first <= number and number <= block.last then
      return block
    end
  end
end

--- The fence that would close a block which the text leaves open, or nil. Without it all that follows
--- would be code.
---@param text string
---@return string?
function M.missing(text)
  local lines = vim.split(text, '\n', { plain = true })
  local blocks = M.blocks(lines)
  local last = blocks[#blocks]
  if last and not last.closed then
    local _, fence = opening(lines[last.first])
    return fence
  end
end

return M
