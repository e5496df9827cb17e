--- What the server suggested, kept in step with the text; when to ask for more.
---
--- Neovim's built-in client shows the ghost text. It would ask 200 ms after the last key, show whatever
--- comes whenever it comes, and insert over a range that typing has made stale. Here the server is asked
--- sooner, an answer is shown only if it still continues the text at the cursor, and what is shown is
--- shortened with every key that follows it, or hidden at the first that does not.
local M = {}

local builtin = require('sotto.builtin')
local config = require('sotto.config')

local method = 'textDocument/inlineCompletion'
local automatic = vim.lsp.protocol.InlineCompletionTriggerKind.Automatic
local invoked = vim.lsp.protocol.InlineCompletionTriggerKind.Invoked

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

---@class sotto.Buffer
---@field client vim.lsp.Client
---@field offer? sotto.Offer
---@field asked integer number of the latest request; answers to older ones are dropped
---@field timer? uv.uv_timer_t
---@field seen? string the text's state and the cursor at the last event

---@type table<integer, sotto.Buffer>
local buffers = {}

---@return boolean
local function inserting()
  return vim.startswith(vim.api.nvim_get_mode().mode, 'i')
end

---@return sotto.Place
local function here()
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_get_current_line()
  return { row = row - 1, before = line:sub(1, col), line = line }
end

--- What is left of an offer now that the cursor is at `place`; nil if nothing continues the text there.
---@param offer sotto.Offer
---@param place sotto.Place
---@return sotto.Offer?
local function remainder(offer, place)
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
local function candidates_of(items, place, encoding)
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

--- Show an offer at the cursor, or clear what is shown.
---@param bufnr integer
---@param offer? sotto.Offer
local function show(bufnr, offer)
  local buffer = buffers[bufnr]
  buffer.offer = offer
  local items = {} ---@type lsp.InlineCompletionItem[]
  for _, candidate in ipairs(offer and offer.candidates or {}) do
    local place = assert(offer).place
    local function position(col)
      local character = vim.str_utfindex(place.line, buffer.client.offset_encoding, col, false)
      return { line = place.row, character = character }
    end
    items[#items + 1] = {
      insertText = candidate.text,
      range = { start = position(#place.before), ['end'] = position(#place.line - #candidate.after) },
      command = candidate.command,
    }
  end
  builtin.show(buffer.client, bufnr, items)
end

--- The buffer's offer as it stands at the cursor, its first candidate the one that is selected.
---@param bufnr integer
---@return sotto.Offer?
local function current(bufnr)
  local buffer = buffers[bufnr]
  local offer = buffer and buffer.offer
  if not offer or not inserting() or bufnr ~= vim.api.nvim_get_current_buf() then
    return nil
  end
  local selected = builtin.selected(buffer.client, bufnr)
  if not selected then
    return nil
  end
  -- Cycling changed the selection; turning the list round keeps the order of the cycle.
  local candidates = vim.list_slice(offer.candidates)
  for _ = 2, #candidates do
    if candidates[1].text == selected then
      break
    end
    candidates[#candidates + 1] = table.remove(candidates, 1)
  end
  return remainder({ place = offer.place, candidates = candidates, kind = offer.kind }, here())
end

--- The suggestion that is visible at the cursor and fits the text.
---@param bufnr integer
---@return sotto.Candidate?
function M.visible(bufnr)
  local offer = current(bufnr)
  return offer and offer.candidates[1]
end

--- Bring what is shown in step with the text, after the cursor or the text changed.
---@param bufnr integer
local function refresh(bufnr)
  local offer = buffers[bufnr].offer
  if offer then
    show(bufnr, current(bufnr))
  end
end

---@param bufnr integer
---@param kind lsp.InlineCompletionTriggerKind
---@param on_shown? fun()
local function ask(bufnr, kind, on_shown)
  local buffer = buffers[bufnr]
  if not buffer or not inserting() or bufnr ~= vim.api.nvim_get_current_buf() then
    return
  end
  local client = buffer.client
  local place = here()
  buffer.asked = buffer.asked + 1
  local number = buffer.asked
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  client:request(method, params, function(err, result)
    local latest = buffers[bufnr] == buffer and buffer.asked == number
    if not latest or not inserting() or bufnr ~= vim.api.nvim_get_current_buf() then
      return
    end
    local items = not err and result and (result.items or result) or {}
    local candidates = candidates_of(items, place, client.offset_encoding)
    show(bufnr, remainder({ place = place, candidates = candidates, kind = kind }, here()))
    if on_shown and buffer.offer then
      on_shown()
    end
  end, bufnr)
end

---@param bufnr integer
local function stop_timer(bufnr)
  local timer = buffers[bufnr].timer
  buffers[bufnr].timer = nil
  if timer and not timer:is_closing() then
    timer:close()
  end
end

--- Ask once the keys rest.
---@param bufnr integer
local function ask_soon(bufnr)
  stop_timer(bufnr)
  buffers[bufnr].timer = vim.defer_fn(function()
    ask(bufnr, automatic)
  end, config.get().debounce_ms)
end

--- The state of the text and the cursor, to be compared.
---@param bufnr integer
---@return string
local function now(bufnr)
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  return ('%d %d %d'):format(vim.api.nvim_buf_get_changedtick(bufnr), row, col)
end

--- Show this instead of the offer: what is left of a candidate after a part of it was inserted.
---@param bufnr integer
---@param candidate sotto.Candidate
function M.continue(bufnr, candidate)
  show(bufnr, { place = here(), candidates = { candidate }, kind = automatic })
end

--- Tell the server that a candidate was accepted, if it wants to know.
---@param bufnr integer
---@param candidate sotto.Candidate
function M.accepted(bufnr, candidate)
  if candidate.command then
    buffers[bufnr].client:exec_cmd(candidate.command, { bufnr = bufnr })
  end
end

---@param bufnr integer
function M.dismiss(bufnr)
  local buffer = buffers[bufnr]
  if buffer then
    stop_timer(bufnr)
    buffer.offer = nil
    buffer.asked = buffer.asked + 1
    builtin.abort(bufnr)
  end
end

--- Ask now, for several candidates.
function M.trigger()
  ask(vim.api.nvim_get_current_buf(), invoked)
end

--- Show another candidate. Typing brings only one, so the first time the rest is asked for.
---@param step integer 1 is the next, -1 the one before
function M.cycle(step)
  local bufnr = vim.api.nvim_get_current_buf()
  local offer = current(bufnr)
  if not offer then
    return
  end
  local function select()
    vim.lsp.inline_completion.select({ bufnr = bufnr, count = step })
  end
  if #offer.candidates == 1 and offer.kind == automatic then
    ask(bufnr, invoked, select)
  else
    select()
  end
end

---@type table<vim.lsp.Client, true>
local silenced = setmetatable({}, { __mode = 'k' })

--- Leave the asking to this file: the built-in's own requests, 200 ms later, would say the same again.
---@param client vim.lsp.Client
local function silence_builtin(client)
  if silenced[client] then
    return
  end
  silenced[client] = true
  local request = client.request
  ---@diagnostic disable-next-line: duplicate-set-field
  client.request = function(self, ...)
    local requested, _, handler, bufnr = ...
    if builtin.is_own_request(requested, handler) and buffers[bufnr] then
      return true
    end
    return request(self, ...)
  end
end

---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  builtin.enable(client, bufnr)
  local problem = builtin.check()
  if problem then
    local advice = 'ghost text is left to it; map a key to vim.lsp.inline_completion.get()'
    local message = ('Sotto does not know this Neovim: %s, so %s'):format(problem, advice)
    vim.notify_once(message, vim.log.levels.WARN)
    return
  end
  silence_builtin(client)
  buffers[bufnr] = { client = client, asked = 0 }

  -- The built-in's autocommands were made before these, so these have the last word.
  local group = vim.api.nvim_create_augroup('sotto.suggestions:' .. bufnr, {})
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, buffer = bufnr, callback = callback })
  end
  on('InsertEnter', function()
    buffers[bufnr].seen = now(bufnr)
    ask_soon(bufnr)
  end)
  on({ 'CursorMovedI', 'TextChangedP' }, function()
    -- Mappings cause the event too; after `next` or `dismiss` nothing has changed.
    if buffers[bufnr].seen ~= now(bufnr) then
      buffers[bufnr].seen = now(bufnr)
      refresh(bufnr)
      ask_soon(bufnr)
    end
  end)
  on('InsertLeave', function()
    M.dismiss(bufnr)
  end)
  on('LspDetach', function(event)
    if event.data.client_id == client.id then
      stop_timer(bufnr)
      buffers[bufnr] = nil
      vim.api.nvim_del_augroup_by_id(group)
    end
  end)
end

return M
