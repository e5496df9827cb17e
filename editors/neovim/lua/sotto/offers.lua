--- What a server's answer means at a place in the text: pure functions, no state.
local M = {}

---@class sotto.Candidate
---@field text string what would come at the cursor
---@field after string the line's text right of what would be replaced
---@field command? lsp.Command the server's, to be executed after the candidate was accepted

--- Where the cursor was, and in which line.
---@class sotto.Place
---@field row integer 0-based
---@field before string the line's text left of the cursor
---@field line string

--- Candidates that continue the text at `place`.
---@class sotto.Offer
---@field place sotto.Place
---@field candidates sotto.Candidate[]
---@field kind lsp.InlineCompletionTriggerKind

--- Where the cursor is now.
---@return sotto.Place
function M.here()
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_get_current_line()
  return { row = row - 1, before = line:sub(1, col), line = line }
end

--- What is left of an offer now that the cursor is at `place`; nil if nothing continues the text there.
---@param offer sotto.Offer
---@param place sotto.Place
---@return sotto.Offer?
function M.remainder(offer, place)
  local origin = offer.place
  if origin.row ~= place.row or not vim.startswith(place.before, origin.before) then
    return nil
  end
  local typed = place.before:sub(#origin.before + 1)
  local right = place.line:sub(#place.before + 1)
  local candidates = {} ---@type sotto.Candidate[]
  for _, candidate in ipairs(offer.candidates) do
    local text = candidate.text
    if vim.startswith(text, typed) and #text > #typed and vim.endswith(right, candidate.after) then
      candidates[#candidates + 1] = vim.tbl_extend('force', candidate, { text = text:sub(#typed + 1) })
    end
  end
  if #candidates > 0 then
    return { place = place, candidates = candidates, kind = offer.kind }
  end
end

--- The server's items as candidates at the place the request was made from. Items that change text left
--- of the cursor cannot be shown as ghost text and are left out; so are snippets, which it never sends.
---@param items lsp.InlineCompletionItem[]
---@param place sotto.Place
---@param encoding lsp.PositionEncodingKind
---@return sotto.Candidate[]
function M.candidates(items, place, encoding)
  local candidates = {} ---@type sotto.Candidate[]
  for _, item in ipairs(items) do
    local from, to = #place.before, #place.before
    local same_row = true
    if item.range then
      same_row = item.range.start.line == place.row and item.range['end'].line == place.row
      from = vim.str_byteindex(place.line, encoding, item.range.start.character, false)
      to = vim.str_byteindex(place.line, encoding, item.range['end'].character, false)
    end
    local typed = place.before:sub(from + 1)
    if same_row and from <= #place.before and to >= #place.before and type(item.insertText) == 'string' then
      -- The server speaks the file's line ends, a buffer's lines have none.
      local text = item.insertText:gsub('\r\n?', '\n')
      if vim.startswith(text, typed) and #text > #typed then
        candidates[#candidates + 1] = {
          text = text:sub(#typed + 1),
          after = place.line:sub(to + 1),
          command = item.command,
        }
      end
    end
  end
  return candidates
end

--- An offer as items of the protocol, with ranges that fit the text at its place.
---@param offer sotto.Offer
---@param encoding lsp.PositionEncodingKind
---@return lsp.InlineCompletionItem[]
function M.items(offer, encoding)
  local place = offer.place
  local function position(col)
    return { line = place.row, character = vim.str_utfindex(place.line, encoding, col, false) }
  end
  local items = {} ---@type lsp.InlineCompletionItem[]
  for _, candidate in ipairs(offer.candidates) do
    items[#items + 1] = {
      insertText = candidate.text,
      range = { start = position(#place.before), ['end'] = position(#place.line - #candidate.after) },
      command = candidate.command,
    }
  end
  return items
end

return M
