--- What the server last said about itself, and the last suggestion's time, for the status line.
local M = {}

---@type table?
local status
---@type number?
local latency_ms

--- Serve `sotto/status`.
---@param said table
function M.hear(said)
  status = require('sotto.wire').without_nulls(said)
  vim.cmd.redrawstatus({ bang = true })
end

--- How long the editor waited for a suggestion.
---@param ms number
function M.answered(ms)
  latency_ms = ms
end

--- For a status line: the model or its state, a pause, the last suggestion's time. Empty where Sotto is not
--- attached. It asks nobody and costs next to nothing.
---@param bufnr integer
---@return string
function M.line(bufnr)
  if not vim.lsp.get_clients({ name = 'sotto', bufnr = bufnr })[1] then
    return ''
  end
  local state = status and status.state or 'loading'
  if state ~= 'ready' or not status.model then
    return 'sotto: ' .. (state == 'stopped' and 'idle' or state)
  end
  local pause = require('sotto.pauses').at(bufnr)
  if pause then
    return ('sotto: paused (%s)'):format(pause)
  end
  local time = latency_ms and (' %.0f ms'):format(latency_ms) or ''
  return 'sotto: ' .. status.model.name .. time
end

return M
