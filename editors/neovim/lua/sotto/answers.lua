--- What is done with the code in an answer: applied, copied, inserted. The cursor says which code is meant.
local M = {}

local fences = require('sotto.fences')

---@param message string
---@param level? integer
local function say(message, level)
  vim.notify('Sotto: ' .. message, level or vim.log.levels.WARN)
end

---@param lines string[]
---@return sotto.Block?
local function block_under_cursor(lines)
  return fences.at(lines, vim.api.nvim_win_get_cursor(0)[1])
end

--- A block as the server wants it: with the line in front of it, which may say what file it is for.
---@param lines string[]
---@param block sotto.Block
---@return string
local function with_path(lines, block)
  local taken = vim.list_slice(lines, block.first, block.last)
  for number = block.first - 1, math.max(1, block.first - 2), -1 do
    local line = vim.trim(lines[number])
    if line ~= '' then
      -- Another block's end would begin one here.
      return table.concat(fences.at(lines, number) and taken or { line, unpack(taken) }, '\n')
    end
  end
  return table.concat(taken, '\n')
end

--- Show what the code block under the cursor would change. Elsewhere in an answer: what the model proposed
--- with its tools, or else all blocks.
---@param transcript sotto.Transcript
---@param code integer the buffer that blocks without a path mean
function M.apply(transcript, code)
  local lines = transcript:lines()
  local block = block_under_cursor(lines)
  local reply = transcript:reply_at(vim.api.nvim_win_get_cursor(0)[1])
  local server = require('sotto.server')
  local client = server.client(code)
  if not reply or not client then
    return say(reply and assert(server.absence(code)) or 'there is no answer here')
  end
  if not block and #reply.edits > 0 then
    return require('sotto.review').show(reply.edits, client.offset_encoding)
  end
  local content = block and with_path(lines, block) or reply.content
  local params = { content = content, uri = vim.uri_from_bufnr(code) }
  ---@diagnostic disable-next-line: param-type-mismatch - the method is the server's own
  client:request('sotto/proposeEdits', params, function(problem, result)
    local edits = not problem and require('sotto.wire').without_nulls(result).edits
    if problem or #edits == 0 then
      return say(problem and problem.message or 'there is nothing to apply here')
    end
    require('sotto.review').show(edits, client.offset_encoding)
  end, code)
end

--- Copy the block under the cursor into the register that was named, or the unnamed one.
---@param transcript sotto.Transcript
function M.copy(transcript)
  local block = block_under_cursor(transcript:lines())
  if not block then
    return say('there is no code block under the cursor')
  end
  vim.fn.setreg(vim.v.register, block.lines, 'l')
  say(('%d lines copied'):format(#block.lines), vim.log.levels.INFO)
end

--- Insert the block below the cursor of the window that shows the code.
---@param transcript sotto.Transcript
---@param code integer
function M.insert(transcript, code)
  local block = block_under_cursor(transcript:lines())
  local window = vim.fn.bufwinid(code)
  if not block or window == -1 then
    return say(block and 'no window shows the code' or 'there is no code block under the cursor')
  end
  vim.api.nvim_win_call(window, function()
    vim.api.nvim_put(block.lines, 'l', true, false)
  end)
end

return M
