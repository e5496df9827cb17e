--- What the server says about itself, as lines for people.
local M = {}

---@param bytes? number
---@return string
local function mebibytes(bytes)
  return bytes and ('%.0f MiB'):format(bytes / 1024 / 1024) or '?'
end

---@param count? number
---@return string
local function parameters(count)
  if not count then
    return '?'
  elseif count >= 1e9 then
    return ('%.1f B'):format(count / 1e9)
  end
  return ('%.1f M'):format(count / 1e6)
end

--- The answer to `sotto/status`.
---@param status table
---@return string[]
function M.status(status)
  local lines = { ('Sotto %s is %s.'):format(status.version or '?', status.state or '?') }
  local model = status.model
  if model then
    lines[#lines + 1] = ('Model: %s (%s, %s parameters, %s, context of %s tokens)'):format(
      model.name or '?',
      model.arch or '?',
      parameters(model.n_params),
      model.quantization or '?',
      model.n_ctx or '?'
    )
    lines[#lines + 1] = ('File: %s'):format(model.path or '?')
  end
  lines[#lines + 1] = ('Runs on %s with %s threads, %s of memory.'):format(
    status.backend ~= '' and status.backend or '?',
    status.threads or '?',
    mebibytes(status.rss_bytes)
  )
  lines[#lines + 1] = status.message
  return lines
end

--- What a person can do about a reason, where its name does not say so.
local advice = {
  ['out-of-step'] = "the server's copy is another text, as with mixed line ends; make them alike and `:e`",
  ['low-confidence'] = 'the model was not sure; asked for by key it is shown all the same',
}

--- One record of `sotto/recentRequests`.
---@param record table
---@return string
local function record_line(record)
  local position = record.position or {}
  local place = ('%d:%d'):format((position.line or 0) + 1, (position.character or 0) + 1)
  local parts = { ('%-9s'):format(place), ('%-10s'):format(record.outcome or '?') }
  if record.reason and record.reason ~= '' then
    parts[#parts + 1] = record.reason
  end
  if record.source == 'model' then
    local tokens = '%d tokens read, %d of them new, %d written'
    parts[#parts + 1] = tokens:format(
      record.n_prompt_tokens or 0,
      record.n_evaluated_tokens or 0,
      record.n_decoded_tokens or 0
    )
  elseif record.source then
    parts[#parts + 1] = record.source
  end
  if record.total_ms then
    parts[#parts + 1] = ('%.0f ms'):format(record.total_ms)
  end
  return table.concat(parts, '  ')
end

--- The newest records of one file, newest first.
---@param records table[]
---@param uri string
---@param count integer
---@return string[]
function M.requests(records, uri, count)
  local lines = {} ---@type string[]
  for index = #records, 1, -1 do
    local record = records[index]
    if record.uri == uri and #lines < count then
      lines[#lines + 1] = record_line(record)
    end
  end
  return lines
end

--- What can be done about the newest record of one file; nil if nothing, or there is none.
---@param records table[]
---@param uri string
---@return string?
function M.advice(records, uri)
  for index = #records, 1, -1 do
    if records[index].uri == uri then
      return advice[records[index].reason]
    end
  end
end

return M
